// Text from the network, made safe for a log: it must not move the cursor or start a new line.

/** Control characters, format characters (which can change the writing direction), line separators. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const UNPRINTABLE_ALL = new RegExp(UNPRINTABLE, "gu");
const ESCAPED = new RegExp(`["\\\\]|${UNPRINTABLE.source}`, "gu");
/** A name that needs no quotes. */
const PLAIN_NAME = /^[\p{L}\p{N}._-]*$/u;
const PRINTABLE_ASCII = [0x20, 0x7e] as const;

// A byte order mark is kept like any other character, so that the text read is the text written.
const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LENIENT = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Decodes UTF-8.
 *
 * @param bytes The bytes to decode
 * @returns The text, or `undefined` if the bytes are not UTF-8
 */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return STRICT.decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * Decodes UTF-8 and replaces invalid bytes and unprintable characters with U+FFFD.
 *
 * @param bytes The bytes to decode
 * @returns The text, on one line
 */
export function decodePrintable(bytes: Uint8Array): string {
  return LENIENT.decode(bytes).replace(UNPRINTABLE_ALL, "\ufffd");
}

/**
 * Checks whether a text can be printed unchanged, on one line.
 *
 * @param text The text to check
 * @returns True if it has no unprintable character
 */
export function isPrintable(text: string): boolean {
  return !UNPRINTABLE.test(text);
}

/**
 * Escapes unprintable characters, as in a JavaScript string.
 *
 * @param text The text
 * @returns The text, on one line
 */
export function escapeUnprintable(text: string): string {
  return text.replace(UNPRINTABLE_ALL, escape);
}

/**
 * Quotes a text and escapes unprintable characters, as in a JavaScript string.
 *
 * @param text The text to quote
 * @returns The text in quotes
 */
export function quote(text: string): string {
  return `"${text.replace(ESCAPED, escape)}"`;
}

function escape(character: string): string {
  if (character === '"' || character === "\\") return `\\${character}`;
  const code = character.codePointAt(0)!;
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}

/**
 * Writes a name that a peer has given itself as a part of a sentence: in quotes if somebody could take it for more
 * than a name.
 *
 * @param name The name
 * @returns The name, on one line
 */
export function nameInText(name: string): string {
  return PLAIN_NAME.test(name) ? name : quote(name);
}

/**
 * Quotes bytes as UTF-8. If they are not UTF-8, escapes each byte that is not printable ASCII.
 *
 * @param bytes The bytes to quote
 * @returns The text in quotes
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

/**
 * Formats a number in hexadecimal, such as `0x0042`.
 *
 * @param number The number, 0 or more
 * @param digits The minimum number of digits
 * @returns The text
 */
export function formatHex(number: number, digits: number): string {
  return `0x${number.toString(16).padStart(digits, "0")}`;
}
