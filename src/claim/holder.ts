// The running sides of this machine: the names that they hold, and what they say about themselves.
//
// Each side listens on a unix socket whose name is made of the side and its interface. The name is in the
// abstract namespace, of which Linux keeps one for each network namespace: containers that share a network
// see each other's names, no file is left behind, and a name is free again as soon as its process has
// ended. Each connection gets one line of JSON and is closed.

import { listenerUser, LocalSocket, readSystemFile } from "../../ffi/mod.ts";
import type { Side } from "../side.ts";

const PREFIX = "pppoe-proxy";
/** An interface's name, as in dev_valid_name() of Linux; others cannot be opened anyway. */
const INTERFACE_NAME = /^[^\s/\0]{1,15}$/;
/** The flag of a listening socket in /proc/net/unix. */
const ACCEPTS = 0x10000;
/** A socket in /proc/net/unix: address, references, protocol, flags, type, state, inode, name. */
const LISTED = /^\S+ \S+ \S+ ([0-9A-F]+) \S+ \S+ +(\d+) @pppoe-proxy\/(server|client)\/(\S+)$/;
/** A socket in /proc/net/packet: address, references, type, protocol, interface, running, memory, user. */
const PACKET_SOCKET = /^\S+ +\d+ +\d+ +[0-9a-f]+ +(\d+) +\d+ +\d+ +(\d+) /;
const ANSWER_MAX = 4096;

/** A side and its interface. A network namespace has each combination at most once. */
export interface Place {
  /** The side that runs there. */
  side: Side;
  /** The name of the interface, as the side was given it. */
  interface: string;
}

/** The line that a side sends about itself. */
export interface Introduction extends Place {
  /** The name of the program, which tells that the line is one of these. */
  program: "pppoe-proxy";
  /** The version of the program, such as `1.2.3`. */
  version: string;
  /** The process, as numbered in its own namespace of process ids. */
  pid: number;
  /** The name of the side. */
  name: string;
  /** The address on which the status is served, or null. */
  status: string | null;
  /** The path of the unix socket on which the status is served, or null. */
  socket: string | null;
  /** The time of the start, in ISO 8601. */
  started: string;
  /** True once the side has been told to stop. */
  stopping: boolean;
}

/** The process that holds a place. */
export interface Holder {
  /** The process id; 0 if it is unknown, as of a process in another container. */
  pid: number;
  /** The user of the process; undefined if too many connections wait for it, and the kernel does not tell. */
  uid: number | undefined;
  /** True if so many connections wait for it that it cannot be asked. Any user can open them. */
  isBusy: boolean;
  /** The answer; undefined if there was none in time, as of a stopped process. */
  introduction: Introduction | undefined;
}

/**
 * Returns the name of a place's socket.
 *
 * @param place The place
 * @returns The name without the zero byte at its start; undefined if no interface can have such a name
 */
export function socketName({ side, interface: name }: Place): string | undefined {
  if (!INTERFACE_NAME.test(name) || new TextEncoder().encode(name).length > 15) return undefined;
  return `${PREFIX}/${side}/${name}`;
}

/** A place that is held, by a socket that listens. */
interface Listener extends Place {
  /** The inode of the socket. */
  inode: number;
}

/**
 * Lists the places that are held in this network namespace.
 *
 * @param table The text of /proc/net/unix
 * @returns The places
 * @throws {Error} If the table cannot be read
 *
 * See proc_pid_net(5).
 */
export function heldPlaces(table = readTable("unix")): Place[] {
  return listeners(table).map(({ side, interface: name }) => ({ side, interface: name }));
}

/** Lists the sockets in /proc/net/unix, in which a name with a line break can look like other sockets. */
function listeners(table: string): Listener[] {
  return table.split("\n").flatMap((line) => {
    const [, flags, inode, side, name] = LISTED.exec(line) ?? [];
    if (flags === undefined || (parseInt(flags, 16) & ACCEPTS) === 0) return [];
    return [{ side: side as Side, interface: name, inode: Number(inode) }];
  });
}

/** Returns the user that holds a place, as far as the kernel tells without a connection. */
function userAt(place: Place, name: string): number | undefined {
  try {
    for (const { side, interface: its, inode } of listeners(readTable("unix"))) {
      if (side !== place.side || its !== place.interface) continue;
      const uid = listenerUser(inode, name);
      if (uid !== undefined) return uid;
    }
  } catch {
    // There is no /proc.
  }
  return undefined;
}

/**
 * Lists the users that have a packet socket on an interface, for which they need a privilege.
 *
 * @param index The number of the interface
 * @param table The text of /proc/net/packet
 * @returns The users
 * @throws {Error} If the table cannot be read
 *
 * See proc_pid_net(5).
 */
export function packetUsers(index: number, table = readTable("packet")): Set<number> {
  const users = table.split("\n").flatMap((line) => {
    const [, link, uid] = PACKET_SOCKET.exec(line) ?? [];
    return Number(link) === index ? [Number(uid)] : [];
  });
  return new Set(users);
}

/**
 * Asks the process that holds a place about itself.
 *
 * @param place The place
 * @param waitMs The maximum time to wait for the answer, in ms
 * @returns The holder; undefined if there is none
 * @throws {SystemError} If the process cannot open a socket
 */
export async function askHolder(place: Place, waitMs: number): Promise<Holder | undefined> {
  const name = socketName(place);
  if (name === undefined) return undefined;
  const socket = LocalSocket.connect(name);
  if (socket === "refused") return undefined;
  if (socket === "busy") {
    return { pid: 0, uid: userAt(place, name), isBusy: true, introduction: undefined };
  }
  try {
    const introduction = parseIntroduction(await socket.read(ANSWER_MAX, waitMs));
    return { pid: socket.pid, uid: socket.uid, isBusy: false, introduction };
  } finally {
    socket.close();
  }
}

/**
 * Reads the line that a side sends about itself.
 *
 * @param bytes The bytes that were received
 * @returns The content; undefined if it is something else, or incomplete
 */
export function parseIntroduction(bytes: Uint8Array): Introduction | undefined {
  let value: Introduction;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
  const isOurs = value?.program === "pppoe-proxy" && Number.isInteger(value.pid) &&
    ["server", "client"].includes(value.side) &&
    [value.version, value.interface, value.name, value.started].every(isText) &&
    (value.status === null || isText(value.status)) && typeof value.stopping === "boolean";
  if (!isOurs) return undefined;
  // Older versions have no such socket.
  return { ...value, socket: isText(value.socket) ? value.socket : null };
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

// Reads a table of the thread's own network namespace, which is not always that of the process.
function readTable(name: string): string {
  return readSystemFile(`/proc/thread-self/net/${name}`);
}
