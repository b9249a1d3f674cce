// The AC's part of PPPoE (RFC 2516, section 5), without sockets or a clock of its own.

import { createHmac, randomBytes } from "node:crypto";
import { equals } from "@std/bytes";
import {
  CODE,
  type DiscoveryPacket,
  emitDiscovery,
  emitSession,
  ETH_BROADCAST,
  findTag,
  formatMac,
  parseDiscovery,
  parseSession,
  PPP_PROTOCOL,
  sameMac,
  type SessionPacket,
  TAG,
  type Tag,
  textTag,
} from "../wire/mod.ts";
import { answerEcho } from "./lcp.ts";
import { checkPayload } from "./payload.ts";

/** Options of {@linkcode AcProtocol}, which may be changed while it runs. */
export interface AcOptions {
  /** MAC address, 6 bytes. */
  mac: Uint8Array;
  /** Value of the AC-Name tag. */
  name: string;
  /** Services offered; a host that asks for "" gets any of them. The default is `["internet"]`. */
  services?: string[];
  /**
   * With `covers-mac`, the default, the cookie of a PADO covers the host's address and
   * Relay-Session-Id, as in accel-ppp, and the AC ignores a PADR in which either changed. With `none`
   * there is no AC-Cookie.
   */
  cookie?: "covers-mac" | "none";
  /** Key of the cookies, random by default. */
  secret?: Uint8Array;
  /** First session id, 1 by default. */
  firstSessionId?: number;
  /** Choice of the next id: the one after the last (default), the lowest free one, or a random one. */
  sessionIds?: "sequential" | "lowest" | "random";
  /** With `echo`, the default, the AC sends data frames back unchanged; with `count` it counts them. */
  data?: "echo" | "count";
  /** Number of times that each discovery answer is sent, 1 by default. */
  copies?: number;
  /** Error tag with which the AC answers each PADR, with session id 0. */
  refusal?: { tag: number; text: string };
  /** Additional tags for PADO and PADS, such as PPP-Max-Payload. */
  extraTags?: Tag[];
  /** Chooses discovery packets that the AC ignores. */
  ignore?: (packet: DiscoveryPacket) => boolean;
}

/** The AC's record of a session. */
export interface AcSession {
  sessionId: number;
  /** The host's MAC address as the AC sees it. */
  host: Uint8Array;
  serviceName: string;
  hostUniq?: Uint8Array;
  relaySessionId?: Uint8Array;
  openedMs: number;
  /** The station that ended the session; `undefined` while it is open. */
  closedBy?: "host" | "ac";
  /** Data frames, and the bytes of their payloads. */
  framesIn: number;
  framesOut: number;
  bytesIn: number;
  bytesOut: number;
  /** Data frames whose payload differs from what the lab sent. */
  corrupted: number;
}

/** Counts of frames that the AC rejected. */
export interface AcStrays {
  /** PADRs with a missing cookie, or one that covers another host. */
  cookie: number;
  /** PADTs for a session that is not open, or from an address other than its host's. */
  padt: number;
  /** Session frames for a session that is not open, or from an address other than its host's. */
  session: number;
}

const COOKIE_LENGTH = 16;
const LAST_SESSION_ID = 0xfffe; // RFC 2516, section 4: 0xffff is reserved
const CLOSED_KEPT = 1000;

/** An access concentrator. The caller passes it received frames and sends the frames it returns. */
export class AcProtocol {
  readonly options: AcOptions;
  /** Open sessions by id. */
  readonly sessions = new Map<number, AcSession>();
  /** The latest closed sessions, oldest first. */
  readonly closed: AcSession[] = [];
  readonly strays: AcStrays = { cookie: 0, padt: 0, session: 0 };

  readonly #secret: Uint8Array;
  /** The session that each PADR opened. A repeated PADR gets the same answer, not a second session. */
  readonly #requests = new Map<string, AcSession>();
  #lastSessionId: number;

  constructor(options: AcOptions) {
    this.options = options;
    this.#secret = options.secret ?? randomBytes(32);
    this.#lastSessionId = (options.firstSessionId ?? 1) - 1;
  }

