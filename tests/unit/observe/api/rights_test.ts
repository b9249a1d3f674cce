// Tests of who may read and who may change something, over TCP and over a unix socket.

import { assertEquals, assertMatch } from "@std/assert";
import type { Control } from "../../../../src/observe/control.ts";
import { type Endpoint, formatEndpoint } from "../../../../src/net/endpoint.ts";
import type { UnixAddress } from "../../../../src/net/unix_address.ts";
import { aSource, ServedApi } from "../../../support/api.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";
const LOOPBACK = { hostname: "127.0.0.1", port: 0 };
const NETWORK = { hostname: "0.0.0.0", port: 0 };
const PADT = { id: "0x0011", ac: "02:00:00:00:00:a1" };
const SENT = { done: "sent", ac: PADT.ac, host: "02:00:00:00:00:11", id: 17 } as const;
const WITH_TOKEN = { authorization: `Bearer ${TOKEN}` };

/** What a request asks for: to read, to know the health, or to change something. */
type Wish = "read" | "health" | "change";

/** A served API that notes what it was told to do. */
async function serving(
  address: Endpoint | UnixAddress,
  token: string | undefined,
  test: (
    status: (wish: Wish, fields?: Record<string, string>) => Promise<number>,
    orders: Control[],
    served: ServedApi,
  ) => Promise<void>,
): Promise<void> {
  const orders: Control[] = [];
  const control = (order: Control) => {
    orders.push(order);
    return Promise.resolve(SENT);
  };
  await using served = await ServedApi.start(aSource({ control }), address, token);
  const status = async (wish: Wish, fields: Record<string, string> = {}) => {
    const { head } = await ask(served, wish, fields);
    return Number(head.split(" ")[1]);
  };
  await test(status, orders, served);
}

/** Sends a request with fields that `fetch` does not let a program set. */
async function ask(
  served: ServedApi,
  wish: Wish,
  fields: Record<string, string>,
): Promise<{ head: string; body: string }> {
  const { address } = served;
  using conn = "path" in address
    ? await Deno.connect({ transport: "unix", path: address.path })
    : await Deno.connect({ hostname: "127.0.0.1", port: address.port });
  const host = "path" in address
    ? "localhost"
    : formatEndpoint({ ...address, hostname: "127.0.0.1" });
  const all = { host, connection: "close", ...fields };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const json = JSON.stringify(PADT);
  const request = wish === "change"
    ? `POST /api/padt HTTP/1.1\r\n${lines}content-type: application/json\r\n` +
      `content-length: ${json.length}\r\n\r\n${json}`
    : `GET ${wish === "read" ? "/api/status" : "/healthz"} HTTP/1.1\r\n${lines}\r\n`;
  await conn.write(new TextEncoder().encode(request));
  let text = "";
  const bytes = new Uint8Array(65536);
  for (let count; (count = await conn.read(bytes)) !== null;) {
    text += new TextDecoder().decode(bytes.subarray(0, count));
  }
  const [head, body] = text.split("\r\n\r\n");
  return { head, body };
}

/** The statuses of reading, of the health and of a change, without the token, with it, and with another one. */
const RIGHTS: [string, Endpoint, string | undefined, Record<Wish, [number, number, number]>][] = [
  ["on loopback without a token", LOOPBACK, undefined, {
    read: [200, 200, 200],
    health: [200, 200, 200],
    change: [403, 403, 403],
  }],
  ["on loopback with a token", LOOPBACK, TOKEN, {
    read: [200, 200, 200],
    health: [200, 200, 200],
    change: [401, 200, 401],
  }],
  ["beyond loopback without a token", NETWORK, undefined, {
    read: [200, 200, 200],
    health: [200, 200, 200],
    change: [403, 403, 403],
  }],
  ["beyond loopback with a token", NETWORK, TOKEN, {
    read: [401, 200, 401],
    health: [200, 200, 200],
    change: [401, 200, 401],
  }],
];

for (const [how, address, token, expected] of RIGHTS) {
  Deno.test(`The API gives nobody a right too many ${how}`, () =>
    serving(address, token, async (status, orders) => {
      const wrong = { authorization: `Bearer ${TOKEN.slice(0, -1)}0` };
      for (const [wish, statuses] of Object.entries(expected) as [Wish, number[]][]) {
        const answers: number[] = [];
        for (const fields of [{}, WITH_TOKEN, wrong]) answers.push(await status(wish, fields));
        assertEquals(answers, statuses, wish);
      }
      assertEquals(orders.length, expected.change.filter((status) => status === 200).length);
    }));
}

