// The reasons for which a frame goes no further. Every drop has one of them, and a counter.

/**
 * The reasons, in the order of their counters. Each is a label of `pppoe_proxy_drops_total` and a key
 * of `drops` in the status.
 */
export const DROP_REASONS = [
  "malformed", // too short, of another version, or with lengths that do not fit
  "not-pppoe", // an EtherType other than 0x8863 and 0x8864
  "wrong-direction", // a frame that only the other kind of station may send
  "bad-address", // a source or destination that such a frame cannot have
  "unknown-session", // no session with these addresses and this id
  "unknown-host-uniq", // an answer to no discovery that is under way
  "unknown-offer", // a PADR to an AC that has made no offer
  "no-tunnel", // no tunnel to carry it
  "tunnel-full", // the tunnel takes less than the link gives, and there is no room to wait
  "queue-delay", // it waited too long for such a tunnel: CoDel, or stale
  "frame-too-large", // larger than a slot of the ring, than the far interface can send, or with what is added
  "session-limit", // no session id is left on this link, or the client has as many sessions as it may have
  "link-down", // the interface is down or gone
  "link-full", // the interface's queue refused it
  "kernel", // the packet socket or its ring was full (PACKET_STATISTICS)
  "padi-rate", // a PADI or PADR of a host or a client that dials too often
  "discovery-busy", // a PADI or PADR while another one has its Relay-Session-Id, or the only place
  "loop", // a PADI that this program has sent itself, and that has come back through a client
  "wrong-ac", // a PADS of another AC than the PADR went to
  "vlan", // from a VLAN, which is another segment than the interface's own
  "padt-rate", // a PADT with session id 0, of a host or a client that sends too many
] as const;

/** The name of a reason: one of {@linkcode DROP_REASONS}. */
export type DropReason = typeof DROP_REASONS[number];

/**
 * A reason as the index of its counter. `Thing | Drop` is the one form for a function that gives a thing or a
 * reason to drop the frame: it allocates nothing, and `typeof result === "number"` tells the two apart.
 * Functions with no reason to give return `undefined` instead.
 */
export type Drop = number;

/** The index of each reason, for counters that are plain arrays. */
export const DROP = Object.fromEntries(
  DROP_REASONS.map((reason, index) => [reason, index]),
) as { readonly [reason in DropReason]: Drop };
