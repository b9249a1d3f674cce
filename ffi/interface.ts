// Network interfaces: reading their state, and noticing changes.

import { errno, systemError } from "./errno.ts";
import { libc } from "./libc.ts";
import { NetlinkWatch } from "./netlink.ts";
import { AF_INET, IFF_RUNNING, IFF_UP, RTMGRP_LINK, SOCK_CLOEXEC, SOCK_DGRAM } from "./structs.ts";

const SIOCGIFFLAGS = 0x8913;
const SIOCGIFMTU = 0x8921;
const SIOCGIFHWADDR = 0x8927;
const SIOCGIFINDEX = 0x8933;
const IFNAMSIZ = 16;
const ARPHRD_ETHER = 1;

/** `struct ifreq` of netdevice(7): the name and a union. */
const IFREQ = { name: [0, IFNAMSIZ], value: 16, hwaddr: [18, 24], length: 40 } as const;
/** `struct if_nameindex` of if_nameindex(3). */
const NAMEINDEX = { index: 0, name: 8, length: 16 } as const;

/** The state of a network interface when it was read. */
export interface InterfaceInfo {
  /** Name, such as `eth0`. */
  name: string;
  /** Number in the network namespace. A new interface with the same name has another number. */
  index: number;
  /** MAC address, 6 bytes. */
  mac: Uint8Array;
  /** Maximum payload of a frame in bytes, without the Ethernet header. */
  mtu: number;
  /** True if the interface is set up and has a carrier. */
  up: boolean;
  /** True if its frames have an Ethernet header and it is not a loopback. */
  isEthernet: boolean;
}

/**
 * Reads the state of a network interface of this thread's network namespace.
 *
 * @param name The name, such as `eth0`
 * @returns The state, or undefined if there is no such interface
 * @throws {SystemError} If the process has no free descriptor
 *
 * @example The loopback
 * ```ts
 * import { readInterface } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(readInterface("lo")?.isEthernet, false);
 * assertEquals(readInterface("eth-none"), undefined);
 * ```
 *
 * See netdevice(7).
 */
export function readInterface(name: string): InterfaceInfo | undefined {
  const nameBytes = new TextEncoder().encode(name);
  if (nameBytes.length === 0 || nameBytes.length >= IFNAMSIZ) return undefined;
  const request = new Uint8Array(IFREQ.length);
  const words = new Int32Array(request.buffer);
  const halves = new Uint16Array(request.buffer);
  request.set(nameBytes);

  const fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw systemError(`Cannot read the interface ${name}`, errno());
  try {
    if (libc.ioctl(fd, SIOCGIFINDEX, request) < 0) return undefined;
    const index = words[IFREQ.value / 4];
    if (libc.ioctl(fd, SIOCGIFMTU, request) < 0) return undefined;
    const mtu = words[IFREQ.value / 4];
    if (libc.ioctl(fd, SIOCGIFFLAGS, request) < 0) return undefined;
    const flags = halves[IFREQ.value / 2];
    if (libc.ioctl(fd, SIOCGIFHWADDR, request) < 0) return undefined;
    return {
      name,
      index,
      mac: request.slice(...IFREQ.hwaddr),
      mtu,
      up: (flags & (IFF_UP | IFF_RUNNING)) === (IFF_UP | IFF_RUNNING),
      isEthernet: halves[IFREQ.value / 2] === ARPHRD_ETHER,
    };
  } finally {
    libc.close(fd);
  }
}

/**
 * Lists the Ethernet interfaces of this thread's network namespace, including those that are down.
 *
 * @returns The names, ordered by the interfaces' numbers
 *
 * @example List the interfaces
 * ```ts
 * import { listInterfaces, readInterface } from "pppoe-proxy";
 * import { assert } from "@std/assert";
 *
 * assert(listInterfaces().every((name) => readInterface(name)?.isEthernet));
 * ```
 *
 * See if_nameindex(3).
 */
export function listInterfaces(): string[] {
  const list = libc.if_nameindex();
  if (list === null) return [];
  const view = new Deno.UnsafePointerView(list);
  const names: string[] = [];
  for (let at = 0; view.getUint32(at + NAMEINDEX.index) !== 0; at += NAMEINDEX.length) {
    const name = view.getPointer(at + NAMEINDEX.name)!;
    names.push(Deno.UnsafePointerView.getCString(name));
  }
  libc.if_freenameindex(list);
  return names.filter((name) => readInterface(name)?.isEthernet);
}

/**
 * A watch that notices when an interface appears, disappears or changes (up, down, carrier, address,
 * MTU) in the network namespace of the thread that opens it. It does not report the change itself; the
 * caller reads the interface again.
 *
 * @example Wait for a change
 * ```ts
 * import { InterfaceWatch, POLLIN, PollSet } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const watch = new InterfaceWatch();
 * const set = new PollSet(1);
 * set.add(watch.fd, POLLIN);
 * const changed = set.wait(0) > 0;
 * assertEquals(watch.drain() || !changed, true);
 * watch.close();
 * ```
 */
export class InterfaceWatch {
  readonly #watch: NetlinkWatch;

  /**
   * Starts watching.
   *
   * @throws {SystemError} If the netlink socket cannot be opened
   *
   * See rtnetlink(7).
   */
  constructor() {
    this.#watch = new NetlinkWatch(RTMGRP_LINK, "interfaces");
  }

  /** The descriptor, readable after a change, or -1 once closed. */
  get fd(): number {
    return this.#watch.fd;
  }

  /** Reads all messages and returns true if there were any, or so many that some were lost. */
  drain(): boolean {
    return this.#watch.drain();
  }

  /** Stops watching. */
  close(): void {
    this.#watch.close();
  }
}
