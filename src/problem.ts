// What is wrong around the program, for the log and the status.

/** Something that the operator has to know, and can mend. */
export interface Problem {
  /** One word for each kind. */
  id: string;
  /** What is wrong. */
  what: string;
  /** What to do about it. */
  advice: string;
}
