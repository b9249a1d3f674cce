// Tests of the status server over HTTP.

import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { createLog } from "../../../src/observe/log.ts";
import { renderMetrics } from "../../../src/observe/metrics.ts";
import type { Status } from "../../../src/observe/status.ts";
import { serveStatus } from "../../../src/observe/status_server.ts";
import { formatEndpoint, listenReason } from "../../../src/net/endpoint.ts";
import type { ApiSource } from "../../../src/observe/api/source.ts";
import { aSource, ServedApi } from "../../support/api.ts";
import { testUnless } from "../../support/skip.ts";
import { aStatus } from "../../support/status.ts";
import { canListen } from "../../support/tcp_pair.ts";

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };

/** Serves a status for the duration of a test. */
async function serving(
  status: () => Promise<Status>,
  test: (url: string, lines: string[]) => Promise<void>,
  endpoint = LOOPBACK,
  source: Partial<ApiSource> = {},
): Promise<void> {
  await using served = await ServedApi.start(aSource({ status, ...source }), endpoint);
  await test(`http://${formatEndpoint(served.endpoint)}`, served.lines);
}

const up = () => Promise.resolve(aStatus());

Deno.test("serveStatus() answers /api/status with the status as JSON", () =>
  serving(up, async (url) => {
    const response = await fetch(`${url}/api/status`);
    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-type"), "application/json");
    assertEquals(response.headers.get("cache-control"), "no-store");
    assertEquals(await response.json(), aStatus());
  }));

Deno.test("serveStatus() answers /metrics for Prometheus", () =>
  serving(up, async (url) => {
    const response = await fetch(`${url}/metrics`);
    assertEquals(response.status, 200);
    assertEquals(
      response.headers.get("content-type"),
      "text/plain; version=0.0.4; charset=utf-8",
    );
    assertEquals(await response.text(), renderMetrics(aStatus(), aSource().process()));
  }));

for (const [healthy, status, text] of [[true, 200, "ok\n"], [false, 503, "not ok\n"]] as const) {
  Deno.test(`serveStatus() answers /healthz with ${status} when healthy is ${healthy}`, () =>
    serving(
      () => Promise.reject(new Error("not asked")),
      async (url) => {
        const response = await fetch(`${url}/healthz`);
        assertEquals([response.status, await response.text()], [status, text]);
      },
      LOOPBACK,
      { healthy: () => healthy },
    ));

  Deno.test(`serveStatus() names the problems in /healthz when healthy is ${healthy}`, () => {
    const since = "2026-11-28T12:00:00.000Z";
    const problems = [
      { id: "no-ac" as const, since, what: "No AC answers", advice: "look", blocks: !healthy },
      { id: "loop" as const, since, what: "A PADI came back", advice: "part them", blocks: false },
    ];
    return serving(
      up,
      async (url) => {
        const response = await fetch(`${url}/healthz`);
        assertEquals([response.status, await response.text()], [
          status,
          `${text}no-ac: No AC answers: look\nloop: A PADI came back: part them\n`,
        ]);
      },
      LOOPBACK,
      { healthy: () => healthy, problems: () => problems },
    );
  });
}

Deno.test("serveStatus() ignores the query", () =>
  serving(up, async (url) => {
    const response = await fetch(`${url}/healthz?verbose=1`);
    assertEquals([response.status, await response.text()], [200, "ok\n"]);
  }));

for (const path of ["/page", "/page/files.ts", "/api", "/api/status/", "/metrics/x", "/HEALTHZ"]) {
  Deno.test(`serveStatus() answers ${path} with 404`, () =>
    serving(up, async (url) => {
      const response = await fetch(url + path);
      assertEquals(response.status, 404);
      assertStringIncludes(await response.text(), "/api/status");
    }));
}

for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
  Deno.test(`serveStatus() answers ${method} with 405`, () =>
    serving(up, async (url) => {
      const response = await fetch(`${url}/api/status`, { method });
      assertEquals([response.status, response.headers.get("allow")], [405, "GET, HEAD"]);
      await response.body?.cancel();
    }));
}

