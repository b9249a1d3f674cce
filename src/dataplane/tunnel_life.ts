// The life of tunnels, from the handover to the end, and its effect on the sessions of their peers.

import type { Counters } from "../observe/counters.ts";
import { type Cause, NO_TUNNEL, type Relay } from "../relay/mod.ts";
import type { Transport } from "../transport/transport.ts";
import type { TunnelCause } from "../tunnel_cause.ts";
import { REASON } from "../wire/mod.ts";
import { RateLimit } from "../observe/rate_limit.ts";
import { formatRate } from "../keys/rate.ts";
import type { EventBatch } from "./event_batch.ts";
import type { TunnelFacts } from "./messages.ts";
import type { PeerStates } from "./peer_states.ts";
import type { SessionJournal } from "./session_journal.ts";
import type { Tunnel, Tunnels } from "./tunnels.ts";

/** The reason for the end of a tunnel when the client moves to another server. */
const MOVED = "moved to another server";
/** The reason for the end of a tunnel whose peer sends far too much, and nothing for a session. */
const USELESS = "the peer sent too many frames for a minute, and none of a session";
/** The time that leaving may take: on a slow path, many bytes are under way ahead of the PADTs. */
const LEAVE_MS = 5000;

/** The time for which a peer must not have been read since the last second to count as limited, in ms. */
const LIMITED_MS = 200;
/** The time after which the status is told again that a peer is limited, in ms. */
const LIMITED_EVERY_MS = 10_000;

/** Adds, leaves and removes tunnels. */
export class TunnelLife {
  readonly #relay: Relay;
  readonly #tunnels: Tunnels;
  readonly #counters: Counters;
  readonly #events: EventBatch;
  readonly #states: PeerStates;
  readonly #journal: SessionJournal | undefined;
  readonly #limited = new RateLimit(LIMITED_EVERY_MS);

  constructor(
    relay: Relay,
    tunnels: Tunnels,
    counters: Counters,
    events: EventBatch,
    states: PeerStates,
    journal: SessionJournal | undefined,
  ) {
    this.#relay = relay;
    this.#tunnels = tunnels;
    this.#counters = counters;
    this.#events = events;
    this.#states = states;
    this.#journal = journal;
  }

