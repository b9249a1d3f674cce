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
import { readUint16, readUint32 } from "../wire/uint16.ts";
import type { Diverted } from "./device.ts";
import { CODE, ETH_P_PPP_DISC, ETH_P_PPP_SES, FIRST_CONTROL_PROTOCOL } from "../wire/mod.ts";

/**
 * A lane of the link. Control frames never wait behind data: `control` takes discovery frames and PPP control
 * frames, `data` the others. A program may divide the control frames further: `opening` takes those by which hosts
 * look for an AC and ask for a session, and `session-control` the others.
 */
export type Lane = "control" | "data" | "opening" | "session-control";

const VLAN_TAG_LENGTH = 4;
const SOURCE = 6;
const SESSION_ID = 16;
const ETHER_TYPE = 12;
const PPPOE_CODE = 15;
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
 * - The lane `opening` takes PADI, PADO and PADR alone, and `session-control` all other control frames. A PADS
 *   is among those, because the AC's first LCP frame must not overtake it.
 * - The data lane takes all other session frames. Among them are those with a PPP protocol of one byte,
 *   whose low bit is set (RFC 1661, section 6.5), and those too short for a protocol of two bytes.
 *
 * No lane takes frames with a VLAN tag: once the kernel has removed the tag they look untagged, but
 * they belong to another segment. A tag with VLAN id 0 names no VLAN and carries only a priority (IEEE
 * 802.1Q, section 9.6).
 *
 * @param lane The lane
 * @param promiscuous True to take frames to other stations' addresses too
 * @param diverted The stations whose PPP control frames the data lane takes, at most 16
 * @returns The filter, an array of `struct sock_filter`
 */
export function laneFilter(
  lane: Lane,
  promiscuous = false,
  diverted: readonly { mac: Uint8Array; sessionId: number | undefined }[] = [],
): Uint8Array<ArrayBuffer> {
  const opening = lane === "control" || lane === "opening" ? "accept" : "drop";
  const control = lane === "control" || lane === "session-control" ? "accept" : "drop";
  const data = lane === "data" ? "accept" : "drop";
  return assembleFilter([
    [BPF.LOAD_WORD, SKF_AD.VLAN_TAG_PRESENT],
    [BPF.JUMP_EQUAL, 0, "untagged", "next"],
    [BPF.LOAD_WORD, SKF_AD.VLAN_TAG],
    [BPF.JUMP_ANY_BIT, VLAN_ID, "drop", "next"],
    "untagged",
    ...(promiscuous ? [] : OWN_ONLY),
    [BPF.LOAD_HALF, ETHER_TYPE],
    [BPF.JUMP_EQUAL, ETH_P_PPP_DISC, "discovery", "next"],
    [BPF.JUMP_EQUAL, ETH_P_PPP_SES, "session", "drop"],
    "discovery",
    // A frame without a code is malformed, and a load from beyond its end would drop it uncounted.
    [BPF.LOAD_LENGTH, 0],
    [BPF.JUMP_AT_LEAST, PPPOE_CODE + 1, "next", control],
    [BPF.LOAD_BYTE, PPPOE_CODE],
    [BPF.JUMP_EQUAL, CODE.PADI, opening, "next"],
    [BPF.JUMP_EQUAL, CODE.PADO, opening, "next"],
    [BPF.JUMP_EQUAL, CODE.PADR, opening, control],
    "session",
    [BPF.LOAD_LENGTH, 0],
    [BPF.JUMP_AT_LEAST, PPP_PROTOCOL + 2, "next", data],
    // The bytes behind a short payload are padding.
    [BPF.LOAD_HALF, PPPOE_LENGTH],
    [BPF.JUMP_AT_LEAST, 2, "next", data],
    [BPF.LOAD_HALF, PPP_PROTOCOL],
    [BPF.JUMP_ANY_BIT, 0x0100, data, "next"],
    [BPF.JUMP_AT_LEAST, FIRST_CONTROL_PROTOCOL, "control", data],
    "control",
    ...diverted.flatMap((station, index) => divert(station, `after ${index}`, data)),
    // This is true for any value.
    [BPF.JUMP_AT_LEAST, 0, control, control],
  ], WHOLE);
}

// Decides about the frames of one station, and leaves the others to the next instruction.
function divert({ mac, sessionId }: Diverted, after: string, data: string): FilterProgram {
  const program: FilterProgram = [
    [BPF.LOAD_HALF, SOURCE],
    [BPF.JUMP_EQUAL, readUint16(mac, 0), "next", after],
    [BPF.LOAD_WORD, SOURCE + 2],
    [BPF.JUMP_EQUAL, readUint32(mac, 2), sessionId === undefined ? data : "next", after],
  ];
  if (sessionId !== undefined) {
    program.push([BPF.LOAD_HALF, SESSION_ID], [BPF.JUMP_EQUAL, sessionId, data, "next"]);
  }
  return [...program, after];
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