  /**
   * Processes a frame from the segment.
   *
   * @param frame The received bytes
   * @param nowMs The current time
   * @returns The frames to send now
   */
  receive(frame: Uint8Array, nowMs: number): Uint8Array[] {
    const session = parseSession(frame);
    if (session) return this.#receiveSession(session);
    const packet = parseDiscovery(frame);
    if (!packet || this.options.ignore?.(packet)) return [];
    const answer = this.#receiveDiscovery(packet, nowMs);
    return answer ? new Array(this.options.copies ?? 1).fill(answer) : [];
  }

  /**
   * Ends a session from this side.
   *
   * @param sessionId The id of an open session
   * @returns The PADT
   * @throws {Error} If no session with that id is open
   */
  hangUp(sessionId: number): Uint8Array {
    const session = this.#find(sessionId);
    this.#close(session, "ac");
    return this.#packet(CODE.PADT, session.host, sessionId, []);
  }

  /**
   * Makes a session frame for a host.
   *
   * @param sessionId The id of an open session
   * @param protocol The PPP protocol number
   * @param payload The bytes after the PPP protocol number
   * @returns The frame
   * @throws {Error} If no session with that id is open
   */
  sessionFrame(sessionId: number, protocol: number, payload: Uint8Array): Uint8Array {
    const destination = this.#find(sessionId).host;
    return emitSession({ destination, source: this.options.mac, sessionId, protocol, payload });
  }

