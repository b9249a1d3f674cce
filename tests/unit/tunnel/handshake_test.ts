// The first frames of a connection, over real TCP.

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  greetClient,
  greetServer,
  type Handshake,
  HandshakeError,
  PROTOCOL_VERSION,
} from "../../../src/tunnel/handshake.ts";
import {
  describeGoodbye,
  emitGoodbye,
  emitHello,
  encodeFrame,
  FRAME,
  type Hello,
  REASON,
} from "../../../src/wire/mod.ts";
import { TcpPair } from "../../support/tcp_pair.ts";

const HELLO: Hello = { version: PROTOCOL_VERSION, features: 0, name: "osaka", software: "test/1" };
const WELCOME: Hello = { ...HELLO, name: "tokyo" };
const SHORT_MS = 50;

async function writeAll(conn: Deno.Conn, ...parts: Uint8Array[]): Promise<void> {
  for (const part of parts) {
    for (let at = 0; at < part.length;) at += await conn.write(part.subarray(at));
  }
}

/** Reads a number of bytes. */
async function read(conn: Deno.Conn, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await conn.read(bytes.subarray(at));
    assert(count !== null, `the connection ended after ${at} of ${length} bytes`);
    at += count;
  }
  return bytes;
}

async function assertReads(conn: Deno.Conn, expected: Uint8Array): Promise<void> {
  assertEquals(await read(conn, expected.length), expected);
}

async function assertFails(
  handshake: Promise<Handshake>,
  message: string,
  reason: number | undefined,
): Promise<void> {
  const error = await assertRejects(() => handshake, HandshakeError);
  assertEquals([error.message, error.reason], [message, reason]);
}

Deno.test("greetServer() and greetClient() return each other's greetings", async () => {
  await using pair = await TcpPair.make();
  const [atClient, atServer] = await Promise.all([
    greetServer(pair.client, HELLO),
    greetClient(pair.server, WELCOME),
  ]);
  assertEquals(atClient, { peer: WELCOME, received: new Uint8Array(0) });
  assertEquals(atServer, { peer: HELLO, received: new Uint8Array(0) });
});

Deno.test("greetServer() and greetClient() send the documented bytes", async () => {
  await using pair = await TcpPair.make();
  const greeted = greetClient(pair.server, WELCOME);
  const hello = encodeFrame(FRAME.HELLO, emitHello(HELLO));
  assertEquals([...hello.subarray(0, 9)], [0, 0x10, hello.length - 3, ...bytesOf("PPxy"), 0, 1]);
  await writeAll(pair.client, hello);
  await assertReads(pair.client, encodeFrame(FRAME.WELCOME, emitHello(WELCOME)));
  assertEquals((await greeted).peer, HELLO);
});

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

Deno.test("greetClient() welcomes a client of a later version", async () => {
  await using pair = await TcpPair.make();
  const [atClient, atServer] = await Promise.all([
    greetServer(pair.client, { ...HELLO, version: 7 }),
    greetClient(pair.server, WELCOME),
  ]);
  assertEquals([atClient.peer.version, atServer.peer.version], [PROTOCOL_VERSION, 7]);
});

Deno.test("greetClient() refuses a version that is too low, with a goodbye", async () => {
  await using pair = await TcpPair.make();
  const text = "The client speaks version 0 of the protocol, this side version 1";
  await Promise.all([
    assertFails(greetClient(pair.server, WELCOME), text, REASON.VERSION),
    assertFails(
      greetServer(pair.client, { ...HELLO, version: 0 }),
      `Refused: goodbye (version): "${text}"`,
      REASON.VERSION,
    ),
  ]);
});

Deno.test("greetServer() refuses a version that is too low", async () => {
  await using pair = await TcpPair.make();
  await Promise.all([
    greetClient(pair.server, { ...WELCOME, version: 0 }),
    assertFails(
      greetServer(pair.client, HELLO),
      "The server speaks version 0 of the protocol, this side version 1",
      REASON.VERSION,
    ),
  ]);
});

