// The text of an error, for use in a message.

/** Returns the message of an error, without the number that Deno adds to it. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/ \(os error \d+\)/, "") : String(error);
}
