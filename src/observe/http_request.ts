// The head of an HTTP/1 request, and the hosts for which a request is answered. No I/O.

import { isIPv6 } from "node:net";
import { isLoopback, isUnspecified } from "../net/endpoint.ts";
import { formatIp, parseIp } from "../net/ip.ts";

/** The maximum length of a head. */
export const HEAD_MAX_BYTES = 8192;

/** A request, without its content. */
export interface HttpRequest {
  method: string;
  /** The path, without the query. */
  path: string;
  /** The query, without the question mark; empty if there is none. */
  query: string;
  /** The host that the client wants, without the port; undefined if an HTTP/1.0 client names none. */
  host: string | undefined;
  /** The host with the port, as the client has written it; undefined if it names none. */
  authority: string | undefined;
  /** The other fields, by their names in lower case. */
  fields: ReadonlyMap<string, readonly string[]>;
  /** The length of the content; undefined if the client does not say it in a usable way. */
  contentLength: number | undefined;
  /** True if the connection can take another request after this one. */
  keepsAlive: boolean;
}

/**
 * Returns the only value of a field.
 *
 * @param request The request
 * @param name The name of the field, in lower case
 * @returns The value; undefined if there is none, or more than one
 */
export function fieldOf({ fields }: HttpRequest, name: string): string | undefined {
  const values = fields.get(name) ?? [];
  return values.length === 1 ? values[0] : undefined;
}

/** A head that was read: its length, and the request or the status with which to refuse it. */
export type Head = { length: number; request: HttpRequest } | {
  length: number;
  refused: 400 | 431;
};

const LF = 0x0a;
const CR = 0x0d;
const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const REQUEST_LINE = new RegExp(`^(${TOKEN}) (\\S+) HTTP/1\\.([01])$`);
// The spaces around a value are left in it here: a pattern that takes them away needs minutes for some heads.
const FIELD = new RegExp(`^(${TOKEN}):([^\\x00-\\x08\\x0a-\\x1f\\x7f]*)$`);
const ABSOLUTE = /^http:\/\/([^/?#]*)([^#]*)$/i;
const HOST = /^(?:\[([0-9A-Fa-f:.]+)\]|([\w.~!$&'()*+,;=%-]+))(?::\d{0,5})?$/;
const decoder = new TextDecoder("latin1");

/**
 * Reads the head of the first request in a buffer.
 *
 * @param bytes The bytes that have arrived
 * @returns The head; undefined if it is not complete yet
 */
export function readHead(bytes: Uint8Array): Head | undefined {
  let start = 0;
  // Some clients send an empty line after the content of a request.
  while (bytes[start] === CR || bytes[start] === LF) start++;
  const end = endOfHead(bytes, start);
  if (end === undefined) {
    return bytes.length < HEAD_MAX_BYTES ? undefined : { length: bytes.length, refused: 431 };
  }
  const [line, ...fields] = decoder.decode(bytes.subarray(start, end)).split(/\r?\n/);
  const request = parseRequest(line, fields.filter((field) => field !== ""));
  return request === undefined ? { length: end, refused: 400 } : { length: end, request };
}

/** Returns the offset behind the empty line that ends a head. */
function endOfHead(bytes: Uint8Array, start: number): number | undefined {
  for (let at = start; (at = bytes.indexOf(LF, at)) >= 0; at++) {
    const next = bytes[at + 1] === CR ? at + 2 : at + 1;
    if (bytes[next] === LF) return next + 1;
  }
  return undefined;
}

function parseRequest(line: string, lines: string[]): HttpRequest | undefined {
  const [, method, target, minor] = REQUEST_LINE.exec(line) ?? [];
  if (method === undefined) return undefined;
  const fields = new Map<string, string[]>();
  for (const text of lines) {
    const [, name, value] = FIELD.exec(text) ?? [];
    if (name === undefined) return undefined;
    const key = name.toLowerCase();
    fields.set(key, [...fields.get(key) ?? [], withoutSpaces(value)]);
  }
  const hosts = fields.get("host") ?? [];
  if (hosts.length > 1) return undefined;
  // A target with a host counts more than the field.
  const [, authority, rest] = ABSOLUTE.exec(target) ?? [];
  const named = authority ?? hosts[0];
  if (named === undefined && minor === "1") return undefined;
  const host = named === undefined ? undefined : hostIn(named);
  if (named !== undefined && host === undefined) return undefined;
  const [path, query = ""] = (authority === undefined ? target : rest || "/").split(/\?(.*)/s);
  if (!path.startsWith("/") && path !== "*") return undefined;
  const options = (fields.get("connection") ?? []).join().toLowerCase().split(/[\s,]+/);
  const asked = minor === "1" ? !options.includes("close") : options.includes("keep-alive");
  const contentLength = contentLengthIn(fields);
  const keepsAlive = asked && contentLength === 0;
  return { method, path, query, host, authority: named, fields, contentLength, keepsAlive };
}

/** Removes the spaces and tabs at both ends of a value. */
function withoutSpaces(value: string): string {
  const isSpace = (at: number) => value[at] === " " || value[at] === "\t";
  let start = 0;
  let end = value.length;
  while (start < end && isSpace(start)) start++;
  while (end > start && isSpace(end - 1)) end--;
  return value.slice(start, end);
}

/** Returns the host in HOST or HOST:PORT; undefined if that is neither a name nor an address. */
function hostIn(text: string): string | undefined {
  const [, inBrackets, bare] = HOST.exec(text) ?? [];
  if (inBrackets !== undefined) return isIPv6(inBrackets) ? inBrackets : undefined;
  return bare;
}

/** Returns the length of a request's content; undefined if it is not said, or not clearly. */
function contentLengthIn(fields: ReadonlyMap<string, readonly string[]>): number | undefined {
  if (fields.has("transfer-encoding")) return undefined;
  const lengths = fields.get("content-length") ?? [];
  if (lengths.length === 0) return 0;
  return lengths.length === 1 && /^\d{1,15}$/.test(lengths[0]) ? Number(lengths[0]) : undefined;
}

/**
 * Decides whether a request for a host is answered. A page in a browser can let its own name lead to this
 * address, and then read what a server answers for that name (DNS rebinding). An IP address cannot be made to
 * lead elsewhere. Nor can a name without a dot, such as the machine's own, because nobody can register one.
 *
 * @param host The host that the client wants; undefined if it names none, as no browser does
 * @param listening The name or address that the server was told to listen on
 * @param address The IP address that it listens on
 * @returns True if it is answered
 */
export function isServedHost(
  host: string | undefined,
  listening: string,
  address: string,
): boolean {
  if (host === undefined) return true;
  const name = host.toLowerCase().replace(/\.$/, "");
  if (name === "localhost" || name === listening.toLowerCase().replace(/\.$/, "")) return true;
  const literal = usual(name);
  if (literal === undefined) return /^[a-z][^.]*$/.test(name);
  if (isUnspecified(address) || literal === usual(address)) return true;
  return isLoopback(address) && isLoopback(literal);
}

/** Writes an IP address in its usual form; undefined if the text is not one. */
function usual(text: string): string | undefined {
  const parts = parseIp(text);
  return parts && formatIp(parts);
}
