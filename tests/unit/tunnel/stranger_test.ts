// Other programs that answer, or connect, instead of a pppoe-proxy.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  ClientHandshake,
  type HandshakeMachine,
  PROTOCOL_VERSION,
  ServerHandshake,
} from "../../../src/tunnel/handshake_machine.ts";
import { describeNotLegacy, recognize } from "../../../src/tunnel/stranger.ts";
import { emitHello, encodeFrame, FRAME, type Hello, REASON } from "../../../src/wire/mod.ts";
import { isPrintable } from "../../../src/wire/text.ts";

const HELLO: Hello = { version: PROTOCOL_VERSION, features: 0, name: "osaka", software: "test/1" };
const NOW_MS = 1000;
const CHECK = "check the address and port in --connect";

/** Returns the bytes of a text, of which each character is one byte. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function frame(type: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  return encodeFrame(type, payload);
}

const HELLO_FRAME = frame(FRAME.HELLO, emitHello(HELLO));
const V2_SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";

/** What a client says about programs that answer it. */
const ANSWERS: [what: string, bytes: Uint8Array, message: string][] = [
  [
    "an SSH server",
    bytesOf("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n\x00\x00\x04\x44"),
    `An SSH server answers instead of pppoe-proxy ("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3"): ${CHECK}`,
  ],
  [
    "an HTTP server, which may be the status of a pppoe-proxy",
    bytesOf("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"),
    `An HTTP server answers instead of pppoe-proxy ("HTTP/1.1 400 Bad Request"): ${CHECK}, ` +
    "which are those of the server's --listen, not of its --status",
  ],
  [
    "an HTTP server that answers an old request with a page only",
    bytesOf('<!DOCTYPE HTML>\n<html lang="en">\n'),
    `An HTTP server answers instead of pppoe-proxy ("<!DOCTYPE HTML>"): ${CHECK}, ` +
    "which are those of the server's --listen, not of its --status",
  ],
  [
    "a TLS server, by its alert",
    Uint8Array.of(0x15, 3, 1, 0, 2, 2, 0x46),
    "A TLS server answers instead of pppoe-proxy: if it is a pppoe-proxy server with keys, give this " +
    `client its --key-file; otherwise ${CHECK}`,
  ],
  [
    "an SMTP server",
    bytesOf("220 mail.example ESMTP Postfix\r\n"),
    `An SMTP server answers instead of pppoe-proxy ("220 mail.example ESMTP Postfix"): ${CHECK}`,
  ],
  [
    "an FTP server",
    bytesOf("220 (vsFTPd 3.0.3)\r\n"),
    `An FTP server answers instead of pppoe-proxy ("220 (vsFTPd 3.0.3)"): ${CHECK}`,
  ],
  [
    "a POP3 server",
    bytesOf("+OK ready\r\n"),
    `A POP3 server answers instead of pppoe-proxy ("+OK ready"): ${CHECK}`,
  ],
  [
    "an IMAP server",
    bytesOf("* OK ready\r\n"),
    `An IMAP server answers instead of pppoe-proxy ("* OK ready"): ${CHECK}`,
  ],
  [
    "a VNC server",
    bytesOf("RFB 003.008\n"),
    `A VNC server answers instead of pppoe-proxy ("RFB 003.008"): ${CHECK}`,
  ],
  [
    "a Telnet server",
    Uint8Array.of(0xff, 0xfd, 0x18, 0xff, 0xfd, 0x20),
    `A Telnet server answers instead of pppoe-proxy: ${CHECK}`,
  ],
  [
    "a text that would move the cursor, or is not UTF-8",
    bytesOf("hi \x1b[31m\xff\n"),
    `Another program answers instead of pppoe-proxy ("hi \\x1b[31m\\xff"): ${CHECK}`,
  ],
  [
    "a long line, of which it quotes the start",
    bytesOf("x".repeat(500)),
    `Another program answers instead of pppoe-proxy ("${"x".repeat(48)}"...): ${CHECK}`,
  ],
  [
    "bytes that are no text",
    Uint8Array.of(0x4a, 0, 0, 0, 0x0a, 0x38, 0x2e, 0x30, 0x2e),
    `Another program answers instead of pppoe-proxy ("J\\x00\\x00\\x00\\x0a8.0"): ${CHECK}`,
  ],
  [
    "its own greeting",
    HELLO_FRAME,
    `The server sends back what it receives, like an echo service: ${CHECK}`,
  ],
  [
    "a server with --legacy, by its ping",
    frame(FRAME.PING),
    "The server does not greet, because it runs with --legacy: remove it there, or give it to this " +
    "client as well",
  ],
  [
    "the original server, by its pong",
    frame(FRAME.PONG),
    "The server is the original Go pppoeproxy, or runs with --legacy: give this client --legacy as well",
  ],
  [
    "the original server, by a session frame",
    frame(FRAME.SESSION, new Uint8Array(60)),
    "The server is the original Go pppoeproxy, or runs with --legacy: give this client --legacy as well",
  ],
];

