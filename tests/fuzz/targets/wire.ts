// The codecs of src/wire. What was read and is written again has the same bytes, and no printer throws.

import { assertEquals } from "@std/assert";
import { causeFrom } from "../../../src/relay/mod.ts";
import { checkDiscovery, forwarded } from "../../../src/relay/discovery/check.ts";
import { NO_ECHO, readEcho } from "../../../src/relay/echo.ts";
import {
  accessLineTag,
  CODE,
  codeName,
  creditScaleFactorTag,
  creditsTag,
  describeGoodbye,
  discoveryLength,
  emitDiscovery,
  emitGoodbye,
  emitHello,
  emitLcp,
  emitSession,
  emitSessionList,
  emitState,
  encodeFrame,
  ETH_P_PPP_DISC,
  formatMac,
  FRAME,
  frameLength,
  hasCompressedProtocol,
  isControlProtocol,
  linkMetricsTag,
  lowerMaxPayload,
  maxPayloadTag,
  parseAccessLine,
  parseCredits,
  parseDiscovery,
  parseGoodbye,
  parseHello,
  parseLcp,
  parseLinkMetrics,
  parseMac,
  parseSession,
  parseSessionList,
  parseState,
  PPPOE,
  printFrame,
  printTunnelFrame,
  readCode,
  readCreditScaleFactor,
  readEtherType,
  readHeader,
  readMaxPayload,
  readSequenceNumber,
  sequenceNumberTag,
  type Tag,
  tagName,
} from "../../../src/wire/mod.ts";
import { isPrintable } from "../../../src/wire/text.ts";
import { readUint16, writeUint16 } from "../../../src/wire/uint16.ts";
import type { Random } from "../../soak/random.ts";
import { hold } from "../../soak/violation.ts";
import { randomDiscovery, randomSession, TAGS } from "../frames.ts";
import type { Parts } from "../parts.ts";
import { type Target, wordsOf } from "../target.ts";

/** The maximum length of the line that describes a frame. */
const LINE_MAX = 20_000;
const FRAME_MAX = 2000;

/** Checks that a description is one line of printable text. */
function checkLine(line: string): void {
  hold(isPrintable(line), () => `A description is not printable: ${JSON.stringify(line)}`);
  hold(line.length < LINE_MAX, () => `A description has ${line.length} characters`);
}

/** Checks that reading a tag and writing it again gives the same value; returns the kind of the tag. */
function checkTag(tag: Tag): string {
  const same = (made: Tag) => assertEquals(made, { type: tag.type, value: tag.value.slice() });
  const credits = parseCredits(tag);
  if (credits !== undefined) same(creditsTag(credits));
  const scale = readCreditScaleFactor(tag);
  if (scale !== undefined) same(creditScaleFactorTag(scale));
  const sequence = readSequenceNumber(tag);
  if (sequence !== undefined) same(sequenceNumberTag(sequence));
  const metrics = parseLinkMetrics(tag);
  if (metrics !== undefined) assertEquals(parseLinkMetrics(linkMetricsTag(metrics)), metrics);
  const line = parseAccessLine(tag);
  if (line !== undefined) assertEquals(parseAccessLine(accessLineTag(line)), line);
  const payload = readMaxPayload(tag);
  if (payload !== undefined) {
    same(maxPayloadTag(payload));
    const lowered = { type: tag.type, value: tag.value.slice() };
    lowerMaxPayload(lowered, 1492);
    assertEquals(readMaxPayload(lowered), Math.min(payload, 1492));
  }
  const read = credits ?? scale ?? sequence ?? metrics ?? line ?? payload;
  const name = tagName(tag.type);
  return `${name.startsWith("0x") ? "other" : name}${read === undefined ? "" : "+"}`;
}

/** Makes the target for whole discovery frames. */
export function discoveryFrames({ parseDiscovery: parse }: Parts): Target {
  return {
    name: "discovery-frames",
    maxBytes: FRAME_MAX,
    words: TAGS.map(({ type, value }) => {
      const bytes = new Uint8Array(4 + value.length);
      writeUint16(bytes, 0, type);
      writeUint16(bytes, 2, value.length);
      bytes.set(value, 4);
      return bytes;
    }),
    generate: randomDiscovery,
    run(frame) {
      checkLine(printFrame(frame));
      const length = discoveryLength(frame, 0, frame.length);
      hold(length <= frame.length, "A frame is longer than its bytes");
      const packet = parse(frame);
      if (packet === undefined) {
        const isOther = length >= 0 && readEtherType(frame) !== ETH_P_PPP_DISC;
        return isOther ? "other type" : length < 0 ? `fault ${length}` : "tags";
      }
      const again = emitDiscovery(packet);
      const isBarePadt = packet.code === CODE.PADT && packet.tags.length === 0;
      hold(again.length <= length, "Tags go beyond the PPPoE length");
      assertEquals(again.subarray(0, PPPOE.length[0]), frame.subarray(0, PPPOE.length[0]));
      assertEquals(again.subarray(PPPOE.payload), frame.subarray(PPPOE.payload, again.length));
      if (!isBarePadt && again.length < length) {
        hold(length - again.length >= 4, "Some bytes behind the tags are no tag");
        hold(readUint16(frame, again.length) === 0, "A tag before the end of the list is missing");
      }
      assertEquals(parse(again), packet);
      const sides = [true, false].map((fromHost) => {
        const whole = frame.slice(0, length);
        const checked = checkDiscovery(whole, fromHost);
        if (typeof checked === "number") return checked;
        const passed = parseDiscovery(forwarded(checked, whole));
        hold(passed !== undefined, "A frame that is forwarded cannot be read");
        return "ok";
      });
      const cause = packet.code === CODE.PADT ? causeFrom(packet.tags) : "";
      const kinds = new Set(packet.tags.slice(0, 4).map(checkTag));
      const name = codeName(packet.code);
      const code = name.startsWith("0x") ? "other" : name;
      return [`${code} ${sides} ${cause}`, ...[...kinds].map((kind) => `${code} ${kind}`)];
    },
  };
}

