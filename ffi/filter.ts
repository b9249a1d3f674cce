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
const SKF_AD_VLAN_TAG_PRESENT = 0xffff_f000 + 48;
const PACKET_OTHERHOST = 3;

const ETHER_TYPE = 12;
const PPPOE_LENGTH = 18;
const PPP_PROTOCOL = 20;
const WHOLE = 0xffff_ffff;

type Target = "next" | "accept" | "drop";
/** An instruction, with the places to go to when a jump's condition holds and when it doesn't. */
type Instruction = [code: number, k: number, yes?: Target, no?: Target];

/**
 * The filter of a lane, for a socket that is bound to ETH_P_ALL.
 *
 * - control: discovery, and session frames with a PPP protocol of 0x8000 or above (LCP,
 * authentication, NCPs)
 * - data: the other session frames; with those of a PPP protocol of one byte, whose low bit is set
 * (RFC 1661, section 6.5), and those too short to have one of two
 *
 * Neither has frames with a VLAN tag: once the card took the tag off they look untagged, but belong
 * to another segment.
 *
 * @param options.acceptOtherHosts Whether frames to other stations' addresses are taken too
 * @returns An array of `struct sock_filter`
 */
export function laneFilter(
  options: { lane: Lane; acceptOtherHosts: boolean },
): Uint8Array<ArrayBuffer> {
  const control = options.lane === "control";
  const data = control ? "drop" : "accept";
  const ownOnly: Instruction[] = [
    [LOAD_WORD, SKF_AD_PKTTYPE],
    [JUMP_EQUAL, PACKET_OTHERHOST, "drop", "next"],
  ];
  const program: Instruction[] = [
    [LOAD_WORD, SKF_AD_VLAN_TAG_PRESENT],
    [JUMP_EQUAL, 0, "next", "drop"],
    ...(options.acceptOtherHosts ? [] : ownOnly),
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
    [RETURN, WHOLE],
    [RETURN, 0],
  ];

  const accept = program.length - 2;
  const drop = program.length - 1;
  const bytes = new Uint8Array(program.length * 8);
  program.forEach(([code, k, yes = "next", no = "next"], at) => {
    const distance = { next: 0, accept: accept - at - 1, drop: drop - at - 1 };
    const jumps = code === JUMP_EQUAL || code === JUMP_AT_LEAST || code === JUMP_ANY_BIT;
    const jt = jumps ? distance[yes] : 0;
    const jf = jumps ? distance[no] : 0;
    writeSockFilter(bytes, at * 8, code, jt, jf, k);
  });
  return bytes;
}
