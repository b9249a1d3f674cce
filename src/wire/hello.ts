// The payload of HELLO and WELCOME: who speaks, and what it can do.
//
//     magic    4 bytes, "PPxy"
//     version  u16
//     reserved u16, sent as 0, not looked at
//     options  type u16, length u16, value, as the tags of PPPoE; those not known are passed over

import { emitTags, findTag, parseTags, type Tag, tagsLength } from "./tags.ts";
import { decodeText, isPrintable } from "./text.ts";

/** What a peer says of itself in HELLO and in WELCOME. */
export interface Hello {
  /** Of the protocol, 0 to 65535. */
  version: number;
  /** A bit for each feature that the peer can use, 0 to 2^32-1. */
  features: number;
  /** What the peer calls itself: 1 to 64 bytes of UTF-8, no control characters. */
  name: string;
  /**
   * The program and its version, for the other side's log: up to 64 bytes of UTF-8, no control
   * characters.
   */
  software: string;
  /**
   * What a client proves with that it is the one who was here before: {@linkcode RESUME_SECRET_LENGTH}
   * bytes that nobody else knows. In a WELCOME it has no meaning.
   */
  resumeSecret?: Uint8Array;
  /** Of a server: its interface is not up, so a client that has another server is better off there. */
  linkDown?: true;
}

/** Features of a {@linkcode Hello}, by their bits. */
export const FEATURE = {
  /** It holds sessions for a peer that comes back, and sends SESSION_LIST first of all in a tunnel. */
  RESUME: 1,
} as const;

/** How long a resume secret is, in bytes. */
export const RESUME_SECRET_LENGTH = 16;

/** How long a name may be, in bytes of UTF-8. */
export const NAME_MAX = 64;

const HELLO = { magic: [0, 4], version: [4, 6], reserved: [6, 8], options: 8 } as const;
const MAGIC = 0x50507879;
const OPTION = { FEATURES: 1, NAME: 2, SOFTWARE: 3, RESUME_SECRET: 4, LINK: 5 } as const;
const LINK_DOWN = 0;
const FEATURES_LENGTH = 4;
const MAX_TEXT = NAME_MAX;

/**
 * Writes the payload of a HELLO or a WELCOME.
 *
 * @param hello What to say.
 * @returns The payload.
 * @throws {RangeError} If a number or a text is not in the range that {@linkcode Hello} gives.
 *
 * @see docs/PROTOCOL.md
 *
 * @example Usage
 * ```ts
 * import { emitHello, parseHello } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const hello = { version: 1, features: 0, name: "osaka", software: "pppoe-proxy 0.1.0" };
 * assertEquals(parseHello(emitHello(hello)), hello);
 * ```
 */
export function emitHello(hello: Hello): Uint8Array<ArrayBuffer> {
  const { version, features } = hello;
  checkUint("version", version, 0xffff);
  checkUint("features", features, 0xffffffff);
  const featuresValue = new Uint8Array(FEATURES_LENGTH);
  new DataView(featuresValue.buffer).setUint32(0, features);
  const options: Tag[] = [
    { type: OPTION.FEATURES, value: featuresValue },
    { type: OPTION.NAME, value: encodeText("name", hello.name, 1) },
    { type: OPTION.SOFTWARE, value: encodeText("software", hello.software, 0) },
  ];
  if (hello.resumeSecret !== undefined) {
    const { length } = hello.resumeSecret;
    if (length !== RESUME_SECRET_LENGTH) {
      throw new RangeError(
        `Cannot emit hello: The resume secret has ${length} bytes, not ${RESUME_SECRET_LENGTH}`,
      );
    }
    options.push({ type: OPTION.RESUME_SECRET, value: hello.resumeSecret });
  }
  if (hello.linkDown) options.push({ type: OPTION.LINK, value: Uint8Array.of(LINK_DOWN) });
  const payload = new Uint8Array(HELLO.options + tagsLength(options));
  const view = new DataView(payload.buffer);
  view.setUint32(HELLO.magic[0], MAGIC);
  view.setUint16(HELLO.version[0], version);
  emitTags(options, payload, HELLO.options);
  return payload;
}

/**
 * Reads the payload of a HELLO or a WELCOME. Features and software that are left out are 0 and
 * empty; of an option that is there twice the first counts. Never throws.
 *
 * @param payload The payload.
 * @returns What the peer said; or a text, for the log, that says what is wrong with it.
 *
 * @see docs/PROTOCOL.md
 *
 * @example Usage
 * ```ts
 * import { parseHello } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseHello(new TextEncoder().encode("GET / HTTP/1.1")), "No magic number");
 * ```
 */
export function parseHello(payload: Uint8Array): Hello | string {
  if (payload.length < HELLO.options) {
    return `${payload.length} bytes are under ${HELLO.options}`;
  }
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  if (view.getUint32(HELLO.magic[0]) !== MAGIC) return "No magic number";
  const options = parseTags(payload.subarray(HELLO.options));
  if (options === undefined) return "An option runs over the end";

  const features = findTag(options, OPTION.FEATURES)?.value;
  if (features !== undefined && features.length !== FEATURES_LENGTH) {
    return `Features have ${features.length} bytes, not ${FEATURES_LENGTH}`;
  }
  const name = findTag(options, OPTION.NAME)?.value;
  if (name === undefined || name.length === 0) return "No name; --name sets one";
  const nameText = readText(name);
  if (nameText === undefined) {
    return "The name is not printable text of 64 bytes or less; --name sets another one";
  }
  const software = findTag(options, OPTION.SOFTWARE)?.value;
  const softwareText = software === undefined ? "" : readText(software);
  if (softwareText === undefined) return "The software is not printable text of 64 bytes or less";
  const secret = findTag(options, OPTION.RESUME_SECRET)?.value;
  if (secret !== undefined && secret.length !== RESUME_SECRET_LENGTH) {
    return `The resume secret has ${secret.length} bytes, not ${RESUME_SECRET_LENGTH}`;
  }
  const link = findTag(options, OPTION.LINK)?.value;
  if (link !== undefined && link.length !== 1) {
    return `The state of the link has ${link.length} bytes, not 1`;
  }

  return {
    version: view.getUint16(HELLO.version[0]),
    features: features === undefined
      ? 0
      : new DataView(features.buffer, features.byteOffset, FEATURES_LENGTH).getUint32(0),
    name: nameText,
    software: softwareText,
    ...(secret === undefined ? {} : { resumeSecret: secret.slice() }),
    ...(link?.[0] === LINK_DOWN ? { linkDown: true } : {}),
  };
}

function readText(bytes: Uint8Array): string | undefined {
  if (bytes.length > MAX_TEXT) return undefined;
  const text = decodeText(bytes);
  return text !== undefined && isPrintable(text) ? text : undefined;
}

function encodeText(what: string, text: string, minLength: number): Uint8Array {
  if (!isPrintable(text)) {
    throw new RangeError(
      `Cannot emit hello: The ${what} ${JSON.stringify(text)} has control characters`,
    );
  }
  const bytes = new TextEncoder().encode(text);
  if (bytes.length < minLength || bytes.length > MAX_TEXT) {
    throw new RangeError(
      `Cannot emit hello: The ${what} has ${bytes.length} bytes, not ${minLength} to ${MAX_TEXT}`,
    );
  }
  return bytes;
}

function checkUint(what: string, number: number, max: number): void {
  if (!Number.isInteger(number) || number < 0 || number > max) {
    throw new RangeError(`Cannot emit hello: The ${what} ${number} is not in 0 to ${max}`);
  }
}
