import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { emitGoodbye, REASON } from "../../../src/wire/goodbye.ts";
import { emitHello } from "../../../src/wire/hello.ts";
import { emitLcp, emitSession, LCP_CODE, PPP_PROTOCOL } from "../../../src/wire/ppp.ts";
import { CODE, emitDiscovery, parseDiscovery, PPPOE } from "../../../src/wire/pppoe.ts";
import { frameFields, printFrame, printTunnelFrame } from "../../../src/wire/print.ts";
import { emitSessionList } from "../../../src/wire/session_list.ts";
import {
  accessLineTag,
  creditScaleFactorTag,
  creditsTag,
  maxPayloadTag,
  sequenceNumberTag,
  TAG,
  type Tag,
  textTag,
} from "../../../src/wire/mod.ts";
import { FRAME } from "../../../src/wire/tunnel.ts";
import { bytes, hostileFrame, uint16 } from "./arbitraries.ts";
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
  RFC_PADO,
} from "./captures.ts";

const TO_AC = "00:16:3e:11:22:33 > 00:16:3e:aa:bb:cc";
const TO_HOST = "00:16:3e:aa:bb:cc > 00:16:3e:11:22:33";
const ONE_LINE = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+$/u;

/** Prints a PADI with these tags, and returns the part of the line about the tags. */
function printTags(...tags: Tag[]): string {
  const packet = parseDiscovery(PPPD_PADI)!;
  const line = printFrame(emitDiscovery({ ...packet, tags }));
  return line.slice("PADI sid=0x0000 00:16:3e:11:22:33 > ff:ff:ff:ff:ff:ff ".length);
}

/** Prints a session frame, and returns the part of the line about the payload. */
function printPayload(protocol: number, payload: Uint8Array): string {
  const { destination, source } = parseDiscovery(PADR)!;
  const line = printFrame(emitSession({ destination, source, sessionId: 1, protocol, payload }));
  return line.replace(`SES sid=0x0001 ${TO_AC} `, "");
}

Deno.test("printFrame() prints discovery frames with their tags", () => {
  const cookie = "0xa03deaf78d2a99dfc9533c9cfcc70a9cb3540000";
  assertEquals(
    [RFC_PADO, PPPD_PADI, PADO, PADR, PADS, PADT].map(printFrame),
    [
      `PADO sid=0x0000 ${TO_HOST} Service-Name="" AC-Name="Go RedBack - eshsheshoot"`,
      `PADI sid=0x0000 00:16:3e:11:22:33 > ff:ff:ff:ff:ff:ff Service-Name="" Host-Uniq=0x31570000`,
      `PADO sid=0x0000 ${TO_HOST} AC-Name="bras1" Service-Name="internet" AC-Cookie=${cookie} Host-Uniq=0x31570000`,
      `PADR sid=0x0000 ${TO_AC} Service-Name="internet" Host-Uniq=0x35386163 AC-Cookie=${cookie}`,
      `PADS sid=0x0001 ${TO_HOST} Service-Name="internet" Host-Uniq=0x35386163`,
      `PADT sid=0x0001 ${TO_HOST} Generic-Error="RP-PPPoE: Child pppd process terminated"`,
    ],
  );
});

Deno.test("printFrame() prints session frames", () => {
  assertEquals(
    printFrame(ECHO_REQUEST),
    `SES sid=0x0001 ${TO_AC} LCP Echo-Request id=1 len=8`,
  );
  assertEquals(printFrame(IPV4), `SES sid=0x0001 ${TO_AC} IPv4 len=20`);
});

Deno.test("printFrame() prints session frames with a compressed PPP protocol", () => {
  const header = "00163eaabbcc 00163e112233 8864 11 00 0001";
  const line = (rest: string) => printFrame(hex(`${header} ${rest}`));
  assertEquals(line("0003 21 4500"), `SES sid=0x0001 ${TO_AC} IPv4 (one byte) len=2`);
  assertEquals(line("0004 fd c02109"), `SES sid=0x0001 ${TO_AC} compressed (one byte) len=3`);
  assertEquals(line("0001 2d"), `SES sid=0x0001 ${TO_AC} 0x002d (one byte) len=0`);
});

