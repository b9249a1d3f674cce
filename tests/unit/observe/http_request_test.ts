// Tests of reading the head of a request, and of the hosts that are answered.

import { assertEquals } from "@std/assert";
import {
  fieldOf,
  HEAD_MAX_BYTES,
  type HttpRequest,
  isServedHost,
  readHead,
} from "../../../src/observe/http_request.ts";

const bytesOf = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));

/** The part of a request that most cases are about. */
type Part = Pick<HttpRequest, "method" | "path" | "host" | "keepsAlive">;

function headOf(text: string): HttpRequest | number | undefined {
  const head = readHead(bytesOf(text));
  return head === undefined ? undefined : "request" in head ? head.request : head.refused;
}

function requestOf(text: string): Part | number | undefined {
  const request = headOf(text);
  if (typeof request !== "object") return request;
  const { method, path, host, keepsAlive } = request;
  return { method, path, host, keepsAlive };
}

const REQUEST = { method: "GET", path: "/healthz", host: "127.0.0.1", keepsAlive: true };
const GET = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:9000\r\n";

Deno.test("readHead() reads method, path, host and whether the connection stays open", () => {
  const cases: [string, Partial<Part>][] = [
    [`${GET}\r\n`, {}],
    ["GET /healthz HTTP/1.1\nhost:127.0.0.1\n\n", {}],
    [`\r\n${GET}\r\n`, {}],
    ["HEAD /metrics?x=1 HTTP/1.1\r\nHost: [::1]:9000\r\n\r\n", {
      method: "HEAD",
      path: "/metrics",
      host: "::1",
    }],
    [`${GET}Connection: Close\r\n\r\n`, { keepsAlive: false }],
    ["GET /healthz HTTP/1.0\r\n\r\n", { host: undefined, keepsAlive: false }],
    ["GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n\r\n", {}],
    [`${GET}Content-Length: 0\r\n\r\n`, {}],
    // Nothing can follow content.
    [`${GET}Content-Length: 5\r\n\r\nhello`, { keepsAlive: false }],
    [`${GET}Transfer-Encoding: chunked\r\n\r\n`, { keepsAlive: false }],
    ["GET http://localhost:9000/healthz?x HTTP/1.1\r\nHost: other\r\n\r\n", { host: "localhost" }],
    ["OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", { method: "OPTIONS", path: "*" }],
  ];
  for (const [text, expected] of cases) assertEquals(requestOf(text), { ...REQUEST, ...expected });
});

Deno.test("readHead() reads query, authority, the length of the content, and the other fields", () => {
  const start = "POST /api/padt?a=1&b=%20?&c HTTP/1.1\r\nHost: LocalHost:9000\r\n";
  const lengths: [string, number | undefined][] = [
    ["", 0],
    ["Content-Length: 7\r\n", 7],
    ["Content-Length: 7\r\nContent-Length: 7\r\n", undefined],
    ["Content-Length: 7, 7\r\n", undefined],
    ["Content-Length: -1\r\n", undefined],
    ["Content-Length: 0x10\r\n", undefined],
    ["Content-Length:\r\n", undefined],
    ["Content-Length: 9999999999999999\r\n", undefined],
    ["Content-Length: 7\r\nTransfer-Encoding: chunked\r\n", undefined],
  ];
  for (const [fields, contentLength] of lengths) {
    const request = headOf(`${start}${fields}\r\n`);
    if (typeof request !== "object") throw new Error(fields);
    assertEquals(request.path, "/api/padt");
    assertEquals(request.query, "a=1&b=%20?&c");
    assertEquals([request.host, request.authority], ["LocalHost", "LocalHost:9000"]);
    assertEquals(request.contentLength, contentLength, fields);
    assertEquals(request.keepsAlive, contentLength === 0);
  }
  const request = headOf(`${start}Authorization: Bearer a\r\nX: 1\r\nX: 2\r\n\r\n`) as HttpRequest;
  assertEquals(fieldOf(request, "authorization"), "Bearer a");
  // A field that must not be repeated is as good as missing.
  assertEquals([fieldOf(request, "x"), fieldOf(request, "y")], [undefined, undefined]);
});

