// The payload of HELLO and WELCOME, in which the two sides introduce themselves.
//
//     magic    4 bytes, "PPxy"
//     version  u16
//     reserved u16, sent as 0 and ignored
//     options  like PPPoE tags: type u16, length u16, value; unknown options are ignored

import { emitTags, findTag, parseTags, type Tag, tagsLength } from "./tags.ts";
import { decodeText, isPrintable } from "./text.ts";
import { readUint16, readUint32, writeUint16, writeUint32 } from "./uint16.ts";

/** The content of a HELLO or a WELCOME. */
export interface Hello {
  /** Version of the protocol, 0 to 65535. */
  version: number;
  /** Bits of {@linkcode FEATURE} that the sender supports, 0 to 2^32-1. */
  features: number;
  /** Name of the sender: 1 to 64 bytes of UTF-8, all printable. */
  name: string;
  /** Program and version, for the peer's log: up to 64 bytes of UTF-8, all printable. */
  software: string;
  /**
   * The secret by which a returning client proves its identity, {@linkcode RESUME_SECRET_LENGTH}
   * bytes. It has no meaning in a WELCOME.
   */
  resumeSecret?: Uint8Array;
  /** The server's interface is down; a client that knows another server should try that one. */
  linkDown?: true;
}

/** The result of {@linkcode parseHello}. */
export type HelloResult =
  | {
    ok: true;
    /** The content. */
    hello: Hello;
  }
  | {
    ok: false;
    /** The fault of the payload, for a log. */
    fault: string;
  };

/** The feature bits of a {@linkcode Hello}. */
export const FEATURE = {
  /**
   * The sender holds sessions for a peer that comes back, and sends SESSION_LIST before any other
   * frame in a tunnel.
   */
  RESUME: 1,
} as const;

/** Length of a resume secret, in bytes. */
export const RESUME_SECRET_LENGTH = 16;

/** Maximum length of a name, in bytes of UTF-8. */
export const NAME_MAX = 64;

const HELLO = { magic: [0, 4], version: [4, 6], reserved: [6, 8], options: 8 } as const;
const MAGIC = 0x50507879;
const OPTION = { FEATURES: 1, NAME: 2, SOFTWARE: 3, RESUME_SECRET: 4, LINK: 5 } as const;
const LINK_DOWN = 0;
const FEATURES_LENGTH = 4;
const TEXT_MAX = NAME_MAX;

/**
 * Writes the payload of a HELLO or a WELCOME.
 *
 * @param hello The content
 * @returns The payload
 * @throws {RangeError} If a field is out of the range given in {@linkcode Hello}
 *
 * @example Usage
 * ```ts
 * import { emitHello, parseHello } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const hello = { version: 1, features: 0, name: "osaka", software: "pppoe-proxy 0.1.0" };
 * assertEquals(parseHello(emitHello(hello)), { ok: true, hello });
 * ```
 *
 * See docs/PROTOCOL.md.
 */
export function emitHello(hello: Hello): Uint8Array<ArrayBuffer> {
  const { version, features } = hello;
  checkUint("version", version, 0xffff);
  checkUint("features", features, 0xffffffff);
  const featuresValue = new Uint8Array(FEATURES_LENGTH);
  writeUint32(featuresValue, 0, features);
  const options: Tag[] = [
    { type: OPTION.FEATURES, value: featuresValue },
    { type: OPTION.NAME, value: encodeText("name", hello.name, 1) },
    { type: OPTION.SOFTWARE, value: encodeText("software", hello.software, 0) },
  ];
  if (hello.resumeSecret !== undefined) {
    const { length } = hello.resumeSecret;
    if (length !== RESUME_SECRET_LENGTH) {
      throw new RangeError(
        `Cannot emit hello: The resume secret is ${length} bytes long, not ${RESUME_SECRET_LENGTH}`,
      );
    }
    options.push({ type: OPTION.RESUME_SECRET, value: hello.resumeSecret });
  }
  if (hello.linkDown) options.push({ type: OPTION.LINK, value: Uint8Array.of(LINK_DOWN) });
  const payload = new Uint8Array(HELLO.options + tagsLength(options));
  writeUint32(payload, HELLO.magic[0], MAGIC);
  writeUint16(payload, HELLO.version[0], version);
  emitTags(options, payload, HELLO.options);
  return payload;
}

