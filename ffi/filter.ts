// Classic BPF programs, which are the filters of sockets.

import { writeSockFilter } from "./structs.ts";

/** The operations of a filter, from linux/bpf_common.h. */
export const BPF = {
  /** BPF_LD | BPF_W | BPF_ABS: loads 32 bits of the frame. */
  LOAD_WORD: 0x20,
  /** BPF_LD | BPF_H | BPF_ABS: loads 16 bits of the frame. */
  LOAD_HALF: 0x28,
  /** BPF_LD | BPF_B | BPF_ABS: loads 8 bits of the frame. */
  LOAD_BYTE: 0x30,
  /** BPF_LD | BPF_W | BPF_LEN: loads the frame's length. */
  LOAD_LENGTH: 0x80,
  /** BPF_JMP | BPF_JEQ | BPF_K */
  JUMP_EQUAL: 0x15,
  /** BPF_JMP | BPF_JGE | BPF_K */
  JUMP_AT_LEAST: 0x35,
  /** BPF_JMP | BPF_JSET | BPF_K */
  JUMP_ANY_BIT: 0x45,
  /** BPF_ALU | BPF_AND | BPF_K */
  AND: 0x54,
  /** BPF_RET | BPF_K: passes on as many bytes of the frame. */
  RETURN: 0x06,
} as const;

/** Offsets at which a load returns the kernel's metadata of a frame, from linux/filter.h. */
export const SKF_AD = {
  PKTTYPE: 0xffff_f000 + 4,
  VLAN_TAG: 0xffff_f000 + 44,
  VLAN_TAG_PRESENT: 0xffff_f000 + 48,
  RANDOM: 0xffff_f000 + 56,
} as const;
/** Offset of the network header, from linux/filter.h. The filter of a TCP socket begins at the TCP header. */
export const SKF_NET_OFF = 0xfff0_0000;
/** Packet type of a frame to another station's address, from packet(7). */
export const PACKET_OTHERHOST = 3;

/** An instruction, with the labels to jump to if its condition is true and if it is false. */
export type Instruction = [code: number, k: number, yes?: string, no?: string];
/** Instructions and labels. The labels `next`, `accept` and `drop` are predefined. */
export type FilterProgram = (Instruction | string)[];

/**
 * Assembles a filter.
 *
 * @param program The instructions
 * @param accepted The number of bytes of a frame to pass on at `accept`
 * @returns An array of `struct sock_filter`
 */
export function assembleFilter(program: FilterProgram, accepted: number): Uint8Array<ArrayBuffer> {
  const places = new Map<string, number>();
  const instructions: Instruction[] = [];
  const whole: FilterProgram = [...program, "accept", [BPF.RETURN, accepted], "drop", [
    BPF.RETURN,
    0,
  ]];
  for (const part of whole) {
    if (typeof part === "string") places.set(part, instructions.length);
    else instructions.push(part);
  }
  const bytes = new Uint8Array(instructions.length * 8);
  instructions.forEach(([code, k, yes = "next", no = "next"], at) => {
    const distance = (to: string) => to === "next" ? 0 : places.get(to)! - at - 1;
    writeSockFilter(bytes, at * 8, code, distance(yes), distance(no), k);
  });
  return bytes;
}
