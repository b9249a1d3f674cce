// Tests of the form of requests, and of what the routes for sessions make of them.

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { ApiSource } from "../../../../src/observe/api/source.ts";
import type { Control, SessionQuery } from "../../../../src/observe/control.ts";
import { aSource, ServedApi } from "../../../support/api.ts";
import { aStatus } from "../../../support/status.ts";

const [SESSION] = aStatus().sessions;
const TOKEN = "0123456789abcdef0123456789abcdef";
const AC = "02:00:00:00:00:a1";
const HOST = "02:00:00:00:00:11";

/** A served API with the questions and the orders that it has passed on. */
async function serving(
  test: (
    get: (path: string) => Promise<[number, string]>,
    post: (path: string, content: string, type?: string) => Promise<[number, string]>,
    asked: (SessionQuery | Control)[],
  ) => Promise<void>,
  over: Partial<ApiSource> = {},
): Promise<void> {
  const asked: (SessionQuery | Control)[] = [];
  const source = aSource({
    sessions: (query) => {
      asked.push(query);
      return Promise.resolve({ sessions: [SESSION], total: 3, next: 9 });
    },
    control: (order) => {
      asked.push(order);
      return Promise.resolve(
        order.order === "close"
          ? { done: "closed", session: SESSION }
          : order.order === "discover"
          ? { refused: "no-tunnel" }
          : { done: "sent", ac: order.ac, host: order.host ?? HOST, id: order.id },
      );
    },
    ...over,
  });
  await using served = await ServedApi.start(source, undefined, TOKEN);
  const url = `http://127.0.0.1:${served.endpoint.port}`;
  const answer = async (response: Response): Promise<[number, string]> => [
    response.status,
    await response.text(),
  ];
  await test(
    async (path) => answer(await fetch(`${url}${path}`)),
    async (path, body, type = "application/json") =>
      answer(
        await fetch(`${url}${path}`, {
          method: "POST",
          headers: { "content-type": type, authorization: `Bearer ${TOKEN}` },
          body,
        }),
      ),
    asked,
  );
}

Deno.test("GET /api/sessions passes on its filters in their usual form, and a page", () =>
  serving(async (get, _post, asked) => {
    const page = { sessions: [SESSION], total: 3, next: 9 };
    assertEquals(await get("/api/sessions"), [200, JSON.stringify(page)]);
    await get(
      `/api/sessions?state=held&tunnel=os%20aka&host=${HOST}&ac=${AC.toUpperCase()}&id=0X11&limit=7&after=12`,
    );
    await get("/api/sessions?id=17");
    const none = { state: undefined, tunnel: undefined, host: undefined, ac: undefined };
    assertEquals(asked, [
      { ...none, id: undefined, limit: 100, after: 0 },
      { state: "held", tunnel: "os aka", host: HOST, ac: AC, id: 17, limit: 7, after: 12 },
      { ...none, id: 17, limit: 100, after: 0 },
    ]);
  }));

for (
  const [query, fault] of [
    ["states=open", 'There is no parameter "states"; known ones are state, tunnel'],
    ["state=", "state must be open or held"],
    ["state=open&state=held", "state is given twice; give it once"],
    ["limit=0", "limit must be at least 1"],
    ["limit=1001", "limit must be at most 1000"],
    ["limit=-1", "limit must be an integer"],
    ["limit=1e3", "limit must be an integer"],
    ["after=x", "after must be an integer"],
    ["after=99999999999999999", "after must be an integer"],
    ["after=9999999999999999", "after must be at most 9007199254740991"],
    ["host=02:00:00:00:00", "host must have the right form, such as 02:00"],
    ["ac=1", "ac must have the right form"],
    ["id=0x", "id must have the right form, such as 0x0011"],
    ["id=0", "id must be from 0x0001 to 0xfffe"],
    ["id=0xffff", "id must be from 0x0001 to 0xfffe"],
    ["id=99999", "id must be from 0x0001 to 0xfffe"],
    [`tunnel=${"x".repeat(257)}`, "tunnel must have at most 256 characters"],
    ["__proto__=1", 'There is no parameter "__proto__"'],
  ]
) {
  Deno.test(`GET /api/sessions refuses ${query.slice(0, 30)}`, () =>
    serving(async (get, _post, asked) => {
      const [status, text] = await get(`/api/sessions?${query}`);
      assertEquals(status, 400);
      assertStringIncludes(text, fault);
      assertEquals(asked, []);
    }));
}

Deno.test("POST /api/sessions/close takes an id as text or number, and names the session that was closed", () =>
  serving(async (_get, post, asked) => {
    for (const id of ["0x0011", "0x11", "17", 17]) {
      const [status, text] = await post("/api/sessions/close", JSON.stringify({ id, ac: AC }));
      assertEquals([status, JSON.parse(text)], [200, { session: SESSION }]);
    }
    const filter = { state: undefined, tunnel: undefined, host: undefined, ac: AC, id: 17 };
    assertEquals(asked, Array(4).fill({ order: "close", filter }));
  }));

