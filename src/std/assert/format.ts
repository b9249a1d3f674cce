// What messages are made of.

/**
 * Shows a value whole, with its properties sorted.
 *
 * @param value The value
 * @returns Its text
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
 * Ends a message: with a full stop, or with what the test says about it.
 *
 * @param msg What the test says about it
 * @returns The end of the message
 */
export function suffix(msg: string | undefined): string {
  return msg ? `: ${msg}` : ".";
}
