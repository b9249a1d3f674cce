import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ETH_BROADCAST, ETH_P_PPP_DISC, parseMac } from "../../../src/wire/ethernet.ts";
import {
  CODE,
  codeName,
  type DiscoveryPacket,
  emitDiscovery,
  emitHeader,
  FAULT_LENGTH,
  FAULT_SHORT,
  FAULT_VERSION,
  frameLength,
  parseDiscovery,
  PPPOE,
  PPPOE_FRAME_HLEN,
  readCode,
  readSessionId,
  writeSessionId,
} from "../../../src/wire/pppoe.ts";
import { TAG, type Tag, textTag } from "../../../src/wire/mod.ts";
import { hostileFrame, mac, tag, uint16, uint8 } from "./arbitraries.ts";
import {
  ECHO_REQUEST,
  FRAMES,
  hex,
  IPV4,
  PADO,
  PADR,
  PADS,
  PADT,
  PPPD_PADI,
  RFC_PADI,
  RFC_PADO,
} from "./captures.ts";

const HOST = parseMac("00:16:3e:11:22:33");
const AC = parseMac("00:16:3e:aa:bb:cc");
const COOKIE = hex("a03deaf78d2a99dfc9533c9cfcc70a9cb3540000");

/** The captured discovery frames and their content. */
const DISCOVERY: [name: string, frame: Uint8Array, packet: DiscoveryPacket][] = [
  ["PADI of RFC 2516", RFC_PADI, {
    destination: ETH_BROADCAST,
    source: HOST,
    code: CODE.PADI,
    sessionId: 0,
    tags: [textTag(TAG.SERVICE_NAME, "")],
  }],
  ["PADO of RFC 2516", RFC_PADO, {
    destination: HOST,
    source: AC,
    code: CODE.PADO,
    sessionId: 0,
    tags: [textTag(TAG.SERVICE_NAME, ""), textTag(TAG.AC_NAME, "Go RedBack - eshsheshoot")],
  }],
  ["PADI of pppd with Host-Uniq", PPPD_PADI, {
    destination: ETH_BROADCAST,
    source: HOST,
    code: CODE.PADI,
    sessionId: 0,
    tags: [textTag(TAG.SERVICE_NAME, ""), { type: TAG.HOST_UNIQ, value: hex("31570000") }],
  }],
  ["PADO of pppoe-server with AC-Cookie", PADO, {
    destination: HOST,
    source: AC,
    code: CODE.PADO,
    sessionId: 0,
    tags: [
      textTag(TAG.AC_NAME, "bras1"),
      textTag(TAG.SERVICE_NAME, "internet"),
      { type: TAG.AC_COOKIE, value: COOKIE },
      { type: TAG.HOST_UNIQ, value: hex("31570000") },
    ],
  }],
  ["PADR of pppoe", PADR, {
    destination: AC,
    source: HOST,
    code: CODE.PADR,
    sessionId: 0,
    tags: [
      textTag(TAG.SERVICE_NAME, "internet"),
      textTag(TAG.HOST_UNIQ, "58ac"),
      { type: TAG.AC_COOKIE, value: COOKIE },
    ],
  }],
  ["PADS of pppoe-server", PADS, {
    destination: HOST,
    source: AC,
    code: CODE.PADS,
    sessionId: 1,
    tags: [textTag(TAG.SERVICE_NAME, "internet"), textTag(TAG.HOST_UNIQ, "58ac")],
  }],
  ["PADT of pppoe-server", PADT, {
    destination: HOST,
    source: AC,
    code: CODE.PADT,
    sessionId: 1,
    tags: [textTag(TAG.GENERIC_ERROR, "RP-PPPoE: Child pppd process terminated")],
  }],
];

