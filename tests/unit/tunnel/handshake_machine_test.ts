// The handshake's machine, without a connection or a clock.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  ClientHandshake,
  HANDSHAKE_TIMEOUT_MS,
  type HandshakeFailure,
  type HandshakeMachine,
  PROTOCOL_VERSION,
  ServerHandshake,
} from "../../../src/tunnel/handshake_machine.ts";
import {
  emitGoodbye,
  emitHello,
  encodeFrame,
  FRAME,
  type Hello,
  REASON,
} from "../../../src/wire/mod.ts";

const HELLO: Hello = { version: PROTOCOL_VERSION, features: 0, name: "osaka", software: "test/1" };
const WELCOME: Hello = { ...HELLO, name: "tokyo" };
const HELLO_FRAME = encodeFrame(FRAME.HELLO, emitHello(HELLO));
const WELCOME_FRAME = encodeFrame(FRAME.WELCOME, emitHello(WELCOME));
const BEHIND = encodeFrame(FRAME.SESSION, Uint8Array.from({ length: 3000 }, (_, i) => i));
const NOW_MS = 1000;

/** Makes a client that has sent its hello. */
function aClient(hello = HELLO): ClientHandshake {
  const client = new ClientHandshake(hello, NOW_MS);
  client.takeOutput();
  return client;
}

function aServer(refuse?: ConstructorParameters<typeof ServerHandshake>[2]): ServerHandshake {
  return new ServerHandshake(WELCOME, NOW_MS, refuse);
}

function goodbye(reason: number, text: string): Uint8Array {
  return encodeFrame(FRAME.GOODBYE, emitGoodbye({ reason, text }));
}

function assertDone(machine: HandshakeMachine, peer: Hello, received = new Uint8Array(0)): void {
  assertEquals(machine.state, { is: "done", handshake: { peer, received } });
  assertEquals(machine.dueMs, Infinity);
}

function assertFailed(machine: HandshakeMachine, failure: HandshakeFailure): void {
  assertEquals(machine.state, { is: "failed", failure });
  assertEquals(machine.dueMs, Infinity);
}

Deno.test("ClientHandshake sends its hello first, once, and waits for 5 s", () => {
  const client = new ClientHandshake(HELLO, NOW_MS);
  assertEquals(client.takeOutput(), HELLO_FRAME);
  assertEquals(client.takeOutput(), undefined);
  assertEquals(client.state, { is: "waiting" });
  client.tick(NOW_MS + HANDSHAKE_TIMEOUT_MS - 1);
  assertEquals(client.state, { is: "waiting" });
  assertEquals(client.dueMs, NOW_MS + HANDSHAKE_TIMEOUT_MS);
});

Deno.test("ClientHandshake asks a silent server, once, after 2 s, with a ping and an empty line", () => {
  const client = aClient();
  assertEquals(client.dueMs, NOW_MS + 2000);
  client.tick(NOW_MS + 1999);
  assertEquals(client.takeOutput(), undefined);
  client.tick(NOW_MS + 2000);
  const question = Uint8Array.of(
    ...encodeFrame(FRAME.PING, new Uint8Array(0)),
    13,
    10,
    4,
    13,
    10,
    13,
    10,
  );
  assertEquals(client.takeOutput(), question);
  assertEquals(client.dueMs, NOW_MS + HANDSHAKE_TIMEOUT_MS);
  client.tick(NOW_MS + 2001);
  assertEquals(client.takeOutput(), undefined);
  // A server that was only slow is welcome.
  client.receive(WELCOME_FRAME, NOW_MS + 3000);
  assertDone(client, WELCOME);
});

Deno.test("ClientHandshake asks nothing while a greeting arrives", () => {
  const client = aClient();
  client.receive(WELCOME_FRAME.subarray(0, 1), NOW_MS);
  assertEquals(client.dueMs, NOW_MS + HANDSHAKE_TIMEOUT_MS);
  client.tick(NOW_MS + 2000);
  assertEquals(client.takeOutput(), undefined);
});

