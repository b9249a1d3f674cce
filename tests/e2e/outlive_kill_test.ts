// Test of a real PPP session that outlives killed processes.

import { testUnless } from "../support/skip.ts";
import { assertOutlivesAll, CARRIERS, type Restart } from "./outlive.ts";
import { NO_RIG } from "./rig.ts";

const KILLED: Restart[] = [
  { what: "kill -9 and a restart of the server", victims: ["server"], signal: "SIGKILL" },
  { what: "kill -9 and a restart of the client", victims: ["client"], signal: "SIGKILL" },
  { what: "kill -9 and a restart of both", victims: ["server", "client"], signal: "SIGKILL" },
];

for (const carrier of CARRIERS) {
  testUnless(
    NO_RIG,
    `A PPP session outlives kill -9 of server, client and both ${carrier}`,
    (t) => assertOutlivesAll(KILLED, carrier, t),
  );
}
