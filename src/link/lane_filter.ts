// The socket filters by which the kernel sorts frames into the lanes of a link before it copies them.

import {
  assembleFilter,
  BPF,
  ETH_P_8021AD,
  ETH_P_8021Q,
  type FilterProgram,
  PACKET_OTHERHOST,
  SKF_AD,
  VLAN_ID,
} from "../../ffi/mod.ts";
import { ETH_P_PPP_DISC, ETH_P_PPP_SES, FIRST_CONTROL_PROTOCOL } from "../wire/mod.ts";

/** A lane of the link. There are two, so that control frames never wait behind data. */
export type Lane = "control" | "data";

const VLAN_TAG_LENGTH = 4;
const ETHER_TYPE = 12;
const PPPOE_LENGTH = 18;
const PPP_PROTOCOL = 20;
const WHOLE = 0xffff_ffff;
/** The number of bytes to copy: the addresses, and the tags that are in the frame. */
const VLAN_SNAP = 24;

/** Drops frames for another station's address. */
const OWN_ONLY: FilterProgram = [
  [BPF.LOAD_WORD, SKF_AD.PKTTYPE],
  [BPF.JUMP_EQUAL, PACKET_OTHERHOST, "drop", "next"],
];

/**
 * Makes the filter of a lane, for a socket that is bound to ETH_P_ALL.
 *
 * - The control lane takes discovery frames, and session frames with a PPP protocol of 0x8000 or above
 *   (LCP, authentication, NCPs).
 * - The data lane takes all other session frames. Among them are those with a PPP protocol of one byte,
 *   whose low bit is set (RFC 1661, section 6.5), and those too short for a protocol of two bytes.
 *
 * Neither lane takes frames with a VLAN tag: once the kernel has removed the tag they look untagged, but
 * they belong to another segment. A tag with VLAN id 0 names no VLAN and carries only a priority (IEEE
 * 802.1Q, section 9.6).
 *
 * @param lane The lane
 * @param promiscuous True to take frames to other stations' addresses too
 * @returns The filter, an array of `struct sock_filter`
 */
export function laneFilter(lane: Lane, promiscuous = false): Uint8Array<ArrayBuffer> {
  const control = lane === "control";
  const data = control ? "drop" : "accept";
  return assembleFilter([
    [BPF.LOAD_WORD, SKF_AD.VLAN_TAG_PRESENT],
    [BPF.JUMP_EQUAL, 0, "untagged", "next"],
    [BPF.LOAD_WORD, SKF_AD.VLAN_TAG],
    [BPF.JUMP_ANY_BIT, VLAN_ID, "drop", "next"],
    "untagged",
    ...(promiscuous ? [] : OWN_ONLY),
    [BPF.LOAD_HALF, ETHER_TYPE],
    [BPF.JUMP_EQUAL, ETH_P_PPP_DISC, control ? "accept" : "drop", "next"],
    [BPF.JUMP_EQUAL, ETH_P_PPP_SES, "next", "drop"],
    [BPF.LOAD_LENGTH, 0],
    [BPF.JUMP_AT_LEAST, PPP_PROTOCOL + 2, "next", data],
    // The bytes behind a short payload are padding.
    [BPF.LOAD_HALF, PPPOE_LENGTH],
    [BPF.JUMP_AT_LEAST, 2, "next", data],
    [BPF.LOAD_HALF, PPP_PROTOCOL],
    [BPF.JUMP_ANY_BIT, 0x0100, data, "next"],
    [BPF.JUMP_AT_LEAST, FIRST_CONTROL_PROTOCOL, control ? "accept" : "drop", data],
  ], WHOLE);
}

/**
 * Makes the filter of {@linkcode VlanFrames}, for a socket that is bound to ETH_P_ALL. It takes PPPoE
 * frames with a VLAN tag, which no lane takes. The kernel removes the outermost tag; up to two more tags
 * in the frame are recognized.
 *
 * @param promiscuous True to count frames to other stations' addresses too; the lanes, not this filter,
 * make the interface receive those
 * @returns The filter, an array of `struct sock_filter`
 */
export function vlanFilter(promiscuous = false): Uint8Array<ArrayBuffer> {
  const inner = ETHER_TYPE + VLAN_TAG_LENGTH;
  return assembleFilter([
    // Most frames have no tag.
    [BPF.LOAD_WORD, SKF_AD.VLAN_TAG_PRESENT],
    [BPF.JUMP_EQUAL, 0, "in the frame", "next"],
    [BPF.LOAD_HALF, ETHER_TYPE],
    [BPF.JUMP_EQUAL, ETH_P_PPP_DISC, "taken off", "next"],
    [BPF.JUMP_EQUAL, ETH_P_PPP_SES, "taken off", "in the frame"],
    "taken off",
    [BPF.LOAD_WORD, SKF_AD.VLAN_TAG],
    [BPF.JUMP_ANY_BIT, VLAN_ID, "for whom", "drop"],
    "in the frame",
    [BPF.LOAD_HALF, ETHER_TYPE],
    [BPF.JUMP_EQUAL, ETH_P_8021Q, "one", "next"],
    [BPF.JUMP_EQUAL, ETH_P_8021AD, "one", "drop"],
    "one",
    [BPF.LOAD_HALF, inner],
    [BPF.JUMP_EQUAL, ETH_P_PPP_DISC, "for whom", "next"],
    [BPF.JUMP_EQUAL, ETH_P_PPP_SES, "for whom", "next"],
    [BPF.JUMP_EQUAL, ETH_P_8021Q, "two", "next"],
    [BPF.JUMP_EQUAL, ETH_P_8021AD, "two", "drop"],
    "two",
    [BPF.LOAD_HALF, inner + VLAN_TAG_LENGTH],
    [BPF.JUMP_EQUAL, ETH_P_PPP_DISC, "for whom", "next"],
    [BPF.JUMP_EQUAL, ETH_P_PPP_SES, "for whom", "drop"],
    "for whom",
    ...(promiscuous ? [] : OWN_ONLY),
  ], VLAN_SNAP);
}
