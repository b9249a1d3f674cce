// The problems of a link, in words.

import type { Problem } from "../problem.ts";
import { PPP_OVERHEAD } from "../relay/mod.ts";
import { ETH_DATA_LEN } from "../wire/mod.ts";

/** The time after which a problem of single frames counts as solved, in ms. */
export const FRAME_PROBLEM_MS = 60_000;

/** The interface's MTU is smaller than hosts expect. */
export function smallMtu(name: string, mtu: number): Problem {
  const payload = mtu - PPP_OVERHEAD;
  return {
    id: "small-mtu",
    subject: name,
    what: `Interface ${name} has an MTU of ${mtu}, so sessions carry at most ${payload} bytes`,
    advice:
      `raise it (ip link set ${name} mtu ${ETH_DATA_LEN}), or set the hosts' PPP MTU and MRU to ` +
      `${payload}`,
  };
}

/** The interface joins several frames into one (GRO), which cannot be carried. */
export function joinedFrames(name: string, bytes: number): Problem {
  return {
    id: "joined-frames",
    subject: name,
    what: `A frame of ${bytes} bytes arrived at ${name}, whose MTU is smaller`,
    advice: `switch off receive offload (ethtool -K ${name} gro off lro off)`,
  };
}

/** A frame from a tunnel is too long for the interface. */
export function frameTooLarge(name: string): Problem {
  return {
    id: "frame-too-large",
    subject: name,
    what: `A frame from the tunnel is too large for ${name}`,
    advice: "raise its MTU, or lower the PPP MTU of the hosts",
  };
}

/** The lanes could not be opened, although the interface exists. */
export function linkFailure(name: string, reason: string): Problem {
  return {
    id: "link-failure",
    subject: name,
    what: reason,
    advice: `${name} is tried again every second`,
    blocks: true,
  };
}

/** The interface cannot receive frames for other stations' addresses, which its MAC mode needs. */
export function macvlanMode(name: string, reason: string): Problem {
  const [what, advice] = reason.split("; ");
  return { id: "macvlan-mode", subject: name, what, advice, blocks: true };
}