Deno.test("printFrame() prints structured values", () => {
  assertEquals(printTags(maxPayloadTag(1500)), "PPP-Max-Payload=1500");
  assertEquals(printTags(sequenceNumberTag(7)), "Sequence-Number=7");
  assertEquals(printTags(creditScaleFactorTag(64)), "Credit-Scale-Factor=64");
  assertEquals(printTags(creditsTag({ fcn: 1, bcn: 2 })), "Credits=fcn:1,bcn:2");
  assertEquals(
    printTags({ type: TAG.METRICS, value: hex("0009 5f 50 0014 fde8 0064") }),
    "Metrics=rlq:95%,resource:80%,latency:20ms",
  );
  assertEquals(
    printTags(accessLineTag({ circuitId: "p1", remoteId: "\x01" })),
    String.raw`Vendor-Specific=TR-101,circuit-id:"p1",remote-id:"\x01"`,
  );
});

Deno.test("printFrame() prints other values as hexadecimal digits", () => {
  assertEquals(
    printTags({ type: TAG.PPP_MAX_PAYLOAD, value: hex("05") }, { type: 0x1234, value: hex("") }),
    "PPP-Max-Payload=0x05 0x1234=0x",
  );
});

Deno.test("printFrame() escapes text from the network", () => {
  assertEquals(
    printTags(textTag(TAG.AC_NAME, "\x1b]0;x\x07\r\nPADS"), textTag(TAG.MOTM, 'a" b')),
    String.raw`AC-Name="\x1b]0;x\x07\x0d\x0aPADS" MOTM="a\" b"`,
  );
});

Deno.test("printFrame() cuts long values", () => {
  assertEquals(
    printTags({ type: TAG.HOST_UNIQ, value: new Uint8Array(32).fill(0xab) }),
    `Host-Uniq=0x${"ab".repeat(32)}`,
  );
  assertEquals(
    printTags({ type: TAG.HOST_UNIQ, value: new Uint8Array(33).fill(0xab) }),
    `Host-Uniq=0x${"ab".repeat(32)}... (33 bytes)`,
  );
  assertEquals(
    printTags(textTag(TAG.MOTM, "a".repeat(129))),
    `MOTM="${"a".repeat(128)}"... (129 bytes)`,
  );
  const list = (length: number) => Array.from({ length }, () => textTag(TAG.AC_NAME, "x"));
  assertEquals(printTags(...list(24)), 'AC-Name="x" '.repeat(24).trimEnd());
  assertEquals(printTags(...list(25)), 'AC-Name="x" '.repeat(24) + "and 1 more tags");
});

Deno.test("printFrame() prints unknown codes as a number", () => {
  const frame = PADS.slice();
  frame[PPPOE.code[0]] = 0x42;
  assertStringIncludes(printFrame(frame), "0x42 sid=0x0001 ");
});

Deno.test("printFrame() names the codes of each control protocol", () => {
  const packet = (code: number) => emitLcp({ code, identifier: 9, data: hex("7365637265740a") });
  const printed = (protocol: number) => printPayload(protocol, packet(1));
  assertEquals(printed(PPP_PROTOCOL.IPCP), "IPCP Configure-Request id=9 len=11");
  assertEquals(printed(PPP_PROTOCOL.PAP), "PAP Authenticate-Request id=9 len=11");
  assertEquals(printed(PPP_PROTOCOL.CHAP), "CHAP Challenge id=9 len=11");
  assertEquals(printed(PPP_PROTOCOL.EAP), "EAP Request id=9 len=11");
  assertEquals(printPayload(PPP_PROTOCOL.CHAP, packet(9)), "CHAP 0x09 id=9 len=11");
  assertEquals(printPayload(0x8001, packet(LCP_CODE.RESET_ACK)), "0x8001 Reset-Ack id=9 len=11");
});

Deno.test("printFrame() never prints a password, not even of a malformed packet", () => {
  const secret = "736563726574";
  const packet = emitLcp({ code: 1, identifier: 1, data: hex(`00 06 ${secret}`) });
  const malformed = Uint8Array.from(packet);
  malformed[3] = 0xff;
  for (const payload of [packet, malformed]) {
    const line = printPayload(PPP_PROTOCOL.PAP, payload);
    assertStringIncludes(line, "PAP");
    assertEquals(/secret|73 ?65/.test(line), false);
  }
});

