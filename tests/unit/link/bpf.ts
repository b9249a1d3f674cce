// An interpreter for the classic BPF instructions that the filters use.

/** The input of a filter: the bytes of a frame and the kernel's metadata. */
export interface Packet {
  bytes: Uint8Array;
  /** Packet type: PACKET_HOST 0, PACKET_BROADCAST 1, PACKET_MULTICAST 2, PACKET_OTHERHOST 3. */
  packetType: number;
  /** Priority and id of a VLAN tag that the kernel removed, or undefined without one. */
  vlanTag?: number;
}

const SKF_AD_OFF = 0xffff_f000;

/** Runs a program of `struct sock_filter` and returns the number of bytes that it accepts. */
export function runFilter(program: Uint8Array, packet: Packet): number {
  const instructions = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const frame = new DataView(packet.bytes.buffer, packet.bytes.byteOffset, packet.bytes.length);
  let accumulator = 0;
  for (let at = 0; at < program.length / 8; at++) {
    const code = instructions.getUint16(at * 8, true);
    const jt = instructions.getUint8(at * 8 + 2);
    const jf = instructions.getUint8(at * 8 + 3);
    const k = instructions.getUint32(at * 8 + 4, true);
    switch (code) {
      case 0x20: // ld [k]
        if (k === SKF_AD_OFF + 4) accumulator = packet.packetType;
        else if (k === SKF_AD_OFF + 44) accumulator = packet.vlanTag ?? 0;
        else if (k === SKF_AD_OFF + 48) accumulator = packet.vlanTag === undefined ? 0 : 1;
        else if (k + 4 > packet.bytes.length) return 0;
        else accumulator = frame.getUint32(k);
        break;
      case 0x28: // ldh [k]; a load over the end drops the packet
        if (k + 2 > packet.bytes.length) return 0;
        accumulator = frame.getUint16(k);
        break;
      case 0x30: // ldb [k]
        if (k >= packet.bytes.length) return 0;
        accumulator = frame.getUint8(k);
        break;
      case 0x80: // ld #len
        accumulator = packet.bytes.length;
        break;
      case 0x15: // jeq
        at += accumulator === k ? jt : jf;
        break;
      case 0x35: // jge
        at += accumulator >= k ? jt : jf;
        break;
      case 0x45: // jset
        at += (accumulator & k) !== 0 ? jt : jf;
        break;
      case 0x06: // ret
        return k;
      default:
        throw new Error(`Cannot run instruction 0x${code.toString(16)}`);
    }
  }
  throw new Error("Cannot run off the end of the program");
}