Deno.test("The API gives all rights over a unix socket, without a token", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await serving({ path: `${directory}/api.sock` }, undefined, async (status, orders) => {
      assertEquals([await status("read"), await status("health")], [200, 200]);
      assertEquals(await status("change"), 200);
      assertEquals(orders, [{ order: "padt", id: 17, ac: PADT.ac, host: undefined }]);
      // A proxy in front of the socket may pass on the request of a browser.
      assertEquals(await status("change", { origin: "http://evil.example" }), 403);
      assertEquals(orders.length, 1);
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("The API lets no page of another site change anything, even with the token", () =>
  serving(LOOPBACK, TOKEN, async (status, orders, { endpoint }) => {
    const own = `127.0.0.1:${endpoint.port}`;
    const refused: Record<string, string>[] = [
      { origin: "http://evil.example" },
      { origin: "null" },
      { origin: "" },
      { origin: `http://127.0.0.1` },
      { origin: `http://127.0.0.1:${endpoint.port + 1}` },
      { origin: `http://${own}.evil.example` },
      { origin: `http://evil.example/${own}` },
      { origin: `http://${own}@evil.example` },
      { origin: `file://${own}` },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { origin: `http://${own}`, "sec-fetch-site": "cross-site" },
    ];
    for (const fields of refused) {
      assertEquals(
        await status("change", { ...fields, ...WITH_TOKEN }),
        403,
        JSON.stringify(fields),
      );
    }
    assertEquals(orders, []);
    const answered: Record<string, string>[] = [
      { origin: `http://${own}` },
      { origin: `HTTP://${own}`, "sec-fetch-site": "same-origin" },
      { "sec-fetch-site": "none" },
    ];
    for (const fields of answered) {
      assertEquals(
        await status("change", { ...fields, ...WITH_TOKEN }),
        200,
        JSON.stringify(fields),
      );
    }
  }));

Deno.test("The API refuses a change for the name of another machine, even with the token (DNS rebinding)", () =>
  serving(LOOPBACK, TOKEN, async (status, orders) => {
    const fields = { host: "evil.example", origin: "http://evil.example", ...WITH_TOKEN };
    assertEquals(await status("change", fields), 421);
    assertEquals(orders, []);
  }));

for (
  const authorization of [
    TOKEN,
    `Basic ${TOKEN}`,
    `Bearer`,
    `Bearer ${TOKEN} x`,
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.toUpperCase()}`,
    `Bearer, Bearer ${TOKEN}`,
  ]
) {
  Deno.test(`The API takes no token from ${JSON.stringify(authorization.slice(0, 16))}…, ${authorization.length} characters`, () =>
    serving(
      LOOPBACK,
      TOKEN,
      async (status) => assertEquals(await status("change", { authorization }), 401),
    ));
}

Deno.test("The API takes the scheme of a token in any case", () =>
  serving(LOOPBACK, TOKEN, async (status) => {
    assertEquals(await status("change", { authorization: `bearer  ${TOKEN}` }), 200);
  }));

Deno.test("The API logs a wrong token once a minute, without the token", () =>
  serving(LOOPBACK, TOKEN, async (status, _orders, { lines }) => {
    for (let n = 0; n < 5; n++) await status("change", { authorization: "Bearer wrong-token" });
    await status("change");
    const wrong = lines.filter((line) => line.includes("token"));
    assertEquals(wrong.length, 1);
    assertMatch(wrong[0], /WARN {2}Status request refused: wrong token from=127\.0\.0\.1$/);
  }));

Deno.test("The API tells strangers beyond loopback only if the side is healthy, and no problem", async () => {
  const problem = {
    id: "no-ac",
    since: "2026-01-31T12:00:00.000Z",
    what: "No AC answers",
    advice: "look",
    blocks: false,
  } as const;
  const problems = () => [problem];
  await using served = await ServedApi.start(aSource({ problems }), NETWORK, TOKEN);
  assertEquals((await ask(served, "health", {})).body, "ok\n");
  assertEquals((await ask(served, "health", WITH_TOKEN)).body, "ok\nno-ac: No AC answers: look\n");
});

Deno.test("The API does not tell strangers beyond loopback which paths exist", async () => {
  await using served = await ServedApi.start(aSource(), NETWORK, TOKEN);
  for (const path of ["/api/status", "/nothing", "/api/padt"]) {
    const response = await fetch(`http://127.0.0.1:${served.endpoint.port}${path}`);
    assertEquals([response.status, await response.text()], [
      401,
      "A token is needed: send Authorization: Bearer TOKEN\n",
    ]);
    assertEquals(response.headers.get("www-authenticate"), "Bearer");
  }
});

Deno.test("The API warns that a token beyond loopback is not encrypted", async () => {
  await using served = await ServedApi.start(aSource(), NETWORK, TOKEN);
  const warnings = served.lines.filter((line) => line.includes("WARN"));
  assertEquals(warnings.length, 1);
  assertMatch(
    warnings[0],
    /The token and the status on 0\.0\.0\.0:\d+ are not encrypted: use --status/,
  );
});
