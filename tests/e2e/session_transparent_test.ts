// Real PPP sessions with --mac transparent; a file of its own, to run beside the others.

import { testSessions } from "./session.ts";

testSessions("transparent");
