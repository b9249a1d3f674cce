// What an access concentrator answers (RFC 2516, section 5), without sockets or a clock of its own.
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

/** Options of {@linkcode AcProtocol}. They may be changed while it runs. */
export interface AcOptions {
  /** 6 bytes. */
  mac: Uint8Array;
  /** Value of the AC-Name tag. */
  name: string;
  /** The services on offer; a host that asks for "" gets any. `["internet"]` when not given. */
  services?: string[];
  /**
   * `covers-mac`, the default: PADO carries a cookie over the host's address and Relay-Session-Id, as
   * accel-ppp does, and a PADR in which either changed is not answered. `none`: no AC-Cookie.
   */
  cookie?: "covers-mac" | "none";
  /** What the cookies are made with; random bytes when not given. */
  secret?: Uint8Array;
  /** The first session id. 1 when not given. */
  firstSessionId?: number;
  /** How the next id is found: the one after the last (default), the lowest that is free, or at random. */
  sessionIds?: "sequential" | "lowest" | "random";
  /** `echo`, the default, returns data frames as they came; `count` only counts them. */
  data?: "echo" | "count";
  /** How often each discovery answer is sent. 1 when not given. */
  copies?: number;
  /** Answers PADR with session id 0 and this error tag. */
  refusal?: { tag: number; text: string };
  /** More tags for PADO and PADS, such as PPP-Max-Payload. */
  extraTags?: Tag[];
  /** Discovery packets that it acts deaf to. */
  ignore?: (packet: DiscoveryPacket) => boolean;
}

/** A session as the AC keeps it. */
export interface AcSession {
  sessionId: number;
  /** The host's MAC address as the AC sees it. */
  host: Uint8Array;
  serviceName: string;
  hostUniq?: Uint8Array;
  relaySessionId?: Uint8Array;
  openedMs: number;
  /** Who ended it; `undefined` while it is open. */
  closedBy?: "host" | "ac";
  /** Data frames, and the bytes of their payloads. */
  framesIn: number;
  framesOut: number;
  bytesIn: number;
  bytesOut: number;
  /** Data frames whose payload is not as the lab made it. */
  corrupted: number;
}

/** Frames that the AC had to turn away, by why. */
export interface AcStrays {
  /** PADR with a cookie that is missing or covers another host. */
  cookie: number;
  /** PADT for no open session, or from another address than its host's. */
  padt: number;
  /** Session frames for no open session, or from another address than its host's. */
  session: number;
}

const COOKIE_LENGTH = 16;
const LAST_SESSION_ID = 0xfffe; // RFC 2516, section 4: 0xffff is reserved
const CLOSED_KEPT = 1000;

/** One access concentrator. Give it what comes and send what it returns. */
export class AcProtocol {
  readonly options: AcOptions;
  /** Open sessions by id. */
  readonly sessions = new Map<number, AcSession>();
  /** The latest closed ones, oldest first. */
  readonly closed: AcSession[] = [];
  readonly strays: AcStrays = { cookie: 0, padt: 0, session: 0 };

  readonly #secret: Uint8Array;
  /** Which session a PADR opened, so that its repeats get the same answer and not a second session. */
  readonly #requests = new Map<string, AcSession>();
  #lastSessionId: number;

  constructor(options: AcOptions) {
    this.options = options;
    this.#secret = options.secret ?? randomBytes(32);
    this.#lastSessionId = (options.firstSessionId ?? 1) - 1;
  }

  /**
   * Takes a frame from the segment.
   *
   * @param frame Any bytes.
   * @param nowMs The time.
   * @returns The frames to send now.
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
   * @param sessionId Which one.
   * @returns The PADT.
   * @throws {Error} If no such session is open.
   */
  hangUp(sessionId: number): Uint8Array {
    const session = this.#find(sessionId);
    this.#close(session, "ac");
    return this.#packet(CODE.PADT, session.host, sessionId, []);
  }

  /**
   * Makes a session frame for a host.
   *
   * @param sessionId Which session.
   * @param protocol PPP protocol number.
   * @param payload What follows it.
   * @returns The frame.
   * @throws {Error} If no such session is open.
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
    // The host starts over, so a PADR like one before is not a repeat of that any more.
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

// RFC 2516, appendix A: an AC returns both unmodified.
function echoedTags(packet: DiscoveryPacket): Tag[] {
  return packet.tags.filter((tag) =>
    tag.type === TAG.HOST_UNIQ || tag.type === TAG.RELAY_SESSION_ID
  );
}

// What makes two PADRs repeats of one: they come from one host and name one attempt of it.
function requestKey(packet: DiscoveryPacket): string {
  const values = echoedTags(packet).map((tag) => `${tag.type}=${tag.value.join(".")}`);
  return [formatMac(packet.source), ...values].join(" ");
}