Deno.test("readHead() waits for the rest of a head, wherever it is cut", () => {
  const text = `${GET}\r\n`;
  for (let length = 0; length < text.length; length++) {
    assertEquals(readHead(bytesOf(text.slice(0, length))), undefined);
  }
  const head = readHead(bytesOf(text + text));
  assertEquals(head?.length, text.length);
});

for (
  const text of [
    "GET /healthz HTTP/1.1\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost:\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: [\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: [::1\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: [1]\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
    "GET healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n",
    "GET  /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\n\n",
  ]
) {
  Deno.test(`readHead() refuses ${JSON.stringify(text)} with 400`, () => {
    assertEquals(requestOf(text), 400);
  });
}

Deno.test("readHead() removes spaces and tabs around a value, and nothing else", () => {
  for (const around of ["", " ", "\t", " \t \t ", " ".repeat(4000)]) {
    const host = `${around}localhost:9000${around}`;
    assertEquals(requestOf(`GET /healthz HTTP/1.1\r\nHost:${host}\r\n\r\n`), {
      ...REQUEST,
      host: "localhost",
    });
  }
  assertEquals(requestOf("GET / HTTP/1.1\r\nHost: \t \r\n\r\n"), 400);
  assertEquals(requestOf("GET / HTTP/1.1\r\nHost: \xa0localhost\r\n\r\n"), 400);
});

Deno.test("readHead() refuses a head full of spaces at once, wherever a wrong byte is", () => {
  const start = "GET / HTTP/1.1\r\nHost: localhost\r\n";
  for (const space of [" ", "\t"]) {
    const spaces = space.repeat(HEAD_MAX_BYTES - 100);
    for (
      const field of [
        `A:${spaces}\x01`,
        `A:\x01${spaces}`,
        `A${spaces}`,
        `A:${spaces}b${spaces}\x7f`,
      ]
    ) {
      const head = `${start}${field.slice(0, HEAD_MAX_BYTES - 50)}\x01\r\n\r\n`;
      assertEquals(requestOf(head), 400);
    }
    assertEquals(requestOf(`GET${spaces}/ HTTP/1.1\r\n\r\n`), 400);
    assertEquals(requestOf(`GET /${spaces}HTTP/1.1\r\n\r\n`), 400);
  }
});

Deno.test("readHead() refuses a head that is too long with 431", () => {
  assertEquals(requestOf(GET.padEnd(HEAD_MAX_BYTES - 1, "x")), undefined);
  assertEquals(requestOf(GET.padEnd(HEAD_MAX_BYTES, "x")), 431);
});

for (
  const [host, listening, address, served] of [
    [undefined, "127.0.0.1", "127.0.0.1", true],
    ["127.0.0.1", "127.0.0.1", "127.0.0.1", true],
    ["localhost", "127.0.0.1", "127.0.0.1", true],
    ["LOCALHOST.", "192.0.2.1", "192.0.2.1", true],
    ["::1", "127.0.0.1", "127.0.0.1", true],
    ["127.0.0.2", "127.0.0.1", "127.0.0.1", true],
    ["192.0.2.1", "192.0.2.1", "192.0.2.1", true],
    ["::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1", true],
    ["2001:DB8:0::1", "2001:db8::1", "2001:db8::1", true],
    ["router.lan", "router.lan", "192.0.2.1", true],
    ["Router.LAN.", "router.lan", "192.0.2.1", true],
    ["198.51.100.7", "0.0.0.0", "0.0.0.0", true],
    ["2001:db8::7", "::", "::", true],
    ["evil.example", "127.0.0.1", "127.0.0.1", false],
    ["evil.example", "0.0.0.0", "0.0.0.0", false],
    ["127.0.0.1.evil.example", "127.0.0.1", "127.0.0.1", false],
    ["localhost.evil.example", "127.0.0.1", "127.0.0.1", false],
    ["router", "127.0.0.1", "127.0.0.1", true],
    ["evil.", "127.0.0.1", "127.0.0.1", true],
    ["evil.local", "127.0.0.1", "127.0.0.1", false],
    ["192.0.2.1", "127.0.0.1", "127.0.0.1", false],
    ["127.0.0.1", "192.0.2.1", "192.0.2.1", false],
    ["2130706433", "127.0.0.1", "127.0.0.1", false],
  ] as const
) {
  Deno.test(`isServedHost() is ${served} for ${host} on ${listening}`, () => {
    assertEquals(isServedHost(host, listening, address), served);
  });
}