Deno.test("ServerHandshake has nothing to send before a hello, and welcomes it", () => {
  const server = aServer();
  assertEquals(server.takeOutput(), undefined);
  server.receive(HELLO_FRAME, NOW_MS);
  assertEquals(server.takeOutput(), WELCOME_FRAME);
  assertDone(server, HELLO);
});

Deno.test("ClientHandshake and ServerHandshake accept a greeting that arrives byte by byte", () => {
  const sides: [HandshakeMachine, Uint8Array, Hello][] = [
    [aClient(), WELCOME_FRAME, WELCOME],
    [aServer(), HELLO_FRAME, HELLO],
  ];
  for (const [machine, frame, peer] of sides) {
    for (let at = 0; at < frame.length; at++) {
      assertEquals(machine.state, { is: "waiting" });
      machine.receive(frame.subarray(at, at + 1), NOW_MS);
    }
    assertDone(machine, peer);
  }
});

Deno.test("HandshakeMachine gets the same result however the bytes are split, and loses none", () => {
  const bytes = Uint8Array.of(...WELCOME_FRAME, ...BEHIND);
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 2000 })), (lengths) => {
    const client = aClient();
    let at = 0;
    for (const length of [...lengths, bytes.length]) {
      if (client.state.is !== "waiting") break;
      client.receive(bytes.subarray(at, at + length), NOW_MS);
      at = Math.min(at + length, bytes.length);
    }
    assertDone(client, WELCOME, bytes.slice(WELCOME_FRAME.length, at));
  }));
});

Deno.test("HandshakeMachine never throws for any bytes, and has ended after 1024 of them", () => {
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 1500 }),
    fc.constantFrom(HELLO_FRAME, WELCOME_FRAME, BEHIND, Uint8Array.of(0, FRAME.HELLO)),
  );
  fc.assert(fc.property(fc.array(part), fc.boolean(), (parts, isClient) => {
    const machine = isClient ? aClient() : aServer();
    let length = 0;
    for (const part of parts) {
      machine.receive(part, NOW_MS);
      length += part.length;
    }
    assert(length < 1024 || machine.state.is !== "waiting");
  }));
});

Deno.test("HandshakeMachine keeps no reference to the bytes that it was given", () => {
  const client = aClient();
  const bytes = Uint8Array.of(...WELCOME_FRAME, 1, 2, 3);
  client.receive(bytes, NOW_MS);
  bytes.fill(0xff);
  assertDone(client, WELCOME, Uint8Array.of(1, 2, 3));
});

Deno.test("HandshakeMachine accepts a greeting just before the deadline, and none at it", () => {
  const late = NOW_MS + HANDSHAKE_TIMEOUT_MS;
  const inTime = aServer();
  inTime.receive(HELLO_FRAME, late - 1);
  assertDone(inTime, HELLO);
  const server = aServer();
  server.receive(HELLO_FRAME.subarray(0, -1), late - 1);
  server.tick(late - 1);
  assertEquals(server.state, { is: "waiting" });
  server.receive(HELLO_FRAME.subarray(-1), late);
  const message = "No greeting in time: it began, and did not end";
  assertFailed(server, { message, reason: REASON.TIMEOUT });
  assertEquals(server.takeOutput(), goodbye(REASON.TIMEOUT, message));
});

Deno.test("HandshakeMachine.tick() gives up at the deadline, at a client without a goodbye", () => {
  const client = aClient();
  client.tick(NOW_MS + HANDSHAKE_TIMEOUT_MS);
  const message = "No greeting in time: the server accepts the connection and says nothing. " +
    "If it is the original Go pppoeproxy, give this client --legacy; otherwise check the address " +
    "and port in --connect";
  assertFailed(client, { message, reason: REASON.TIMEOUT });
  assertEquals(client.takeOutput(), undefined);
});

Deno.test("HandshakeMachine.close() says what may be the reason if the peer has sent nothing", () => {
  for (const how of ["closed", "reset"] as const) {
    const client = aClient();
    client.close(how);
    assertFailed(client, {
      message: `The server ${how} the connection without a greeting: is this machine on its ` +
        "--allow list? A server with keys does so too, to a client without --key-file, and a proxy " +
        "that cannot reach the server",
    });
    const server = aServer();
    server.close(how);
    assertFailed(server, {
      message: `The client ${how} the connection without a greeting, as health checks and port ` +
        "scanners do",
    });
  }
});