Deno.test("serveStatus() answers HEAD like GET, without the body", () =>
  serving(up, async (url) => {
    for (const path of ["/api/status", "/metrics", "/healthz"]) {
      const response = await fetch(url + path, { method: "HEAD" });
      assertEquals([response.status, await response.text()], [200, ""]);
    }
  }));

Deno.test("serveStatus() fetches the status for each request", () => {
  let asked = 0;
  return serving(() => Promise.resolve(aStatus({ uptimeSeconds: ++asked })), async (url) => {
    for (const expected of [1, 2, 3]) {
      const { uptimeSeconds } = await (await fetch(`${url}/api/status`)).json();
      assertEquals(uptimeSeconds, expected);
    }
  });
});

Deno.test("serveStatus() answers 500, logs the error and keeps running when there is no status", () => {
  let fails = true;
  return serving(
    () => fails ? Promise.reject(new Error("the worker is gone")) : up(),
    async (url, lines) => {
      const response = await fetch(`${url}/api/status`);
      assertEquals([response.status, await response.text()], [500, "Internal error\n"]);
      assertStringIncludes(lines.at(-1)!, "Status request failed");
      assertStringIncludes(lines.at(-1)!, "the worker is gone");
      fails = false;
      await (await fetch(`${url}/healthz`)).text();
    },
  );
});

Deno.test("serveStatus() logs its address", () =>
  serving(up, (url, lines) => {
    assertStringIncludes(lines[0], "Serving the status");
    assertStringIncludes(lines[0], new URL(url).host);
    return Promise.resolve();
  }));

testUnless(
  canListen("::1") ? undefined : "no IPv6 here",
  "serveStatus() serves on IPv6",
  () =>
    serving(up, async (url) => {
      assertStringIncludes(url, "http://[::1]:");
      assertEquals(await fetch(`${url}/healthz`).then((response) => response.text()), "ok\n");
    }, { hostname: "::1", port: 0 }),
);

Deno.test("serveStatus() reports why it cannot listen on an address", async () => {
  using listener = Deno.listen(LOOPBACK);
  const { port } = listener.addr;
  const log = createLog({ level: "error", format: "text", write: () => {} });
  const serve = async (hostname: string, port: number) => {
    const serving = () => serveStatus({ hostname, port }, { routes: [], log });
    return (await assertRejects(serving, Error)).message;
  };
  assertEquals(
    await serve("127.0.0.1", port),
    `Cannot serve the status on 127.0.0.1:${port}: the address is in use; choose another port`,
  );
  assertEquals(
    await serve("192.0.2.1", 9000),
    "Cannot serve the status on 192.0.2.1:9000: this machine has no such address",
  );
});

Deno.test("listenReason() advises on a missing privilege, and returns other messages unchanged", () => {
  assertEquals(
    listenReason(new Deno.errors.PermissionDenied("Permission denied (os error 13)")),
    "not permitted; ports under 1024 need root or CAP_NET_BIND_SERVICE",
  );
  assertEquals(listenReason(new Error("No buffer space (os error 105)")), "No buffer space");
  assertEquals(listenReason("odd"), "odd");
});

const EXPOSED = /WARN {2}Anyone who can reach the address of the status can read it.*--status 127/;

for (const [hostname, address] of [["0.0.0.0", "0.0.0.0:"], ["::", "[::]:"]]) {
  testUnless(
    canListen(hostname) ? undefined : `no address ${hostname}`,
    `serveStatus() warns that anyone can read the status on ${hostname}`,
    () =>
      serving(up, (_, lines) => {
        const [line, ...others] = lines.filter((line) => EXPOSED.test(line));
        assertMatch(line, /, or restrict \S+ by a firewall$/);
        assertStringIncludes(line, ` restrict ${address}`);
        assertEquals(others, []);
        return Promise.resolve();
      }, { hostname, port: 0 }),
  );
}

for (const hostname of ["127.0.0.1", "127.9.9.9", "::1", "localhost"]) {
  testUnless(
    canListen(hostname) ? undefined : `no address ${hostname}`,
    `serveStatus() does not warn on ${hostname}`,
    () =>
      serving(up, (_, lines) => {
        assertEquals(lines.filter((line) => line.includes("WARN")), []);
        return Promise.resolve();
      }, { hostname, port: 0 }),
  );
}
