import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import fc from "fast-check";
import { parseMac } from "../../../src/wire/ethernet.ts";
import {
  emitLcp,
  emitSession,
  hasCompressedProtocol,
  isControlProtocol,
  LCP_CODE,
  lcpCodeName,
  parseLcp,
  parseSession,
  PPP_PROTOCOL,
  protocolName,
  readProtocol,
} from "../../../src/wire/ppp.ts";
import { CODE, PPPOE } from "../../../src/wire/pppoe.ts";
import { bytes, hostileFrame, mac, uint16, uint8 } from "./arbitraries.ts";
import { ECHO_REQUEST, hex, IPV4, PADS } from "./captures.ts";

const ECHO = hex("09 01 0008 5d1cb7e2");
const SESSION = {
  destination: parseMac("00:16:3e:aa:bb:cc"),
  source: parseMac("00:16:3e:11:22:33"),
  sessionId: 1,
  protocol: PPP_PROTOCOL.LCP,
  payload: ECHO,
};

Deno.test("parseSession() reads an LCP Echo-Request and ignores the padding", () => {
  assertEquals(parseSession(ECHO_REQUEST), SESSION);
});

Deno.test("parseSession() reads IPv4", () => {
  const packet = parseSession(IPV4)!;
  assertEquals(packet.protocol, PPP_PROTOCOL.IPV4);
  assertEquals(packet.payload.length, 20);
});

Deno.test("emitSession() writes an LCP Echo-Request without padding", () => {
  assertEquals(emitSession(SESSION), ECHO_REQUEST.slice(0, 30));
});

Deno.test("parseSession() returns undefined for a truncated frame", () => {
  for (let length = 0; length < 30; length++) {
    assertEquals(parseSession(ECHO_REQUEST.subarray(0, length)), undefined);
  }
});

Deno.test("parseSession() returns undefined for a discovery frame", () => {
  assertEquals(parseSession(PADS), undefined);
});

Deno.test("parseSession() returns undefined for a code that is not 0", () => {
  const frame = ECHO_REQUEST.slice();
  frame[PPPOE.code[0]] = CODE.PADT;
  assertEquals(parseSession(frame), undefined);
});

Deno.test("parseSession() returns undefined when there is no room for a PPP protocol", () => {
  const frame = ECHO_REQUEST.slice();
  frame[PPPOE.length[0] + 1] = 1;
  assertEquals(parseSession(frame), undefined);
});

Deno.test("parseSession() reads a PPP protocol without a payload", () => {
  const frame = ECHO_REQUEST.slice();
  frame[PPPOE.length[0] + 1] = 2;
  assertEquals(parseSession(frame)?.payload, hex(""));
});

/** A captured IPv4 frame of a host that agreed on protocol field compression. */
function compressed(): Uint8Array {
  const frame = Uint8Array.from([...IPV4.subarray(0, 20), ...IPV4.subarray(21)]);
  frame[PPPOE.length[0] + 1]--;
  return frame;
}

Deno.test("parseSession() reads a PPP protocol of one byte", () => {
  assertEquals(parseSession(compressed()), parseSession(IPV4));
  assertFalse(hasCompressedProtocol(IPV4));
  assert(hasCompressedProtocol(compressed()));
});

Deno.test("parseSession() reads a PPP protocol of one byte without a payload", () => {
  const frame = compressed();
  frame[PPPOE.length[0] + 1] = 1;
  const packet = parseSession(frame)!;
  assertEquals([packet.protocol, packet.payload], [PPP_PROTOCOL.IPV4, hex("")]);
  frame[PPPOE.length[0] + 1] = 0;
  assertEquals(parseSession(frame), undefined);
});

Deno.test("readProtocol() reads a protocol of one byte and one of two", () => {
  assertEquals(readProtocol(compressed()), PPP_PROTOCOL.IPV4);
  assertEquals(readProtocol(IPV4), PPP_PROTOCOL.IPV4);
  assertEquals(readProtocol(hex("00 c021"), 1 - PPPOE.payload), PPP_PROTOCOL.LCP);
});

Deno.test("parseSession() never throws, and returns what emitSession() can write", () => {
  fc.assert(fc.property(hostileFrame(), (frame) => {
    const packet = parseSession(frame);
    if (packet !== undefined) assertEquals(parseSession(emitSession(packet)), packet);
  }));
});

Deno.test("parseSession() reads what emitSession() writes", () => {
  const packets = fc.record({
    destination: mac(),
    source: mac(),
    sessionId: uint16(),
    // A protocol with an odd first byte is compressed; the second byte is data.
    protocol: uint16().filter((protocol) => (protocol & 0x0100) === 0),
    payload: bytes(),
  });
  fc.assert(fc.property(packets, (packet) => {
    assertEquals(parseSession(emitSession(packet)), packet);
  }));
});