Deno.test("HandshakeMachine.close() fails a pending handshake, and changes no finished one", () => {
  for (const machine of [aClient(), aServer()]) {
    machine.receive(HELLO_FRAME.subarray(0, 1), NOW_MS);
    machine.close();
    assertFailed(machine, {
      message: "The peer closed the connection in the middle of its greeting",
    });
    assertEquals(machine.takeOutput(), undefined);
  }
  const server = aServer();
  server.receive(HELLO_FRAME, NOW_MS);
  server.close();
  server.tick(Infinity);
  server.receive(Uint8Array.of(0xff, 0xff), NOW_MS);
  assertDone(server, HELLO);
});

Deno.test("HandshakeMachine recognizes a wrong first frame by two bytes", () => {
  const client = aClient();
  client.receive(Uint8Array.of(0), NOW_MS);
  assertEquals(client.state, { is: "waiting" });
  client.receive(Uint8Array.of(FRAME.HELLO), NOW_MS);
  assertFailed(client, {
    message:
      "The server sends back what it receives, like an echo service: check the address and " +
      "port in --connect",
    reason: REASON.PROTOCOL,
  });
  const server = aServer();
  const message =
    "The client does not greet. If it is the original Go pppoeproxy, give the server " +
    "--legacy; otherwise remove --legacy at the client";
  server.receive(Uint8Array.of(0, FRAME.PING), NOW_MS);
  assertFailed(server, { message, reason: REASON.PROTOCOL });
  assertEquals(server.takeOutput(), goodbye(REASON.PROTOCOL, message));
});

Deno.test("HandshakeMachine accepts a greeting of 1024 bytes, and none of 1025", () => {
  for (const [length, fits] of [[1024 - 4, true], [1025 - 4, false]] as const) {
    const payload = new Uint8Array(length);
    const known = emitHello(HELLO);
    payload.set(known);
    const view = new DataView(payload.buffer);
    view.setUint16(known.length, 0x7777);
    view.setUint16(known.length + 2, length - known.length - 4);
    const server = aServer();
    server.receive(encodeFrame(FRAME.HELLO, payload), NOW_MS);
    if (fits) assertDone(server, HELLO);
    else assertFailed(server, { message: "The greeting is too long", reason: REASON.PROTOCOL });
  }
});

Deno.test("ClientHandshake fails with the reason of a server's goodbye", () => {
  const client = aClient();
  client.receive(goodbye(REASON.FULL, "no room"), NOW_MS);
  assertFailed(client, { message: 'Refused: goodbye (full): "no room"', reason: REASON.FULL });
});

Deno.test("ClientHandshake refuses a version that was not offered", () => {
  const client = aClient();
  client.receive(encodeFrame(FRAME.WELCOME, emitHello({ ...WELCOME, version: 2 })), NOW_MS);
  assertFailed(client, {
    message: "The server chose version 2 of the protocol, but 1 was the highest offered",
    reason: REASON.VERSION,
  });
});

Deno.test("ServerHandshake tells a client why it is refused", () => {
  const server = aServer(({ name }) => ({ reason: REASON.FULL, text: `no room for ${name}` }));
  server.receive(HELLO_FRAME, NOW_MS);
  assertFailed(server, { message: "no room for osaka", reason: REASON.FULL });
  assertEquals(server.takeOutput(), goodbye(REASON.FULL, "no room for osaka"));
});

Deno.test("ServerHandshake chooses the lower version, and refuses one that is too low", () => {
  const later = aServer();
  later.receive(encodeFrame(FRAME.HELLO, emitHello({ ...HELLO, version: 7 })), NOW_MS);
  assertEquals(later.takeOutput(), WELCOME_FRAME);
  const earlier = aServer();
  earlier.receive(encodeFrame(FRAME.HELLO, emitHello({ ...HELLO, version: 0 })), NOW_MS);
  const message = "The client speaks version 0 of the protocol, this side version 1";
  assertFailed(earlier, { message, reason: REASON.VERSION });
  assertEquals(earlier.takeOutput(), goodbye(REASON.VERSION, message));
});
