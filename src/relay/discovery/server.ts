// Discovery at the server: what of PADI and PADR the AC gets, and who gets its answers.

import {
  CODE,
  emitDiscovery,
  ETH_BROADCAST,
  PPPOE_HLEN,
  sameMac,
  tagsLength,
} from "../../wire/mod.ts";
import type { DiscoveryPacket } from "../../wire/mod.ts";
import { DROP } from "../drop.ts";
import { FixedMatching } from "./fixed_matching.ts";
import { LineAgent, withLine, withoutLine } from "./line_agent.ts";
import type { Matching, ServerPending } from "./matching.ts";
import { padt } from "../padt.ts";
import { PendingTable } from "./pending.ts";
import { refusal } from "./refusal.ts";
import type { DiscoveryRelay } from "../options.ts";
import type { Relay } from "../relay.ts";
import type { Remote } from "../remote.ts";
import { Requests } from "./requests.ts";
import { isSessionId, type Session } from "../session_table.ts";
import { findHostUniq } from "./tag_list.ts";
import { TokenMatching } from "./token_matching.ts";
import { randomTokens, type TokenSource } from "./tokens.ts";

/**
 * The longest PADI, with the PPPoE header: beyond it, another agent has no room for its tag (RFC 2516,
 * section 5.1).
 */
const PADI_MAX = 1484;
/** The longest PADR: what an Ethernet carries. */
const PADR_MAX = 1500;
const TOO_MANY_SESSIONS = "pppoe-proxy: this client has as many sessions as it may have";

/** Discovery at the server's side of the tunnel. */
export class ServerDiscovery implements DiscoveryRelay {
  readonly #relay: Relay;
  readonly #matching: Matching;
  readonly #pending: PendingTable<ServerPending>;
  /** Which discovery has opened a session: another PADS of that is a repeat. */
  readonly #openers = new WeakMap<Session, ServerPending>();
  readonly #tokens: TokenSource;
  readonly #agent: LineAgent;

  constructor(relay: Relay) {
    this.#relay = relay;
    const { tokens = randomTokens(), tags = {}, interfaceName = "" } = relay.options;
    const { hostUniq, relayTag = true } = tags;
    this.#agent = new LineAgent(tags, interfaceName);
    this.#tokens = tokens;
    this.#matching = hostUniq === undefined
      ? new TokenMatching()
      : new FixedMatching(hostUniq, relayTag);
    this.#pending = new PendingTable((gone) => this.#matching.removed(gone));
  }

