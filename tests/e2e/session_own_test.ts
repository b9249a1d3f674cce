// Real PPP sessions with --mac own; a file of its own, to run beside the others.

import { testSessions } from "./session.ts";

testSessions("own");