/**
 * Reads the payload of a HELLO or a WELCOME. Reads missing features as 0, and a missing software
 * option as the empty string. If an option is repeated, the first one counts. Never throws.
 *
 * @param payload The payload
 * @returns The content, or the fault that makes the payload unreadable
 *
 * @example Usage
 * ```ts
 * import { parseHello } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseHello(new TextEncoder().encode("GET / HTTP/1.1")), {
 *   ok: false,
 *   fault: "The magic number is missing",
 * });
 * ```
 *
 * See docs/PROTOCOL.md.
 */
export function parseHello(payload: Uint8Array): HelloResult {
  if (payload.length < HELLO.options) {
    return fault(`The payload is ${payload.length} bytes long; the minimum is ${HELLO.options}`);
  }
  if (readUint32(payload, HELLO.magic[0]) !== MAGIC) return fault("The magic number is missing");
  const options = parseTags(payload.subarray(HELLO.options));
  if (options === undefined) return fault("An option extends beyond the end of the payload");

  const features = findTag(options, OPTION.FEATURES)?.value;
  if (features !== undefined && features.length !== FEATURES_LENGTH) {
    return fault(`The features are ${features.length} bytes long, not ${FEATURES_LENGTH}`);
  }
  const name = findTag(options, OPTION.NAME)?.value;
  if (name === undefined || name.length === 0) return fault("The name is missing");
  const nameText = readText(name);
  if (nameText === undefined) {
    return fault(`The name is not printable text of at most ${TEXT_MAX} bytes`);
  }
  const software = findTag(options, OPTION.SOFTWARE)?.value;
  const softwareText = software === undefined ? "" : readText(software);
  if (softwareText === undefined) {
    return fault(`The software is not printable text of at most ${TEXT_MAX} bytes`);
  }
  const secret = findTag(options, OPTION.RESUME_SECRET)?.value;
  if (secret !== undefined && secret.length !== RESUME_SECRET_LENGTH) {
    return fault(`The resume secret is ${secret.length} bytes long, not ${RESUME_SECRET_LENGTH}`);
  }
  const link = findTag(options, OPTION.LINK)?.value;
  if (link !== undefined && link.length !== 1) {
    return fault(`The state of the link is ${link.length} bytes long, not 1`);
  }

  const hello: Hello = {
    version: readUint16(payload, HELLO.version[0]),
    features: features === undefined ? 0 : readUint32(features, 0),
    name: nameText,
    software: softwareText,
    ...(secret === undefined ? {} : { resumeSecret: secret.slice() }),
    ...(link?.[0] === LINK_DOWN ? { linkDown: true } : {}),
  };
  return { ok: true, hello };
}

function fault(text: string): HelloResult {
  return { ok: false, fault: text };
}

function readText(bytes: Uint8Array): string | undefined {
  if (bytes.length > TEXT_MAX) return undefined;
  const text = decodeText(bytes);
  return text !== undefined && isPrintable(text) ? text : undefined;
}

function encodeText(field: string, text: string, minLength: number): Uint8Array {
  if (!isPrintable(text)) {
    throw new RangeError(
      `Cannot emit hello: The ${field} ${JSON.stringify(text)} contains unprintable characters`,
    );
  }
  const bytes = new TextEncoder().encode(text);
  if (bytes.length < minLength || bytes.length > TEXT_MAX) {
    throw new RangeError(
      `Cannot emit hello: The ${field} is ${bytes.length} bytes long, not ${minLength} to ${TEXT_MAX}`,
    );
  }
  return bytes;
}

function checkUint(field: string, number: number, max: number): void {
  if (!Number.isInteger(number) || number < 0 || number > max) {
    throw new RangeError(
      `Cannot emit hello: The ${field} ${number} is not an integer from 0 to ${max}`,
    );
  }
}
