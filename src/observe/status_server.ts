// The HTTP servers of the status: one on the address of --status, and one on the local socket.

import { type Endpoint, formatEndpoint, isLoopback, listenReason } from "../net/endpoint.ts";
import { formatUnix, type UnixAddress } from "../net/unix_address.ts";
import { listenUnix } from "../net/unix_listener.ts";
import { reasonOf } from "../reason.ts";
import type { Access } from "./api/rights.ts";
import type { Route } from "./api/route.ts";
import { router } from "./api/router.ts";
import { type HttpLimits, HttpServer } from "./http_server.ts";
import { logLine } from "./log_lines.ts";
import type { Log } from "./log_record.ts";
import { RateLimit } from "./rate_limit.ts";

/** The time between two log lines about the same fault. */
const FAULT_EVERY_MS = 60_000;
/** The number of connections to a unix socket, which only this user and root can open. */
const LOCAL_CONNECTIONS = 16;

/** A running status server. */
export interface StatusServer {
  /** The address that it listens on. */
  readonly address: Endpoint | UnixAddress;
  /** Closes the listener and all connections. */
  close(): Promise<void>;
}

/** Options of a status server. */
export interface StatusServerOptions {
  /** The routes that it answers. */
  routes: readonly Route[];
  /** The token that gives all rights over TCP. */
  token?: string;
  /** The log for the address and for failed requests. */
  log: Log;
  /** The limits for connections, each with a default. */
  limits?: Partial<HttpLimits>;
}

/**
 * Serves routes on an address.
 *
 * @param address The address or the path to listen on
 * @param options The routes and the rights
 * @returns The server, to be closed by the caller
 * @throws {Error} If it cannot listen there
 */
export async function serveStatus(
  address: Endpoint | UnixAddress,
  options: StatusServerOptions,
): Promise<StatusServer> {
  if (!("path" in address)) return serveTcp(address, options);
  const server = serveUnix(await listenAt(address), options);
  logLine(options.log, "status-served", { address: formatUnix(address) });
  return server;
}

function serveTcp(endpoint: Endpoint, options: StatusServerOptions): StatusServer {
  const { log, token } = options;
  const listener = listen(endpoint);
  const { hostname, port } = listener.addr;
  const address = { hostname, port };
  const over = isLoopback(hostname) ? "loopback" : "network";
  const server = serve(listener, { over, token }, options, endpoint.hostname);
  logLine(log, "status-served", { address: formatEndpoint(address) });
  if (over === "network") warnOfNetwork(address, token !== undefined, log);
  return { address, close: () => server.close() };
}

/**
 * Serves routes on a unix socket. Whoever can reach it has all rights.
 *
 * @param listener The socket, which the server closes
 * @param options The routes
 * @returns The server, to be closed by the caller
 */
export function serveUnix(
  listener: Deno.UnixListener,
  options: StatusServerOptions,
): StatusServer {
  const { path } = listener.addr;
  const { connections = LOCAL_CONNECTIONS } = options.limits ?? {};
  const limits = { ...options.limits, connections: Math.min(connections, LOCAL_CONNECTIONS) };
  const server = serve(listener, { over: "unix" }, { ...options, limits });
  return { address: { path }, close: () => server.close() };
}

function serve(
  listener: Deno.TcpListener | Deno.UnixListener,
  access: Access,
  { routes, log, limits }: StatusServerOptions,
  hostname?: string,
): HttpServer {
  const faults = new RateLimit(FAULT_EVERY_MS);
  return new HttpServer({
    listener,
    hostname,
    answer: router(routes, access, {
      failed: (error) => {
        if (faults.allow("answer", performance.now()) < 0) return;
        logLine(log, "status-request-failed", { error: `${error}` });
      },
      wrongToken: (from) => {
        const suppressed = faults.allow("token", performance.now());
        if (suppressed < 0) return;
        logLine(log, "status-token-wrong", { from, suppressed: suppressed || undefined });
      },
    }),
    acceptFailed: (error) => {
      if (faults.allow("accept", performance.now()) < 0) return;
      logLine(log, "status-accept-failed", { error: reasonOf(error) });
    },
    limits,
  });
}

function warnOfNetwork(address: Endpoint, hasToken: boolean, log: Log): void {
  const text = formatEndpoint(address);
  const kind = hasToken ? "status-unencrypted" : "status-exposed";
  logLine(log, kind, { address: text, port: address.port });
}

function listen(endpoint: Endpoint): Deno.TcpListener {
  try {
    return Deno.listen({ ...endpoint, transport: "tcp" });
  } catch (error) {
    throw cannotServe(formatEndpoint(endpoint), listenReason(error), error);
  }
}

async function listenAt(address: UnixAddress): Promise<Deno.UnixListener> {
  try {
    return await listenUnix(address.path);
  } catch (error) {
    throw cannotServe(formatUnix(address), reasonOf(error), error);
  }
}

function cannotServe(address: string, reason: string, cause: unknown): Error {
  return new Error(`Cannot serve the status on ${address}: ${reason}`, { cause });
}
