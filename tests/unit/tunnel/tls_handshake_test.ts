// The handshake with a pre-shared key, without a connection or a clock.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { concat } from "@std/bytes";
import { openssl, Pinned, TlsContext } from "../../../ffi/mod.ts";
import type { ClientKey, KeyLookup } from "../../../src/keys/key.ts";
import { HANDSHAKE_TIMEOUT_MS, PROTOCOL_VERSION } from "../../../src/tunnel/handshake_machine.ts";
import { namedPeerKey, peerKey, secretOfKey } from "../../../src/tunnel/identity.ts";
import { ClientTlsHandshake, ServerTlsHandshake } from "../../../src/tunnel/tls_handshake.ts";
import {
  emitHello,
  encodeFrame,
  FEATURE,
  FRAME,
  type Goodbye,
  type Hello,
  REASON,
} from "../../../src/wire/mod.ts";
import { aKey } from "../../support/keys.ts";

// The library stays loaded.
openssl();

const HELLO: Hello = {
  version: PROTOCOL_VERSION,
  features: FEATURE.RESUME,
  name: "tokyo",
  software: "test/1",
};
const WELCOME: Hello = { ...HELLO, name: "osaka" };
const NOW_MS = 1000;
const OFFICE = aKey("office", 1);
const HOME = aKey("home", 2);

type Machine = ClientTlsHandshake | ServerTlsHandshake;

/** Both sides, with settings of their own, and what they have sent. */
class Pair implements Disposable {
  readonly #contexts = [new TlsContext("client"), new TlsContext("server")] as const;
  readonly client: ClientTlsHandshake;
  readonly server: ServerTlsHandshake;

  constructor(
    key: ClientKey = OFFICE,
    keys: KeyLookup = keysOf(OFFICE, HOME),
    { hello = HELLO, refuse }: { hello?: Hello; refuse?: (peer: Hello) => Goodbye | undefined } =
      {},
  ) {
    const [client, server] = this.#contexts;
    this.client = new ClientTlsHandshake(client, key, hello, NOW_MS);
    this.server = new ServerTlsHandshake(server, keys, () => WELCOME, NOW_MS, refuse);
  }

  /** Carries bytes both ways until nothing is left. */
  settle(nowMs = NOW_MS): void {
    for (let moved = true; moved;) {
      moved = move(this.client, this.server, nowMs);
      moved = move(this.server, this.client, nowMs) || moved;
    }
  }

