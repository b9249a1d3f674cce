// Tests of the HTTP server's behaviour towards clients that are rude, slow or many.

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { HttpRequest } from "../../../src/observe/http_request.ts";
import type { HttpStream } from "../../../src/observe/http_stream.ts";
import {
  type HttpLimits,
  HttpRefusal,
  HttpServer,
  type HttpServerOptions,
  textAnswer,
} from "../../../src/observe/http_server.ts";

const GET = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
const LAST = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const BIG = new Uint8Array(64 * 1024 * 1024);
/** A limit that no test reaches. */
const LONG_MS = 600_000;

/** A server for the duration of a test, with limits that a test does not reach unless it sets them. */
class Served {
  readonly server: HttpServer;
  readonly conns: Deno.TcpConn[] = [];
  readonly failures: unknown[] = [];
  readonly #listener: Deno.TcpListener;

  constructor(
    limits: Partial<HttpLimits> = {},
    listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }),
    answer: HttpServerOptions["answer"] = () => Promise.resolve(textAnswer(200, "ok\n")),
  ) {
    this.#listener = listener;
    this.server = new HttpServer({
      listener,
      hostname: "127.0.0.1",
      answer,
      acceptFailed: (error) => this.failures.push(error),
      limits: { requestMs: LONG_MS, answerMs: LONG_MS, ...limits },
    });
  }

  async connect(text = ""): Promise<Deno.TcpConn> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: this.#listener.addr.port });
    this.conns.push(conn);
    await conn.write(new TextEncoder().encode(text));
    return conn;
  }

  async [Symbol.asyncDispose]() {
    await this.server.close();
    for (const conn of this.conns) conn.close();
  }
}

/** Reads until the other end closes or resets the connection. */
async function rest(conn: Deno.TcpConn): Promise<string> {
  const bytes = new Uint8Array(65536);
  let text = "";
  while (true) {
    const count = await conn.read(bytes).catch(() => null);
    if (count === null) return text;
    text += new TextDecoder().decode(bytes.subarray(0, count));
  }
}

/** Reads one answer of the length that `GET` gets. */
async function answer(conn: Deno.TcpConn): Promise<string> {
  const bytes = new Uint8Array(1000);
  let text = "";
  while (!text.endsWith("ok\n")) {
    const count = await conn.read(bytes);
    if (count === null) return text;
    text += new TextDecoder().decode(bytes.subarray(0, count));
  }
  return text;
}

Deno.test("HttpServer answers requests that come together one after the other", async () => {
  await using served = new Served();
  const conn = await served.connect();
  const requests = new TextEncoder().encode(GET.repeat(2999) + LAST);
  const sending = (async () => {
    for (let at = 0; at < requests.length;) at += await conn.write(requests.subarray(at));
  })();
  const text = await rest(conn);
  await sending;
  assertEquals(text.match(/HTTP\/1\.1 200 OK\r\n/g)?.length, 3000);
  assertEquals(text.match(/connection: close\r\n/g)?.length, 1);
});

Deno.test("HttpServer answers a request that arrives byte by byte", async () => {
  await using served = new Served();
  const conn = await served.connect();
  for (const character of LAST) await conn.write(new TextEncoder().encode(character));
  assertMatch(await rest(conn), /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nok\n$/s);
});

Deno.test("HttpServer lets a request with content take longer than it may take to arrive", async () => {
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  await using served = new Served({ requestMs: 20 }, undefined, async (_request, content) => {
    await content();
    begun.resolve();
    await finish.promise;
    return textAnswer(200, "ok\n");
  });
  const conn = await served.connect(
    "POST /api/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
  );
  await begun.promise;
  // Meanwhile another connection reaches its limit.
  assertEquals(await rest(await served.connect()), "");
  finish.resolve();
  assertMatch(await rest(conn), /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nok\n$/s);
});