/** The payload of a greeting with a name that emitHello() would refuse. */
function named(name: string): Uint8Array {
  const value = bytesOf(name);
  return Uint8Array.of(...bytesOf("PPxy"), 0, 1, 0, 0, 0, 2, 0, value.length, ...value);
}

const NO_GREETING = "The client does not greet. If it is the original Go pppoeproxy, give the " +
  "server --legacy; otherwise remove --legacy at the client";

const GARBAGE: [what: string, bytes: Uint8Array, message: string][] = [
  [
    "a length that does not end",
    Uint8Array.of(0, FRAME.HELLO, 0xff, 0xff, 0xff, 0xff),
    "The greeting is too long",
  ],
  [
    "a length over that of any greeting",
    Uint8Array.of(0, FRAME.HELLO, 0xff, 0x7f),
    "The greeting is too long",
  ],
  [
    "a frame of an older client",
    encodeFrame(FRAME.DISCOVERY, new Uint8Array(60)),
    NO_GREETING,
  ],
  [
    "a ping",
    encodeFrame(FRAME.PING, new Uint8Array(0)),
    NO_GREETING,
  ],
  [
    "a request of another protocol",
    bytesOf(`GET / HTTP/1.1\r\nHost: vpn.example\r\nUser-Agent: ${"x".repeat(80)}\r\n\r\n`),
    'An HTTP client connects instead of pppoe-proxy ("GET / HTTP/1.1"): the status is on the port ' +
    "of --status, not of --listen",
  ],
  [
    "a hello without the magic number",
    encodeFrame(FRAME.HELLO, bytesOf("no magic here")),
    "Cannot read the client's greeting: The magic number is missing",
  ],
  [
    "an empty hello",
    encodeFrame(FRAME.HELLO, new Uint8Array(0)),
    "Cannot read the client's greeting: The payload is 0 bytes long; the minimum is 8",
  ],
  [
    "a hello without a name",
    encodeFrame(FRAME.HELLO, named("")),
    "Cannot read the client's greeting: The name is missing",
  ],
  [
    "a hello whose name does not print",
    encodeFrame(FRAME.HELLO, named("\x01x")),
    "Cannot read the client's greeting: " +
    "The name is not printable text of at most 64 bytes",
  ],
];

for (const [what, bytes, message] of GARBAGE) {
  Deno.test(`greetClient() refuses ${what}, with a goodbye`, async () => {
    await using pair = await TcpPair.make();
    await writeAll(pair.client, bytes);
    await assertFails(greetClient(pair.server, WELCOME), message, REASON.PROTOCOL);
    const goodbye = emitGoodbye({ reason: REASON.PROTOCOL, text: message });
    await assertReads(pair.client, encodeFrame(FRAME.GOODBYE, goodbye));
  });
}

Deno.test("greetServer() names the server and the fix if the server's name is empty", async () => {
  await using pair = await TcpPair.make();
  await writeAll(pair.server, encodeFrame(FRAME.WELCOME, named("")));
  await assertFails(
    greetServer(pair.client, HELLO),
    "Cannot read the server's greeting: The name is missing",
    REASON.PROTOCOL,
  );
});

Deno.test("greetServer() refuses an answer that is not a greeting", async () => {
  await using pair = await TcpPair.make();
  await writeAll(pair.server, encodeFrame(FRAME.SESSION, new Uint8Array(60)));
  await assertFails(
    greetServer(pair.client, HELLO),
    "The server is the original Go pppoeproxy, or runs with --legacy: give this client --legacy as well",
    REASON.PROTOCOL,
  );
});

Deno.test("greetClient() gives up, with a goodbye, if nothing arrives in time", async () => {
  await using pair = await TcpPair.make();
  const text =
    "No greeting in time. Health checks and port scanners say nothing, and so does the " +
    "original Go pppoeproxy, for which the server needs --legacy";
  await assertFails(greetClient(pair.server, WELCOME, undefined, SHORT_MS), text, REASON.TIMEOUT);
  const goodbye = emitGoodbye({ reason: REASON.TIMEOUT, text });
  await assertReads(pair.client, encodeFrame(FRAME.GOODBYE, goodbye));
});

