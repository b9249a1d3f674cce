// Text from the network, made fit for a log: nothing in it may move a cursor or begin a line.

/** Control and format characters (the latter turn the direction of writing), line separators. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const UNPRINTABLE_ALL = new RegExp(UNPRINTABLE, "gu");
const ESCAPED = new RegExp(`["\\\\]|${UNPRINTABLE.source}`, "gu");
const PRINTABLE_ASCII = [0x20, 0x7e] as const;

// A byte order mark is a character like any other here: what is read must be what was written.
const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LENIENT = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Decodes UTF-8.
 *
 * @param bytes What to decode.
 * @returns The text, or `undefined` when it is not UTF-8.
 */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return STRICT.decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * Decodes UTF-8 and puts U+FFFD in place of what is not, and of each character that does not print.
 *
 * @param bytes What to decode.
 * @returns The text, on one line.
 */
export function decodePrintable(bytes: Uint8Array): string {
  return LENIENT.decode(bytes).replace(UNPRINTABLE_ALL, "\ufffd");
}

/**
 * Says whether a text prints as it is, on one line.
 *
 * @param text The text.
 * @returns Whether there is no control character or the like in it.
 */
export function isPrintable(text: string): boolean {
  return !UNPRINTABLE.test(text);
}

/**
 * Writes text in quotes with what does not print escaped, as in a JavaScript string.
 *
 * @param text The text.
 * @returns The text in quotes.
 */
export function quote(text: string): string {
  const escaped = text.replace(ESCAPED, (character) => {
    if (character === '"' || character === "\\") return `\\${character}`;
    const code = character.codePointAt(0)!;
    return code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
  return `"${escaped}"`;
}

/**
 * Writes bytes that should be UTF-8 in quotes; where they are not, each byte beyond ASCII is
 * escaped.
 *
 * @param bytes The bytes.
 * @returns The text in quotes.
 */
export function quoteBytes(bytes: Uint8Array): string {
  const text = decodeText(bytes);
  if (text !== undefined) return quote(text);
  let escaped = "";
  for (const byte of bytes) {
    if (byte === 0x22 || byte === 0x5c) escaped += `\\${String.fromCharCode(byte)}`;
    else if (byte >= PRINTABLE_ASCII[0] && byte <= PRINTABLE_ASCII[1]) {
      escaped += String.fromCharCode(byte);
    } else escaped += `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return `"${escaped}"`;
}
