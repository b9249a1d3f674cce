// One-line descriptions of frames, like those of a packet dissector, for the log.

import { parseAccessLine } from "./access_line.ts";
import { ETH_P_PPP_DISC, ETH_P_PPP_SES, ETHERNET, formatMac, readEtherType } from "./ethernet.ts";
import { parseGoodbye, reasonName } from "./goodbye.ts";
import { parseHello } from "./hello.ts";
import { parseSessionList } from "./session_list.ts";
import { readMaxPayload } from "./max_payload.ts";
import { parseState } from "./state.ts";
import {
  hasCompressedProtocol,
  isControlProtocol,
  lcpCodeName,
  parseLcp,
  parseSession,
  PPP_PROTOCOL,
  protocolName,
} from "./ppp.ts";
import {
  CODE,
  codeName,
  FAULT_SHORT,
  FAULT_VERSION,
  frameLength,
  parseDiscovery,
  PPPOE,
  readCode,
  readSessionId,
} from "./pppoe.ts";
import {
  parseCredits,
  parseLinkMetrics,
  readCreditScaleFactor,
  readSequenceNumber,
} from "./radio_tags.ts";
import { TAG, type Tag, tagName } from "./tags.ts";
import { decodePrintable, decodeText, formatHex, quote, quoteBytes } from "./text.ts";
import { FRAME } from "./tunnel.ts";

// Limits that keep the line short for a hostile frame, which may hold 16,000 tags or one of 64 KiB.
const MAX_TAGS = 24;
const MAX_TEXT = 128;
const MAX_HEX = 32;
/** Bytes up to the end of a PPP packet's header. A password may follow it. */
const MAX_DUMP = 26;

const TEXT_TAGS: ReadonlySet<number> = new Set([
  TAG.SERVICE_NAME,
  TAG.AC_NAME,
  TAG.HURL,
  TAG.MOTM,
  TAG.SERVICE_NAME_ERROR,
  TAG.AC_SYSTEM_ERROR,
  TAG.GENERIC_ERROR,
]);

/** Codes of protocols that share LCP's format but not its codes (RFC 1334, RFC 1994, RFC 3748). */
const OTHER_CODE_NAMES: Record<number, Record<number, string>> = {
  [PPP_PROTOCOL.PAP]: { 1: "Authenticate-Request", 2: "Authenticate-Ack", 3: "Authenticate-Nak" },
  [PPP_PROTOCOL.CHAP]: { 1: "Challenge", 2: "Response", 3: "Success", 4: "Failure" },
  [PPP_PROTOCOL.EAP]: { 1: "Request", 2: "Response", 3: "Success", 4: "Failure" },
};

/**
 * Describes an Ethernet frame in one line of printable text. Escapes unprintable characters and cuts
 * long values. Shows only the header of a PPP packet, so that passwords stay out of logs. Never
 * throws.
 *
 * @param frame The whole Ethernet frame
 * @returns The line, without a line break at the end
 *
 * @example Usage
 * ```ts
 * import { CODE, emitDiscovery, parseMac, printFrame, TAG, textTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const pado = emitDiscovery({
 *   destination: parseMac("02:00:00:00:00:01"),
 *   source: parseMac("02:00:00:00:00:02"),
 *   code: CODE.PADO,
 *   sessionId: 0,
 *   tags: [textTag(TAG.AC_NAME, "bras1")],
 * });
 * assertEquals(
 *   printFrame(pado),
 *   'PADO sid=0x0000 02:00:00:00:00:02 > 02:00:00:00:00:01 AC-Name="bras1"',
 * );
 * ```
 */
export function printFrame(frame: Uint8Array): string {
  const fault = headerFault(frame);
  if (fault !== undefined) return malformed(fault, frame);
  return readEtherType(frame) === ETH_P_PPP_DISC ? printDiscovery(frame) : printSession(frame);
}

/** Finds what is wrong with the headers of a PPPoE frame. */
function headerFault(frame: Uint8Array): string | undefined {
  const length = frameLength(frame, 0, frame.length);
  const etherType = frame.length < ETHERNET.etherType[1] ? undefined : readEtherType(frame);
  if (etherType !== undefined && etherType !== ETH_P_PPP_DISC && etherType !== ETH_P_PPP_SES) {
    return `EtherType ${formatHex(etherType, 4)}`;
  }
  if (length === FAULT_SHORT) return "short";
  if (length === FAULT_VERSION) return `VER/TYPE ${formatHex(frame[PPPOE.verType[0]], 2)}`;
  return length < 0 ? "PPPoE length beyond the end" : undefined;
}

