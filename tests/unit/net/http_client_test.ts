// Requests to a server that answers well, badly or not at all.

import { assertEquals, assertRejects } from "@std/assert";
import { request, requestFailure } from "../../../src/net/http_client.ts";

const LIMITS = { maxBytes: 1000, timeoutMs: 5000 };

/** A server of one answer to each connection, with what it has received. */
class OneAnswer implements AsyncDisposable {
  readonly requests: string[] = [];
  readonly #listener: Deno.Listener;
  readonly #serving: Promise<void>;

  constructor(listener: Deno.Listener, answer: string | undefined) {
    this.#listener = listener;
    this.#serving = this.#serve(answer);
  }

  static tcp(answer: string | undefined): OneAnswer {
    return new OneAnswer(Deno.listen({ hostname: "127.0.0.1", port: 0 }), answer);
  }

  get address(): { hostname: string; port: number } {
    const { hostname, port } = this.#listener.addr as Deno.NetAddr;
    return { hostname, port };
  }

  async #serve(answer: string | undefined): Promise<void> {
    const conns: Deno.Conn[] = [];
    for await (const conn of this.#listener) {
      conns.push(conn);
      const buffer = new Uint8Array(4096);
      const count = await conn.read(buffer) ?? 0;
      this.requests.push(new TextDecoder().decode(buffer.subarray(0, count)));
      if (answer === undefined) continue;
      await conn.write(new TextEncoder().encode(answer)).catch(() => {});
      await conn.closeWrite().catch(() => {});
    }
    for (const conn of conns) conn.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
  }
}

function textOf({ body }: { body: Uint8Array }): string {
  return new TextDecoder().decode(body);
}

Deno.test("request() reads an answer with its length, and one that ends with its connection", async () => {
  for (const length of ["", "Content-Length: 3\r\n"]) {
    await using server = OneAnswer.tcp(`HTTP/1.1 200 OK\r\n${length}\r\nabc`);
    const answer = await request(server.address, { path: "/healthz", ...LIMITS });
    assertEquals([answer.status, textOf(answer)], [200, "abc"]);
    const { port } = server.address;
    assertEquals(server.requests, [`GET /healthz HTTP/1.0\r\nHost: 127.0.0.1:${port}\r\n\r\n`]);
  }
});

Deno.test("request() takes no more than the length of the answer", async () => {
  await using server = OneAnswer.tcp("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabcdef");
  assertEquals(textOf(await request(server.address, { path: "/", ...LIMITS })), "ab");
});

Deno.test("request() sends a token and a content", async () => {
  await using server = OneAnswer.tcp("HTTP/1.1 409 Conflict\r\n\r\nSeveral");
  const content = { id: "0x0011" };
  const { status } = await request(server.address, {
    path: "/api/sessions/close",
    token: "secret",
    content,
    ...LIMITS,
  });
  assertEquals(status, 409);
  const [head, body] = server.requests[0].split("\r\n\r\n");
  assertEquals(head.split("\r\n").slice(2), [
    "Authorization: Bearer secret",
    "Content-Type: application/json",
    "Content-Length: 15",
  ]);
  assertEquals([head.split(" ")[0], JSON.parse(body)], ["POST", content]);
});

Deno.test("request() goes over a unix socket", async () => {
  const path = `${await Deno.makeTempDir()}/status.sock`;
  await using server = new OneAnswer(
    Deno.listen({ transport: "unix", path }) as unknown as Deno.Listener,
    "HTTP/1.1 200 OK\r\n\r\nok",
  );
  assertEquals(textOf(await request({ path }, { path: "/healthz", ...LIMITS })), "ok");
  assertEquals(server.requests, ["GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n"]);
});

Deno.test("request() refuses an answer that is too large, incomplete, in parts or not HTTP", async () => {
  const cases: [answer: string, reason: string][] = [
    [`HTTP/1.1 200 OK\r\n\r\n${"x".repeat(1001)}`, "the answer is larger than 1000 bytes"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", "the answer is larger than 1000 bytes"],
    [
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
      "the connection was closed before the end of the answer",
    ],
    [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "the answer comes in parts, as of a proxy",
    ],
    ["SSH-2.0-OpenSSH_9.2\r\n", "the answer is not HTTP"],
    ["HTTP/1.1 200 OK\r\n", "the connection was closed without an answer"],
    ["", "the connection was closed without an answer"],
    [`HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(4000)}`, "the head of the answer is too long"],
  ];
  for (const [answer, reason] of cases) {
    await using server = OneAnswer.tcp(answer);
    const error = await assertRejects(() => request(server.address, { path: "/", ...LIMITS }));
    assertEquals(requestFailure(error), reason);
  }
});

Deno.test("request() gives up when a server does not answer in time", async () => {
  await using server = OneAnswer.tcp(undefined);
  const error = await assertRejects(() =>
    request(server.address, { path: "/", maxBytes: 10, timeoutMs: 50 })
  );
  assertEquals(requestFailure(error), "there is no answer within 0.05 s");
});

Deno.test("requestFailure() explains why there is no connection", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const refused = await assertRejects(() =>
    request({ hostname: "127.0.0.1", port }, { path: "/", ...LIMITS })
  );
  assertEquals(/refused/.test(requestFailure(refused)), true, requestFailure(refused));
  const missing = await assertRejects(() =>
    request({ path: "/no/such" }, { path: "/", ...LIMITS })
  );
  assertEquals(requestFailure(missing), "there is no such socket");
});
