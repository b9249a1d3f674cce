// Problems around the program, for the log and the status.

/** A problem that the operator can solve. */
export interface Problem {
  /** The kind of the problem, such as `loop`. */
  id: string;
  /** The problem in words. */
  what: string;
  /** The advice on how to solve it. */
  advice: string;
}