Deno.test("printFrame() prints LQR without a code", () => {
  assertEquals(printPayload(PPP_PROTOCOL.LQR, new Uint8Array(48)), "LQR len=48");
});

Deno.test("printFrame() says why a frame is malformed", () => {
  const changed = (frame: Uint8Array, at: number, value: number) => {
    const copy = frame.slice(0, 30);
    copy[at] = value;
    return printFrame(copy);
  };
  const start = "00 16 3e aa bb cc 00 16 3e 11 22 33";
  assertEquals(printFrame(hex("")), "malformed (short) 0 bytes");
  assertEquals(
    printFrame(ECHO_REQUEST.slice(0, 14)),
    `malformed (short) 14 bytes ${start} 88 64`,
  );
  assertStringIncludes(changed(ECHO_REQUEST, 12, 0x08), "malformed (EtherType 0x0864) 30 bytes");
  assertStringIncludes(changed(ECHO_REQUEST, 14, 0x21), "malformed (VER/TYPE 0x21) 30 bytes");
  assertStringIncludes(changed(ECHO_REQUEST, 18, 0xff), "malformed (PPPoE length beyond the end)");
  assertStringIncludes(changed(ECHO_REQUEST, 15, 0x09), "malformed (code 0x09 in a session frame)");
  assertStringIncludes(changed(ECHO_REQUEST, 19, 0x01), "malformed (no PPP protocol)");
  assertStringIncludes(changed(ECHO_REQUEST, 25, 0x09), "malformed (LCP length)");
  assertStringIncludes(
    printFrame(hex("ffffffffffff 00163e112233 8863 11 09 0000 0004 0101 0001")),
    "malformed (tag beyond the end) 24 bytes",
  );
  assertEquals(
    printFrame(new Uint8Array(9000)),
    `malformed (EtherType 0x0000) 9000 bytes${" 00".repeat(26)} ...`,
  );
});

Deno.test("printFrame() returns a line for every truncated frame", () => {
  for (const frame of Object.values(FRAMES)) {
    for (let length = 0; length <= frame.length; length++) {
      assert(ONE_LINE.test(printFrame(frame.subarray(0, length))));
    }
  }
});

