// Asking sides for their status, over sockets with made-up sides behind them.

import { assertEquals, assertMatch } from "@std/assert";
import { askSide, type FoundSide, lookAt, orderSide } from "../../../src/cli/running_sides.ts";
import type { SessionQuery } from "../../../src/observe/control.ts";
import type { UnixAddress } from "../../../src/net/unix_address.ts";
import type { Endpoint } from "../../../src/net/endpoint.ts";
import { aSource, ServedApi } from "../../support/api.ts";
import { aStatus } from "../../support/status.ts";

const TOKEN = "0123456789abcdef0123";

function aSide(addresses: (Endpoint | UnixAddress)[], over: Partial<FoundSide> = {}): FoundSide {
  return {
    side: "server",
    interface: "eth1",
    name: "bras",
    pid: 4711,
    uid: undefined,
    stopping: false,
    failure: undefined,
    addresses,
    isTrusted: true,
    ...over,
  };
}

/** Makes a source with many sessions, and records which of them were asked for. */
function manySessions(total: number) {
  const asked: SessionQuery[] = [];
  const [one] = aStatus().sessions;
  const source = aSource({
    sessions: (query) => {
      asked.push(query);
      const count = Math.min(query.limit, total - query.after);
      const sessions = Array.from({ length: count }, () => one);
      const next = query.after + count;
      return Promise.resolve({ sessions, total, next: next < total ? next : null });
    },
    status: () => Promise.reject(new Error("All sessions were asked for")),
    summary: async () => {
      const { sessions: _sessions, ...summary } = await Promise.resolve(aStatus());
      return summary;
    },
  });
  return { source, asked };
}

Deno.test("lookAt() asks for the first sessions only, and never for all of them", async () => {
  const { source, asked } = manySessions(10_000);
  await using api = await ServedApi.start(source);
  const { status, sessions, failure } = await lookAt(aSide([api.endpoint]), { sessions: 20 });
  assertEquals([status?.interface, failure], ["eth1", undefined]);
  assertEquals([sessions?.sessions.length, sessions?.total], [20, 10_000]);
  assertEquals(asked.map(({ limit, after }) => [limit, after]), [[20, 0]]);
});

Deno.test("lookAt() asks for all sessions page by page", async () => {
  const { source, asked } = manySessions(2500);
  await using api = await ServedApi.start(source);
  const { sessions } = await lookAt(aSide([api.endpoint]), { sessions: Infinity });
  assertEquals([sessions?.sessions.length, sessions?.total], [2500, 2500]);
  assertEquals(asked.map(({ limit, after }) => [limit, after]), [
    [1000, 0],
    [1000, 1000],
    [1000, 2000],
  ]);
});

Deno.test("lookAt() asks an older version, which has only the whole status", async () => {
  const older = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    ({ url }) =>
      url.endsWith("/api/status")
        ? Response.json(aStatus({ mode: "client" }))
        : new Response("Not found\n", { status: 404 }),
  );
  try {
    const { hostname, port } = older.addr;
    const view = await lookAt(aSide([{ hostname, port }], { side: undefined }), { sessions: 20 });
    assertEquals([view.side, view.failure], ["client", undefined]);
    assertEquals(view.sessions?.sessions.map(({ id }) => id), ["0x0011"]);
  } finally {
    await older.shutdown();
  }
});

Deno.test("lookAt() knows another program from a side", async () => {
  const other = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("<html>"),
  );
  try {
    const { hostname, port } = other.addr;
    const { failure, status } = await lookAt(aSide([{ hostname, port }]), { sessions: 20 });
    assertEquals(failure, `what answers at 127.0.0.1:${port} is not a pppoe-proxy`);
    assertEquals(status, undefined);
  } finally {
    await other.shutdown();
  }
});

Deno.test("askSide() goes on to the next address if the first one does not answer", async () => {
  await using api = await ServedApi.start();
  const answer = await askSide(aSide([{ path: "/no/such.sock" }, api.endpoint]), "/api/problems");
  assertEquals("value" in answer ? answer.value : answer.failure, { problems: [] });
});

Deno.test("askSide() tells why a side cannot be asked", async () => {
  assertEquals(await askSide(aSide([], { failure: "it is stopped" }), "/"), {
    failure: "it is stopped",
  });
  const answer = await askSide(aSide([{ path: "/no/such.sock" }]), "/api/status");
  assertEquals(
    "failure" in answer && answer.failure,
    "it cannot be asked at unix:/no/such.sock: there is no such socket",
  );
});

Deno.test("orderSide() needs no token over a unix socket, and sends none to a side that is not trusted", async () => {
  const closed = aStatus().sessions[0];
  const source = aSource({ control: () => Promise.resolve({ done: "closed", session: closed }) });
  const order = { id: "0x0011" };
  const path = `${await Deno.makeTempDir()}/status.sock`;
  {
    await using _api = await ServedApi.start(source, { path });
    const result = await orderSide(aSide([{ path }]), "/api/sessions/close", order);
    assertEquals(result, { value: { session: closed } });
  }
  await using api = await ServedApi.start(source, { hostname: "127.0.0.1", port: 0 }, TOKEN);
  const side = aSide([api.endpoint]);
  const send = (one: FoundSide, token?: string) =>
    orderSide(one, "/api/sessions/close", order, token);
  assertEquals("value" in await send(side, TOKEN), true);
  for (
    const refused of [await send(side), await send({ ...side, isTrusted: false }, TOKEN)]
  ) {
    assertMatch("failure" in refused ? refused.failure : "", /--token-file FILE/);
  }
});

Deno.test("orderSide() gives the reason of a refusal", async () => {
  const path = `${await Deno.makeTempDir()}/status.sock`;
  await using _api = await ServedApi.start(aSource(), { path });
  const result = await orderSide(aSide([{ path }]), "/api/sessions/close", { id: "0x0011" });
  assertEquals(result, {
    failure: "There is no such session; GET /api/sessions lists them",
  });
});