Deno.test("HttpServer answers a bad Host with 400, and one of another machine with 421", async () => {
  await using served = new Served();
  for (
    const [host, expected] of [
      ["[", /^HTTP\/1\.1 400 Bad Request\r\n.*\r\n\r\nBad request\n$/s],
      ["evil.example", /^HTTP\/1\.1 421 Misdirected Request\r\n.*\r\n\r\nMisdirected [^\n]*\n$/s],
    ] as const
  ) {
    const conn = await served.connect(
      `GET /api/status HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
    assertMatch(await rest(conn), expected);
  }
});

Deno.test("HttpServer delivers a refusal although the client has sent more", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using served = new Served({}, listener, () => {
    throw new HttpRefusal(405, "Method not allowed");
  });
  const conn = await served.connect(
    "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
  );
  await conn.write(new TextEncoder().encode("some data"));
  assertMatch(await rest(conn), /^HTTP\/1\.1 405 /);
});

for (const [name, text] of [["silent", ""], ["half a request", "GET /heal"], ["an answer", GET]]) {
  Deno.test(`HttpServer closes a connection that waits too long after ${name}`, async () => {
    await using served = new Served({ requestMs: 20 });
    await rest(await served.connect(text));
  });
}

Deno.test("HttpServer closes the connection of a client that does not take its answer", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const big = () => Promise.resolve({ status: 200, body: BIG });
  await using served = new Served({ answerMs: 20, untakenBytes: Infinity }, listener, big);
  const conn = await served.connect(GET);
  // Only a closed connection lets an endless sender fail.
  const more = new TextEncoder().encode(GET.repeat(1000));
  let failed = false;
  while (!failed) await conn.write(more).catch(() => failed = true);
});

Deno.test("HttpServer ends the oldest untaken answers if they are too much", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const big = ({ path }: HttpRequest) =>
    Promise.resolve({ status: 200, body: BIG.slice(Number(path[1])) });
  await using served = new Served({ untakenBytes: 2.5 * BIG.length }, listener, big);
  const conns: Deno.TcpConn[] = [];
  for (let n = 0; n < 3; n++) {
    conns.push(await served.connect(`GET /${n} HTTP/1.1\r\nHost: localhost\r\n\r\n`));
    // The start of the answer shows that it is being sent.
    assert(await conns[n].read(new Uint8Array(1)) === 1);
  }
  // The first answer ends early. The second one is still being sent.
  assert((await rest(conns[0])).length < BIG.length);
  const [second] = conns.slice(1);
  assert(await second.read(new Uint8Array(1)) === 1);
});

Deno.test("HttpServer lets the connection that has waited longest give way to a new one", async () => {
  await using served = new Served({ connections: 3 });
  const conns = [];
  for (let n = 0; n < 3; n++) {
    conns.push(await served.connect(GET));
    assertMatch(await answer(conns[n]), /^HTTP\/1\.1 200 /);
  }
  // The first one is now the last to have asked.
  await conns[0].write(new TextEncoder().encode(GET));
  assertMatch(await answer(conns[0]), /^HTTP\/1\.1 200 /);
  assertMatch(await answer(await served.connect(GET)), /^HTTP\/1\.1 200 /);
  assertEquals(await rest(conns[1]), "");
  for (const conn of [conns[0], conns[2]]) {
    await conn.write(new TextEncoder().encode(GET));
    assertMatch(await answer(conn), /^HTTP\/1\.1 200 /);
  }
});

/** Replaces a method of an object. */
function withMethod<T extends object>(object: T, method: keyof T, replacement: unknown): T {
  return new Proxy(object, {
    get(target, name) {
      if (name === method) return replacement;
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

for (
  const [one, other] of [["192.0.2.1", "192.0.2.2"], ["2001:db8::1", "2001:db8:0:1::1"], [
    "2001:db8::1",
    "192.0.2.1",
  ]]
) {
  Deno.test(`HttpServer takes no place from ${one} while ${other} has more`, async () => {
    const real = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    let hostname = one;
    const accept = async () => {
      const conn = await real.accept();
      return withMethod(conn, "remoteAddr", { ...conn.remoteAddr, hostname });
    };
    await using served = new Served({ connections: 4 }, withMethod(real, "accept", accept));
    const first = await served.connect(GET);
    assertMatch(await answer(first), /^HTTP\/1\.1 200 /);
    for (let n = 0; n < 10; n++) {
      // An IPv6 host has a whole network of addresses.
      hostname = other.replace(/::1$/, `::${n}`);
      assertMatch(await answer(await served.connect(GET)), /^HTTP\/1\.1 200 /);
    }
    await first.write(new TextEncoder().encode(GET));
    assertMatch(await answer(first), /^HTTP\/1\.1 200 /);
  });
}

Deno.test("HttpServer goes on after an accept that has failed", async () => {
  const real = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let fails = 2;
  const accept = () =>
    fails-- > 0 ? Promise.reject(new Error("Too many open files (os error 24)")) : real.accept();
  await using served = new Served({}, withMethod(real, "accept", accept));
  assertMatch(await answer(await served.connect(GET)), /^HTTP\/1\.1 200 /);
  assertEquals(served.failures.length, 2);
});

const POST = "POST /echo HTTP/1.1\r\nHost: localhost\r\n";

/** A server that answers with the content of a request. */
function echoing(limits: Partial<HttpLimits> = {}): Served {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return new Served(limits, listener, async (_request, content) => ({
    status: 200,
    body: await content(),
  }));
}

for (const parts of [1, 2, 5]) {
  Deno.test(`HttpServer reads the content of a request that comes in ${parts} parts, then closes`, async () => {
    await using served = echoing();
    const text = `${POST}Content-Length: 5\r\n\r\nhello${GET}`;
    const conn = await served.connect();
    const length = Math.ceil(text.length / parts);
    for (let at = 0; at < text.length; at += length) {
      await conn.write(new TextEncoder().encode(text.slice(at, at + length)));
    }
    // What follows the content is not taken for another request.
    assertMatch(await rest(conn), /^HTTP\/1\.1 200 OK\r\n[^]*connection: close[^]*\r\n\r\nhello$/);
  });
}

Deno.test("HttpServer asks for content that its client holds back until then", async () => {
  await using served = echoing();
  const conn = await served.connect(
    `${POST}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`,
  );
  const bytes = new Uint8Array(100);
  const count = await conn.read(bytes);
  assertEquals(
    new TextDecoder().decode(bytes.subarray(0, count!)),
    "HTTP/1.1 100 Continue\r\n\r\n",
  );
  await conn.write(new TextEncoder().encode("hello"));
  assertMatch(await rest(conn), /\r\n\r\nhello$/);
});

for (
  const [fields, status] of [
    ["Content-Length: 16385", 413],
    ["Content-Length: 999999999999999", 413],
    ["Transfer-Encoding: chunked", 411],
    ["Content-Length: 5\r\nTransfer-Encoding: chunked", 411],
    ["Content-Length: 5\r\nContent-Length: 6", 411],
    ["Content-Length: x", 411],
  ] as const
) {
  Deno.test(`HttpServer refuses content with ${JSON.stringify(fields)} by ${status}`, async () => {
    await using served = echoing();
    const conn = await served.connect(`${POST}${fields}\r\n\r\nhello`);
    assertMatch(await rest(conn), new RegExp(`^HTTP/1\\.1 ${status} [^]*connection: close`));
  });
}

Deno.test("HttpServer closes a connection whose content does not come in time", async () => {
  await using served = echoing({ requestMs: 20 });
  assertEquals(await rest(await served.connect(`${POST}Content-Length: 5\r\n\r\nhell`)), "");
});

Deno.test("HttpServer closes a connection whose client leaves before the end of its content", async () => {
  await using served = echoing();
  const conn = await served.connect(`${POST}Content-Length: 5\r\n\r\nhell`);
  await conn.closeWrite();
  assertEquals(await rest(conn), "");
});

/** A server of streams, which are handed to the test. */
class Streaming {
  readonly streams: HttpStream[] = [];
  readonly served: Served;

  constructor(limits: Partial<HttpLimits> = {}) {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const stream = (stream: HttpStream) => void this.streams.push(stream);
    this.served = new Served(
      limits,
      listener,
      ({ path }) =>
        path === "/stream"
          ? { status: 200, body: new Uint8Array(), stream }
          : textAnswer(200, "ok\n"),
    );
  }

  /** Opens a stream, and waits for its head. */
  async open(method = "GET"): Promise<Deno.TcpConn> {
    const conn = await this.served.connect(`${method} /stream HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    if (method === "GET") assertMatch(await take(conn), /^HTTP\/1\.1 200 OK\r\n/);
    return conn;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.served[Symbol.asyncDispose]();
  }
}

/** Reads what is there. */
async function take(conn: Deno.TcpConn): Promise<string> {
  const bytes = new Uint8Array(65536);
  const count = await conn.read(bytes);
  return new TextDecoder().decode(bytes.subarray(0, count ?? 0));
}

Deno.test("HttpServer sends a stream piece by piece, without a length, for as long as it goes on", async () => {
  // Neither the time for a request nor that for an answer ends an idle stream.
  await using streaming = new Streaming({ requestMs: 50, answerMs: 50 });
  const conn = await streaming.open();
  const [stream] = streaming.streams;
  for (let n = 0; n < 5; n++) {
    stream.send(new TextEncoder().encode(`event ${n}\n`));
    assertEquals(await take(conn), `event ${n}\n`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assertEquals(stream.isOver, false);
  stream.end();
  assertEquals(await rest(conn), "");
});

Deno.test("HttpServer answers HEAD for a stream with its head alone", async () => {
  await using streaming = new Streaming();
  const conn = await streaming.open("HEAD");
  await conn.closeWrite();
  assertMatch(await rest(conn), /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/);
  assertEquals(streaming.streams.length, 0);
});

Deno.test("HttpServer ends a stream when its client leaves", async () => {
  await using streaming = new Streaming();
  const conn = await streaming.open();
  const [stream] = streaming.streams;
  await conn.closeWrite();
  await new Promise<void>((resolve) => stream.whenOver(resolve));
  assertEquals(await rest(conn), "");
});

Deno.test("HttpServer ends the stream of a client that is too slow, and no other", async () => {
  await using streaming = new Streaming({ streamBytes: 1024 * 1024 });
  await streaming.open();
  const other = await streaming.open();
  const [slow, quick] = streaming.streams;
  const piece = new Uint8Array(64 * 1024).fill(0x61);
  let sent = 0;
  while (!slow.isOver) {
    slow.send(piece);
    sent += piece.length;
    assert(sent < 64 * 1024 * 1024, "it never ends");
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  quick.send(new TextEncoder().encode("event\n"));
  assertEquals(await take(other), "event\n");
});

Deno.test("HttpServer ends a stream whose client takes nothing for too long, however little waits", async () => {
  await using streaming = new Streaming({ answerMs: 20, streamBytes: Infinity });
  await streaming.open();
  const [stream] = streaming.streams;
  stream.send(BIG);
  await new Promise<void>((resolve) => stream.whenOver(resolve));
});

Deno.test("HttpServer refuses a stream that is one too many, and still answers others", async () => {
  await using streaming = new Streaming({ streams: 2 });
  await streaming.open();
  await streaming.open();
  const { served } = streaming;
  const conn = await served.connect("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
  assertMatch(await take(conn), /^HTTP\/1\.1 503 Service Unavailable\r\n/);
  assertMatch(await answer(await served.connect(GET)), /^HTTP\/1\.1 200 /);
  streaming.streams[0].end();
  await streaming.open();
});

Deno.test("HttpServer lets idle connections give way before a stream", async () => {
  await using streaming = new Streaming({ connections: 3 });
  const { served } = streaming;
  const conn = await streaming.open();
  for (let n = 0; n < 10; n++) {
    assertMatch(await answer(await served.connect(GET)), /^HTTP\/1\.1 200 /);
  }
  streaming.streams[0].send(new TextEncoder().encode("event\n"));
  assertEquals(await take(conn), "event\n");
});

Deno.test("HttpServer ends its streams when it is closed", async () => {
  await using streaming = new Streaming();
  const conn = await streaming.open();
  await streaming.served.server.close();
  assertEquals(streaming.streams[0].isOver, true);
  assertEquals(await rest(conn), "");
});