  #receiveDiscovery(packet: DiscoveryPacket, nowMs: number): Uint8Array | undefined {
    if (packet.code === CODE.PADI) {
      return sameMac(packet.destination, 0, ETH_BROADCAST, 0) ? this.#offer(packet) : undefined;
    }
    if (!sameMac(packet.destination, 0, this.options.mac, 0)) return undefined;
    if (packet.code === CODE.PADR) return this.#confirm(packet, nowMs);
    if (packet.code === CODE.PADT) this.#receivePadt(packet);
  }

  #offer(padi: DiscoveryPacket): Uint8Array | undefined {
    const services = this.#services();
    const asked = findTag(padi.tags, TAG.SERVICE_NAME);
    if (!asked || !this.#serves(asked)) return undefined;
    // The host starts over, so its next PADR is a new request even if it looks like an earlier one.
    this.#requests.delete(requestKey(padi));
    const tags = [
      textTag(TAG.AC_NAME, this.options.name),
      asked,
      ...services.map((name) => textTag(TAG.SERVICE_NAME, name)).filter((tag) =>
        !equals(tag.value, asked.value)
      ),
      ...echoedTags(padi),
    ];
    if (this.#usesCookie()) tags.push({ type: TAG.AC_COOKIE, value: this.#cookie(padi) });
    return this.#packet(CODE.PADO, padi.source, 0, [...tags, ...this.options.extraTags ?? []]);
  }

  #confirm(padr: DiscoveryPacket, nowMs: number): Uint8Array | undefined {
    const asked = findTag(padr.tags, TAG.SERVICE_NAME);
    if (!asked) return undefined;
    if (this.#usesCookie()) {
      const cookie = findTag(padr.tags, TAG.AC_COOKIE);
      if (!cookie || !equals(cookie.value, this.#cookie(padr))) {
        this.strays.cookie++;
        return undefined;
      }
    }
    const refusal = this.#serves(asked)
      ? this.options.refusal
      : { tag: TAG.SERVICE_NAME_ERROR, text: "no such service" };
    if (refusal) {
      const tags = [asked, textTag(refusal.tag, refusal.text), ...echoedTags(padr)];
      return this.#packet(CODE.PADS, padr.source, 0, tags);
    }
    const key = requestKey(padr);
    let session = this.#requests.get(key);
    if (!session) {
      session = this.#open(padr, asked, nowMs);
      this.#requests.set(key, session);
    }
    const tags = [asked, ...echoedTags(padr), ...this.options.extraTags ?? []];
    return this.#packet(CODE.PADS, padr.source, session.sessionId, tags);
  }

  #open(padr: DiscoveryPacket, asked: Tag, nowMs: number): AcSession {
    const session: AcSession = {
      sessionId: this.#freeSessionId(),
      host: padr.source.slice(),
      serviceName: new TextDecoder().decode(asked.value),
      hostUniq: findTag(padr.tags, TAG.HOST_UNIQ)?.value.slice(),
      relaySessionId: findTag(padr.tags, TAG.RELAY_SESSION_ID)?.value.slice(),
      openedMs: nowMs,
      framesIn: 0,
      framesOut: 0,
      bytesIn: 0,
      bytesOut: 0,
      corrupted: 0,
    };
    this.sessions.set(session.sessionId, session);
    return session;
  }

  #receivePadt(padt: DiscoveryPacket): void {
    const session = this.sessions.get(padt.sessionId);
    if (session && sameMac(session.host, 0, padt.source, 0)) this.#close(session, "host");
    else this.strays.padt++;
  }

  #receiveSession(packet: SessionPacket): Uint8Array[] {
    const session = this.sessions.get(packet.sessionId);
    if (!sameMac(packet.destination, 0, this.options.mac, 0)) return [];
    if (!session || !sameMac(session.host, 0, packet.source, 0)) {
      this.strays.session++;
      return [];
    }
    const reply = answerEcho(packet);
    if (reply) return [reply];
    if (packet.protocol !== PPP_PROTOCOL.IPV4) return [];
    session.framesIn++;
    session.bytesIn += packet.payload.length;
    if (!checkPayload(packet.payload)?.intact) session.corrupted++;
    if (this.options.data === "count") return [];
    session.framesOut++;
    session.bytesOut += packet.payload.length;
    return [this.sessionFrame(packet.sessionId, packet.protocol, packet.payload)];
  }

  #find(sessionId: number): AcSession {
    const session = this.sessions.get(sessionId);
    if (!session) throw new Error(`Cannot find session ${sessionId}: it is not open`);
    return session;
  }

  #close(session: AcSession, by: "host" | "ac"): void {
    session.closedBy = by;
    this.sessions.delete(session.sessionId);
    for (const [key, opened] of this.#requests) {
      if (opened === session) this.#requests.delete(key);
    }
    this.closed.push(session);
    if (this.closed.length > CLOSED_KEPT) this.closed.shift();
  }

  #freeSessionId(): number {
    const { sessionIds = "sequential", firstSessionId = 1 } = this.options;
    if (this.sessions.size >= LAST_SESSION_ID) {
      throw new RangeError("Cannot open a session: all 65534 session ids are in use");
    }
    let id = this.#lastSessionId;
    if (sessionIds === "lowest") id = firstSessionId - 1;
    if (sessionIds === "random") id = Math.floor(Math.random() * LAST_SESSION_ID);
    do id = id >= LAST_SESSION_ID ? 1 : id + 1; while (this.sessions.has(id));
    return this.#lastSessionId = id;
  }

  #services(): string[] {
    return this.options.services ?? ["internet"];
  }

  #serves(asked: Tag): boolean {
    const name = new TextDecoder().decode(asked.value);
    return name === "" || this.#services().includes(name);
  }

  #usesCookie(): boolean {
    return this.options.cookie !== "none";
  }

  #cookie(packet: DiscoveryPacket): Uint8Array {
    const hmac = createHmac("sha256", this.#secret).update(packet.source);
    const relaySessionId = findTag(packet.tags, TAG.RELAY_SESSION_ID);
    if (relaySessionId) hmac.update(relaySessionId.value);
    return hmac.digest().subarray(0, COOKIE_LENGTH);
  }

  #packet(code: number, destination: Uint8Array, sessionId: number, tags: Tag[]): Uint8Array {
    return emitDiscovery({ destination, source: this.options.mac, code, sessionId, tags });
  }
}

/** Returns the tags that an AC must return unchanged (RFC 2516, appendix A). */
function echoedTags(packet: DiscoveryPacket): Tag[] {
  return packet.tags.filter((tag) =>
    tag.type === TAG.HOST_UNIQ || tag.type === TAG.RELAY_SESSION_ID
  );
}

/** Makes a key that repeats of a PADR share, because they come from one host and name one attempt. */
function requestKey(packet: DiscoveryPacket): string {
  const values = echoedTags(packet).map((tag) => `${tag.type}=${tag.value.join(".")}`);
  return [formatMac(packet.source), ...values].join(" ");
}