/** A discovery frame as fields for a log. Only a faulty frame has a `fault`, and then the others may be missing. */
export interface FrameFields {
  /** The type of the frame, such as `PADI`. */
  type: string | undefined;
  /** The source address. */
  source: string | undefined;
  /** The destination address. */
  destination: string | undefined;
  /** The session id. */
  id: string | undefined;
  /** The values by the names of the tags; a list for a tag that occurs more than once. */
  tags: Record<string, string | string[]> | undefined;
  /** What is wrong with the frame. */
  fault: string | undefined;
}

/**
 * Describes a discovery frame by fields, whose values are cut as in {@linkcode printFrame}. Never throws.
 *
 * @param frame The whole Ethernet frame
 * @returns The fields
 *
 * @example Usage
 * ```ts
 * import { CODE, emitDiscovery, frameFields, parseMac, TAG, textTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const pado = emitDiscovery({
 *   destination: parseMac("02:00:00:00:00:01"),
 *   source: parseMac("02:00:00:00:00:02"),
 *   code: CODE.PADO,
 *   sessionId: 0,
 *   tags: [textTag(TAG.AC_NAME, "bras1")],
 * });
 * const { type, source, tags } = frameFields(pado);
 * assertEquals([type, source], ["PADO", "02:00:00:00:00:02"]);
 * assertEquals(tags, { "AC-Name": "bras1" });
 * ```
 */
export function frameFields(frame: Uint8Array): FrameFields {
  const has = (end: number) => frame.length >= end;
  const fields: FrameFields = {
    type: undefined,
    source: has(ETHERNET.source[1]) ? formatMac(frame, ETHERNET.source[0]) : undefined,
    destination: has(ETHERNET.destination[1])
      ? formatMac(frame, ETHERNET.destination[0])
      : undefined,
    id: undefined,
    tags: undefined,
    fault: headerFault(frame),
  };
  if (fields.fault !== undefined) return fields;
  fields.type = codeName(readCode(frame));
  fields.id = formatHex(readSessionId(frame), 4);
  const packet = parseDiscovery(frame);
  if (packet === undefined) return { ...fields, fault: "tag beyond the end" };
  const tags = new Map<string, string | string[]>();
  for (const tag of packet.tags.slice(0, MAX_TAGS)) {
    const name = tagName(tag.type);
    const value = tagText(tag);
    const before = tags.get(name);
    tags.set(name, before === undefined ? value : [before, value].flat());
  }
  fields.tags = Object.fromEntries(tags);
  return fields;
}

/** Returns the value of a tag without quotes. */
function tagText(tag: Tag): string {
  const { type, value } = tag;
  if (!TEXT_TAGS.has(type)) return printKnownValue(tag) ?? hexBytes(value);
  const text = decodeText(value);
  if (text === undefined) return hexBytes(value);
  return value.length <= MAX_TEXT
    ? text
    : `${decodePrintable(value.subarray(0, MAX_TEXT))}... (${value.length} bytes)`;
}

/**
 * Describes a tunnel frame in one line of printable text. Never throws.
 *
 * @param type One of {@linkcode FRAME}, or another value
 * @param payload The payload
 * @returns The line, without a line break at the end
 *
 * @example Usage
 * ```ts
 * import { emitGoodbye, FRAME, printTunnelFrame, REASON } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const payload = emitGoodbye({ reason: REASON.TIMEOUT, text: "No pong for 15 s" });
 * assertEquals(printTunnelFrame(FRAME.GOODBYE, payload), 'GOODBYE TIMEOUT "No pong for 15 s"');
 * ```
 */
export function printTunnelFrame(type: number, payload: Uint8Array): string {
  switch (type) {
    case FRAME.PING:
      return `PING ${payload.length} bytes`;
    case FRAME.PONG:
      return `PONG ${payload.length} bytes`;
    case FRAME.DISCOVERY:
      return `DISCOVERY ${printFrame(payload)}`;
    case FRAME.SESSION:
      return `SESSION ${printFrame(payload)}`;
    case FRAME.HELLO:
      return `HELLO ${printHello(payload)}`;
    case FRAME.WELCOME:
      return `WELCOME ${printHello(payload)}`;
    case FRAME.GOODBYE:
      return `GOODBYE ${printGoodbye(payload)}`;
    case FRAME.SESSION_LIST:
      return `SESSION_LIST ${printSessionList(payload)}`;
    case FRAME.STATE:
      return `STATE ${printState(payload)}`;
    default:
      return `type ${formatHex(type, 4)} ${dump(payload)}`;
  }
}

function printState(payload: Uint8Array): string {
  const state = parseState(payload);
  if (state === undefined) return malformed("empty", payload);
  const { linkUp, problems } = state;
  return `link ${linkUp ? "up" : "down"} problems [${problems.join(" ")}]`;
}

