// A small HTTP/1.1 server for GET and HEAD, whose connections have a time limit and a bound.
//
// The servers of Deno and of its node:http (before 2.9) have neither: connections that never finish a request
// would take the descriptors that the tunnels need, and an accept that fails ends the process.
//
//     accept -> a request is awaited -> it is answered -> the next one is awaited, or
//                                                      -> the client closes after the last answer
//
// Each of these steps has a time limit. The connection that is one too many takes the place of another one: of
// the address with the most connections, the one that has waited longest, before any that is being answered.

import { concat } from "@std/bytes";
import { abortConnection } from "../net/abort.ts";
import type { Endpoint } from "../net/endpoint.ts";
import { countedAs } from "../net/ip.ts";
import { HEAD_MAX_BYTES, type HttpRequest, isServedHost, readHead } from "./http_request.ts";

/** An answer to a request. */
export interface HttpAnswer {
  status: number;
  /** The fields of the head, besides those that the server adds. */
  fields?: Record<string, string>;
  body: Uint8Array;
}

/** Options for {@linkcode HttpServer}. */
export interface HttpServerOptions {
  listener: Deno.TcpListener;
  /** The name or address that the operator told the server to listen on. */
  hostname: string;
  /** Answers a request with the method GET. An answer that fails is one with status 500. */
  answer(path: string): Promise<HttpAnswer>;
  /** Called when a connection cannot be accepted, for example for lack of descriptors. */
  acceptFailed(error: unknown): void;
  limits?: Partial<HttpLimits>;
}

/** The limits of a server. */
export interface HttpLimits {
  /** The maximum number of connections. */
  connections: number;
  /** The time for a request to arrive, since the connection or the last answer, in ms. */
  requestMs: number;
  /** The time for a client to take an answer, in ms. */
  answerMs: number;
  /** The number of bytes in answers that clients have not taken yet. */
  untakenBytes: number;
}

const LIMITS: HttpLimits = {
  connections: 64,
  requestMs: 10_000,
  answerMs: 10_000,
  untakenBytes: 32 * 1024 * 1024,
};
/** The time for a client to close its end after the last answer. */
const CLOSE_MS = 1000;
/** The pause after a failed accept. */
const ACCEPT_AGAIN_MS = 200;
const REASONS: Record<number, string> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  421: "Misdirected Request",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
};
const encoder = new TextEncoder();

/** Makes an answer of plain text. */
export function textAnswer(
  status: number,
  text: string,
  fields: Record<string, string> = {},
): HttpAnswer {
  const type = { "content-type": "text/plain; charset=utf-8" };
  return { status, fields: { ...type, ...fields }, body: encoder.encode(text) };
}

const REFUSALS: Record<400 | 431, HttpAnswer> = {
  400: textAnswer(400, "Bad request\n"),
  431: textAnswer(431, "The head of the request is too long\n"),
};
const MISDIRECTED = textAnswer(421, "Misdirected request; use the address of --status\n");
const NOT_ALLOWED = textAnswer(405, "Method not allowed; use GET\n", { allow: "GET, HEAD" });

/** A connection and what it is doing. */
interface Visit {
  readonly conn: Deno.TcpConn;
  readonly address: string;
  /** Ends the connection if the current step takes too long. */
  timer?: ReturnType<typeof setTimeout>;
  /** The answer that the client has not taken yet. */
  untaken?: Uint8Array;
}

