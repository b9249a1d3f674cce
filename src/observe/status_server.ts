// The HTTP server that shows the status.

import { type Endpoint, formatEndpoint, listenReason } from "../net/endpoint.ts";
import type { Log } from "./log.ts";
import { renderMetrics } from "./metrics.ts";
import type { Status } from "./status.ts";

/** A status server that runs. */
export interface StatusServer {
  readonly address: Endpoint;
  close(): Promise<void>;
}

/**
 * Serves `/healthz`, `/api/status` and `/metrics`.
 *
 * @param endpoint Where.
 * @param status All there is to show.
 * @param healthy What `/healthz` says, with nothing to wait for.
 * @param log Gets the address, and what goes wrong.
 * @throws {Error} If the address cannot be had.
 */
export function serveStatus(
  endpoint: Endpoint,
  status: () => Promise<Status>,
  healthy: () => boolean,
  log: Log,
): StatusServer {
  // Not `shutdown()`, which in Deno 2.6 waits for ever for a request of which half has come.
  const ended = new AbortController();
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({
      ...endpoint,
      signal: ended.signal,
      onListen: ({ hostname, port }) =>
        log.info("Status served", { address: formatEndpoint({ hostname, port }) }),
      onError: (error) => {
        log.error("Status request failed", { error: String(error) });
        return new Response("Internal error\n", { status: 500 });
      },
    }, (request) => answer(request, status, healthy));
  } catch (error) {
    throw new Error(
      `Cannot serve the status on ${formatEndpoint(endpoint)}: ${listenReason(error)}`,
      { cause: error },
    );
  }
  return {
    address: { hostname: server.addr.hostname, port: server.addr.port },
    close: () => {
      ended.abort();
      return server.finished;
    },
  };
}

async function answer(
  request: Request,
  status: () => Promise<Status>,
  healthy: () => boolean,
): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return new Response("Only GET\n", { status: 405, headers: { allow: "GET, HEAD" } });
  }
  switch (new URL(request.url).pathname) {
    case "/healthz":
      return healthy()
        ? new Response("ok\n", { status: 200 })
        : new Response("not ok\n", { status: 503 });
    case "/api/status":
      return Response.json(await status(), { headers: { "cache-control": "no-store" } });
    case "/metrics":
      return new Response(renderMetrics(await status()), {
        headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
      });
  }
  return new Response("Not found: try /healthz, /api/status or /metrics\n", { status: 404 });
}