function printDiscovery(frame: Uint8Array): string {
  const packet = parseDiscovery(frame);
  if (packet === undefined) return malformed("tag beyond the end", frame);
  let line = `${codeName(packet.code)} ${printAddresses(frame)}`;
  for (const tag of packet.tags.slice(0, MAX_TAGS)) line += ` ${printTag(tag)}`;
  if (packet.tags.length > MAX_TAGS) line += ` and ${packet.tags.length - MAX_TAGS} more tags`;
  return line;
}

function printSession(frame: Uint8Array): string {
  if (readCode(frame) !== CODE.SESSION) {
    return malformed(`code ${formatHex(readCode(frame), 2)} in a session frame`, frame);
  }
  const packet = parseSession(frame);
  if (packet === undefined) return malformed("no PPP protocol", frame);
  const { protocol, payload } = packet;
  const name = protocolName(protocol) + (hasCompressedProtocol(frame) ? " (one byte)" : "");
  const line = `SES ${printAddresses(frame)} ${name}`;
  // LQR has a format of its own (RFC 1989).
  if (!isControlProtocol(protocol) || protocol === PPP_PROTOCOL.LQR) {
    return `${line} len=${payload.length}`;
  }
  const lcp = parseLcp(payload);
  if (lcp === undefined) return malformed(`${protocolName(protocol)} length`, frame);
  const names = OTHER_CODE_NAMES[protocol];
  const code = names === undefined
    ? lcpCodeName(lcp.code)
    : names[lcp.code] ?? formatHex(lcp.code, 2);
  return `${line} ${code} id=${lcp.identifier} len=${4 + lcp.data.length}`;
}

function printAddresses(frame: Uint8Array): string {
  return `sid=${formatHex(readSessionId(frame), 4)} ${formatMac(frame, ETHERNET.source[0])} > ${
    formatMac(frame, ETHERNET.destination[0])
  }`;
}

function printTag(tag: Tag): string {
  const { type, value } = tag;
  return `${tagName(type)}=${printKnownValue(tag) ?? hexBytes(value)}`;
}

function printKnownValue(tag: Tag): string | undefined {
  if (TEXT_TAGS.has(tag.type)) {
    const { value } = tag;
    return value.length <= MAX_TEXT
      ? quoteBytes(value)
      : `${quoteBytes(value.subarray(0, MAX_TEXT))}... (${value.length} bytes)`;
  }
  const number = readMaxPayload(tag) ?? readSequenceNumber(tag) ?? readCreditScaleFactor(tag);
  if (number !== undefined) return `${number}`;
  const credits = parseCredits(tag);
  if (credits !== undefined) return `fcn:${credits.fcn},bcn:${credits.bcn}`;
  const metrics = parseLinkMetrics(tag);
  if (metrics !== undefined) {
    return `rlq:${metrics.relativeLinkQuality}%,resource:${metrics.resource}%,latency:${metrics.latencyMs}ms`;
  }
  const line = parseAccessLine(tag);
  if (line === undefined) return undefined;
  const parts = ["TR-101"];
  if (line.circuitId !== undefined) parts.push(`circuit-id:${quote(line.circuitId)}`);
  if (line.remoteId !== undefined) parts.push(`remote-id:${quote(line.remoteId)}`);
  return parts.join(",");
}

function printHello(payload: Uint8Array): string {
  const result = parseHello(payload);
  if (!result.ok) return malformed(result.fault, payload);
  const { version, features, name, software } = result.hello;
  return `version=${version} features=${formatHex(features, 8)} name=${quote(name)} software=${
    quote(software)
  }`;
}

function printGoodbye(payload: Uint8Array): string {
  const goodbye = parseGoodbye(payload);
  if (goodbye === undefined) return malformed("short", payload);
  return `${reasonName(goodbye.reason)} ${quote(goodbye.text)}`;
}

function printSessionList(payload: Uint8Array): string {
  const list = parseSessionList(payload);
  if (list === undefined) return malformed("length", payload);
  return `sessions=${list.sessions.length} last=${list.last}`;
}

function malformed(reason: string, bytes: Uint8Array): string {
  return `malformed (${reason}) ${dump(bytes)}`;
}

/** Formats the number of bytes and the first few of them. */
function dump(bytes: Uint8Array): string {
  let line = `${bytes.length} bytes`;
  for (const byte of bytes.subarray(0, MAX_DUMP)) line += ` ${byte.toString(16).padStart(2, "0")}`;
  return bytes.length > MAX_DUMP ? `${line} ...` : line;
}

function hexBytes(bytes: Uint8Array): string {
  let digits = "";
  for (const byte of bytes.subarray(0, MAX_HEX)) digits += byte.toString(16).padStart(2, "0");
  return bytes.length > MAX_HEX ? `0x${digits}... (${bytes.length} bytes)` : `0x${digits}`;
}