const NO_GREETING = "The client does not greet. If it is the original Go pppoeproxy, give the " +
  "server --legacy; otherwise remove --legacy at the client";
const PROXY_V1 =
  "The connection begins with a PROXY header of version 1. If it comes from a proxy " +
  "of yours, set send-proxy-v2 there, and give the server --proxy-protocol with its address";
const PROXY_V2 =
  "The connection begins with a PROXY header. If it comes from a proxy of yours, give " +
  "the server --proxy-protocol with its address";

/** What a server says about programs that connect to it. */
const CONNECTIONS: [what: string, bytes: Uint8Array, message: string][] = [
  [
    "an HTTP client",
    bytesOf("GET /api/status HTTP/1.1\r\nHost: 192.0.2.1:8000\r\n\r\n"),
    'An HTTP client connects instead of pppoe-proxy ("GET /api/status HTTP/1.1"): the status is on ' +
    "the port of --status, not of --listen",
  ],
  [
    "an HTTP client with a long address",
    bytesOf(`GET /${"x".repeat(2000)} HTTP/1.1\r\n\r\n`),
    `An HTTP client connects instead of pppoe-proxy ("GET /${"x".repeat(43)}"...): ` +
    "the status is on the port of --status, not of --listen",
  ],
  [
    "an HTTP/2 client",
    bytesOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    'An HTTP client connects instead of pppoe-proxy ("PRI * HTTP/2.0"): the status is on the port ' +
    "of --status, not of --listen",
  ],
  [
    "a TLS client",
    Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3),
    "A TLS client connects instead of pppoe-proxy: if it is a pppoe-proxy client with --key-file, " +
    "give this server its keys; otherwise this port is not for it",
  ],
  [
    "an SSH client",
    bytesOf("SSH-2.0-Go\r\n"),
    'An SSH client connects instead of pppoe-proxy ("SSH-2.0-Go"): this port is for pppoe-proxy clients',
  ],
  ["a PROXY header of version 1", bytesOf("PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n"), PROXY_V1],
  ["a PROXY header of version 2", bytesOf(`${V2_SIGNATURE}\x21\x11\0\x0c`), PROXY_V2],
  [
    "bytes that begin like such a header",
    bytesOf("\r\n\r\n\0\r\nQUIET"),
    'Another program connects instead of pppoe-proxy ("\\x0d\\x0a\\x0d\\x0a\\x00\\x0d\\x0aQ"): ' +
    "this port is for pppoe-proxy clients",
  ],
  [
    "bytes that are no text",
    Uint8Array.of(3, 0, 0, 0x2c, 0x27, 0xe0, 0, 0),
    `Another program connects instead of pppoe-proxy ("\\x03\\x00\\x00,'\\xe0\\x00\\x00"): ` +
    "this port is for pppoe-proxy clients",
  ],
  ["the original client, by its ping", frame(FRAME.PING), NO_GREETING],
  [
    "the original client, by a discovery frame",
    frame(FRAME.DISCOVERY, new Uint8Array(60)),
    NO_GREETING,
  ],
  [
    "a pppoe-proxy that greets like a server",
    frame(FRAME.WELCOME, emitHello(HELLO)),
    "The client greets like a server: a client has to run there",
  ],
];

