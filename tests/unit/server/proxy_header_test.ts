// The header of the PROXY protocol.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  PROXY_HEADER_MAX,
  ProxyHeaderReader,
  type ProxyHeaderState,
} from "../../../src/server/proxy_header.ts";
import { emitGoodbye, encodeFrame, FRAME, REASON } from "../../../src/wire/mod.ts";

const PROXY = "10.0.0.5";
const NOW_MS = 1000;
const TIMEOUT_MS = 5000;
const SIGNATURE = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10];
const ADVICE = "set send-proxy-v2 there, or remove its address from --proxy-protocol";

/** Makes a header; `length` is that in the header if it differs from the true one. */
function header(command: number, family: number, rest: number[] = [], length = rest.length) {
  return Uint8Array.of(...SIGNATURE, command, family, length >> 8, length, ...rest);
}

const PORTS = [0xa0, 0x28, 0x1f, 0x40]; // 41000, 8000
const IPV4 = [203, 0, 113, 7, 192, 0, 2, 1, ...PORTS];
const IPV6 = [
  ...[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7],
  ...[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  ...PORTS,
];
const MAPPED = [
  ...[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 7],
  ...[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1],
  ...PORTS,
];
const TLVS = [0x03, 0, 4, 1, 2, 3, 4, 0x20, 0, 5, 1, 0, 0, 0, 0];

/** Gives a reader parts, and returns its state. */
function read(parts: Iterable<Uint8Array>): ProxyHeaderState {
  const reader = new ProxyHeaderReader(PROXY, NOW_MS);
  for (const part of parts) {
    if (reader.state.is === "waiting") reader.receive(part, NOW_MS);
  }
  return reader.state;
}

const VALID: [what: string, bytes: Uint8Array, source: [string, number] | undefined][] = [
  ["an address of TCP over IPv4", header(0x21, 0x11, IPV4), ["203.0.113.7", 41000]],
  ["an address of TCP over IPv6", header(0x21, 0x21, IPV6), ["2001:db8::7", 41000]],
  ["an IPv4 address that is written as IPv6", header(0x21, 0x21, MAPPED), ["203.0.113.7", 41000]],
  ["an address before more entries", header(0x21, 0x11, [...IPV4, ...TLVS]), [
    "203.0.113.7",
    41000,
  ]],
  ["no address for UDP", header(0x21, 0x12, IPV4), undefined],
  ["no address for a Unix socket", header(0x21, 0x31, Array(216).fill(0x61)), undefined],
  ["no address for an unspecified family", header(0x21, 0x00), undefined],
  ["no address for an unspecified family with entries", header(0x21, 0x00, TLVS), undefined],
];

for (const [what, bytes, source] of VALID) {
  Deno.test(`ProxyHeaderReader reads ${what}, however the bytes are split`, () => {
    const behind = Uint8Array.of(0, 0x10, 1, 2, 3);
    const all = Uint8Array.of(...bytes, ...behind);
    const [hostname, port] = source ?? [];
    const expected = source && { hostname, port };
    for (let at = 0; at <= bytes.length; at++) {
      const state = read([all.subarray(0, at), all.subarray(at)]);
      assert(state.is === "done");
      assertEquals(state.header, {
        isLocal: false,
        source: expected as typeof state.header.source,
      });
      assertEquals(state.received, at === bytes.length ? new Uint8Array(0) : behind);
    }
    const bytewise = read(Array.from(all, (byte) => Uint8Array.of(byte)));
    assert(bytewise.is === "done");
    assertEquals(bytewise.header.source, expected as typeof bytewise.header.source);
    assertEquals(bytewise.received, new Uint8Array(0));
  });
}

Deno.test("ProxyHeaderReader ignores the addresses of a LOCAL command, even of an unknown family", () => {
  for (const bytes of [header(0x20, 0), header(0x20, 0x11, IPV4), header(0x20, 0xff, [1, 2])]) {
    const state = read([bytes]);
    assert(state.is === "done");
    assertEquals(state.header, { isLocal: true, source: undefined });
  }
});

Deno.test("ProxyHeaderReader reads a header of 4096 bytes, and bytes behind it, at once", () => {
  const rest = [...IPV4, ...Array(PROXY_HEADER_MAX - 16 - IPV4.length).fill(0)];
  const state = read([Uint8Array.of(...header(0x21, 0x11, rest), 7, 8)]);
  assert(state.is === "done");
  assertEquals(state.received, Uint8Array.of(7, 8));
});

const INVALID: [what: string, bytes: Uint8Array, message: string][] = [
  [
    "a greeting",
    Uint8Array.of(0, 0x10, 0x20),
    `The proxy ${PROXY} sent no PROXY header: ${ADVICE}`,
  ],
  [
    "a signature with a fault at its end",
    Uint8Array.of(...SIGNATURE.slice(0, -1), 11),
    `The proxy ${PROXY} sent no PROXY header: ${ADVICE}`,
  ],
  [
    "a request that begins like version 1",
    new TextEncoder().encode("PROPFIND / HTTP/1.1\r\n\r\n"),
    `The proxy ${PROXY} sent no PROXY header: ${ADVICE}`,
  ],
  [
    "version 1",
    new TextEncoder().encode("PROXY TCP4 203.0.113.7 192.0.2.1 41000 8000\r\n"),
    `The proxy ${PROXY} sent a PROXY header of version 1, and only version 2 is read: ` +
    "set send-proxy-v2 there instead of send-proxy",
  ],
  ["version 3", header(0x31, 0x11, IPV4), `The PROXY header of ${PROXY} has version 3, not 2`],
  [
    "an unknown command",
    header(0x22, 0x11, IPV4),
    `The PROXY header of ${PROXY} has the unknown command 2`,
  ],
  [
    "an unknown family",
    header(0x21, 0x13, IPV4),
    `The PROXY header of ${PROXY} has the unknown family 0x13`,
  ],
  [
    "addresses that are cut",
    header(0x21, 0x21, IPV4),
    `The PROXY header of ${PROXY} has 12 bytes of addresses, not 36`,
  ],
  [
    "a length beyond the maximum",
    header(0x21, 0x11, [], 0xffff),
    `The PROXY header of ${PROXY} is 65551 bytes long; the maximum is 4096`,
  ],
  [
    "a length beyond the maximum of a LOCAL command",
    header(0x20, 0, [], PROXY_HEADER_MAX),
    `The PROXY header of ${PROXY} is 4112 bytes long; the maximum is 4096`,
  ],
];

for (const [what, bytes, message] of INVALID) {
  Deno.test(`ProxyHeaderReader refuses ${what}, with a goodbye, however the bytes are split`, () => {
    const failed = { is: "failed" as const, failure: { message, reason: REASON.PROTOCOL } };
    for (let at = 0; at <= bytes.length; at++) {
      assertEquals(read([bytes.subarray(0, at), bytes.subarray(at)]), failed);
    }
    assertEquals(read(Array.from(bytes, (byte) => Uint8Array.of(byte))), failed);
    const reader = new ProxyHeaderReader(PROXY, NOW_MS);
    reader.receive(bytes, NOW_MS);
    const goodbye = emitGoodbye({ reason: REASON.PROTOCOL, text: message });
    assertEquals(reader.takeOutput(), encodeFrame(FRAME.GOODBYE, goodbye));
    assertEquals(reader.takeOutput(), undefined);
  });
}

Deno.test("ProxyHeaderReader sends no goodbye to an older client", () => {
  const reader = new ProxyHeaderReader(PROXY, NOW_MS, false);
  reader.receive(Uint8Array.of(0, 2), NOW_MS);
  assertEquals(reader.state.is, "failed");
  assertEquals(reader.takeOutput(), undefined);
});

Deno.test("ProxyHeaderReader gives up after 5 s, and says whether anything had arrived", () => {
  const silent = new ProxyHeaderReader(PROXY, NOW_MS);
  assertEquals(silent.dueMs, NOW_MS + TIMEOUT_MS);
  silent.tick(NOW_MS + TIMEOUT_MS - 1);
  assertEquals(silent.state, { is: "waiting" });
  silent.tick(NOW_MS + TIMEOUT_MS);
  const message = `The proxy ${PROXY} sent no PROXY header in time: ${ADVICE}`;
  assertEquals(silent.state, { is: "failed", failure: { message, reason: REASON.TIMEOUT } });
  assertEquals(silent.dueMs, Infinity);
  const slow = new ProxyHeaderReader(PROXY, NOW_MS);
  const bytes = header(0x21, 0x11, IPV4);
  slow.receive(bytes.subarray(0, -1), NOW_MS + TIMEOUT_MS - 1);
  slow.receive(bytes.subarray(-1), NOW_MS + TIMEOUT_MS);
  assertEquals(slow.state, {
    is: "failed",
    failure: {
      message: `The proxy ${PROXY} did not send its PROXY header to the end in time`,
      reason: REASON.TIMEOUT,
    },
  });
});

Deno.test("ProxyHeaderReader.close() fails quietly before the first byte, as after a health check", () => {
  const check = new ProxyHeaderReader(PROXY, NOW_MS);
  check.close("reset");
  assertEquals(check.state, { is: "failed", failure: undefined });
  const cut = new ProxyHeaderReader(PROXY, NOW_MS);
  cut.receive(Uint8Array.of(13), NOW_MS);
  cut.close();
  assertEquals(cut.state, {
    is: "failed",
    failure: {
      message: `The proxy ${PROXY} closed the connection in the middle of its PROXY header`,
    },
  });
  const done = new ProxyHeaderReader(PROXY, NOW_MS);
  done.receive(header(0x20, 0), NOW_MS);
  done.close();
  assertEquals(done.state.is, "done");
});

Deno.test("ProxyHeaderReader never throws for any bytes, and keeps no reference to them", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.tuple(
      fc.integer({ min: 0, max: 255 }),
      fc.integer({ min: 0, max: 255 }),
      fc.uint8Array({ maxLength: 300 }),
    )
      .map(([command, family, rest]) => header(command, family, [...rest])),
  );
  fc.assert(fc.property(fc.array(bytes, { maxLength: 5 }), (parts) => {
    read(parts);
  }));
  const reader = new ProxyHeaderReader(PROXY, NOW_MS);
  const given = Uint8Array.of(...header(0x21, 0x11, IPV4), 9);
  reader.receive(given, NOW_MS);
  given.fill(0);
  assert(reader.state.is === "done");
  assertEquals(reader.state.received, Uint8Array.of(9));
  assertEquals(reader.state.header.source?.hostname, "203.0.113.7");
});
