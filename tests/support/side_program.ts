// A program that runs one side with options that the command line does not have, such as shorter
// deadlines: `side_program.ts server|client OPTIONS`, with the options as JSON.
import { Client } from "../../src/client/client.ts";
import { Server } from "../../src/server/server.ts";

const [side, options] = Deno.args;
const running = side === "server"
  ? await Server.start(JSON.parse(options))
  : await Client.start(JSON.parse(options));
Deno.addSignalListener("SIGTERM", () => running.stop());
await running.finished;
Deno.exit(0);