for (
  const [content, fault] of [
    ["", "The content is not valid JSON"],
    ["{", "The content is not valid JSON"],
    ["[]", "the content must be an object"],
    ["null", "the content must be an object"],
    ["{}", "the content must have the property id"],
    ['{"id":null}', "id must be a text or an integer"],
    ['{"id":1.5}', "id must be a text or an integer"],
    ['{"id":0}', "id must be at least 1, such as 0x0011"],
    ['{"id":65535}', "id must be at most 65534, such as 0x0011"],
    ['{"id":"0xffff"}', "id must be from 0x0001 to 0xfffe"],
    ['{"id":1,"hosts":"x"}', 'the content has the unknown property "hosts"'],
    ['{"id":1,"host":"x"}', "host must have the right form"],
  ]
) {
  Deno.test(`POST /api/sessions/close refuses the content ${content || "of no byte"}`, () =>
    serving(async (_get, post, asked) => {
      assertEquals(await post("/api/sessions/close", content), [
        400,
        `${fault}${fault.endsWith("form") ? ", such as 02:00:00:00:00:11" : ""}\n`,
      ]);
      assertEquals(asked, []);
    }));
}

for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]) {
  Deno.test(`POST /api/sessions/close refuses the content type ${type || "that is missing"}`, () =>
    serving(async (_get, post, asked) => {
      const [status] = await post("/api/sessions/close", '{"id":17}', type);
      assertEquals([status, asked], [415, []]);
    }));
}

Deno.test("POST /api/sessions/close takes a content type with a charset", () =>
  serving(async (_get, post) => {
    const type = "Application/JSON; charset=utf-8";
    assertEquals((await post("/api/sessions/close", '{"id":17}', type))[0], 200);
  }));

for (
  const [content, fault] of [
    [{ id: 17 }, "the content must have the property ac"],
    [{ id: 17, ac: "ff:ff:ff:ff:ff:ff" }, "ac must be the address of one station"],
    [{ id: 17, ac: "01:00:00:00:00:01" }, "ac must be the address of one station"],
    [{ id: 17, ac: AC, host: "ff:ff:ff:ff:ff:ff" }, "host must be the address of one station"],
    [{ id: "0x0000", ac: AC }, "id must be from 0x0001 to 0xfffe"],
  ] as const
) {
  Deno.test(`POST /api/padt refuses ${JSON.stringify(content)}`, () =>
    serving(async (_get, post, asked) => {
      assertEquals(await post("/api/padt", JSON.stringify(content)), [400, `${fault}\n`]);
      assertEquals(asked, []);
    }));
}

Deno.test("POST /api/padt passes on ten orders in a second, and refuses more with 429", () =>
  serving(async (_get, post, asked) => {
    const statuses: number[] = [];
    const content = JSON.stringify({ id: "0x0011", ac: AC.toUpperCase(), host: HOST });
    // A slow machine may begin another second meanwhile.
    while (!statuses.includes(429) && statuses.length < 1000) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => post("/api/padt", content)),
      );
      statuses.push(...answers.map(([status]) => status));
    }
    assertEquals(statuses.includes(429), true);
    assertEquals(asked.length, statuses.filter((status) => status === 200).length);
    assertEquals(asked[0], { order: "padt", id: 17, ac: AC, host: HOST });
  }));

Deno.test("The API names the methods of a path for another one", () =>
  serving(async (get, post) => {
    assertEquals(await get("/api/padt"), [405, "Method not allowed; use POST\n"]);
    assertEquals(await post("/api/sessions", "{}"), [405, "Method not allowed; use GET\n"]);
    assertEquals((await post("/api/nothing", "{}"))[0], 404);
  }));

Deno.test("GET /api/drops lists every drop reason with its count", () =>
  serving(async (get) => {
    const { drops } = JSON.parse((await get("/api/drops"))[1]);
    const counts = drops.map((
      { reason, count }: { reason: string; count: number },
    ) => [reason, count]);
    assertEquals(counts, Object.entries(aStatus().drops));
  }));

Deno.test("GET /metrics asks for no session, of which there may be thousands", () =>
  serving(async (get) => {
    const [status, text] = await get("/metrics");
    assertEquals(status, 200);
    assertStringIncludes(text, 'pppoe_proxy_sessions{state="open"} 70000\n');
  }, {
    status: () => Promise.reject(new Error("not to be asked")),
    summary: () => Promise.resolve(aStatus({ sessionCounts: { open: 70_000, held: 0 } })),
  }));