for (const [name, frame, packet] of DISCOVERY) {
  Deno.test(`parseDiscovery() reads a ${name}`, () => {
    assertEquals(parseDiscovery(frame), packet);
  });

  Deno.test(`emitDiscovery() writes a ${name}`, () => {
    assertEquals(emitDiscovery(packet), frame);
  });

  Deno.test(`parseDiscovery() returns undefined for a ${name} cut anywhere`, () => {
    // A PADT needs no payload.
    const end = packet.code === CODE.PADT ? PPPOE.payload : frame.length;
    for (let length = 0; length < end; length++) {
      assertEquals(parseDiscovery(frame.subarray(0, length)), undefined);
    }
    for (let length = end; length < frame.length; length++) {
      assertEquals(parseDiscovery(frame.subarray(0, length)), { ...packet, tags: [] });
    }
  });

  Deno.test(`parseDiscovery() cuts the padding of a ${name}`, () => {
    const padded = new Uint8Array(frame.length + 46).fill(0xee);
    padded.set(frame);
    assertEquals(parseDiscovery(padded), packet);
  });
}

Deno.test("parseDiscovery() reads a frame that starts within a larger buffer", () => {
  const buffer = new Uint8Array(PADO.length + 10).fill(0xee);
  buffer.set(PADO, 7);
  assertEquals(parseDiscovery(buffer.subarray(7)), DISCOVERY[3][2]);
});

Deno.test("parseDiscovery() returns views of the frame, not copies", () => {
  const frame = PADO.slice();
  const packet = parseDiscovery(frame)!;
  assertEquals(packet.tags[0].value.buffer, frame.buffer);
  packet.destination.set(ETH_BROADCAST);
  assertEquals(frame.subarray(0, 6), ETH_BROADCAST);
});

Deno.test("parseDiscovery() returns undefined for another EtherType", () => {
  for (const etherType of ["8864", "0800", "8100", "6388"]) {
    const frame = PADO.slice();
    frame.set(hex(etherType), 12);
    assertEquals(parseDiscovery(frame), undefined);
  }
});

Deno.test("parseDiscovery() returns undefined for another version or type", () => {
  for (const verType of [0x00, 0x10, 0x01, 0x12, 0x21, 0xff]) {
    const frame = PADO.slice();
    frame[PPPOE.verType[0]] = verType;
    assertEquals(parseDiscovery(frame), undefined);
  }
});

Deno.test("parseDiscovery() returns undefined when the PPPoE length is 65535", () => {
  const frame = new Uint8Array(1514);
  frame.set(PADO);
  frame.set(hex("ffff"), PPPOE.length[0]);
  assertEquals(parseDiscovery(frame), undefined);
});

Deno.test("parseDiscovery() returns undefined when a tag reaches into the padding", () => {
  const frame = new Uint8Array(60);
  frame.set(RFC_PADI);
  frame[PPPOE.payload + 3] = 1;
  assertEquals(parseDiscovery(frame), undefined);
});

Deno.test("parseDiscovery() never throws, and returns what emitDiscovery() can write", () => {
  fc.assert(fc.property(hostileFrame(), (frame) => {
    const packet = parseDiscovery(frame);
    if (packet !== undefined) assertEquals(parseDiscovery(emitDiscovery(packet)), packet);
  }));
});

Deno.test("parseDiscovery() reads what emitDiscovery() writes", () => {
  const packets = fc.record({
    destination: mac(),
    source: mac(),
    code: uint8(),
    sessionId: uint16(),
    tags: fc.array(tag()),
  });
  fc.assert(fc.property(packets, (packet) => {
    assertEquals(parseDiscovery(emitDiscovery(packet)), packet);
  }));
});

Deno.test("emitDiscovery() throws when an address is not six bytes long", () => {
  const packet = { ...DISCOVERY[0][2], source: new Uint8Array(7) };
  assertThrows(() => emitDiscovery(packet), RangeError, "Cannot emit PADI");
  const other = { ...DISCOVERY[0][2], destination: new Uint8Array(0) };
  assertThrows(() => emitDiscovery(other), RangeError, "is 6 bytes long, not 0");
});

