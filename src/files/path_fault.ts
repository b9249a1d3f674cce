// The faults of paths, in words that follow the name of the path. The system's own texts repeat the path.

/** What a path should lead to. */
export type PathKind = "file" | "directory";

/** The words for errors of the system, by their codes. */
const FAULTS: Readonly<Record<string, string>> = {
  ENOTDIR: "a part of the path is a file",
  ENAMETOOLONG: "the name is too long; give a shorter one",
  EROFS: "its file system is read-only; give a path on another one",
  ENOSPC: "no space is left on its file system; remove something there",
  EDQUOT: "its user has no space left on its file system; remove something there",
};

/**
 * Finds the words for the fault of a path.
 *
 * @param error The error of a call of the system with that path
 * @param kind What the path should lead to
 * @param denied The remedy if the call is not permitted
 * @returns The fault, and the remedy if it is not obvious
 */
export function pathFault(error: unknown, kind: PathKind, denied: string): string {
  const { code = "" } = error as { code?: string };
  switch (code) {
    case "ENOENT":
      return `the ${kind} does not exist`;
    case "ELOOP":
      return `it is a symbolic link that leads nowhere; give the path of the ${kind} itself`;
    case "EACCES":
    case "EPERM":
      return `not permitted; ${denied}`;
  }
  return FAULTS[code] ?? systemText(error);
}

/** Returns the system's text of an error without the code, the call and the path that Deno adds. */
function systemText(error: unknown): string {
  const { message } = error instanceof Error ? error : { message: String(error) };
  return message.replace(/ \(os error \d+\)/, "")
    .replace(/^E[A-Z0-9]+: /, "")
    .replace(/(?:, |: )[a-z]+ '.*'$/s, "");
}
