// The PPPoE frames of VLANs, which no lane takes: counted by the kernel, and one of them looked at.
//
// The socket is not read while frames come. Its buffer is as small as can be, and what finds it full
// costs the kernel no copy: the filter has run, and a counter goes up.
import { libc } from "./libc.ts";
import { type LaneOptions, openPacketSocket, readFrames, SOL_PACKET } from "./packet_socket.ts";
import { Pinned, writeAddress } from "./pinned.ts";
import { setOption } from "./socket_option.ts";
import { int, LITTLE_ENDIAN, MSG_DONTWAIT, SOL_SOCKET } from "./structs.ts";

/** The EtherType of a customer's VLAN tag (IEEE 802.1Q), linux/if_ether.h. */
export const ETH_P_8021Q = 0x8100;
/** The EtherType of a provider's VLAN tag (IEEE 802.1ad). */
export const ETH_P_8021AD = 0x88a8;
/** The part of a tag that names the VLAN; priority and eligibility to be dropped are before it. */
export const VLAN_ID = 0x0fff;

const PACKET_AUXDATA = 8;
const SO_RCVBUF = 8;
const TP_STATUS_VLAN_VALID = 1 << 4;
const TP_STATUS_VLAN_TPID_VALID = 1 << 6;

/** `struct msghdr`, recvmsg(2): offsets in bytes (LP64). */
const MSGHDR = { iov: 16, iovlen: 24, control: 32, controllen: 40, length: 56 } as const;
/** `struct iovec`, and `struct cmsghdr` with the `struct tpacket_auxdata` behind it, packet(7). */
const IOVEC = { base: 0, len: 8, length: 16 } as const;
const CMSGHDR = { level: 8, type: 12, length: 16 } as const;
const AUXDATA = { status: 0, tci: 16, tpid: 18, length: 20 } as const;

/** Where each of them is in one piece of memory. */
const AT = { header: 0, iovec: 56, control: 72, frame: 112, length: 144 } as const;
const CONTROL_LENGTH = AT.frame - AT.control;
const FRAME_LENGTH = AT.length - AT.frame;
/** The first tag in a frame: its protocol, and what it says. */
const TAG = { protocol: 12, tci: 14 } as const;

/** As many as the buffer has room for, and more. */
const MOST_WAITING = 64;

/** What a frame of a VLAN says of it. */
export interface VlanFrame {
  /** The VLAN's id, 1 to 4095; 0 where no tag of the frame names one. */
  id: number;
  /** Whether its tag is one of a provider's (802.1ad), not a customer's (802.1Q). */
  provider: boolean;
}

/**
 * Counts the PPPoE frames of VLANs that come to an interface, which are not for whoever captures on
 * the interface itself. Frames of a VLAN that has an interface of its own are among them.
 *
 * @example What has come
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
   * Begins to count. The interface may be down.
   *
   * @param options The interface, and the filter that says which frames count
   * @returns What counts, to be closed
   * @throws {SystemError} If the interface is gone, or the process may not do this
   *
   * See packet(7).
   */
  static open(options: Pick<LaneOptions, "interface" | "filter">): VlanFrames {
    const { interface: on } = options;
    const fd = openPacketSocket({ ...options, promiscuous: false }, (fd) => {
      const action = `Cannot count frames of VLANs on ${on.name}`;
      setOption(fd, SOL_PACKET, PACKET_AUXDATA, int(1), action);
      // The kernel makes it the least that there is.
      setOption(fd, SOL_SOCKET, SO_RCVBUF, int(0), action);
    });
    return new VlanFrames(fd);
  }

  /** How many frames have come since it was opened. */
  count(): number {
    if (this.#fd >= 0) this.#count += readFrames(this.#fd);
    return this.#count;
  }

  /** The VLAN of a frame that came since this was last asked; undefined when none did. */
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

  /** Ends it. */
  close(): void {
    if (this.#fd < 0) return;
    this.count();
    libc.close(this.#fd);
    this.#fd = -1;
  }

  // The outermost tag that names one: of those that the kernel took off, then of those in the frame.
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
      const protocol = view.getUint16(at + TAG.protocol);
      if (protocol !== ETH_P_8021Q && protocol !== ETH_P_8021AD) break;
      const id = view.getUint16(at + TAG.tci) & VLAN_ID;
      if (id !== 0) return { id, provider: protocol === ETH_P_8021AD };
    }
    return { id: 0, provider: false };
  }
}
