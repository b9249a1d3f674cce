// The meaning of each drop reason, for those who see its counter: docs/DROPS.md and `GET /api/drops` show it.

import type { DropReason } from "./drop.ts";

/** How much a drop reason should worry an operator. */
export type Worry =
  /** It is part of normal work. */
  | "none"
  /** A few are normal; many that keep coming have a cause that can be removed. */
  | "if-many"
  /** Each one is a loss, or the sign of a fault. */
  | "yes";

/** The meaning of a drop reason. */
export interface DropMeaning {
  /** What has happened to the frame. */
  meaning: string;
  /** How much it should worry. */
  worry: Worry;
  /** What to do if it worries. */
  advice: string;
}

/** The meaning of each reason. */
export const DROP_MEANINGS: Readonly<Record<DropReason, DropMeaning>> = {
  "malformed": {
    meaning: "The frame is too short, of another version, or its lengths do not fit",
    worry: "if-many",
    advice: "Find the station that sends such frames, by a capture on the interface",
  },
  "not-pppoe": {
    meaning: "The EtherType is neither 0x8863 nor 0x8864",
    worry: "if-many",
    advice:
      "Only a faulty or hostile peer sends such frames through a tunnel: update it, or find out who it is",
  },
  "wrong-direction": {
    meaning:
      "Only the stations of the other side send such a frame: an answer of an AC came from the hosts' " +
      "segment, or a host's request from the AC's",
    worry: "if-many",
    advice:
      "On a segment that others share it is normal. Otherwise check that client and server are not " +
      "swapped, and that --interface is the right one",
  },
  "bad-address": {
    meaning:
      "The source or destination is impossible for such a frame, such as a broadcast as the source",
    worry: "if-many",
    advice: "Find the station that sends such frames, by a capture on the interface",
  },
  "unknown-session": {
    meaning:
      "There is no session with these addresses and this id, for example because it has just ended",
    worry: "if-many",
    advice:
      "If a host goes on with a session that is gone, restart its PPPoE connection. With --mac own, frames " +
      "of other clients' sessions on a shared segment count too",
  },
  "unknown-host-uniq": {
    meaning:
      "An answer of an AC belongs to no discovery that is under way: it came too late, or is for somebody else",
    worry: "none",
    advice:
      "Nothing, on a segment that others share. An AC that does not return Host-Uniq needs --host-uniq",
  },
  "unknown-offer": {
    meaning: "A host answered an AC that had made it no offer",
    worry: "if-many",
    advice: "Nothing if the host dials again by itself, as after a restart of the client",
  },
  "no-tunnel": {
    meaning: "There was no tunnel to carry the frame",
    worry: "if-many",
    advice: "See the problems and the log for the reason why the tunnel was down",
  },
  "tunnel-full": {
    meaning: "The tunnel is slower than the link, and its queue was full",
    worry: "if-many",
    advice:
      "The path is too slow for the traffic: use bbr (--congestion), or give the path more bandwidth",
  },
  "queue-delay": {
    meaning:
      "The frame had waited too long for a tunnel that is slower than the traffic. TCP in the sessions " +
      "slows down by it, as on any slow line",
    worry: "if-many",
    advice:
      "Nothing if the path is simply full. Otherwise see the tunnel's retransmits and congestion control",
  },
  "frame-too-large": {
    meaning: "The frame is too large for the interface, or was joined from several by it (GRO)",
    worry: "yes",
    advice: "Raise the MTU of the interface to 1500, and switch off receive offload " +
      "(ethtool -K INTERFACE gro off lro off)",
  },
  "session-limit": {
    meaning: "The client has the maximum number of sessions, or no session id was left",
    worry: "yes",
    advice: "Raise --max-sessions, or sessions= of the client's key",
  },
  "link-down": {
    meaning: "The interface is down or missing",
    worry: "if-many",
    advice: "See the problem link-down, which names the reason",
  },
  "link-full": {
    meaning: "The interface's own queue refused the frame",
    worry: "if-many",
    advice: "The interface is slower than the traffic: check its speed, and raise its txqueuelen",
  },
  "kernel": {
    meaning: "The socket or its ring was full before the program could read it",
    worry: "if-many",
    advice:
      "The machine is too slow or too busy for the traffic, or the tunnel is: raise --ring-frames, and look at " +
      "the load of the processor",
  },
  "padi-rate": {
    meaning: "A host or a client dials too often, so some of its PADIs and PADRs are left out",
    worry: "if-many",
    advice:
      "Raise --padi-rate or --padi-rate-client if many hosts dial at once; otherwise find the host that " +
      "dials all the time",
  },
  "discovery-busy": {
    meaning:
      "Another discovery has the same Relay-Session-Id, or the only place. The host tries again",
    worry: "none",
    advice: "Nothing",
  },
  "loop": {
    meaning: "A PADI that this program had sent came back through a client",
    worry: "yes",
    advice: "Separate the segment of the hosts from that of the AC",
  },
  "wrong-ac": {
    meaning: "A station granted a session that another AC was asked for",
    worry: "yes",
    advice: "Find the station: it may be misconfigured or hostile",
  },
  "vlan": {
    meaning: "The frame has a VLAN tag, so it is not of the interface's own segment",
    worry: "if-many",
    advice: "Use the VLAN's own interface with --interface if that segment is meant",
  },
  "padt-rate": {
    meaning: "A host or a client sends too many PADTs with session id 0",
    worry: "if-many",
    advice: "Find the host that does so, by a capture on its interface",
  },
  "tunnel-lost": {
    meaning: "The frame was in the tunnel when it broke, and may not have arrived",
    worry: "if-many",
    advice: "Nothing for a tunnel that breaks now and then. Otherwise see the log for the reason",
  },
  "control-rate": {
    meaning:
      "A host sends far too many control frames, or discovery frames come faster than they can be handled",
    worry: "if-many",
    advice: "Find the host or the client that floods: the log and the status name it",
  },
};
