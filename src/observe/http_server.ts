// A small HTTP/1.1 server over TCP or a unix socket, whose connections have a time limit and a bound.
//
// The servers of Deno and of its node:http (before 2.9) have neither: connections that never finish a request
// would take the descriptors that the tunnels need, and an accept that fails ends the process.
//
//     accept -> a request is awaited -> it is answered -> the next one is awaited, or
//                                                      -> the client closes after the last answer
//                                   -> a stream of events is sent until one end closes
//
// Each of these steps has a time limit, except that an answer to a request with content can take long to make,
// and that a stream can be idle; each write to it has one. The connection that is one too many takes the place of
// another one: of the address with the most connections, the one that has waited longest, before any that is being
// answered. A connection ends after a request with content.

import { concat } from "@std/bytes";
import { abortConnection } from "../net/abort.ts";
import { countedAs } from "../net/ip.ts";
import {
  fieldOf,
  HEAD_MAX_BYTES,
  type HttpRequest,
  isServedHost,
  readHead,
} from "./http_request.ts";
import { HttpStream } from "./http_stream.ts";

/** An answer to a request. */
export interface HttpAnswer {
  status: number;
  /** The fields of the head, besides those that the server adds. */
  fields?: Record<string, string>;
  body: Uint8Array;
  /** Begins to send more; the connection ends with the stream. The body is not sent then. */
  stream?(stream: HttpStream): void;
}

/** An error that is answered by a refusal of the request. */
export class HttpRefusal extends Error {
  override name = "HttpRefusal";
  /** The answer. */
  readonly answer: HttpAnswer;

  /** Makes an error with a status and a line of text for the client. */
  constructor(status: number, text: string, fields?: Record<string, string>) {
    super(text);
    this.answer = textAnswer(status, `${text}\n`, fields);
  }
}

/** Options for {@linkcode HttpServer}. */
export interface HttpServerOptions {
  listener: Deno.TcpListener | Deno.UnixListener;
  /**
   * The name or address that the operator told the server to listen on, by which the Host of a request is
   * checked. Over a unix socket, which no browser can reach, there is none.
   */
  hostname?: string;
  /**
   * Answers a request. It can read the content once, which fails with a refusal if there is too much of it; a
   * refusal that is thrown becomes the answer. `from` is the address of the client.
   */
  answer(
    request: HttpRequest,
    content: () => Promise<Uint8Array>,
    from: string,
  ): HttpAnswer | Promise<HttpAnswer>;
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
  /** The maximum number of bytes in the content of a request. */
  contentBytes: number;
  /** The maximum number of streams. */
  streams: number;
  /** The number of bytes that can wait for the client of a stream. */
  streamBytes: number;
}