  [Symbol.dispose](): void {
    this.client[Symbol.dispose]();
    this.server[Symbol.dispose]();
    for (const context of this.#contexts) context[Symbol.dispose]();
  }
}

function move(from: Machine, to: Machine, nowMs: number): boolean {
  const bytes = from.takeOutput();
  if (bytes !== undefined) to.receive(bytes, nowMs);
  return bytes !== undefined;
}

function keysOf(...keys: ClientKey[]): KeyLookup {
  return { find: (id) => keys.find((key) => key.id === id) };
}

function failureOf(machine: Machine): string {
  return machine.state.is === "failed" ? machine.state.failure.message : machine.state.is;
}

Deno.test("ClientTlsHandshake and ServerTlsHandshake greet within TLS, by the name of the key", () => {
  using pair = new Pair();
  pair.settle();
  assert(pair.client.state.is === "done" && pair.server.state.is === "done");
  const [near, far] = [pair.client.state.handshake, pair.server.state.handshake];
  assertEquals([near.peer, far.peer], [WELCOME, { ...HELLO, name: "office" }]);
  assertEquals([near.key, far.key], [OFFICE, OFFICE]);
  assertEquals([near.tls.cipher, far.tls.cipher], ["AES-128-GCM", "AES-128-GCM"]);
  assertEquals([pair.client.dueMs, pair.server.dueMs], [Infinity, Infinity]);
});

Deno.test("ServerTlsHandshake and ClientTlsHandshake get the same result when bytes come one by one", () => {
  using pair = new Pair();
  for (let moved = true; moved;) {
    moved = false;
    for (const [from, to] of [[pair.client, pair.server], [pair.server, pair.client]]) {
      const bytes = from.takeOutput();
      if (bytes === undefined) continue;
      moved = true;
      for (const byte of bytes) to.receive(Uint8Array.of(byte), NOW_MS);
    }
  }
  assertEquals([pair.client.state.is, pair.server.state.is], ["done", "done"]);
});

Deno.test("ClientTlsHandshake keeps the data that follows the server's greeting", () => {
  using pair = new Pair();
  move(pair.client, pair.server, NOW_MS);
  move(pair.server, pair.client, NOW_MS);
  move(pair.client, pair.server, NOW_MS);
  assert(pair.server.state.is === "done");
  const welcome = pair.server.takeOutput()!;
  const { tls } = pair.server.state.handshake;
  const data = new Pinned(Uint8Array.from({ length: 5000 }, (_, at) => at));
  assert(tls.write(data.address, data.bytes.length));
  const sealed = new Uint8Array(6000);
  const length = tls.take(sealed);
  pair.client.receive(concat([welcome, sealed.subarray(0, length)]), NOW_MS);
  assert(pair.client.state.is === "done");
  assertEquals(pair.client.state.handshake.received, data.bytes);
});

Deno.test("ServerTlsHandshake refuses a wrong key, with its name in the reason", () => {
  using pair = new Pair({ ...OFFICE, secret: HOME.secret });
  pair.settle();
  assertEquals(failureOf(pair.server), "The key office is wrong: the proof failed");
  assertEquals(
    failureOf(pair.client),
    "The server does not accept the key office: is its line in the server's key file?",
  );
});

Deno.test("ServerTlsHandshake refuses the right id with another client's secret", () => {
  using pair = new Pair({ ...HOME, id: OFFICE.id });
  pair.settle();
  assertEquals(failureOf(pair.server), "The key office is wrong: the proof failed");
});

Deno.test("ServerTlsHandshake refuses the key of a removed line, with its id in the reason", () => {
  using pair = new Pair(OFFICE, keysOf(HOME));
  pair.settle();
  assertEquals(failureOf(pair.server), `No key has the id ${OFFICE.id}`);
});

Deno.test("ServerTlsHandshake answers an unknown id and a wrong key in the same way", () => {
  const answers = [keysOf(), keysOf({ ...OFFICE, secret: HOME.secret })].map((keys) => {
    using pair = new Pair(OFFICE, keys);
    move(pair.client, pair.server, NOW_MS);
    return pair.server.takeOutput();
  });
  // One alert (RFC 8446, section 6): fatal, illegal_parameter.
  assertEquals(answers, [0, 1].map(() => Uint8Array.of(0x15, 3, 3, 0, 2, 2, 47)));
});

Deno.test("ClientTlsHandshake and ServerTlsHandshake show nothing of the names and of the greetings", () => {
  using pair = new Pair();
  const sent: Uint8Array[] = [];
  for (let moved = true; moved;) {
    moved = false;
    for (const [from, to] of [[pair.client, pair.server], [pair.server, pair.client]]) {
      const bytes = from.takeOutput();
      if (bytes === undefined) continue;
      moved = true;
      sent.push(bytes);
      to.receive(bytes, NOW_MS);
    }
  }
  const text = String.fromCharCode(...concat(sent));
  for (const secret of ["office", "tokyo", "osaka", "test/1", "PPxy"]) {
    assertEquals(text.includes(secret), false, secret);
  }
  assert(text.includes(OFFICE.id));
});

Deno.test("ServerTlsHandshake ignores another's name and resume secret in the greeting", () => {
  const stolen = secretOfKey(HOME);
  using pair = new Pair(OFFICE, keysOf(OFFICE, HOME), {
    hello: { ...HELLO, name: "home", resumeSecret: stolen },
  });
  pair.settle();
  assert(pair.server.state.is === "done");
  const { peer, key } = pair.server.state.handshake;
  assertEquals([peer.name, peer.resumeSecret], ["office", undefined]);
  assertEquals(namedPeerKey(peer, key), namedPeerKey(HELLO, OFFICE));
});

Deno.test("namedPeerKey() is the same for two keys of a name, and no key of a secret", () => {
  const second = aKey("office", 3);
  assertEquals(namedPeerKey(HELLO, OFFICE), namedPeerKey(HELLO, second));
  assert(namedPeerKey(HELLO, OFFICE) !== namedPeerKey(HELLO, HOME));
  assert(namedPeerKey(HELLO, OFFICE) !== peerKey({ ...HELLO, resumeSecret: secretOfKey(OFFICE) }));
  assertEquals(namedPeerKey({ ...HELLO, features: 0 }, OFFICE), undefined);
});

Deno.test("secretOfKey() depends on the key's secret alone", () => {
  assertEquals(secretOfKey(OFFICE), secretOfKey({ ...OFFICE, name: "x", id: "y" }));
  assert(`${secretOfKey(OFFICE)}` !== `${secretOfKey(HOME)}`);
});

Deno.test("ServerTlsHandshake tells a proved client why it is refused, within TLS", () => {
  const refuse = () => ({ reason: REASON.FULL, text: "the server is full" });
  using pair = new Pair(OFFICE, keysOf(OFFICE), { refuse });
  pair.settle();
  assertEquals(failureOf(pair.server), "the server is full");
  assertMatch(failureOf(pair.client), /^Refused: .*the server is full/);
});

/** What a peer sends within TLS after it has proved its key, and the reason of the other side. */
const NO_GREETINGS: Record<string, [Uint8Array, RegExp]> = {
  "nothing": [
    new Uint8Array(0),
    /^No greeting in time: the \w+ has proved the key office, and says nothing; is it a pppoe-proxy/,
  ],
  "a ping": [
    encodeFrame(FRAME.PING, new Uint8Array(0)),
    /^The \w+ has proved the key office, and does not greet: is it a pppoe-proxy/,
  ],
  "a session frame": [
    encodeFrame(FRAME.SESSION, new Uint8Array(60)),
    /^The \w+ has proved the key office, and does not greet: is it a pppoe-proxy/,
  ],
  "a request of HTTP": [
    new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"),
    /^The \w+ has proved the key office, and does not greet \("GET \/ HTTP\/1\.1"\): is it/,
  ],
};

for (const [what, [bytes, reason]] of Object.entries(NO_GREETINGS)) {
  for (const side of ["client", "server"] as const) {
    Deno.test(`A side with keys does not advise --legacy when the proved ${side} sends ${what}`, () => {
      using pair = new Pair();
      using context = new TlsContext(side);
      const judge = side === "client" ? pair.server : pair.client;
      const peer = side === "client" ? context.open(OFFICE) : context.open(() => OFFICE.secret);
      const memory = new Pinned(new Uint8Array(2048));
      const carry = () => {
        const output = judge.takeOutput() ?? new Uint8Array(0);
        peer.feed(output, output.length);
        peer.handshake();
        for (let count; (count = peer.take(memory.bytes)) > 0;) {
          judge.receive(memory.bytes.slice(0, count), NOW_MS);
        }
      };
      for (let round = 0; round < 3; round++) carry();
      assert(peer.isProved);
      memory.bytes.set(bytes);
      if (bytes.length > 0) peer.write(memory.address, bytes.length);
      carry();
      judge.tick(NOW_MS + HANDSHAKE_TIMEOUT_MS);
      assertMatch(failureOf(judge), reason);
      assertEquals(/--legacy|--allow/.test(failureOf(judge)), false);
      assert(failureOf(judge).includes(`pppoe-proxy ${side}`));
      peer.free();
    });
  }
}

Deno.test("A side with keys says that the proved peer has closed the connection without a greeting", () => {
  using pair = new Pair();
  move(pair.client, pair.server, NOW_MS);
  move(pair.server, pair.client, NOW_MS);
  const bytes = pair.client.takeOutput()!;
  pair.server.receive(bytes.subarray(0, bytes.length - 60), NOW_MS);
  pair.server.close("reset");
  assertEquals(
    failureOf(pair.server),
    "The client has proved the key office, and reset the connection without a greeting",
  );
});

Deno.test("ServerTlsHandshake fails on a replayed first message, before it greets", () => {
  using pair = new Pair();
  const recorded = pair.client.takeOutput()!;
  using replay = new Pair();
  replay.server.receive(recorded, NOW_MS);
  const answer = replay.server.takeOutput()!;
  assertEquals(replay.server.state.is, "waiting");
  // The rest of a recorded handshake belongs to other random bytes.
  pair.server.receive(recorded, NOW_MS);
  pair.client.receive(pair.server.takeOutput()!, NOW_MS);
  replay.server.receive(pair.client.takeOutput()!, NOW_MS);
  assertMatch(failureOf(replay.server), /^The TLS handshake with the key office failed: /);
  assertEquals(String.fromCharCode(...answer).includes("osaka"), false);
});

Deno.test("ClientTlsHandshake fails when its own bytes come back, however they are split", () => {
  for (const size of [1, 7, 5000]) {
    using pair = new Pair();
    const own = pair.client.takeOutput()!;
    for (let at = 0; at < own.length; at += size) {
      pair.client.receive(own.subarray(at, at + size), NOW_MS);
    }
    assertMatch(failureOf(pair.client), /^The server sends back what it receives/);
  }
});

for (const how of ["closed", "reset", "late"] as const) {
  Deno.test(`ServerTlsHandshake says so when a client stops at any byte of its messages (${how})`, () => {
    using whole = new Pair();
    const first = whole.client.takeOutput()!;
    whole.server.receive(first, NOW_MS);
    whole.client.receive(whole.server.takeOutput()!, NOW_MS);
    const second = whole.client.takeOutput()!;
    for (let at = 0; at < first.length + second.length - 1; at += at < first.length ? 9 : 1) {
      using pair = new Pair();
      const opening = pair.client.takeOutput()!;
      pair.server.receive(opening.subarray(0, at), NOW_MS);
      if (at > opening.length) {
        pair.client.receive(pair.server.takeOutput()!, NOW_MS);
        const rest = pair.client.takeOutput()!;
        pair.server.receive(rest.subarray(0, at - opening.length), NOW_MS);
      }
      assertEquals(pair.server.state.is, "waiting");
      if (how === "late") pair.server.tick(NOW_MS + HANDSHAKE_TIMEOUT_MS);
      else pair.server.close(how);
      const message = failureOf(pair.server);
      if (at === 0) assertMatch(message, /health checks|Health checks/);
      else {assertMatch(
          message,
          /in the middle of its|without a greeting|No greeting in time/,
          `${at}`,
        );}
    }
  });
}

Deno.test("ClientTlsHandshake says so when the server stops in the middle of its messages", () => {
  using whole = new Pair();
  move(whole.client, whole.server, NOW_MS);
  const answer = whole.server.takeOutput()!;
  for (let at = 1; at < answer.length; at += 5) {
    using pair = new Pair();
    move(pair.client, pair.server, NOW_MS);
    pair.client.receive(pair.server.takeOutput()!.subarray(0, at), NOW_MS);
    assertEquals(pair.client.takeOutput(), undefined);
    pair.client.close("closed");
    assertEquals(
      failureOf(pair.client),
      "The server closed the connection in the middle of its TLS handshake",
    );
  }
});

/** Programs that are no client with a key: what they begin with, and the reason. */
const NO_KEYS: Record<string, [Uint8Array, RegExp]> = {
  "a client without a key": [
    encodeFrame(FRAME.HELLO, emitHello(HELLO)),
    /^The client has no key: give it --key-file$/,
  ],
  "the original Go pppoeproxy": [
    encodeFrame(FRAME.DISCOVERY, new Uint8Array(60)),
    /^The client does not greet, .* has no key/,
  ],
  "an HTTP client": [
    new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"),
    /^An HTTP client connects instead of pppoe-proxy/,
  ],
  "an SSH client": [
    new TextEncoder().encode("SSH-2.0-OpenSSH_9.2\r\n"),
    /^An SSH client connects instead of pppoe-proxy/,
  ],
  "a record of TLS that is none of a handshake": [
    Uint8Array.of(0x17, 3, 3, 0, 1, 0),
    /^It is not TLS, although it begins like it$/,
  ],
  "a handshake of TLS that is none": [
    Uint8Array.of(0x16, 3, 1, 0, 4, 9, 9, 9, 9),
    /^Its TLS handshake is faulty: /,
  ],
};

for (const [name, [bytes, reason]] of Object.entries(NO_KEYS)) {
  Deno.test(`ServerTlsHandshake recognizes ${name}, and tells it nothing`, () => {
    using pair = new Pair();
    pair.server.receive(bytes, NOW_MS);
    if (pair.server.state.is === "waiting") pair.server.close();
    assertMatch(failureOf(pair.server), reason);
    const answer = pair.server.takeOutput();
    // An alert at most.
    assert(answer === undefined || answer[0] === 0x15 && answer.length === 7, `${answer}`);
  });
}

/** Programs that are no server with keys. */
const NO_SERVERS: Record<string, [Uint8Array, RegExp]> = {
  "a server without keys": [
    encodeFrame(FRAME.WELCOME, emitHello(WELCOME)),
    /^The server has no keys, so nothing would be encrypted/,
  ],
  "the original Go pppoeproxy": [
    encodeFrame(FRAME.PONG, new Uint8Array(0)),
    /^The server is the original Go pppoeproxy/,
  ],
  "an HTTP server": [new TextEncoder().encode("HTTP/1.1 400 Bad\r\n\r\n"), /^An HTTP server/],
  "a TLS server that speaks no TLS 1.3": [
    Uint8Array.of(0x15, 3, 1, 0, 2, 2, 70),
    /^The server has ended the handshake: /,
  ],
};

for (const [name, [bytes, reason]] of Object.entries(NO_SERVERS)) {
  Deno.test(`ClientTlsHandshake recognizes ${name}, and does not greet it`, () => {
    using pair = new Pair();
    const sent = pair.client.takeOutput()!;
    pair.client.receive(bytes, NOW_MS);
    assertMatch(failureOf(pair.client), reason);
    const more = pair.client.takeOutput();
    assert(more === undefined || more[0] === 0x15, `${more}`);
    assertEquals(String.fromCharCode(...sent).includes("PPxy"), false);
  });
}

Deno.test("ServerTlsHandshake takes no more than 4 KiB before the proof", () => {
  using pair = new Pair();
  // A first message of 64 KiB, in records of 16 KiB, whose end never comes.
  const start = Uint8Array.of(0x16, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff);
  pair.server.receive(start, NOW_MS);
  for (let n = 0; n < 4; n++) pair.server.receive(new Uint8Array(1023), NOW_MS);
  assertMatch(failureOf(pair.server), /^It sends too much before it has proved/);
});

Deno.test("ServerTlsHandshake ends a handshake that takes too long within TLS", () => {
  using pair = new Pair();
  move(pair.client, pair.server, NOW_MS);
  move(pair.server, pair.client, NOW_MS);
  const bytes = pair.client.takeOutput()!;
  // The client's last message of TLS, without the greeting behind it.
  pair.server.receive(bytes.subarray(0, bytes.length - 60), NOW_MS);
  pair.server.tick(NOW_MS + HANDSHAKE_TIMEOUT_MS);
  assertMatch(failureOf(pair.server), /^No greeting in time/);
});

Deno.test("1,000 failed handshakes leave no memory behind", () => {
  const contexts = [new TlsContext("client"), new TlsContext("server")] as const;
  const fail = (count: number) => {
    for (let n = 0; n < count; n++) {
      const wrong = { ...OFFICE, secret: HOME.secret };
      using client = new ClientTlsHandshake(contexts[0], wrong, HELLO, NOW_MS);
      using server = new ServerTlsHandshake(contexts[1], keysOf(OFFICE), () => WELCOME, NOW_MS);
      for (let moved = true; moved;) {
        moved = move(client, server, NOW_MS);
        moved = move(server, client, NOW_MS) || moved;
      }
    }
  };
  fail(300);
  const before = Deno.memoryUsage().rss;
  fail(1000);
  const grown = Deno.memoryUsage().rss - before;
  for (const context of contexts) context[Symbol.dispose]();
  // A leaked connection would take 10 KB or more.
  assert(grown < 6_000_000, `${grown} bytes`);
});
