// A program that starts clients on one interface, one of them while another runs: `two_clients_main.ts INTERFACE`.
// Prints the message of the one that is refused, and the interface's name once another one could start.
import { Client } from "../../src/client/client.ts";

const [name] = Deno.args;
const print = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
const options = {
  interface: name,
  connect: { hostname: "127.0.0.1", port: 9 },
  log: { debug() {}, info() {}, warning() {}, error() {} },
};
const first = await Client.start(options);
try {
  await (await Client.start(options)).stop();
} catch (error) {
  print((error as Error).message);
}
await first.stop();
const next = await Client.start(options);
print((await next.status()).interface);
await next.stop();