Deno.test("emitSession() throws when the payload is longer than 65533 bytes", () => {
  emitSession({ ...SESSION, payload: new Uint8Array(65533) });
  assertThrows(
    () => emitSession({ ...SESSION, payload: new Uint8Array(65534) }),
    RangeError,
    "65536 bytes exceed the maximum of 65535",
  );
});

Deno.test("emitSession() throws when an address is not six bytes long", () => {
  assertThrows(() => emitSession({ ...SESSION, source: hex("00") }), RangeError, "not 1");
});

Deno.test("parseLcp() reads an Echo-Request", () => {
  assertEquals(parseLcp(ECHO), {
    code: LCP_CODE.ECHO_REQUEST,
    identifier: 1,
    data: hex("5d1cb7e2"),
  });
});

Deno.test("parseLcp() ignores bytes after the packet", () => {
  assertEquals(parseLcp(hex("05 07 0004 aabb")), {
    code: LCP_CODE.TERMINATE_REQUEST,
    identifier: 7,
    data: hex(""),
  });
});

Deno.test("parseLcp() returns undefined for a truncated packet", () => {
  for (let length = 0; length < ECHO.length; length++) {
    assertEquals(parseLcp(ECHO.subarray(0, length)), undefined);
  }
});

Deno.test("parseLcp() returns undefined for a length below 4 or beyond the end", () => {
  for (const length of ["0000", "0003", "0009", "ffff"]) {
    assertEquals(parseLcp(hex(`09 01 ${length} 5d1cb7e2`)), undefined);
  }
});

Deno.test("parseLcp() never throws, and returns what emitLcp() can write", () => {
  const hostile = fc.record({ length: fc.nat({ max: 20 }), rest: bytes(0, 16) })
    .map(({ length, rest }) => Uint8Array.from([9, 1, 0, length, ...rest]));
  fc.assert(fc.property(fc.oneof(bytes(0, 16), hostile), (packet) => {
    const lcp = parseLcp(packet);
    if (lcp !== undefined) assertEquals(parseLcp(emitLcp(lcp)), lcp);
  }));
});

Deno.test("parseLcp() reads what emitLcp() writes", () => {
  const packets = fc.record({ code: uint8(), identifier: uint8(), data: bytes() });
  fc.assert(fc.property(packets, (packet) => {
    assertEquals(parseLcp(emitLcp(packet)), packet);
  }));
});

Deno.test("emitLcp() throws when the data is longer than 65531 bytes", () => {
  const code = LCP_CODE.ECHO_REPLY;
  emitLcp({ code, identifier: 0, data: new Uint8Array(65531) });
  assertThrows(
    () => emitLcp({ code, identifier: 0, data: new Uint8Array(65532) }),
    RangeError,
    "Cannot emit Echo-Reply: 65536 bytes exceed the maximum of 65535",
  );
});

Deno.test("isControlProtocol() returns true from 0x8000 up", () => {
  for (const protocol of [0x8000, 0x8021, 0x8057, 0xc021, 0xc023, 0xc025, 0xc223, 0xfeff]) {
    assert(isControlProtocol(protocol));
  }
  for (const protocol of [0x0000, 0x0021, 0x003d, 0x0057, 0x00fd, 0x7fff]) {
    assertFalse(isControlProtocol(protocol));
  }
});

Deno.test("isControlProtocol() returns false for a compressed protocol", () => {
  for (let first = 1; first <= 0xff; first += 2) {
    assertFalse(isControlProtocol(first));
    for (const second of [0x00, 0x21, 0x45, 0xff]) {
      assertFalse(isControlProtocol(first << 8 | second));
    }
  }
});

Deno.test("protocolName() names every protocol, and formats others as a number", () => {
  for (const protocol of Object.values(PPP_PROTOCOL)) {
    assertFalse(protocolName(protocol).startsWith("0x"));
  }
  assertEquals(protocolName(PPP_PROTOCOL.IPV6CP), "IPv6CP");
  assertEquals(protocolName(0x002d), "0x002d");
});

Deno.test("lcpCodeName() names every code, and formats others as a number", () => {
  assertEquals(lcpCodeName(LCP_CODE.CONFIGURE_NAK), "Configure-Nak");
  assertEquals(lcpCodeName(LCP_CODE.DISCARD_REQUEST), "Discard-Request");
  for (const [name, code] of Object.entries(LCP_CODE)) {
    assertEquals(lcpCodeName(code).toUpperCase().replaceAll("-", "_"), name);
  }
  assertEquals(lcpCodeName(0x42), "0x42");
});