/** A running server. */
export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #limits: HttpLimits;
  /** The connections; those that begin to wait for a request move to the end. */
  readonly #visits = new Set<Visit>();
  readonly #finished: Promise<void>;
  #isClosed = false;

  /** Starts a server. */
  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#finished = this.#accept();
  }

  /** The address that it listens on. */
  get address(): Endpoint {
    const { hostname, port } = this.#options.listener.addr;
    return { hostname, port };
  }

  /** Closes the listener and all connections. */
  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#options.listener.close();
      for (const visit of this.#visits) this.#end(visit);
    }
    return this.#finished;
  }

  async #accept(): Promise<void> {
    const { listener, acceptFailed } = this.#options;
    while (!this.#isClosed) {
      let conn: Deno.TcpConn;
      try {
        conn = await listener.accept();
      } catch (error) {
        if (this.#isClosed || error instanceof Deno.errors.BadResource) return;
        acceptFailed(error);
        // The tunnels need descriptors more than the status does.
        this.#makeRoom();
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_AGAIN_MS));
        continue;
      }
      if (this.#visits.size >= this.#limits.connections) {
        this.#makeRoom();
        // Deno closes a descriptor only once the event loop has cancelled the read from it.
        await new Promise((resolve) => setTimeout(resolve, 0));
        if (this.#isClosed) return conn.close();
      }
      void this.#serve(conn);
    }
  }

  /** Ends the connection that is least worth keeping. */
  #makeRoom(): void {
    const counts = new Map<string, number>();
    for (const { address } of this.#visits) counts.set(address, (counts.get(address) ?? 0) + 1);
    const most = Math.max(...counts.values());
    const own = [...this.#visits].filter(({ address }) => counts.get(address) === most);
    const victim = own.find(({ untaken }) => untaken === undefined) ?? own[0];
    if (victim !== undefined) this.#end(victim);
  }

  async #serve(conn: Deno.TcpConn): Promise<void> {
    const visit: Visit = { conn, address: countedAs(conn.remoteAddr.hostname) };
    this.#visits.add(visit);
    try {
      await this.#converse(visit);
    } catch {
      // The client is gone, or has used up its time.
    }
    this.#end(visit);
  }

  async #converse(visit: Visit): Promise<void> {
    const { conn } = visit;
    const buffer = new Uint8Array(HEAD_MAX_BYTES);
    let length = 0;
    this.#await(visit);
    while (true) {
      const head = readHead(buffer.subarray(0, length));
      if (head === undefined) {
        const count = await conn.read(buffer.subarray(length));
        if (count === null) return;
        length += count;
        continue;
      }
      buffer.copyWithin(0, head.length, length);
      length -= head.length;
      const keepsAlive = "request" in head && head.request.keepsAlive;
      const answer = "request" in head ? await this.#answer(head.request) : REFUSALS[head.refused];
      const withBody = !("request" in head) || head.request.method !== "HEAD";
      await this.#send(visit, answer, withBody, keepsAlive);
      if (!keepsAlive) break;
      this.#await(visit);
    }
    // A close with unread bytes would reset the connection, and the client would lose the answer.
    await conn.closeWrite();
    this.#limit(visit, CLOSE_MS);
    while (await conn.read(buffer) !== null);
  }

  #answer({ method, path, host }: HttpRequest): HttpAnswer | Promise<HttpAnswer> {
    if (!isServedHost(host, this.#options.hostname, this.address.hostname)) return MISDIRECTED;
    if (method !== "GET" && method !== "HEAD") return NOT_ALLOWED;
    return this.#options.answer(path);
  }

  async #send(
    visit: Visit,
    { status, fields, body }: HttpAnswer,
    withBody: boolean,
    keepsAlive: boolean,
  ): Promise<void> {
    const head = {
      ...fields,
      "content-length": body.length,
      date: new Date().toUTCString(),
      ...keepsAlive ? {} : { connection: "close" },
    };
    const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
    const start = encoder.encode(
      `HTTP/1.1 ${status} ${REASONS[status] ?? ""}\r\n${lines.join("")}\r\n`,
    );
    this.#limit(visit, this.#limits.answerMs);
    visit.untaken = body;
    this.#boundUntaken(visit);
    try {
      // A short answer in one segment.
      const joined = withBody && body.length <= HEAD_MAX_BYTES;
      await writeAll(visit.conn, joined ? concat([start, body]) : start);
      if (withBody && !joined) await writeAll(visit.conn, body);
    } finally {
      visit.untaken = undefined;
    }
  }

  /** Ends the connections that have taken longest to take their answers, if all these are too much. */
  #boundUntaken(newest: Visit): void {
    // An answer that several clients get is there once.
    const total = () => {
      const bodies = new Set(Array.from(this.#visits, ({ untaken }) => untaken));
      let bytes = 0;
      for (const body of bodies) bytes += body?.length ?? 0;
      return bytes;
    };
    for (const visit of this.#visits) {
      if (total() <= this.#limits.untakenBytes) return;
      if (visit !== newest && visit.untaken !== undefined) this.#end(visit);
    }
  }

  /** Begins to wait for a request. */
  #await(visit: Visit): void {
    if (!this.#visits.delete(visit)) return;
    this.#visits.add(visit);
    this.#limit(visit, this.#limits.requestMs);
  }

  #limit(visit: Visit, timeMs: number): void {
    clearTimeout(visit.timer);
    if (this.#visits.has(visit)) visit.timer = setTimeout(() => this.#end(visit), timeMs);
  }

  #end(visit: Visit): void {
    if (!this.#visits.delete(visit)) return;
    clearTimeout(visit.timer);
    if (visit.untaken === undefined) return visit.conn.close();
    visit.untaken = undefined;
    abortConnection(visit.conn);
  }
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await conn.write(bytes.subarray(written));
  }
}
