// The running sides of this machine: finding them, and asking each for its status.

import { readInterface } from "../../ffi/mod.ts";
import { askHolder, heldPlaces, type Holder, packetUsers, type Place } from "../claim/mod.ts";
import { ownUid, ROOT } from "../files/owner.ts";
import { type Endpoint, formatEndpoint, isUnspecified, parseEndpoint } from "../net/endpoint.ts";
import { type ClientRequest, request, requestFailure } from "../net/http_client.ts";
import { formatUnix, type UnixAddress, unixPermission } from "../net/unix_address.ts";
import type { SideView } from "./show/look.ts";
import { sessionsOf, type SessionsView, statusOf, textIn } from "./show/view.ts";

/** The number of holders that are asked, beyond which others are left out. Any user can make some up. */
const HOLDERS_MAX = 256;
const HOLDER_MS = 1000;
const ANSWER_MS = 5000;
/** The maximum size of an answer; a status has about 400 bytes for each of up to 65,534 sessions. */
const ANSWER_MAX_BYTES = 64 * 1024 * 1024;
/** The maximum number of sessions of one answer. */
const PAGE_MAX = 1000;
const UNIX = "unix:";
const START_WITH_STATUS = "start it with --status 127.0.0.1:9000";

/** A side that was found, and the ways to ask it. */
export interface FoundSide extends
  Pick<
    SideView,
    "side" | "interface" | "name" | "pid" | "uid" | "stopping" | "failure"
  > {
  /** The addresses of its status server, the best one first. */
  addresses: (Endpoint | UnixAddress)[];
  /** True if it may get the token: nobody else can pose as it. */
  isTrusted: boolean;
}

/** An answer in JSON. */
export type Answer = { value: unknown; address: string } | { failure: string; address?: string };

/**
 * Finds the running sides in this network namespace.
 *
 * @param interfaceName The interface that they must use; by default any
 * @returns The sides, in the order of their interfaces
 * @throws {Error} If the system does not tell
 */
