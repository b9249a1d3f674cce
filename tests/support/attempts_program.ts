// A client's machine and driver against a server on this machine that never greets: `attempts_program.ts
// KIND`. Time passes as fast as the attempts do. Prints the growth of the heap per attempt, for each round.

import { ClientDriver, type DriverRuntime } from "../../src/client/driver.ts";
import { ClientMachine } from "../../src/client/machine.ts";

const ROUNDS = 4;
const ATTEMPTS = 500;
const [kind] = Deno.args;

const { now } = performance;
const { setTimeout } = globalThis;
let aheadMs = 0;
performance.now = () => now.call(performance) + aheadMs;
// A timer fires at once, and the clock is then as late as it should be.
const leap = (act: () => void, ms = 0) => {
  const dueMs = performance.now() + ms;
  return setTimeout(() => {
    aheadMs += Math.max(0, dueMs - performance.now());
    act();
  }, kind === "silent" ? 1 : 0);
};
Object.defineProperty(globalThis, "setTimeout", { value: leap });

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const { hostname, port } = listener.addr as Deno.NetAddr;
if (kind === "refused") listener.close();
else {
  (async () => {
    for await (const conn of listener) {
      if (kind === "closed") conn.close();
      else {
        // The client gives up by itself.
        const bytes = new Uint8Array(1000);
        conn.read(bytes).then(() => conn.read(bytes)).finally(() => conn.close());
      }
    }
  })();
}

let attempts = 0;
let reached = Promise.withResolvers<void>();
const count = () => {
  if (++attempts % ATTEMPTS === 0) reached.resolve();
};
const runtime: DriverRuntime = {
  hello: {
    version: 1,
    features: 0,
    name: "tokyo",
    software: "test",
    resumeSecret: new Uint8Array(16),
  },
  log: { debug() {}, info() {}, warning: count, error: count },
  worker: {
    addTunnel: () => {
      throw new Error("The server has greeted");
    },
    leave() {},
    probe() {},
    end() {},
  },
};
const machine = new ClientMachine({ servers: [{ hostname, port }], random: Math.random });
new ClientDriver(machine, runtime, false).handle({ type: "started" });

const collect = (globalThis as unknown as { gc(): void }).gc;
const growth: number[] = [];
let lastBytes = 0;
for (let round = 0; round <= ROUNDS; round++) {
  await reached.promise;
  reached = Promise.withResolvers();
  collect();
  const { heapUsed } = Deno.memoryUsage();
  // The first round loads and compiles.
  if (round > 0) growth.push((heapUsed - lastBytes) / ATTEMPTS);
  lastBytes = heapUsed;
}
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(growth)));
Deno.exit(0);