  /** Takes over a connection after its handshake. */
  add(tunnel: TunnelFacts, transport: Transport, nowMs: number): void {
    const { id, peer: key, name, address, maxSessions } = tunnel;
    try {
      this.#tunnels.add(tunnel, transport, nowMs);
    } catch (error) {
      // The system cannot poll one more descriptor. The other tunnels go on.
      const reason = error instanceof Error ? error.message : String(error);
      return this.#events.push({ type: "tunnel-down", id, reason, cause: "no-resources" });
    }
    const replaced = this.#relay.addTunnel(id, { key, name, address, maxSessions }, nowMs);
    const peer = this.#relay.peersByTunnel.get(id)!;
    this.#journal?.notAway(peer);
    // The peer has connected again, perhaps before the end of its old tunnel was noticed.
    if (replaced !== NO_TUNNEL) {
      this.#tunnels.get(replaced)?.channel.end(
        "replaced by a newer tunnel",
        "replaced",
        REASON.REPLACED,
      );
    }
    this.#states.added(this.#tunnels.get(id)!);
    this.#events.push({ type: "tunnel-up", id });
    if (key !== undefined && peer.sessions.size > 0) {
      this.#events.push({ type: "resumed", peer: key, sessions: peer.sessions.size });
    }
  }

  /** Removes the tunnels that have ended. */
  removeEnded(nowMs: number): void {
    this.#tunnels.takeEnded(nowMs, this.#counters, ({ id, ended, endCause, goodbye }) => {
      const peer = this.#relay.peersByTunnel.get(id);
      this.#relay.removeTunnel(id, "tunnel-lost", nowMs);
      if (peer !== undefined) {
        this.#journal?.noteAway(peer, nowMs);
        this.#events.held(peer);
      }
      this.#states.removed(id);
      this.#events.push({ type: "tunnel-down", id, reason: ended!, cause: endCause!, goodbye });
    });
  }

  /**
   * Closes all sessions of a peer on both sides, then its tunnel. The peer closes the connection when it
   * has received the PADTs and the goodbye behind them; until then, the tunnel takes no new sessions.
   */
  leave(id: number, peer: string | undefined, nowMs: number): void {
    this.#part(id, peer, { cause: "moved", code: REASON.SHUTDOWN, reason: MOVED }, nowMs);
  }

  /** Does the same for a peer that is no longer allowed, and ends what is held for it. */
  dismiss(id: number, peer: string | undefined, reason: string, nowMs: number): void {
    this.#part(id, peer, { cause: "not-allowed", code: REASON.NOT_ALLOWED, reason }, nowMs);
    if (peer !== undefined) this.#relay.dismiss(peer, "not-allowed", nowMs);
  }

  #part(
    id: number,
    peer: string | undefined,
    { cause, code, reason }: { cause: Cause & TunnelCause; code: number; reason: string },
    nowMs: number,
  ): void {
    this.#relay.closePeer(peer, id, cause);
    this.#relay.removeTunnel(id, cause, nowMs);
    const tunnel = this.#tunnels.get(id);
    if (tunnel === undefined || tunnel.leaveByMs < Infinity) return;
    this.#tunnels.sayGoodbye(tunnel, code, reason, this.#counters);
    tunnel.leaveByMs = nowMs + LEAVE_MS;
    tunnel.leaveReason = reason;
    tunnel.leaveCause = cause;
  }

  /** Asks a peer for a sign of life, and ends its tunnel if none comes soon. An older peer cannot answer. */
  probe(id: number, nowMs: number): void {
    const channel = this.#tunnels.get(id)?.channel;
    if (channel !== undefined && !channel.legacy) channel.probe(nowMs);
  }

  /** Keeps the tunnels alive, and ends those whose peers are gone; to be called about once a second. */
  tick(nowMs: number, pingMs: number, deadMs: number): void {
    for (const tunnel of this.#tunnels.list) {
      const { channel, leaveByMs, leaveReason, leaveCause, heldBack, queued, allowance } = tunnel;
      // A peer that is not read has not been heard either.
      channel.keepalive(nowMs, pingMs, heldBack || queued ? Infinity : deadMs);
      if (allowance.isUseless(nowMs)) channel.end(USELESS, "flood", REASON.PROTOCOL);
      channel.refresh(nowMs);
      this.#tellLimits(tunnel, nowMs);
      // An older peer does not know the goodbye, and would not close.
      const left = leaveByMs < Infinity && channel.legacy && channel.queuedBytes === 0;
      if (left || nowMs >= leaveByMs) channel.end(leaveReason, leaveCause);
    }
    this.#tunnels.trim();
  }

  // Tells the status which limit of its key slows a peer down. That is no fault, so the log says nothing of it.
  #tellLimits(tunnel: Tunnel, nowMs: number): void {
    const { name, upBps, downBps, allowance, channel } = tunnel;
    if (upBps === undefined && downBps === undefined) return;
    const { heldBackMs } = allowance;
    const isHeldBack = heldBackMs - tunnel.heldBackSeenMs >= LIMITED_MS;
    tunnel.heldBackSeenMs = heldBackMs;
    if (upBps !== undefined && isHeldBack) {
      this.#limit(channel.id, `${name} sends`, "up", upBps, nowMs);
    }
    if (downBps !== undefined && channel.sendsAtMs < Infinity) {
      this.#limit(channel.id, `${name} gets`, "down", downBps, nowMs);
    }
  }

  #limit(tunnel: number, who: string, option: "up" | "down", bps: number, nowMs: number): void {
    if (this.#limited.allow(`${option} ${who}`, nowMs) < 0) return;
    const what = `${who} as much as its key allows, ${option}=${formatRate(bps)}`;
    const advice = `raise ${option}= in its line of the server's key file if it may have more`;
    this.#events.push({ type: "problem", problem: { id: "bandwidth", tunnel, what, advice } });
  }
}
