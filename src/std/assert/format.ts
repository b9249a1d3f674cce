// The parts of assertion messages.

/**
 * Formats a value completely, with sorted properties.
 *
 * @param value The value
 * @returns The text
 */
export function format(value: unknown): string {
  return Deno.inspect(value, {
    depth: Infinity,
    sorted: true,
    trailingComma: true,
    compact: false,
    iterableLimit: Infinity,
    getters: true,
    strAbbreviateSize: Infinity,
  });
}

/**
 * Makes the end of a message: a full stop, or the test's own message.
 *
 * @param msg The test's own message
 * @returns The end of the message
 */
export function suffix(msg: string | undefined): string {
  return msg ? `: ${msg}` : ".";
}