const SIDES = {
  ClientHandshake: { cases: ANSWERS, make: () => new ClientHandshake(HELLO, NOW_MS) },
  ServerHandshake: { cases: CONNECTIONS, make: () => new ServerHandshake(HELLO, NOW_MS) },
};

/** Gives bytes to a machine in parts, until it has failed. */
function give(machine: HandshakeMachine, parts: Iterable<Uint8Array>): void {
  for (const part of parts) {
    if (machine.state.is === "waiting") machine.receive(part, NOW_MS);
  }
}

for (const [name, { cases, make }] of Object.entries(SIDES)) {
  for (const [what, bytes, message] of cases) {
    Deno.test(`${name} recognizes ${what}, however the bytes are split`, () => {
      const failed = { is: "failed" as const, failure: { message, reason: REASON.PROTOCOL } };
      const splits = [
        [bytes],
        Array.from(bytes, (byte) => Uint8Array.of(byte)),
        ...Array.from(
          { length: Math.min(bytes.length, 200) },
          (_, at) => [bytes.subarray(0, at), bytes.subarray(at)],
        ),
      ];
      for (const parts of splits) {
        const machine = make();
        give(machine, parts);
        assertEquals(machine.state, failed);
      }
    });
  }
}

Deno.test("HandshakeMachine names a program that ends, or falls silent, in the middle of a line", () => {
  const message = 'Another program connects instead of pppoe-proxy ("GE"): ' +
    "this port is for pppoe-proxy clients";
  const failed = { is: "failed" as const, failure: { message, reason: REASON.PROTOCOL } };
  const closing = new ServerHandshake(HELLO, NOW_MS);
  closing.receive(bytesOf("GE"), NOW_MS);
  assertEquals(closing.state, { is: "waiting" });
  closing.close();
  assertEquals(closing.state, failed);
  const silent = new ServerHandshake(HELLO, NOW_MS);
  silent.receive(bytesOf("GE"), NOW_MS);
  silent.tick(silent.dueMs);
  assertEquals(silent.state, failed);
});

Deno.test("recognize() quotes at most a line of bounded length, whatever the bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 1500 }), (bytes) => {
    const stranger = recognize(bytes, true);
    assertEquals(stranger === undefined, bytes.length === 0);
    if (stranger === undefined) return;
    assert(isPrintable(stranger.said), stranger.said);
    assert(stranger.said.length <= 48 * 4 + 5, stranger.said);
  }));
});

Deno.test("recognize() decides after 128 bytes at the latest", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 128, maxLength: 128 }), (bytes) => {
    assert(recognize(bytes, false) !== undefined);
  }));
  assert(recognize(bytesOf("x".repeat(127)), false) === undefined);
});

Deno.test("describeNotLegacy() has nothing against an older peer, and names each other program", () => {
  const describe = (bytes: Uint8Array) => describeNotLegacy(recognize(bytes, true)!);
  assertEquals(describe(frame(FRAME.PING)), undefined);
  assertEquals(describe(frame(FRAME.DISCOVERY, new Uint8Array(60))), undefined);
  assertEquals(
    describe(HELLO_FRAME),
    "the client greets, so it is not the original Go pppoeproxy: remove --legacy at the server",
  );
  assertEquals(
    describe(frame(FRAME.GOODBYE, new Uint8Array(2))),
    "the server is not the original Go pppoeproxy: remove --legacy at the client",
  );
  assertEquals(
    describe(bytesOf("SSH-2.0-Go\r\n")),
    'the peer is an SSH server or client, not pppoe-proxy ("SSH-2.0-Go"): check the address and port in --connect',
  );
  assertEquals(
    describe(bytesOf("hello\n")),
    'the peer is another program, not pppoe-proxy ("hello"): check the address and port in --connect',
  );
  assertEquals(
    describe(bytesOf("PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n")),
    "the connection begins with a PROXY header: give the server --proxy-protocol with the proxy's address",
  );
});