Deno.test("greetClient() gives up if a greeting is incomplete at the deadline", async () => {
  await using pair = await TcpPair.make();
  await writeAll(pair.client, encodeFrame(FRAME.HELLO, emitHello(HELLO)).subarray(0, -1));
  await assertFails(
    greetClient(pair.server, WELCOME, undefined, SHORT_MS),
    "No greeting in time: it began, and did not end",
    REASON.TIMEOUT,
  );
});

Deno.test("greetServer() gives up if no answer arrives in time", async () => {
  await using pair = await TcpPair.make();
  await assertFails(
    greetServer(pair.client, HELLO, SHORT_MS),
    "No greeting in time: the server accepts the connection and says nothing. If it is the " +
      "original Go pppoeproxy, give this client --legacy; otherwise check the address and port in " +
      "--connect",
    REASON.TIMEOUT,
  );
});

Deno.test("greetServer() and greetClient() fail when the peer closes", async () => {
  await using pair = await TcpPair.make();
  pair.server.closeWrite();
  await assertFails(
    greetServer(pair.client, HELLO),
    "The server closed the connection without a greeting: is this machine on its --allow list? " +
      "A server with keys does so too, to a client without --key-file, and a proxy that cannot reach " +
      "the server",
    undefined,
  );
  pair.client.closeWrite();
  await read(pair.server, encodeFrame(FRAME.HELLO, emitHello(HELLO)).length);
  await assertFails(
    greetClient(pair.server, WELCOME),
    "The client closed the connection without a greeting, as health checks and port scanners do",
    undefined,
  );
});

Deno.test("greetServer() gives the same hint when the server resets the connection", async () => {
  const conn: Pick<Deno.Conn, "read" | "write"> = {
    write: () => Promise.reject(new Deno.errors.BrokenPipe()),
    read: () => Promise.reject(new Deno.errors.ConnectionReset()),
  };
  await assertFails(
    greetServer(conn as Deno.Conn, HELLO),
    "The server reset the connection without a greeting: is this machine on its --allow list? " +
      "A server with keys does so too, to a client without --key-file, and a proxy that cannot reach " +
      "the server",
    undefined,
  );
});

Deno.test("greetServer() recognizes an older server, which answers a question, and an HTTP server", async () => {
  const answers: [question: string, answer: Uint8Array, message: RegExp][] = [
    ["\0\0\0", encodeFrame(FRAME.PONG, new Uint8Array(0)), /^The server is the original Go/],
    ["\r\n\r\n", bytesOf("HTTP/1.1 400 Bad Request\r\n\r\n"), /^An HTTP server answers/],
  ];
  for (const [question, answer, message] of answers) {
    await using pair = await TcpPair.make();
    const greeted = greetServer(pair.client, HELLO, 50 * SHORT_MS);
    await read(pair.server, encodeFrame(FRAME.HELLO, emitHello(HELLO)).length);
    const asked = await read(pair.server, 10);
    assert(String.fromCharCode(...asked).includes(question));
    await writeAll(pair.server, answer);
    const { message: got } = await assertRejects(() => greeted, HandshakeError);
    assertMatch(got, message);
  }
});

Deno.test("greetServer() reports the reason of a server that refuses without reading", async () => {
  for (let i = 0; i < 20; i++) {
    await using pair = await TcpPair.make();
    const goodbye = encodeFrame(
      FRAME.GOODBYE,
      emitGoodbye({ reason: REASON.FULL, text: "no room" }),
    );
    const refused = writeAll(pair.server, goodbye).then(() => pair.server.close());
    await assertFails(
      greetServer(pair.client, HELLO),
      'Refused: goodbye (full): "no room"',
      REASON.FULL,
    );
    await refused;
  }
});