Deno.test("printFrame() returns one line of printable text for any bytes", () => {
  fc.assert(
    fc.property(hostileFrame(), (frame) => {
      assert(ONE_LINE.test(printFrame(frame)));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("printFrame() returns one line of printable text for any tags", () => {
  const texts = fc.array(
    fc.record({ type: fc.constantFrom(...Object.values(TAG)), value: bytes() }),
  );
  fc.assert(fc.property(texts, (tags) => {
    assert(ONE_LINE.test(printFrame(emitDiscovery({ ...parseDiscovery(PADO)!, tags }))));
  }));
});

Deno.test("printFrame() keeps the line short for the longest frame", () => {
  const value = new Uint8Array(2700).fill(0x1b);
  const tags = Array.from({ length: 24 }, () => ({ type: TAG.AC_NAME, value }));
  const packet = { ...parseDiscovery(PADO)!, code: CODE.PADM, sessionId: 1, tags };
  assert(printFrame(emitDiscovery(packet)).length < 16384);
});

Deno.test("frameFields() gives the parts of a discovery frame, with a list for a tag that it has twice", () => {
  const frame = emitDiscovery({
    destination: hex("020000000011"),
    source: hex("0200000000a1"),
    code: CODE.PADO,
    sessionId: 0,
    tags: [
      textTag(TAG.AC_NAME, 'bras "1"'),
      textTag(TAG.SERVICE_NAME, ""),
      textTag(TAG.SERVICE_NAME, "internet"),
      { type: TAG.HOST_UNIQ, value: Uint8Array.of(1, 2) },
      maxPayloadTag(1500),
      { type: 0x1234, value: Uint8Array.of(0xff) },
      { type: TAG.GENERIC_ERROR, value: Uint8Array.of(0xff) },
    ],
  });
  assertEquals(frameFields(frame), {
    type: "PADO",
    source: "02:00:00:00:00:a1",
    destination: "02:00:00:00:00:11",
    id: "0x0000",
    tags: {
      "AC-Name": 'bras "1"',
      "Service-Name": ["", "internet"],
      "Host-Uniq": "0x0102",
      "PPP-Max-Payload": "1500",
      "0x1234": "0xff",
      "Generic-Error": "0xff",
    },
    fault: undefined,
  });
});

Deno.test("frameFields() says what is wrong with a malformed frame, and keeps what can be read", () => {
  const frame = emitDiscovery({
    destination: hex("ffffffffffff"),
    source: hex("020000000011"),
    code: CODE.PADI,
    sessionId: 0,
    tags: [textTag(TAG.SERVICE_NAME, "a")],
  });
  const cut = frameFields(frame.subarray(0, 22));
  assertEquals([cut.source, cut.fault], ["02:00:00:00:00:11", "PPPoE length beyond the end"]);
  frame[frame.length - 2] = 9;
  const { type, tags, fault } = frameFields(frame);
  assertEquals([type, tags, fault], ["PADI", undefined, "tag beyond the end"]);
});

Deno.test("frameFields() never throws, and has no more text than the line", () => {
  fc.assert(fc.property(hostileFrame(), (frame) => {
    const { tags = {} } = frameFields(frame);
    for (const value of Object.values(tags).flat()) assert(value.length < 1000);
  }));
});

Deno.test("printTunnelFrame() prints every type", () => {
  const hello = emitHello({ version: 1, features: 5, name: "osaka", software: "p 1" });
  assertEquals(printTunnelFrame(FRAME.PING, hex("")), "PING 0 bytes");
  assertEquals(printTunnelFrame(FRAME.PONG, hex("01020304")), "PONG 4 bytes");
  assertEquals(printTunnelFrame(FRAME.DISCOVERY, PADS), `DISCOVERY ${printFrame(PADS)}`);
  assertEquals(printTunnelFrame(FRAME.SESSION, IPV4), `SESSION ${printFrame(IPV4)}`);
  assertEquals(
    printTunnelFrame(FRAME.HELLO, hello),
    'HELLO version=1 features=0x00000005 name="osaka" software="p 1"',
  );
  assertStringIncludes(printTunnelFrame(FRAME.WELCOME, hello), "WELCOME version=1 ");
  assertEquals(
    printTunnelFrame(FRAME.GOODBYE, emitGoodbye({ reason: REASON.FULL, text: "16 clients" })),
    'GOODBYE FULL "16 clients"',
  );
  const sessions = [{ ac: new Uint8Array(6), host: new Uint8Array(6), sessionId: 7 }];
  assertEquals(
    printTunnelFrame(FRAME.SESSION_LIST, emitSessionList({ last: true, sessions })),
    "SESSION_LIST sessions=1 last=true",
  );
  assertEquals(
    printTunnelFrame(FRAME.SESSION_LIST, hex("0102")),
    "SESSION_LIST malformed (length) 2 bytes 01 02",
  );
  assertEquals(
    printTunnelFrame(FRAME.STATE, hex("000107")),
    "STATE link down problems [1 7]",
  );
  assertEquals(
    printTunnelFrame(FRAME.STATE, hex("")),
    "STATE malformed (empty) 0 bytes",
  );
  assertEquals(printTunnelFrame(0x42, hex("1b5b")), "type 0x0042 2 bytes 1b 5b");
});

Deno.test("printTunnelFrame() says why a payload is malformed", () => {
  assertEquals(
    printTunnelFrame(FRAME.HELLO, hex("00")),
    "HELLO malformed (The payload is 1 bytes long; the minimum is 8) 1 bytes 00",
  );
  assertEquals(
    printTunnelFrame(FRAME.GOODBYE, hex("00")),
    "GOODBYE malformed (short) 1 bytes 00",
  );
});

Deno.test("printTunnelFrame() returns one line of printable text for any bytes", () => {
  const types = fc.oneof(fc.constantFrom(...Object.values(FRAME)), uint16());
  fc.assert(fc.property(types, bytes(), (type, payload) => {
    assert(ONE_LINE.test(printTunnelFrame(type, payload)));
  }));
});
