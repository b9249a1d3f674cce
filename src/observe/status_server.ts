// The HTTP server of the status.

import { type Endpoint, formatEndpoint, isLoopback, listenReason } from "../net/endpoint.ts";
import { type HttpAnswer, type HttpLimits, HttpServer, textAnswer } from "./http_server.ts";
import type { Log } from "./log.ts";
import { renderMetrics } from "./metrics.ts";
import type { ProblemStatus } from "./problems.ts";
import { RateLimit } from "./rate_limit.ts";
import { reasonOf } from "../reason.ts";
import type { Status } from "./status.ts";

/** The time between two log lines about the same fault. */
const FAULT_EVERY_MS = 60_000;

/** The health of the program. */
export interface Health {
  /** True if the program does its job. */
  healthy: boolean;
  /** The problems that it has all the same, or that keep it from its job. */
  problems: ProblemStatus[];
}

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
 * @param health Returns the health, without waiting for anything
 * @param log The log for the address and for failed requests
 * @param limits Limits for connections, each with a default
 * @returns The server, to be closed by the caller
 * @throws {Error} If it cannot listen on the address
 */
export function serveStatus(
  endpoint: Endpoint,
  status: () => Promise<Status>,
  health: () => Health,
  log: Log,
  limits: Partial<HttpLimits> = {},
): StatusServer {
  const faults = new RateLimit(FAULT_EVERY_MS);
  const server = new HttpServer({
    listener: listen(endpoint),
    hostname: endpoint.hostname,
    answer: answers(status, health, log, faults),
    acceptFailed: (error) => {
      if (faults.allow("accept", performance.now()) < 0) return;
      log.warning("Cannot accept a status request", { error: reasonOf(error) });
    },
    limits,
  });
  const { address } = server;
  log.info("Serving the status", { address: formatEndpoint(address) });
  if (!isLoopback(address.hostname)) {
    log.warning(
      "Anyone who can reach the address of the status can read it, with the names of clients and " +
        `MAC addresses: use --status 127.0.0.1:${address.port}, or restrict ` +
        `${formatEndpoint(address)} by a firewall`,
    );
  }
  return { address, close: () => server.close() };
}

function listen(endpoint: Endpoint): Deno.TcpListener {
  try {
    return Deno.listen({ ...endpoint, transport: "tcp" });
  } catch (error) {
    throw new Error(
      `Cannot serve the status on ${formatEndpoint(endpoint)}: ${listenReason(error)}`,
      { cause: error },
    );
  }
}

/** Makes the function that answers a request for a path. */
function answers(
  status: () => Promise<Status>,
  health: () => Health,
  log: Log,
  faults: RateLimit,
): (path: string) => Promise<HttpAnswer> {
  const encoder = new TextEncoder();
  const json = shared(async () => encoder.encode(JSON.stringify(await status())));
  const metrics = shared(async () => encoder.encode(renderMetrics(await status())));
  return async (path) => {
    try {
      switch (path) {
        case "/healthz":
          return healthAnswer(health());
        case "/api/status": {
          const fields = { "content-type": "application/json", "cache-control": "no-store" };
          return { status: 200, fields, body: await json() };
        }
        case "/metrics": {
          const fields = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };
          return { status: 200, fields, body: await metrics() };
        }
      }
      return textAnswer(404, "Not found; try /healthz, /api/status or /metrics\n");
    } catch (error) {
      if (faults.allow("answer", performance.now()) >= 0) {
        log.error("Status request failed", { error: `${error}` });
      }
      return textAnswer(500, "Internal error\n");
    }
  };
}

// Answers with "ok" or "not ok", then a line for each problem.
function healthAnswer({ healthy, problems }: Health): HttpAnswer {
  const lines = problems.map(({ id, what, advice }) => `${id}: ${what}: ${advice}\n`).join("");
  return healthy ? textAnswer(200, `ok\n${lines}`) : textAnswer(503, `not ok\n${lines}`);
}

/**
 * Makes a function that does not run twice at the same time. Calls during a run share the next run, so that
 * each result is newer than its call, and many calls cost no more than two.
 */
function shared<T>(make: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let next: Promise<T> | undefined;
  const run = () => {
    next = undefined;
    const own = running = make().finally(() => {
      if (running === own) running = undefined;
    });
    return own;
  };
  return () => {
    if (running === undefined) return run();
    return next ??= running.then(run, run);
  };
}