Deno.test("emitDiscovery() writes tags of 65535 bytes and throws for more", () => {
  const value = new Uint8Array(65535 - 4);
  const tags: Tag[] = [{ type: TAG.HOST_UNIQ, value }];
  const packet = { ...DISCOVERY[0][2], tags };
  assertEquals(emitDiscovery(packet).length, PPPOE_FRAME_HLEN + 65535);
  tags.push(textTag(TAG.SERVICE_NAME, ""));
  assertThrows(
    () => emitDiscovery(packet),
    RangeError,
    "65539 bytes of tags exceed the maximum of 65535",
  );
});

Deno.test("emitHeader() writes every field", () => {
  const frame = new Uint8Array(PPPOE_FRAME_HLEN);
  emitHeader(frame, AC, HOST, ETH_P_PPP_DISC, CODE.PADT, 0x1234, 0xabcd);
  assertEquals(frame, hex("00163eaabbcc 00163e112233 8863 11 a7 1234 abcd"));
});

Deno.test("frameLength() excludes Ethernet padding", () => {
  assertEquals(frameLength(ECHO_REQUEST, 0, ECHO_REQUEST.length), 30);
  assertEquals(frameLength(IPV4, 0, IPV4.length), 42);
  assertEquals(frameLength(PADO, 0, PADO.length), PADO.length);
});

Deno.test("frameLength() uses the given length, not the buffer's", () => {
  const buffer = new Uint8Array(200);
  buffer.set(PADO, 50);
  assertEquals(frameLength(buffer, 50, PADO.length), PADO.length);
  assertEquals(frameLength(buffer, 50, PADO.length - 1), FAULT_LENGTH);
});

Deno.test("frameLength() accepts an empty payload", () => {
  const frame = hex("00163eaabbcc 00163e112233 8863 11 a7 0001 0000");
  assertEquals(frameLength(frame, 0, frame.length), PPPOE_FRAME_HLEN);
});

Deno.test("frameLength() accepts a payload of 65535 bytes", () => {
  const frame = new Uint8Array(PPPOE_FRAME_HLEN + 65535);
  frame.set(hex("11 00 0001 ffff"), 14);
  assertEquals(frameLength(frame, 0, frame.length), frame.length);
});

Deno.test("frameLength() names the fault of a truncated frame", () => {
  for (const frame of Object.values(FRAMES)) {
    const whole = frameLength(frame, 0, frame.length);
    for (let length = 0; length < whole; length++) {
      const fault = length < PPPOE_FRAME_HLEN ? FAULT_SHORT : FAULT_LENGTH;
      assertEquals(frameLength(frame, 0, length), fault);
    }
  }
});

Deno.test("frameLength() names the fault of another version", () => {
  const frame = PADO.slice();
  frame[PPPOE.verType[0]] = 0x21;
  assertEquals(frameLength(frame, 0, frame.length), FAULT_VERSION);
});

Deno.test("frameLength() returns a fault or at most the given length", () => {
  fc.assert(fc.property(hostileFrame(), (frame) => {
    const length = frameLength(frame, 0, frame.length);
    assertEquals(length < 0 || (length >= PPPOE_FRAME_HLEN && length <= frame.length), true);
  }));
});

Deno.test("readCode() and readSessionId() read at an offset", () => {
  const buffer = new Uint8Array(200);
  buffer.set(PADT, 50);
  assertEquals(readCode(buffer, 50), CODE.PADT);
  assertEquals(readSessionId(buffer, 50), 1);
});

Deno.test("writeSessionId() writes what readSessionId() reads, and nothing else", () => {
  fc.assert(fc.property(uint16(), fc.nat({ max: 30 }), (id, offset) => {
    const buffer = new Uint8Array(64).fill(0x55);
    writeSessionId(buffer, offset, id);
    assertEquals(readSessionId(buffer, offset), id);
    buffer.fill(0x55, offset + PPPOE.sessionId[0], offset + PPPOE.sessionId[1]);
    assertEquals(buffer, new Uint8Array(64).fill(0x55));
  }));
});

Deno.test("codeName() names every code, and formats others as a number", () => {
  assertEquals(
    Object.values(CODE).map(codeName),
    Object.keys(CODE),
  );
  assertEquals(codeName(0x42), "0x42");
  assertEquals(codeName(0x01), "0x01");
});
