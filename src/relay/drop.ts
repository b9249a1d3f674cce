// The reasons for dropping a frame. Each reason has a counter.

/**
 * The reasons, in the order of their counters. Each is a label of `pppoe_proxy_drops_total` and a key
 * of `drops` in the status.
 */
export const DROP_REASONS = [
  "malformed", // too short, of another version, or with lengths that do not fit
  "not-pppoe", // an EtherType other than 0x8863 and 0x8864
  "wrong-direction", // a frame that only the other kind of station may send
  "bad-address", // a source or destination that is impossible for such a frame
  "unknown-session", // no session with these addresses and this id
  "unknown-host-uniq", // an answer to no discovery that is under way
  "unknown-offer", // a PADR to an AC that has made no offer
  "no-tunnel", // no tunnel to carry it
  "tunnel-full", // the tunnel is slower than the link, and its queue is full
  "queue-delay", // it waited too long for such a tunnel (CoDel, or too old)
  "frame-too-large", // too large for a slot of the ring, for the far interface, or with the added tags
  "session-limit", // no session id is left on this link, or the client has the maximum number of sessions
  "link-down", // the interface is down or gone
  "link-full", // the interface's queue refused it
  "kernel", // the packet socket or its ring was full (PACKET_STATISTICS)
  "padi-rate", // a PADI or PADR of a host or a client that dials too often
  "discovery-busy", // a PADI or PADR while another one has its Relay-Session-Id, or the single place
  "loop", // a PADI that this program has sent itself, and that came back through a client
  "wrong-ac", // a PADS from an AC other than the one that the PADR went to
  "vlan", // from a VLAN, which is not the interface's own segment
  "padt-rate", // a PADT with session id 0, of a host or a client that sends too many
  "tunnel-lost", // it waited for a tunnel when it ended, or was sent and never acknowledged
  "control-rate", // one of far too many control frames of a host, or of too many discovery frames
] as const;

/** The name of a reason: one of {@linkcode DROP_REASONS}. */
export type DropReason = typeof DROP_REASONS[number];

/**
 * A reason as the index of its counter. A function that returns either a thing or a drop reason has the type
 * `Thing | Drop`: it allocates nothing, and `typeof result === "number"` distinguishes the two. A function
 * without a reason returns `undefined` instead.
 */
export type Drop = number;

/** The index of each reason, for counters that are plain arrays. */
export const DROP = Object.fromEntries(
  DROP_REASONS.map((reason, index) => [reason, index]),
) as { readonly [reason in DropReason]: Drop };
