// Test of a real PPP session that outlives restarts with SIGUSR2.

import { testUnless } from "../support/skip.ts";
import { assertOutlivesAll, CARRIERS, type Restart } from "./outlive.ts";
import { NO_RIG } from "./rig.ts";

const HANDED_OVER: Restart[] = [
  { what: "SIGUSR2 and a restart of the server", victims: ["server"], signal: "SIGUSR2" },
  { what: "SIGUSR2 and a restart of the client", victims: ["client"], signal: "SIGUSR2" },
];

for (const carrier of CARRIERS) {
  testUnless(
    NO_RIG,
    `A PPP session outlives SIGUSR2 of server and client ${carrier}`,
    (t) => assertOutlivesAll(HANDED_OVER, carrier, t),
  );
}
