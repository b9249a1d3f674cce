// What an error says, for a message of ours.

/** Why something failed, without Deno's number of it. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/ \(os error \d+\)/, "") : String(error);
}
