// Checks the answers of all routes against the description that the API serves.

import { assert, assertEquals } from "@std/assert";
import { faultIn, type Schema } from "../../../../src/observe/api/schema.ts";
import { apiRoutes } from "../../../../src/observe/api.ts";
import type { ApiSource } from "../../../../src/observe/api/source.ts";
import type { ControlResult } from "../../../../src/observe/control.ts";
import { EventHub } from "../../../../src/observe/event_hub.ts";
import { aSource, ServedApi } from "../../../support/api.ts";
import { aStatus } from "../../../support/status.ts";

/** The parts of a description that are used here. */
interface Description {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema>; securitySchemes: Record<string, unknown> };
}

interface Operation {
  summary: string;
  security: Record<string, unknown>[];
  parameters?: { name: string; in: string; description: string; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { description: string; content: Record<string, { schema: Schema }> }>;
}

const TOKEN = "0123456789abcdef0123456789abcdef";
const PROBLEM = {
  id: "no-ac",
  since: "2026-01-31T12:00:00.000Z",
  what: "No AC answers",
  advice: "look",
  blocks: true,
} as const;
const KEY = { name: "osaka", id: "0011aabb", lastUsedS: null, tunnels: 0 };
const [SESSION] = aStatus().sessions;

/** Statuses with all that a status can have. */
const STATUSES = [
  aStatus(),
  aStatus({ mode: "client", handshakes: undefined, refused: undefined, sessions: [], tunnels: [] }),
  aStatus({
    problems: [PROBLEM],
    keys: [KEY, { ...KEY, lastUsedS: 1.5 }],
    interfaceState: "down",
    interfaceReason: "it has no carrier",
    tunnels: [
      { ...aStatus().tunnels[0], encryption: { cipher: "AES-128-GCM", kernel: true } },
      { ...aStatus().tunnels[0], state: "waiting", congestion: null },
    ],
  }),
];

const CLOSE = { id: "0x0011", host: SESSION.host, ac: SESSION.ac, tunnel: SESSION.tunnel };
const PADT = { id: 17, ac: SESSION.ac, host: SESSION.host };
const CLOSED: ControlResult = { done: "closed", session: SESSION };
const SENT: ControlResult = { done: "sent", ac: SESSION.ac, host: SESSION.host, id: 17 };

const DISCOVERED: ControlResult = {
  done: "discovered",
  acs: [
    {
      name: "bras",
      mac: SESSION.ac,
      offer: true,
      services: ["", "internet"],
      delayMs: 1.25,
      cookie: true,
      relaySessionId: false,
      maxPayload: null,
      hostUniq: true,
      errors: [{ tag: "Generic-Error", text: "busy" }],
      otherTags: ["Vendor-Specific"],
    },
  ],
  sent: 3,
  others: 0,
  leftOut: 0,
};

/** A request of a test: the operation, and what it leads to. */
interface Case {
  path: string;
  method?: "GET" | "POST";
  query?: string;
  content?: unknown;
  fields?: Record<string, string>;
  source?: Partial<ApiSource>;
  status: number;
}

const failing = () => Promise.reject(new Error("out of order"));
const saying = (result: ControlResult) => ({ control: () => Promise.resolve(result) });
const refusing = (refused: Extract<ControlResult, { refused: unknown }>["refused"]) =>
  saying({ refused });

const CASES: Case[] = [
  { path: "/healthz", status: 200 },
  {
    path: "/healthz",
    status: 503,
    source: { healthy: () => false, problems: () => [PROBLEM] },
  },
  ...STATUSES.map((status): Case => ({
    path: "/api/status",
    status: 200,
    source: { status: () => Promise.resolve(status) },
  })),
  { path: "/api/status", status: 500, source: { status: failing } },
  ...STATUSES.map((status): Case => ({
    path: "/api/summary",
    status: 200,
    source: {
      summary: () => {
        const { sessions: _sessions, ...summary } = status;
        return Promise.resolve(summary);
      },
    },
  })),
  ...STATUSES.map((status): Case => ({
    path: "/metrics",
    status: 200,
    source: { status: () => Promise.resolve(status) },
  })),
  { path: "/api/problems", status: 200 },
  {
    path: "/api/problems",
    status: 200,
    source: { healthy: () => false, problems: () => [PROBLEM] },
  },
  { path: "/api/drops", status: 200 },
  { path: "/api/sessions", status: 200 },
  {
    path: "/api/sessions",
    query:
      "?state=held&tunnel=osaka&host=02:00:00:00:00:11&ac=02:00:00:00:00:A1&id=0x11&limit=1&after=0",
    status: 200,
    source: { sessions: () => Promise.resolve({ sessions: [SESSION], total: 2, next: 5 }) },
  },
  { path: "/api/sessions", query: "?state=closed", status: 400 },
  { path: "/api/sessions/close", content: CLOSE, status: 200, source: saying(CLOSED) },
  { path: "/api/sessions/close", content: { id: 17 }, status: 200, source: saying(CLOSED) },
  { path: "/api/sessions/close", content: {}, status: 400 },
  {
    path: "/api/sessions/close",
    content: CLOSE,
    fields: { authorization: "Bearer x" },
    status: 401,
  },
  {
    path: "/api/sessions/close",
    content: CLOSE,
    fields: { origin: "http://evil.example" },
    status: 403,
  },
  { path: "/api/sessions/close", content: CLOSE, status: 404, source: refusing("unknown-session") },
  {
    path: "/api/sessions/close",
    content: CLOSE,
    status: 409,
    source: refusing("several-sessions"),
  },
  { path: "/api/sessions/close", content: "x".repeat(20_000), status: 413 },
  {
    path: "/api/sessions/close",
    content: CLOSE,
    fields: { "content-type": "text/plain" },
    status: 415,
  },
  { path: "/api/sessions/close", content: CLOSE, status: 503, source: refusing("stopping") },
  { path: "/api/padt", content: PADT, status: 200, source: saying(SENT) },
  { path: "/api/padt", content: PADT, status: 409, source: refusing("known-session") },
  { path: "/api/padt", content: PADT, status: 409, source: refusing("no-ac-here") },
  { path: "/api/padt", content: PADT, status: 503, source: refusing("link-down") },
  { path: "/api/padt", content: PADT, status: 400, source: refusing("own-address") },
  { path: "/api/discover", content: {}, status: 200, source: saying(DISCOVERED) },
  {
    path: "/api/discover",
    content: { service: "a", waitMs: 100 },
    status: 409,
    source: refusing("busy"),
  },
  { path: "/api/discover", content: {}, status: 409, source: refusing("no-tunnel-to-acs") },
  { path: "/api/discover", content: {}, status: 503, source: refusing("no-tunnel") },
  { path: "/api/discover", content: { waitMs: 10_001 }, status: 400 },
  { path: "/api/discover", content: { service: "\u20ac".repeat(100) }, status: 400 },
  { path: "/api/capture", status: 200 },
  { path: "/api/capture", content: { action: "stop" }, status: 200 },
  { path: "/api/capture", content: { action: "start", file: "a.pcapng" }, status: 409 },
  { path: "/api/events", status: 200 },
  { path: "/api/openapi.json", status: 200 },
];

/** Returns the description of all routes. */
async function description(): Promise<Description> {
  await using served = await ServedApi.start();
  const response = await fetch(`http://127.0.0.1:${served.endpoint.port}/api/openapi.json`);
  assertEquals(response.headers.get("content-type"), "application/json");
  return await response.json();
}

function methodOf({ method, content }: Case): "GET" | "POST" {
  return method ?? (content === undefined ? "GET" : "POST");
}

for (const one of CASES) {
  const { path, query = "", status } = one;
  const how = one.content === undefined ? query : JSON.stringify(one.content).slice(0, 40);
  Deno.test(`${methodOf(one)} ${path} answers ${status} as the API describes it: ${how}`, async () => {
    const { paths, components: { schemas } } = await description();
    const operation = paths[path][methodOf(one).toLowerCase()];
    await using served = await ServedApi.start(aSource(one.source), undefined, TOKEN);
    const response = await fetch(`http://127.0.0.1:${served.endpoint.port}${path}${query}`, {
      method: methodOf(one),
      headers: {
        authorization: `Bearer ${TOKEN}`,
        ...one.content === undefined ? {} : { "content-type": "application/json" },
        ...one.fields,
      },
      body: one.content === undefined ? undefined : JSON.stringify(one.content),
    });
    assertEquals(response.status, status);
    const described = operation.responses[status];
    assert(described !== undefined, `${path} has no description of ${status}`);
    const [[type, { schema }]] = Object.entries(described.content);
    assertEquals(response.headers.get("content-type"), type);
    if (type === "text/event-stream") return await response.body?.cancel();
    const value = type === "application/json" ? await response.json() : await response.text();
    assertEquals(faultIn(schema, value, schemas), undefined);
  });
}

Deno.test("Each route of the API has a case here for the answers that are its own", () => {
  const events = new EventHub({ summary: failing, failed: () => {} });
  // The files of the page are no part of the API; page_routes_test.ts tries them.
  const ofApi = apiRoutes(aSource(), events).filter(({ path }) => !/^\/(page\/|$)/.test(path));
  const missing = ofApi.flatMap(({ method, path, answers }) =>
    Object.keys(answers)
      .filter((status) =>
        !CASES.some((one) =>
          one.path === path && methodOf(one) === method && one.status === Number(status)
        )
      )
      .map((status) => `${method} ${path} ${status}`)
  );
  // These have tests of their own, because they need many requests.
  assertEquals(missing, ["POST /api/padt 429", "GET /api/events 503"]);
});

Deno.test("The description of the API has the form of OpenAPI 3.1", async () => {
  const { openapi, paths, components } = await description();
  assertEquals(openapi, "3.1.0");
  for (const [path, operations] of Object.entries(paths)) {
    assert(path.startsWith("/"), path);
    for (const [method, operation] of Object.entries(operations)) {
      const name = `${method} ${path}`;
      assert(["get", "post"].includes(method), name);
      assert(/^[A-Z]/.test(operation.summary) && !operation.summary.endsWith("."), name);
      assertEquals(operation.requestBody !== undefined, method === "post", name);
      for (const scheme of operation.security.flatMap(Object.keys)) {
        assert(scheme in components.securitySchemes, name);
      }
      for (const parameter of operation.parameters ?? []) {
        assertEquals(parameter.in, "query");
        assert(parameter.description.length > 0, parameter.name);
      }
      for (const { description, content } of Object.values(operation.responses)) {
        assert(description.length > 0, name);
        assertEquals(Object.keys(content).length, 1);
      }
    }
  }
  // Each reference leads to a schema.
  const text = JSON.stringify({ paths, components });
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
    assert(name in components.schemas, name);
  }
});

Deno.test("Only the routes that change something need the token, and the health needs none at all", async () => {
  const { paths } = await description();
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, { security }] of Object.entries(operations)) {
      const expected = path === "/healthz"
        ? []
        : method === "post"
        ? [{ token: [] }]
        : [{}, { token: [] }];
      assertEquals(security, expected, path);
    }
  }
});
