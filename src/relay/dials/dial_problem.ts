// The problems that the watch over dials names.

import type { Problem, ProblemId } from "../../problem.ts";

/** The id of such a problem. */
export type DialProblemId = Extract<
  ProblemId,
  "no-ac" | "ac-refuses" | "no-pads" | "lcp-silent" | "auth-failed" | "short-sessions"
>;

/** A problem of dials, with the subject by which it ends. */
export type DialProblem = Problem & { id: DialProblemId; subject: string };
