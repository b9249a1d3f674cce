// Test of real PPP sessions in a tunnel with keys, in a file of its own so that it can run beside the others.

import { testSessions } from "./session.ts";

testSessions("own", true);
