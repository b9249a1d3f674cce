// The causes for which a tunnel ends, for programs. The text beside it in the log says more.

/** The causes, with their meanings. Those that begin with `peer-` are what the peer said in its goodbye. */
export const TUNNEL_CAUSES = {
  "peer-closed": "The peer closed the connection without a goodbye",
  "connection-broke": "The connection was reset, or the path no longer works",
  "silent": "Nothing was heard from the peer for too long",
  "network-changed": "The peer did not answer after a change of this machine's network",
  "address-lost": "This machine no longer has the tunnel's own address",
  "path-mtu": "The path loses large packets; the next tunnel sends small ones",
  "stranger": "The peer is another program, or one that needs `--legacy` or must not have it",
  "protocol": "The peer sent something that the protocol does not allow",
  "flood": "The peer sent too many frames, and none of a session",
  "replaced": "The client has a newer tunnel",
  "moved": "The client moves to another server",
  "not-allowed": "The client's key or address is no longer allowed",
  "shutdown": "This program stops",
  "no-resources": "The system has no resources for another tunnel",
  "worker-died": "The data worker has ended",
  "peer-shutdown": "The peer stops",
  "peer-restart": "The peer stops, and leaves its sessions to its next run",
  "peer-replaced": "The peer has a newer tunnel of this client",
  "peer-not-allowed": "The peer no longer allows this client",
  "peer-full": "The peer has no place for this client",
  "peer-timeout": "The peer has heard nothing for too long",
  "peer-version": "The peer speaks another version of the protocol",
  "peer-protocol": "The peer was sent something that it does not allow",
  "peer-internal": "The peer has failed",
  "peer-goodbye": "The peer gave a reason that this version does not know",
} as const;

/** A cause for which a tunnel ends. */
export type TunnelCause = keyof typeof TUNNEL_CAUSES;

/**
 * Finds the cause that a goodbye gives.
 *
 * @param reason The name of the goodbye's reason, such as `NOT_ALLOWED`; undefined for an unreadable goodbye
 * @returns The cause
 */
export function goodbyeCause(reason: string | undefined): TunnelCause {
  const cause = `peer-${reason?.toLowerCase().replaceAll("_", "-")}`;
  return Object.hasOwn(TUNNEL_CAUSES, cause) ? cause as TunnelCause : "peer-goodbye";
}