Deno.test("greetServer() reports a goodbye that it cannot read", async () => {
  await using pair = await TcpPair.make();
  await writeAll(pair.server, encodeFrame(FRAME.GOODBYE, new Uint8Array(1)));
  await assertFails(
    greetServer(pair.client, HELLO),
    "Refused: an unreadable goodbye",
    undefined,
  );
});

Deno.test("greetClient() and greetServer() keep bytes after the greeting", async () => {
  const behind = encodeFrame(FRAME.SESSION, new Uint8Array(1500).map((_, i) => i));
  const joined = (type: number, hello: Hello) =>
    Uint8Array.of(...encodeFrame(type, emitHello(hello)), ...behind);
  {
    await using pair = await TcpPair.make();
    await writeAll(pair.client, joined(FRAME.HELLO, HELLO));
    const { peer, received } = await greetClient(pair.server, WELCOME);
    assertEquals(peer, HELLO);
    assert(received.length > 0);
    const rest = await read(pair.server, behind.length - received.length);
    assertEquals(Uint8Array.of(...received, ...rest), behind);
  }
  {
    await using pair = await TcpPair.make();
    await writeAll(pair.server, joined(FRAME.WELCOME, WELCOME));
    const { peer, received } = await greetServer(pair.client, HELLO);
    assertEquals(peer, WELCOME);
    assert(received.length > 0);
    const rest = await read(pair.client, behind.length - received.length);
    assertEquals(Uint8Array.of(...received, ...rest), behind);
  }
});

Deno.test("greetClient() reads a greeting that arrives byte by byte", async () => {
  await using pair = await TcpPair.make();
  const greeted = greetClient(pair.server, WELCOME);
  for (const byte of encodeFrame(FRAME.HELLO, emitHello(HELLO))) {
    await writeAll(pair.client, Uint8Array.of(byte));
    // Lets the other side read the byte.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assertEquals(await greeted, { peer: HELLO, received: new Uint8Array(0) });
});

Deno.test("greetClient() reads a greeting of 1000 bytes with mostly unknown content", async () => {
  await using pair = await TcpPair.make();
  const known = emitHello(HELLO);
  const payload = new Uint8Array(1000);
  payload.set(known);
  const view = new DataView(payload.buffer);
  view.setUint16(known.length, 0x7777);
  view.setUint16(known.length + 2, payload.length - known.length - 4);
  await writeAll(pair.client, encodeFrame(FRAME.HELLO, payload));
  assertEquals((await greetClient(pair.server, WELCOME)).peer, HELLO);
});

Deno.test("greetClient() reports its refusal of a client that is gone", async () => {
  await using pair = await TcpPair.make();
  await writeAll(pair.client, encodeFrame(FRAME.HELLO, emitHello(HELLO)));
  const refuse = () => {
    // From now on every write to the connection fails.
    pair.server.close();
    return { reason: REASON.FULL, text: "no room" };
  };
  await assertFails(greetClient(pair.server, WELCOME, refuse), "no room", REASON.FULL);
});

Deno.test("describeGoodbye() describes each reason and text", () => {
  assertEquals(describeGoodbye({ reason: REASON.SHUTDOWN, text: "" }), "goodbye (shutdown)");
  assertEquals(
    describeGoodbye({ reason: REASON.NOT_ALLOWED, text: "who are you?" }),
    'goodbye (not allowed): "who are you?"',
  );
  // The text of a peer cannot look like a field of the log.
  assertEquals(
    describeGoodbye({ reason: REASON.PROTOCOL, text: 'x" server=192.0.2.1 \\' }),
    'goodbye (protocol): "x\\" server=192.0.2.1 \\\\"',
  );
  assertEquals(describeGoodbye({ reason: 99, text: "" }), "goodbye (0x0063)");
  assertEquals(describeGoodbye(undefined), "an unreadable goodbye");
});
