// Counting the PPPoE frames of VLANs, which no lane receives, and reading the tag of one of them.
//
// The socket is not read while frames arrive. Its buffer is as small as possible, and for a frame that
// finds it full the kernel makes no copy: it runs the filter and increments a counter.

import { readUint16 } from "../src/wire/uint16.ts";
import { libc } from "./libc.ts";
import { type LaneOptions, openPacketSocket, readFrames, SOL_PACKET } from "./packet_socket.ts";
import { Pinned, writeAddress } from "./pinned.ts";
import { setOption } from "./socket_option.ts";
import { int, LITTLE_ENDIAN, MSG_DONTWAIT, SOL_SOCKET } from "./structs.ts";

/** The EtherType of a customer's VLAN tag (IEEE 802.1Q), linux/if_ether.h. */
export const ETH_P_8021Q = 0x8100;
/** The EtherType of a provider's VLAN tag (IEEE 802.1ad). */
export const ETH_P_8021AD = 0x88a8;
/** The part of a tag that names the VLAN; the priority and the drop-eligible bit precede it. */
export const VLAN_ID = 0x0fff;

const PACKET_AUXDATA = 8;
const SO_RCVBUF = 8;
const TP_STATUS_VLAN_VALID = 1 << 4;
const TP_STATUS_VLAN_TPID_VALID = 1 << 6;

/** `struct msghdr` of recvmsg(2), in bytes (LP64). */
const MSGHDR = { iov: 16, iovlen: 24, control: 32, controllen: 40, length: 56 } as const;
/** `struct iovec`, and `struct cmsghdr` followed by `struct tpacket_auxdata` of packet(7). */
const IOVEC = { base: 0, len: 8, length: 16 } as const;
const CMSGHDR = { level: 8, type: 12, length: 16 } as const;
const AUXDATA = { status: 0, tci: 16, tpid: 18, length: 20 } as const;

/** Offsets of these structures in one piece of memory. */
const AT = { header: 0, iovec: 56, control: 72, frame: 112, length: 144 } as const;
const CONTROL_LENGTH = AT.frame - AT.control;
const FRAME_LENGTH = AT.length - AT.frame;
/** Offsets in the first tag of a frame. */
const TAG = { protocol: 12, tci: 14 } as const;

/** A limit above the number of frames that fit into the buffer. */
const MOST_WAITING = 64;

/** The VLAN of a frame. */
export interface VlanFrame {
  /** Id of the VLAN, 1 to 4095, or 0 if no tag of the frame names a VLAN. */
  id: number;
  /** True for a provider tag (802.1ad), false for a customer tag (802.1Q). */
  provider: boolean;
}

/**
 * A counter of the PPPoE frames of VLANs that arrive at an interface. They do not belong to the
 * interface itself, and some may belong to a VLAN interface on top of it.
 *
 * @example Count frames
 * ```ts
 * import { readInterface, vlanFilter, VlanFrames } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const loopback = readInterface("lo");
 * if (Deno.uid() === 0 && loopback?.up) {
 *   const vlans = VlanFrames.open({ interface: loopback, filter: vlanFilter(false) });
 *   assertEquals(vlans.count(), 0);
 *   assertEquals(vlans.take(), undefined);
 *   vlans.close();
 * }
 * ```
 */
export class VlanFrames {
  #fd: number;
  #count = 0;
  readonly #memory = new Pinned(new Uint8Array(AT.length));
  readonly #view = new DataView(this.#memory.bytes.buffer);

  private constructor(fd: number) {
    this.#fd = fd;
    const { address, bytes } = this.#memory;
    const words = new Uint32Array(bytes.buffer);
    writeAddress(words, (AT.header + MSGHDR.iov) / 4, address + AT.iovec);
    words[(AT.header + MSGHDR.iovlen) / 4] = 1;
    writeAddress(words, (AT.header + MSGHDR.control) / 4, address + AT.control);
    writeAddress(words, (AT.iovec + IOVEC.base) / 4, address + AT.frame);
    words[(AT.iovec + IOVEC.len) / 4] = FRAME_LENGTH;
  }

  /**
   * Starts counting. The interface may be down.
   *
   * @param options The interface, and the filter that chooses the frames to count
   * @returns The counter, to be closed by the caller
   * @throws {SystemError} If the interface is gone or the process lacks the privilege
   *
   * See packet(7).
   */
  static open(options: Pick<LaneOptions, "interface" | "filter">): VlanFrames {
    const { interface: on } = options;
    const fd = openPacketSocket({ ...options, promiscuous: false }, (fd) => {
      const action = `Cannot count the frames of VLANs on ${on.name}`;
      setOption(fd, SOL_PACKET, PACKET_AUXDATA, int(1), action);
      // The kernel raises this to its minimum.
      setOption(fd, SOL_SOCKET, SO_RCVBUF, int(0), action);
    });
    return new VlanFrames(fd);
  }

  /** Returns the number of frames since the counter was opened. */
  count(): number {
    if (this.#fd >= 0) this.#count += readFrames(this.#fd);
    return this.#count;
  }

  /** Returns the VLAN of a frame that arrived since the last call, or undefined if none did. */
  take(): VlanFrame | undefined {
    let taken: VlanFrame | undefined;
    for (let i = 0; i < MOST_WAITING; i++) {
      const view = this.#view;
      view.setUint32(AT.header + MSGHDR.controllen, CONTROL_LENGTH, LITTLE_ENDIAN);
      this.#memory.bytes.fill(0, AT.control);
      const length = libc.recvmsg(this.#fd, this.#memory.bytes, MSG_DONTWAIT);
      if (length < 0) break;
      taken = this.#vlan();
    }
    return taken;
  }

  /** Stops counting. */
  close(): void {
    if (this.#fd < 0) return;
    this.count();
    libc.close(this.#fd);
    this.#fd = -1;
  }

  /**
   * Reads the outermost tag that names a VLAN. The kernel removes the outermost tag from the frame, so
   * that one comes first.
   */
  #vlan(): VlanFrame {
    const view = this.#view;
    const auxdata = AT.control + CMSGHDR.length;
    if (
      view.getInt32(AT.control + CMSGHDR.level, LITTLE_ENDIAN) === SOL_PACKET &&
      view.getInt32(AT.control + CMSGHDR.type, LITTLE_ENDIAN) === PACKET_AUXDATA
    ) {
      const status = view.getUint32(auxdata + AUXDATA.status, LITTLE_ENDIAN);
      const id = view.getUint16(auxdata + AUXDATA.tci, LITTLE_ENDIAN) & VLAN_ID;
      if ((status & TP_STATUS_VLAN_VALID) !== 0 && id !== 0) {
        const known = (status & TP_STATUS_VLAN_TPID_VALID) !== 0;
        const protocol = view.getUint16(auxdata + AUXDATA.tpid, LITTLE_ENDIAN);
        return { id, provider: known && protocol === ETH_P_8021AD };
      }
    }
    for (let at = AT.frame; at < AT.frame + 8; at += 4) {
      const protocol = readUint16(this.#memory.bytes, at + TAG.protocol);
      if (protocol !== ETH_P_8021Q && protocol !== ETH_P_8021AD) break;
      const id = readUint16(this.#memory.bytes, at + TAG.tci) & VLAN_ID;
      if (id !== 0) return { id, provider: protocol === ETH_P_8021AD };
    }
    return { id: 0, provider: false };
  }
}
