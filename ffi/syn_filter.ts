// A filter on a listening TCP socket, by which the kernel drops new connections at random.

import { errno } from "./errno.ts";
import { assembleFilter, BPF, type FilterProgram, SKF_AD, SKF_NET_OFF } from "./filter.ts";
import { libc } from "./libc.ts";
import { int, SO_ATTACH_FILTER, sockFprog, SOL_SOCKET } from "./structs.ts";

const SO_DETACH_FILTER = 27;
const WHOLE = 0xffff_ffff;

/** Offset of the flags in a TCP header (RFC 9293, section 3.1), and the flags of a first segment. */
const TCP_FLAGS = 13;
const SYN = 0x02;
const SYN_ACK = 0x12;
/** Offsets of the version and of the source in an IPv4 header, and of the source's network in an IPv6 header. */
const IP = { version: SKF_NET_OFF, source4: SKF_NET_OFF + 12, network6: SKF_NET_OFF + 8 } as const;

/** The maximum number of IPv4 addresses and IPv6 networks that a filter can have. */
export const EXEMPT_MAX = { ipv4: 120, ipv6: 40 } as const;

/** The new connections that pass. */
export interface NewConnections {
  /** The share that passes, from 0 to 1. */
  share: number;
  /**
   * The addresses whose connections all pass: the 4 bytes of an IPv4 address, or the 8 groups of an IPv6 one; only
   * its first four count. The first {@linkcode EXEMPT_MAX} of each kind are used.
   */
  exempt: readonly (readonly number[])[];
}

/**
 * Makes the program of the filter. It sees only segments for the listener and for the connections that were
 * accepted meanwhile, and lets all pass except for some of those that ask for a new connection.
 */
function program({ share, exempt }: NewConnections): FilterProgram {
  const passes: [code: number, k: number] = [BPF.RETURN, WHOLE];
  const word = (high: number, low: number) => (high << 16 | low) >>> 0;
  const ipv4 = exempt.filter(({ length }) => length === 4).slice(0, EXEMPT_MAX.ipv4);
  const ipv6 = exempt.filter(({ length }) => length === 8).slice(0, EXEMPT_MAX.ipv6);
  return [
    [BPF.LOAD_BYTE, TCP_FLAGS],
    [BPF.AND, SYN_ACK],
    [BPF.JUMP_EQUAL, SYN, "new"],
    passes,
    "new",
    [BPF.LOAD_WORD, SKF_AD.RANDOM],
    [BPF.JUMP_AT_LEAST, Math.min(WHOLE, Math.floor(share * 2 ** 32)), "unlucky"],
    passes,
    "unlucky",
    [BPF.LOAD_BYTE, IP.version],
    [BPF.AND, 0xf0],
    [BPF.JUMP_EQUAL, 0x40, "next", "IPv6"],
    [BPF.LOAD_WORD, IP.source4],
    ...ipv4.flatMap(([a, b, c, d], at): FilterProgram => [
      [BPF.JUMP_EQUAL, word(a << 8 | b, c << 8 | d), "next", `IPv4 ${at}`],
      passes,
      `IPv4 ${at}`,
    ]),
    [BPF.RETURN, 0],
    "IPv6",
    ...ipv6.flatMap(([a, b, c, d], at): FilterProgram => [
      [BPF.LOAD_WORD, IP.network6],
      [BPF.JUMP_EQUAL, word(a, b), "next", `IPv6 ${at}`],
      [BPF.LOAD_WORD, IP.network6 + 4],
      [BPF.JUMP_EQUAL, word(c, d), "next", `IPv6 ${at}`],
      passes,
      `IPv6 ${at}`,
    ]),
    [BPF.RETURN, 0],
  ];
}

/**
 * Makes the kernel drop new connections at random, before they cost this process anything. A dropped one looks
 * like a lost packet: its client tries again after a second.
 *
 * @param fd The descriptor of a socket that accepts connections
 * @param connections The connections that pass
 * @returns 0, or a negative errno(3)
 *
 * See SO_ATTACH_FILTER in socket(7).
 */
export function limitNewConnections(fd: number, connections: NewConnections): number {
  const fprog = sockFprog(assembleFilter(program(connections), WHOLE));
  const failed = libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, fprog, fprog.length) < 0;
  return failed ? -errno() : 0;
}

/**
 * Lets all new connections pass again. An accepted connection that inherited the filter loses it in this way too.
 *
 * @param fd The descriptor
 */
export function admitNewConnections(fd: number): void {
  const value = int(0);
  libc.setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, value, value.length);
}
