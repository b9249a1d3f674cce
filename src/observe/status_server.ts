// The HTTP server of the status.

import { type Endpoint, formatEndpoint, isLoopback, listenReason } from "../net/endpoint.ts";
import type { Log } from "./log.ts";
import { renderMetrics } from "./metrics.ts";
import type { Status } from "./status.ts";

/** A running status server. */
export interface StatusServer {
  readonly address: Endpoint;
  close(): Promise<void>;
}

/**
 * Serves `/healthz`, `/api/status` and `/metrics`.
 *
 * @param endpoint The address to listen on
 * @param status Returns the status
 * @param healthy Returns the answer of `/healthz`, without waiting for anything
 * @param log The log for the address and for failed requests
 * @returns The server, to be closed by the caller
 * @throws {Error} If it cannot listen on the address
 */
export function serveStatus(
  endpoint: Endpoint,
  status: () => Promise<Status>,
  healthy: () => boolean,
  log: Log,
): StatusServer {
  // An abort signal, because `shutdown()` of Deno 2.6 waits forever for an incomplete request.
  const ended = new AbortController();
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({
      ...endpoint,
      signal: ended.signal,
      onListen: ({ hostname, port }) =>
        log.info("Serving the status", { address: formatEndpoint({ hostname, port }) }),
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
  const { hostname, port } = server.addr;
  if (!isLoopback(hostname)) {
    log.warning(
      "Anyone who can reach the address of the status can read it, with the names of clients and " +
        `MAC addresses: use --status 127.0.0.1:${port}, or restrict ` +
        `${formatEndpoint({ hostname, port })} by a firewall`,
    );
  }
  return {
    address: { hostname, port },
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
    return new Response("Method not allowed; use GET\n", {
      status: 405,
      headers: { allow: "GET, HEAD" },
    });
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
  return new Response("Not found; try /healthz, /api/status or /metrics\n", { status: 404 });
}
