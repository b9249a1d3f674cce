// A request to a status server over TCP or a unix socket, with an answer of limited size in a limited time.

import { reasonOf } from "../reason.ts";
import { connect } from "./connect.ts";
import { type Endpoint, formatEndpoint } from "./endpoint.ts";
import type { UnixAddress } from "./unix_address.ts";

const HEAD_MAX_BYTES = 16_384;
const CHUNK_BYTES = 65_536;
const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})(?: |$)/;
const LENGTH = /^content-length: *(\d{1,15}) *$/im;
/** An answer in parts, which a server does not send to a client of HTTP/1.0. */
const IN_PARTS = /^transfer-encoding:/im;

/** A request. */
export interface ClientRequest {
  /** The method; by default `GET`, or `POST` with a content. */
  method?: "GET" | "POST";
  /** The path with the query, such as `/api/sessions?limit=20`. */
  path: string;
  /** The token that is sent along. */
  token?: string;
  /** The content, which is sent as JSON. */
  content?: unknown;
  /** The maximum size of the answer. */
  maxBytes: number;
  /** The maximum time until the end of the answer, in ms. */
  timeoutMs: number;
}

/** An answer. */
export interface ClientAnswer {
  /** The status, such as 200. */
  status: number;
  /** The content. */
  body: Uint8Array;
}

/**
 * Sends a request, and reads the answer.
 *
 * @param address The address of the server
 * @param request The request
 * @returns The answer
 * @throws {Deno.errors.NotFound} If a unix socket does not exist
 * @throws {Deno.errors.PermissionDenied} If this user may not use a unix socket
 * @throws {Error} If there is no answer in time, it is too large, or it is not HTTP
 */
export async function request(
  address: Endpoint | UnixAddress,
  request: ClientRequest,
): Promise<ClientAnswer> {
  const { timeoutMs } = request;
  const late = new Error(`there is no answer within ${timeoutMs / 1000} s`);
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(late), timeoutMs);
  let conn: Deno.Conn | undefined;
  stop.signal.addEventListener("abort", () => closeQuietly(conn));
  try {
    conn = await connectTo(address, stop.signal);
    await send(conn, headOf(address, request));
    return await readAnswer(conn, request.maxBytes);
  } catch (error) {
    throw stop.signal.aborted ? late : error;
  } finally {
    clearTimeout(timer);
    closeQuietly(conn);
  }
}

async function connectTo(
  address: Endpoint | UnixAddress,
  signal: AbortSignal,
): Promise<Deno.Conn> {
  if (!("path" in address)) return await connect(address, signal);
  const connecting = Deno.connect({ transport: "unix", path: address.path });
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([connecting, aborted.promise]);
  } catch (error) {
    // A connection that comes too late is not needed.
    connecting.then(closeQuietly, () => {});
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function headOf(
  address: Endpoint | UnixAddress,
  { method, path, token, content }: ClientRequest,
): Uint8Array {
  const encoder = new TextEncoder();
  const body = content === undefined ? undefined : encoder.encode(JSON.stringify(content));
  // An answer of HTTP/1.0 does not come in parts, and ends the connection.
  const lines = [
    `${method ?? (body === undefined ? "GET" : "POST")} ${path} HTTP/1.0`,
    `Host: ${"path" in address ? "localhost" : formatEndpoint(address)}`,
    ...token === undefined ? [] : [`Authorization: Bearer ${token}`],
    ...body === undefined
      ? []
      : ["Content-Type: application/json", `Content-Length: ${body.length}`],
  ];
  const head = encoder.encode(`${lines.join("\r\n")}\r\n\r\n`);
  if (body === undefined) return head;
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}

async function send(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await conn.write(bytes.subarray(sent));
}

async function readAnswer(conn: Deno.Conn, maxBytes: number): Promise<ClientAnswer> {
  const decoder = new TextDecoder("latin1");
  const received = new Growing(HEAD_MAX_BYTES + maxBytes);
  let headLength = -1;
  let status = 0;
  let expected = Infinity;
  while (received.length - Math.max(headLength, 0) < expected) {
    const isOver = !await received.readFrom(conn);
    if (headLength < 0) {
      const text = decoder.decode(received.bytes.subarray(0, HEAD_MAX_BYTES));
      const end = text.indexOf("\r\n\r\n");
      const [, code] = STATUS_LINE.exec(text) ?? [];
      if (text.length >= 12 && code === undefined) throw new Error("the answer is not HTTP");
      if (end < 0) {
        if (isOver) throw new Error("the connection was closed without an answer");
        if (text.length >= HEAD_MAX_BYTES) throw new Error("the head of the answer is too long");
        continue;
      }
      headLength = end + 4;
      status = Number(code);
      const head = text.slice(0, headLength);
      if (IN_PARTS.test(head)) throw new Error("the answer comes in parts, as of a proxy");
      const length = LENGTH.exec(head)?.[1];
      if (length !== undefined) expected = Number(length);
    }
    const bodyLength = received.length - headLength;
    if (Math.max(bodyLength, Number.isFinite(expected) ? expected : 0) > maxBytes) {
      throw new Error(`the answer is larger than ${maxBytes} bytes`);
    }
    if (isOver) {
      if (Number.isFinite(expected) && bodyLength < expected) {
        throw new Error("the connection was closed before the end of the answer");
      }
      break;
    }
  }
  const end = Math.min(received.length, headLength + expected);
  return { status, body: received.bytes.slice(headLength, end) };
}

/** Bytes that arrive, up to a maximum. */
class Growing {
  readonly #max: number;
  #buffer = new Uint8Array(CHUNK_BYTES);
  #length = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Reads what has arrived; returns false at the end of the connection. */
  async readFrom(conn: Deno.Conn): Promise<boolean> {
    if (this.#length === this.#buffer.length) {
      if (this.#length > this.#max) throw new Error("the answer is too large");
      const larger = new Uint8Array(2 * this.#buffer.length);
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    const count = await conn.read(this.#buffer.subarray(this.#length));
    if (count === null) return false;
    this.#length += count;
    return true;
  }
}

function closeQuietly(conn: Deno.Conn | undefined): void {
  try {
    conn?.close();
  } catch {
    // It was closed when the time was over.
  }
}

/**
 * Explains why a request got no answer.
 *
 * @param error The error of {@linkcode request}
 * @returns The reason, to follow a colon
 */
export function requestFailure(error: unknown): string {
  if (error instanceof Deno.errors.ConnectionRefused) return "nothing listens there";
  if (error instanceof Deno.errors.NotFound) return "there is no such socket";
  if (error instanceof Deno.errors.PermissionDenied) return "not permitted";
  return reasonOf(error);
}