/** Makes the target for session frames, and for what is in them. */
export function sessionFrames(): Target {
  return {
    name: "session-frames",
    maxBytes: FRAME_MAX,
    generate: randomSession,
    run(frame) {
      const line = printFrame(frame);
      checkLine(line);
      const length = frameLength(frame, 0, frame.length);
      hold(length <= frame.length, "A frame is longer than its bytes");
      const packet = parseSession(frame);
      if (packet === undefined) return `no ${length < 0 ? length : readCode(frame) === 0}`;
      const echo = readEcho(frame, 0);
      const compressed = hasCompressedProtocol(frame);
      const { protocol, payload } = packet;
      assertEquals(parseSession(emitSession(packet)), packet);
      assertEquals(payload.length, length - PPPOE.payload - (compressed ? 1 : 2));
      hold(!compressed || !isControlProtocol(protocol), "A control frame is compressed");
      const lcp = parseLcp(payload);
      if (lcp !== undefined) {
        const again = emitLcp(lcp);
        assertEquals(again, payload.slice(0, again.length));
      }
      hold(echo === NO_ECHO || lcp?.code === echo, "An echo is not an LCP packet");
      const [, words] = / > \S+ (.*?) (?:id|len)=/.exec(line) ?? ["", "malformed"];
      const kind = words.replaceAll(/0x\w+/g, "N");
      return `${kind} ${compressed} ${lcp !== undefined} ${echo}`;
    },
  };
}

const SECRET = new Uint8Array(16).fill(5);
const PAYLOADS: readonly Uint8Array[] = [
  emitHello({ version: 1, features: 1, name: "tokyo", software: "x 1" }),
  emitHello({
    version: 2,
    features: 0,
    name: "東京",
    software: "",
    resumeSecret: SECRET,
    linkDown: true,
  }),
  emitGoodbye({ reason: 1, text: "stops" }),
  emitGoodbye({ reason: 99, text: "\u202e\n" }),
  emitSessionList({ last: true, sessions: [{ ac: parse("a1"), host: parse("11"), sessionId: 1 }] }),
  emitSessionList({ last: false, sessions: [] }),
  new Uint8Array(0),
];

function parse(last: string): Uint8Array {
  return parseMac(`02:00:00:00:00:${last}`);
}

/** Makes an input of {@linkcode tunnelPayloads}: a frame with a payload. */
export function randomTunnelFrame(random: Random): Uint8Array {
  const type = random.pick([...Object.values(FRAME), 0x14, 0x0d0a]);
  const payload = type === FRAME.DISCOVERY
    ? randomDiscovery(random)
    : type === FRAME.SESSION
    ? randomSession(random)
    : random.pick(PAYLOADS);
  return encodeFrame(type, payload);
}

/** Makes the target for the header of a tunnel frame, and for the payloads of all types. */
export function tunnelPayloads(): Target {
  return {
    name: "tunnel-payloads",
    maxBytes: FRAME_MAX,
    words: [...PAYLOADS, ...wordsOf("PPxy")],
    generate: randomTunnelFrame,
    run(bytes) {
      const header = { type: 0, length: 0 };
      const size = readHeader(bytes, 0, bytes.length, header);
      if (size <= 0) return `header ${size}`;
      const payload = bytes.subarray(size, size + header.length);
      checkLine(printTunnelFrame(header.type, payload));
      if (payload.length === header.length) {
        const again = { type: 0, length: 0 };
        const encoded = encodeFrame(header.type, payload);
        hold(readHeader(encoded, 0, encoded.length, again) > 0, "A header cannot be read again");
        assertEquals(again, header);
      }
      // A peer can send any payload with any type, so each parser gets it.
      const hello = parseHello(payload);
      if (hello.ok) assertEquals(parseHello(emitHello(hello.hello)), hello);
      else checkLine(hello.fault);
      const goodbye = parseGoodbye(payload);
      checkLine(describeGoodbye(goodbye));
      if (goodbye !== undefined) {
        const again = parseGoodbye(emitGoodbye(goodbye));
        hold(again?.reason === goodbye.reason, "A goodbye has another reason");
        hold(goodbye.text.startsWith(again.text), "A goodbye has another text");
      }
      const list = parseSessionList(payload);
      if (list !== undefined) {
        assertEquals(emitSessionList(list).subarray(1), payload.subarray(1));
        for (const { ac } of list.sessions) assertEquals(parseMac(formatMac(ac)), ac.slice());
      }
      const state = parseState(payload);
      if (state !== undefined) assertEquals(parseState(emitState(state)), state);
      const kind = hello.ok ? `${Object.keys(hello.hello)}` : hello.fault.replaceAll(/\d+/g, "N");
      const sessions = list && `${list.last} ${Math.min(2, list.sessions.length)}`;
      return `${Math.min(header.type, 0x20)} ${kind} ${goodbye && goodbye.text === ""} ${sessions}`;
    },
  };
}
