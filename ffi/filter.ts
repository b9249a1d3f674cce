// Classic BPF programs that split the link into its lanes, in the kernel.
import { ETH_P_PPP_DISC, ETH_P_PPP_SES } from "../src/wire/ethernet.ts";
import { writeSockFilter } from "./structs.ts";

/** One of the two ways through the link: control frames never wait behind data. */
export type Lane = "control" | "data";

const LOAD_WORD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const LOAD_HALF = 0x28; // BPF_LD | BPF_H | BPF_ABS
const LOAD_LENGTH = 0x80; // BPF_LD | BPF_W | BPF_LEN
const JUMP_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_AT_LEAST = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const JUMP_ANY_BIT = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K

// Loads from these places give what the kernel knows about the frame, linux/filter.h.
const SKF_AD_PKTTYPE = 0xffff_f000 + 4;
const SKF_AD_VLAN_TAG = 0xffff_f000 + 44;
const SKF_AD_VLAN_TAG_PRESENT = 0xffff_f000 + 48;
const PACKET_OTHERHOST = 3;

export const ETH_P_8021Q = 0x8100;
export const ETH_P_8021AD = 0x88a8;
/** The part of a tag that names the VLAN; priority and eligibility to be dropped are before it. */
export const VLAN_ID = 0x0fff;
const VLAN_TAG_LENGTH = 4;

const ETHER_TYPE = 12;
const PPPOE_LENGTH = 18;
const PPP_PROTOCOL = 20;
const WHOLE = 0xffff_ffff;
/** The addresses, and the tags that are in the frame. */
const VLAN_SNAP = 24;

/** An instruction, with the labels to go to when a jump's condition holds and when it doesn't. */
type Instruction = [code: number, k: number, yes?: string, no?: string];
/** Instructions, each perhaps with a label in front. There are `next`, `accept` and `drop` besides. */
type Program = (Instruction | string)[];

/** Drops what is for another station's address. */
const OWN_ONLY: Program = [
  [LOAD_WORD, SKF_AD_PKTTYPE],
  [JUMP_EQUAL, PACKET_OTHERHOST, "drop", "next"],
];

/**
 * The filter of a lane, for a socket that is bound to ETH_P_ALL.
 *
 * - control: discovery, and session frames with a PPP protocol of 0x8000 or above (LCP,
 * authentication, NCPs)
 * - data: the other session frames; with those of a PPP protocol of one byte, whose low bit is set
 * (RFC 1661, section 6.5), and those too short to have one of two
 *
 * Neither has frames of a VLAN: once the kernel took their tag off they look untagged, but belong to
 * another segment. A tag with VLAN id 0 names no VLAN and carries a priority only (IEEE 802.1Q,
 * section 9.6).
 *
 * @param options.acceptOtherHosts Whether frames to other stations' addresses are taken too
 * @returns An array of `struct sock_filter`
 */
export function laneFilter(
  options: { lane: Lane; acceptOtherHosts: boolean },
): Uint8Array<ArrayBuffer> {
  const control = options.lane === "control";
  const data = control ? "drop" : "accept";
  return assemble([
    [LOAD_WORD, SKF_AD_VLAN_TAG_PRESENT],
    [JUMP_EQUAL, 0, "untagged", "next"],
    [LOAD_WORD, SKF_AD_VLAN_TAG],
    [JUMP_ANY_BIT, VLAN_ID, "drop", "next"],
    "untagged",
    ...(options.acceptOtherHosts ? [] : OWN_ONLY),
    [LOAD_HALF, ETHER_TYPE],
    [JUMP_EQUAL, ETH_P_PPP_DISC, control ? "accept" : "drop", "next"],
    [JUMP_EQUAL, ETH_P_PPP_SES, "next", "drop"],
    [LOAD_LENGTH, 0],
    [JUMP_AT_LEAST, PPP_PROTOCOL + 2, "next", data],
    // What is behind a short payload is padding.
    [LOAD_HALF, PPPOE_LENGTH],
    [JUMP_AT_LEAST, 2, "next", data],
    [LOAD_HALF, PPP_PROTOCOL],
    [JUMP_ANY_BIT, 0x0100, data, "next"],
    [JUMP_AT_LEAST, 0x8000, control ? "accept" : "drop", data],
  ], WHOLE);
}

/**
 * The filter of {@linkcode VlanFrames}, for a socket that is bound to ETH_P_ALL: PPPoE frames with a
 * VLAN tag that no lane takes. The kernel takes the outermost tag off; more of them, two at most, are
 * in the frame.
 *
 * @param options.acceptOtherHosts Whether frames to other stations' addresses are taken too
 * @returns An array of `struct sock_filter`
 */
export function vlanFilter(options: { acceptOtherHosts: boolean }): Uint8Array<ArrayBuffer> {
  const inner = ETHER_TYPE + VLAN_TAG_LENGTH;
  return assemble([
    // Most have none.
    [LOAD_WORD, SKF_AD_VLAN_TAG_PRESENT],
    [JUMP_EQUAL, 0, "in the frame", "next"],
    [LOAD_HALF, ETHER_TYPE],
    [JUMP_EQUAL, ETH_P_PPP_DISC, "taken off", "next"],
    [JUMP_EQUAL, ETH_P_PPP_SES, "taken off", "in the frame"],
    "taken off",
    [LOAD_WORD, SKF_AD_VLAN_TAG],
    [JUMP_ANY_BIT, VLAN_ID, "for whom", "drop"],
    "in the frame",
    [LOAD_HALF, ETHER_TYPE],
    [JUMP_EQUAL, ETH_P_8021Q, "one", "next"],
    [JUMP_EQUAL, ETH_P_8021AD, "one", "drop"],
    "one",
    [LOAD_HALF, inner],
    [JUMP_EQUAL, ETH_P_PPP_DISC, "for whom", "next"],
    [JUMP_EQUAL, ETH_P_PPP_SES, "for whom", "next"],
    [JUMP_EQUAL, ETH_P_8021Q, "two", "next"],
    [JUMP_EQUAL, ETH_P_8021AD, "two", "drop"],
    "two",
    [LOAD_HALF, inner + VLAN_TAG_LENGTH],
    [JUMP_EQUAL, ETH_P_PPP_DISC, "for whom", "next"],
    [JUMP_EQUAL, ETH_P_PPP_SES, "for whom", "drop"],
    "for whom",
    ...(options.acceptOtherHosts ? [] : OWN_ONLY),
  ], VLAN_SNAP);
}

/** Assembles an array of `struct sock_filter`, which passes so many bytes of a frame. */
function assemble(program: Program, accepted: number): Uint8Array<ArrayBuffer> {
  const places = new Map<string, number>();
  const instructions: Instruction[] = [];
  const whole: Program = [...program, "accept", [RETURN, accepted], "drop", [RETURN, 0]];
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