export async function findSides(interfaceName?: string): Promise<FoundSide[]> {
  const places = heldPlaces()
    .filter((place) => interfaceName === undefined || place.interface === interfaceName)
    .sort((a, b) => compare(a.side, b.side) || compare(a.interface, b.interface));
  const found = places.slice(0, HOLDERS_MAX).map(async (place): Promise<FoundSide[]> => {
    const holder = await askHolder(place, HOLDER_MS);
    // It has just ended.
    return holder === undefined ? [] : [sideAt(place, holder)];
  });
  return (await Promise.all(found)).flat();
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sideAt(place: Place, { pid, uid, isBusy, introduction }: Holder): FoundSide {
  const isOwn = uid === ROOT || uid === ownUid();
  const side: FoundSide = {
    side: place.side,
    interface: textIn(place.interface),
    name: introduction === undefined ? undefined : textIn(introduction.name),
    pid: pid === 0 ? undefined : pid,
    uid: uid === ownUid() ? undefined : uid,
    stopping: introduction?.stopping ?? false,
    failure: undefined,
    addresses: [],
    isTrusted: isOwn,
  };
  if (isBusy) {
    return { ...side, failure: "too many connections wait for it; find out whose with ss -xp" };
  }
  if (!isOwn && isImpostor(place, uid)) {
    const failure = `user ${uid} has taken its name, and cannot use ${textIn(place.interface)}; ` +
      "stop that program";
    return { ...side, failure };
  }
  if (introduction === undefined) {
    const failure = `its process${pid === 0 ? "" : ` ${pid}`} does not answer; it may be stopped ` +
      "(kill -CONT), or overloaded";
    return { ...side, failure };
  }
  const addresses = [introduction.socket, introduction.status]
    .flatMap((text) => text === null ? [] : addressIn(text));
  if (addresses.length > 0) return { ...side, addresses };
  const ended = side.stopping ? "it is about to end" : undefined;
  const failure = ended ??
    `it serves no status; ${START_WITH_STATUS}, or let it make a socket in ` +
      "/run/pppoe-proxy (RuntimeDirectory=pppoe-proxy in its unit)";
  return { ...side, failure };
}

/** Returns true if a process cannot be such a side as it says: its user has no packet socket there. */
function isImpostor({ interface: name }: Place, uid: number | undefined): boolean {
  try {
    const index = readInterface(name)?.index;
    return uid !== undefined && index !== undefined && !packetUsers(index).has(uid);
  } catch {
    // There is no /proc.
    return false;
  }
}

/** Reads an address as an introduction has it, or a path. Nothing listens on an unspecified address itself. */
function addressIn(text: string): (Endpoint | UnixAddress)[] {
  if (text.startsWith(UNIX)) return [{ path: text.slice(UNIX.length) }];
  if (text.startsWith("/")) return [{ path: text }];
  try {
    const { hostname, port } = parseEndpoint(text);
    if (!isUnspecified(hostname)) return [{ hostname, port }];
    return [{ hostname: hostname.includes(":") ? "::1" : "127.0.0.1", port }];
  } catch {
    return [];
  }
}

/**
 * Asks a side for JSON, at the first of its addresses that answers.
 *
 * @param side The side
 * @param path The path with the query
 * @param token The token, which only a side that is trusted gets
 * @returns The answer, or the reason why there is none
 */
export async function askSide(
  side: FoundSide,
  path: string,
  token?: string,
): Promise<Answer> {
  if (side.failure !== undefined) return { failure: side.failure };
  let failure = "it has no address";
  for (const address of side.addresses) {
    const name = addressName(address);
    try {
      const { status, body } = await requestTo(side, address, { path, token });
      const text = new TextDecoder().decode(body);
      if (status === 200) return { value: JSON.parse(text), address: name };
      failure = refusalOf(status, text);
    } catch (error) {
      failure = error instanceof SyntaxError
        ? `what answers at ${name} is not a pppoe-proxy`
        : failureAt(name, error, side.uid);
    }
  }
  return {
    failure,
    address: side.addresses.length > 0 ? addressName(side.addresses[0]) : undefined,
  };
}

/** An order that a side has carried out, or the reason why not. */
export type OrderResult = { value: unknown } | { failure: string };

/**
 * Has a side do something.
 *
 * @param side The side
 * @param path The path of the order
 * @param content The content of the order
 * @param token The token
 * @param timeoutMs The maximum time until the answer, in ms
 * @returns The answer, or the reason why it was refused
 */
export async function orderSide(
  side: FoundSide,
  path: string,
  content: unknown,
  token?: string,
  timeoutMs = ANSWER_MS,
): Promise<OrderResult> {
  if (side.failure !== undefined) return { failure: side.failure };
  let failure = "it has no address";
  for (const address of side.addresses) {
    try {
      const { status, body } = await requestTo(side, address, { path, content, token }, timeoutMs);
      const text = new TextDecoder().decode(body);
      if (status === 200) return { value: JSON.parse(text) };
      return { failure: refusalOf(status, text) };
    } catch (error) {
      failure = failureAt(addressName(address), error, side.uid);
      // It may have been carried out, unless there was no connection.
      if (!isUnreached(error)) break;
    }
  }
  return { failure };
}

function isUnreached(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.NotCapable;
}

async function requestTo(
  side: FoundSide,
  address: Endpoint | UnixAddress,
  { token, ...rest }: Pick<ClientRequest, "path" | "content" | "token">,
  timeoutMs = ANSWER_MS,
) {
  checkPermission(address);
  return await request(address, {
    ...rest,
    // A unix socket needs none.
    token: side.isTrusted && !("path" in address) ? token : undefined,
    maxBytes: ANSWER_MAX_BYTES,
    timeoutMs,
  });
}

/** Checks that Deno allows a connection, because it would otherwise ask at a terminal. */
function checkPermission(address: Endpoint | UnixAddress): void {
  const needed: [Deno.PermissionDescriptor | undefined, flag: string][] = "path" in address
    ? [
      [{ name: "read", path: address.path }, `--allow-read=${address.path}`],
      [{ name: "write", path: address.path }, `--allow-write=${address.path}`],
      [unixPermission(address.path), "--allow-net"],
    ]
    : [[
      { name: "net", host: formatEndpoint(address) },
      `--allow-net=${formatEndpoint(address)}`,
    ]];
  for (const [permission, flag] of needed) {
    if (permission === undefined) continue;
    if (Deno.permissions.querySync(permission).state === "granted") continue;
    throw new Deno.errors.NotCapable(`Deno does not allow it; add ${textIn(flag)}`);
  }
}

function failureAt(address: string, error: unknown, uid: number | undefined): string {
  if (error instanceof Deno.errors.PermissionDenied) {
    const as = uid === undefined || uid === ROOT ? "with sudo" : `with sudo, or as user ${uid}`;
    return `this user may not use ${address}; run this ${as}`;
  }
  return `it cannot be asked at ${address}: ${textIn(requestFailure(error))}`;
}

function refusalOf(status: number, text: string): string {
  if (status === 401) {
    return "its status needs a token; give it with --token-file FILE";
  }
  return textIn(text.split("\n")[0]) || `it answers with status ${status}`;
}

/**
 * Writes an address as it is shown.
 *
 * @param address The address
 * @returns The text, safe for a terminal
 */
export function addressName(address: Endpoint | UnixAddress): string {
  return textIn("path" in address ? formatUnix(address) : formatEndpoint(address));
}

/** How to look at a side. */
export interface LookOptions {
  /** The maximum number of sessions; `Infinity` for all. */
  sessions: number;
  token?: string;
}

/**
 * Asks a side for what is shown of it.
 *
 * @param side The side
 * @param options The number of sessions, and the token
 * @returns The side with its answer
 */
export async function lookAt(
  side: FoundSide,
  { sessions: limit, token }: LookOptions,
): Promise<SideView> {
  const [summary, sessions] = await Promise.all([
    askSide(side, "/api/summary", token),
    askSessions(side, limit, token),
  ]);
  let status = "value" in summary ? statusOf(summary.value) : undefined;
  let answer = summary;
  let page = sessions;
  if (status === undefined && side.failure === undefined) {
    // An older version has neither a summary nor pages.
    answer = await askSide(side, "/api/status", token);
    if ("value" in answer) {
      status = statusOf(answer.value);
      page = sessionsOf(answer.value);
    }
  }
  const failure = "failure" in answer
    ? answer.failure
    : status === undefined
    ? `what answers at ${answer.address} is not a pppoe-proxy`
    : undefined;
  const { pid, uid, stopping } = side;
  return {
    side: side.side ?? status?.side,
    interface: side.interface ?? status?.interface,
    name: side.name,
    pid,
    uid,
    address: answer.address,
    stopping,
    failure,
    status,
    sessions: page,
  };
}

/** Asks for the first sessions, page by page. */
async function askSessions(
  side: FoundSide,
  limit: number,
  token: string | undefined,
): Promise<SessionsView | undefined> {
  let all: SessionsView | undefined;
  let after: number | undefined = 0;
  while (after !== undefined) {
    const count = Math.min(PAGE_MAX, limit - (all?.sessions.length ?? 0));
    if (count <= 0) break;
    const answer = await askSide(side, `/api/sessions?limit=${count}&after=${after}`, token);
    const page = "value" in answer ? sessionsOf(answer.value) : undefined;
    if (page === undefined) break;
    const isOver: boolean = page.sessions.length === 0 || (page.next ?? 0) <= after;
    if (all === undefined) all = page;
    else all.sessions.push(...page.sessions);
    after = isOver ? undefined : page.next;
  }
  return all;
}
