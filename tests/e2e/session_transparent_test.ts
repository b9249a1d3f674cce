// Test of real PPP sessions with --mac transparent, in a file of its own so that it can run beside the others.

import { testSessions } from "./session.ts";

testSessions("transparent");