  /** PADI and PADR, from a client. */
  fromTunnel(remote: Remote, packet: DiscoveryPacket, nowMs: number): void {
    const { ports } = this.#relay;
    const initiation = packet.code === CODE.PADI;
    if (initiation && !sameMac(packet.destination, 0, ETH_BROADCAST, 0)) {
      return ports.drop(DROP["bad-address"]);
    }
    if (!this.#relay.mayDial(remote, packet, nowMs)) return ports.drop(DROP["padi-rate"]);
    const known = this.#find(remote, packet, nowMs);
    const pending = known ?? this.#newPending(remote, packet);
    const tags = withLine(this.#matching.toAc(pending, packet.tags), pending.line);
    const most = initiation ? PADI_MAX : PADR_MAX;
    if (tagsLength(tags) > Math.max(tagsLength(packet.tags), most - PPPOE_HLEN)) {
      ports.drop(DROP["frame-too-large"]);
      // The answer to a PADI is nobody's on the link but our own.
      const source = initiation ? this.#relay.linkMac : packet.destination;
      const answer = { ...packet, source, destination: packet.source };
      return ports.toTunnel(remote.tunnel, refusal(answer, noRoom(most)));
    }
    if (!this.#matching.admit(pending, nowMs)) return ports.drop(DROP["discovery-busy"]);
    if (known === undefined) this.#pending.add(pending, nowMs);
    if (!initiation) pending.requests.ask();
    pending.underWay = true;
    pending.usedMs = nowMs;
    const source = this.#facingOf(pending);
    ports.toLink(emitDiscovery({ ...packet, source, tags }));
  }

  /** PADO and PADS, from an AC. */
  fromLink(packet: DiscoveryPacket, _frame: Uint8Array, nowMs: number): void {
    const { ports } = this.#relay;
    const { code, source, sessionId } = packet;
    const repeated = code === CODE.PADS ? this.#repeated(packet, nowMs) : undefined;
    const pending = repeated === "unknown" ? undefined : repeated ?? this.#matching.find(packet);
    if (pending === undefined) return this.#unwanted(packet);
    const facing = this.#facingOf(pending);
    if (!sameMac(packet.destination, 0, facing, 0)) return ports.drop(DROP["bad-address"]);
    this.#pending.keep(pending, nowMs);
    pending.usedMs = nowMs;
    const tags = withoutLine(this.#matching.toHost(pending, packet.tags), pending.line);
    const answer = { ...packet, destination: pending.hostMac, tags };
    const { tunnel } = pending.remote;
    if (code === CODE.PADS && repeated === undefined) {
      if (sessionId === 0xffff) return ports.drop(DROP.malformed);
      if (pending.requests.open === 0) return this.#unwanted(packet);
      pending.underWay = false;
      // Id 0 is a refusal, which the host must see but which opens nothing (RFC 2516, section 5.4).
      if (sessionId !== 0 && !this.#open(pending, packet, facing, nowMs)) {
        // As pppoe-relay of rp-pppoe does: the AC has a session that nobody can have.
        ports.toLink(padt(source, facing, sessionId));
        ports.drop(DROP["session-limit"]);
        return ports.toTunnel(tunnel, refusal(answer, TOO_MANY_SESSIONS));
      }
    }
    ports.toTunnel(tunnel, emitDiscovery(answer));
  }

  // What this relay has asked for, but for nobody who waits any more: who did may have gone, or an earlier
  // run of this program have asked. The AC has a session all the same.
  #unwanted(packet: DiscoveryPacket): void {
    const { ports, sessions } = this.#relay;
    const { code, source, destination, sessionId } = packet;
    const token = code === CODE.PADS && isSessionId(sessionId) && this.#matching.tokenOf(packet);
    if (
      token && this.#tokens.made(token) &&
      sessions.atLink(sessionId, source, destination) === undefined
    ) ports.toLink(padt(source, destination, sessionId));
    ports.drop(DROP["unknown-host-uniq"]);
  }

  has(remote: Remote): boolean {
    return this.#pending.has(remote);
  }

  removeRemote(remote: Remote): void {
    this.#pending.removeRemote(remote);
  }

  closed(session: Session, _nowMs: number, hungUp: boolean): void {
    this.#openers.get(session)?.requests.end(session, hungUp);
  }

  expire(nowMs: number): void {
    this.#pending.expire(nowMs);
  }

  #find(remote: Remote, { source, tags }: DiscoveryPacket, nowMs: number) {
    const relaySessionId = this.#matching.relaySessionId(tags);
    return this.#pending.find(remote, source, findHostUniq(tags), nowMs, relaySessionId);
  }

  #newPending(remote: Remote, { source, tags }: DiscoveryPacket): ServerPending {
    return {
      remote,
      hostMac: source.slice(),
      facingMac: this.#relay.facing(remote, source).slice(),
      hostUniq: findHostUniq(tags)?.slice(),
      relaySessionId: this.#matching.relaySessionId(tags)?.slice(),
      token: this.#tokens.next(),
      // Once: a client that has another name by its PADR does not get another line.
      line: this.#agent.tagOf(remote.name, source),
      requests: new Requests(),
      underWay: false,
      usedMs: 0,
    };
  }

  // The interface's own address may be another one by now; one made up for a host stays as it was.
  #facingOf({ remote, hostMac, facingMac }: ServerPending): Uint8Array {
    const { mac } = this.#relay.options;
    return mac === "per-host" ? facingMac : this.#relay.facing(remote, hostMac);
  }

  // Whose session a PADS is about that says so once more; "unknown" where that can't be told any more.
  #repeated(packet: DiscoveryPacket, nowMs: number): ServerPending | "unknown" | undefined {
    const { source, destination, sessionId } = packet;
    const session = this.#relay.sessions.atLink(sessionId, source, destination);
    if (session === undefined) return undefined;
    const opener = this.#openers.get(session);
    if (!this.#matching.isRepeat(packet, session, opener, nowMs)) return undefined;
    if (opener === undefined) return "unknown";
    opener.requests.repeat(session);
    // The client has it from now on, though a list that is under way does not name it.
    session.agreed = true;
    return opener;
  }

  // Opens the session that a host has asked for; false when its client may not have one more.
  #open(
    pending: ServerPending,
    { source: peerMac, sessionId }: DiscoveryPacket,
    facing: Uint8Array,
    nowMs: number,
  ): boolean {
    const present = this.#relay.sessions.atLink(sessionId, peerMac, facing);
    if (present !== undefined) {
      // The AC has given the id anew, so to it the old session is over; its host may not know.
      const another = present.remote !== pending.remote ||
        !sameMac(present.farMac, 0, pending.hostMac, 0);
      this.#relay.close(present, "its id was given anew", { link: false, tunnel: another });
    }
    if (this.#relay.isFull(pending.remote)) {
      pending.requests.refuse();
      return false;
    }
    const session = this.#relay.open({
      remote: pending.remote,
      peerMac,
      farMac: pending.hostMac,
      facingMac: facing,
      tunnelId: sessionId,
      linkId: sessionId,
    }, nowMs);
    pending.requests.grant(session);
    this.#openers.set(session, pending);
    return true;
  }
}

function noRoom(most: number): string {
  return `pppoe-proxy: with what it has to add, this would be longer than ${most} bytes`;
}