const LIMITS: HttpLimits = {
  connections: 64,
  requestMs: 10_000,
  answerMs: 10_000,
  untakenBytes: 32 * 1024 * 1024,
  contentBytes: 16 * 1024,
  streams: 16,
  streamBytes: 256 * 1024,
};
/** The time for a client to close its end after the last answer. */
const CLOSE_MS = 1000;
/** The pause after a failed accept. */
const ACCEPT_AGAIN_MS = 200;
const REASONS: Record<number, string> = {
  200: "OK",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  411: "Length Required",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  421: "Misdirected Request",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
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
const TOO_MANY_STREAMS = textAnswer(503, "Too many clients listen already; try again later\n", {
  "retry-after": "10",
});
const CONTINUE = encoder.encode("HTTP/1.1 100 Continue\r\n\r\n");
/** The address of every client of a unix socket. */
const LOCAL = "this machine";

/** A connection and what it is doing. */
interface Visit {
  readonly conn: Deno.TcpConn | Deno.UnixConn;
  readonly address: string;
  /** Ends the connection if the current step takes too long. */
  timer?: ReturnType<typeof setTimeout>;
  /** The answer that the client has not taken yet. */
  untaken?: Uint8Array;
  /** The stream that it gets. */
  stream?: HttpStream;
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
      let conn: Deno.TcpConn | Deno.UnixConn;
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
    const victim =
      own.find(({ untaken, stream }) => untaken === undefined && stream === undefined) ??
        own[0];
    if (victim !== undefined) this.#end(victim);
  }

  async #serve(conn: Deno.TcpConn | Deno.UnixConn): Promise<void> {
    const { remoteAddr } = conn;
    const address = remoteAddr.transport === "tcp" ? countedAs(remoteAddr.hostname) : LOCAL;
    const visit: Visit = { conn, address };
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
      const request = "request" in head ? head.request : undefined;
      const keepsAlive = request?.keepsAlive ?? false;
      const received = buffer.subarray(0, length);
      const answer = "request" in head
        ? await this.#answer(visit, head.request, received)
        : REFUSALS[head.refused];
      const withBody = request?.method !== "HEAD";
      if (answer.stream !== undefined && withBody) return await this.#stream(visit, answer);
      await this.#send(visit, answer, withBody, keepsAlive);
      if (!keepsAlive) break;
      this.#await(visit);
    }
    // A close with unread bytes would reset the connection, and the client would lose the answer.
    await conn.closeWrite();
    this.#limit(visit, CLOSE_MS);
    while (await conn.read(buffer) !== null);
  }

  async #answer(
    visit: Visit,
    request: HttpRequest,
    received: Uint8Array,
  ): Promise<HttpAnswer> {
    const { hostname, listener: { addr } } = this.#options;
    if (hostname !== undefined && addr.transport === "tcp") {
      if (!isServedHost(request.host, hostname, addr.hostname)) return MISDIRECTED;
    }
    try {
      const content = () => this.#readContent(visit, request, received);
      const answer = await this.#options.answer(request, content, visit.address);
      return answer.stream !== undefined && this.#streams >= this.#limits.streams
        ? TOO_MANY_STREAMS
        : answer;
    } catch (error) {
      if (error instanceof HttpRefusal) return error.answer;
      throw error;
    }
  }

  /** Reads the content of a request, of which some may have come with the head. */
  async #readContent(
    visit: Visit,
    request: HttpRequest,
    received: Uint8Array,
  ): Promise<Uint8Array> {
    const { conn } = visit;
    const { contentLength: expected } = request;
    const { contentBytes } = this.#limits;
    if (expected === undefined) throw new HttpRefusal(411, "The Content-Length is missing");
    if (expected > contentBytes) {
      throw new HttpRefusal(413, `The content is longer than ${contentBytes} bytes`);
    }
    const content = new Uint8Array(expected);
    let length = Math.min(received.length, expected);
    content.set(received.subarray(0, length));
    if (length < expected && fieldOf(request, "expect")?.toLowerCase() === "100-continue") {
      await writeAll(conn, CONTINUE);
    }
    while (length < expected) {
      const count = await conn.read(content.subarray(length));
      if (count === null) throw new Error("The client has closed before the end of the content");
      length += count;
    }
    // The request has arrived in time. What it asks for can take longer.
    clearTimeout(visit.timer);
    return content;
  }

  get #streams(): number {
    let streams = 0;
    for (const { stream } of this.#visits) if (stream !== undefined) streams++;
    return streams;
  }

  /** Sends a stream until one end closes. */
  async #stream(visit: Visit, answer: HttpAnswer): Promise<void> {
    if (!this.#visits.has(visit)) return;
    clearTimeout(visit.timer);
    const stream = visit.stream = new HttpStream(this.#limits.streamBytes);
    stream.whenOver(() => this.#end(visit));
    stream.send(startOf(answer, false));
    answer.stream!(stream);
    void endWithClient(visit.conn, stream);
    for (let bytes; (bytes = await stream.take()) !== undefined;) {
      this.#limit(visit, this.#limits.answerMs);
      visit.untaken = concat(bytes);
      await writeAll(visit.conn, visit.untaken);
      visit.untaken = undefined;
      clearTimeout(visit.timer);
    }
  }

  async #send(
    visit: Visit,
    answer: HttpAnswer,
    withBody: boolean,
    keepsAlive: boolean,
  ): Promise<void> {
    const { body } = answer;
    const start = startOf(answer, keepsAlive);
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
    visit.stream?.end();
    const { conn, untaken } = visit;
    visit.untaken = undefined;
    if (untaken === undefined || !isTcp(conn)) return conn.close();
    abortConnection(conn);
  }
}

function isTcp(conn: Deno.TcpConn | Deno.UnixConn): conn is Deno.TcpConn {
  return conn.remoteAddr.transport === "tcp";
}

/** Returns the head of an answer. */
function startOf({ status, fields, body, stream }: HttpAnswer, keepsAlive: boolean): Uint8Array {
  const head = {
    ...fields,
    ...stream === undefined ? { "content-length": body.length } : {},
    date: new Date().toUTCString(),
    ...keepsAlive ? {} : { connection: "close" },
  };
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
  return encoder.encode(`HTTP/1.1 ${status} ${REASONS[status] ?? ""}\r\n${lines.join("")}\r\n`);
}

/** Ends a stream when its client closes, or goes on talking. */
async function endWithClient(
  conn: Deno.TcpConn | Deno.UnixConn,
  stream: HttpStream,
): Promise<void> {
  const buffer = new Uint8Array(HEAD_MAX_BYTES);
  let length = 0;
  try {
    while (length < buffer.length) {
      const count = await conn.read(buffer);
      if (count === null) break;
      length += count;
    }
  } catch {
    // The client is gone.
  }
  stream.end();
}

async function writeAll(conn: Deno.TcpConn | Deno.UnixConn, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await conn.write(bytes.subarray(written));
  }
}
