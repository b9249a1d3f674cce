// Other PPPoE programs of this machine on the same interface, from the kernel's lists of packet sockets and of
// PPPoE sessions. No I/O.
//
// A packet socket for PPPoE does not see what its own machine sends on the interface. So a client never hears a pppd
// of its own machine, and a server never reaches an AC of its own machine. Only a pppd beside a server is in nobody's
// way: both talk to the AC, each in sessions of its own.

import type { Problem } from "../problem.ts";
import type { Side } from "../side.ts";

/** The number of looks in a row at which a socket must be there: discovery by hand is over sooner. */
export const LOOKS = 3;
/** The protocols of PPPoE's packet sockets, as the kernel writes them. */
const PROTOCOLS: ReadonlySet<string> = new Set(["8863", "8864"]);

/** The kernel's lists, and what is needed to read them. */
export interface ProgramsNow {
  /** The text of /proc/net/packet; undefined if it cannot be read. */
  packet: string | undefined;
  /** The text of /proc/net/pppoe; undefined if there is none. */
  pppoe: string | undefined;
  /** The name and the number of the link's interface. */
  interface: { name: string; index: number };
  /** Lists the inodes of this process's sockets. */
  ownInodes(): ReadonlySet<number>;
}

/** Finds other PPPoE programs on one interface. */
export class OtherPrograms {
  readonly #side: Side;
  /** The sockets of this process that were seen. */
  #own: ReadonlySet<number> = new Set();
  /** The number of looks in a row at which each other socket was there, by its inode. */
  #others = new Map<number, number>();

  /** Makes a watch that has seen nothing. */
  constructor(side: Side) {
    this.#side = side;
  }

  /**
   * Looks at the lists.
   *
   * @param now The lists
   * @returns The problem; undefined if there is none
   */
  look(now: ProgramsNow): Problem | undefined {
    const { name, index } = now.interface;
    const sockets = pppoeSockets(now.packet ?? "", index);
    if (sockets.some((inode) => !this.#own.has(inode) && !this.#others.has(inode))) {
      this.#own = now.ownInodes();
    }
    const others = sockets.filter((inode) => !this.#own.has(inode));
    this.#others = new Map(others.map((inode) => [inode, (this.#others.get(inode) ?? 0) + 1]));
    const lasting = [...this.#others.values()].some((looks) => looks >= LOOKS);
    const hasSession = hasPppoeSession(now.pppoe ?? "", name);
    if (this.#side === "client") return lasting || hasSession ? localPppd(name) : undefined;
    return lasting && !hasSession ? otherPppoe(name) : undefined;
  }
}

/**
 * Finds the packet sockets for PPPoE on an interface.
 *
 * @param text The text of /proc/net/packet: a header, then lines of which the fourth, fifth and ninth words are
 * the protocol, the interface's number and the inode
 * @param index The interface's number
 * @returns The inodes
 */
export function pppoeSockets(text: string, index: number): number[] {
  return text.split("\n").slice(1).flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const [, , , protocol, on, , , , inode] = words;
    const fits = PROTOCOLS.has(protocol) && Number(on) === index && /^\d+$/.test(inode ?? "");
    return fits ? [Number(inode)] : [];
  });
}

/**
 * Finds out if the kernel has a PPPoE session on an interface.
 *
 * @param text The text of /proc/net/pppoe: a header, then lines with an id, an address and an interface
 * @param name The interface's name
 * @returns True if there is one
 */
export function hasPppoeSession(text: string, name: string): boolean {
  return text.split("\n").slice(1).some((line) => line.trim().split(/\s+/)[2] === name);
}

function localPppd(name: string): Problem {
  return {
    id: "local-pppd",
    subject: "",
    what:
      `A PPPoE program of this machine uses ${name} too, and this client cannot hear it: a packet ` +
      "socket does not see what its own machine sends",
    advice:
      "give it one end of a veth pair and the client the other (ip link add ppp-in type veth " +
      "peer name ppp-out); ss -0p shows which program it is",
  };
}

function otherPppoe(name: string): Problem {
  return {
    id: "other-pppoe",
    subject: "",
    what:
      `Another PPPoE program of this machine uses ${name}; if it is an AC, this server cannot reach ` +
      "it: a packet socket does not see what its own machine sends",
    advice:
      "give an AC one end of a veth pair and the server the other; nothing is wrong if it is a " +
      "pppd that dials by itself; ss -0p shows which program it is",
  };
}
