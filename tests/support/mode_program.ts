// A program that runs a mode with options which the command line does not have, such as shorter
// deadlines: `mode_program.ts server|client OPTIONS`, the options as JSON.
import { Client } from "../../src/client/client.ts";
import { Server } from "../../src/server/server.ts";

const [mode, options] = Deno.args;
const running = mode === "server"
  ? await Server.start(JSON.parse(options))
  : await Client.start(JSON.parse(options));
Deno.addSignalListener("SIGTERM", () => running.stop());
await running.finished;
Deno.exit(0);
