// The HTTP server that shows the status.

import { type Endpoint, formatEndpoint } from "../tunnel/endpoint.ts";
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
 * @throws {Error} If the address cannot be had.
 */
export function serveStatus(
  endpoint: Endpoint,
  status: () => Promise<Status>,
  log: Log,
): StatusServer {
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({
      ...endpoint,
      onListen: ({ hostname, port }) =>
        log.info("Status served", { address: formatEndpoint({ hostname, port }) }),
      onError: (error) => {
        log.error("Status request failed", { error: String(error) });
        return new Response("Internal error\n", { status: 500 });
      },
    }, (request) => answer(request, status));
  } catch (error) {
    throw new Error(
      `Cannot serve the status on ${formatEndpoint(endpoint)}: ${listenReason(error)}`,
      { cause: error },
    );
  }
  return {
    address: { hostname: server.addr.hostname, port: server.addr.port },
    close: () => server.shutdown(),
  };
}

/** Why an address cannot be listened on, and what mends it. */
export function listenReason(error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) return "the address is in use; choose another port";
  if (error instanceof Deno.errors.AddrNotAvailable) return "this machine has no such address";
  if (error instanceof Deno.errors.PermissionDenied) {
    return "not permitted; ports under 1024 need root or CAP_NET_BIND_SERVICE";
  }
  return error instanceof Error ? error.message.replace(/ \(os error \d+\)$/, "") : String(error);
}

async function answer(request: Request, status: () => Promise<Status>): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return new Response("Only GET\n", { status: 405, headers: { allow: "GET, HEAD" } });
  }
  switch (new URL(request.url).pathname) {
    case "/healthz": {
      const { healthy } = await status();
      return new Response(healthy ? "ok\n" : "not ok\n", { status: healthy ? 200 : 503 });
    }
    case "/api/status":
      return Response.json(await status(), { headers: { "cache-control": "no-store" } });
    case "/metrics":
      return new Response(renderMetrics(await status()), {
        headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
      });
  }
  return new Response("Not found: try /healthz, /api/status or /metrics\n", { status: 404 });
}
