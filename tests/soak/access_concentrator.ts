// A simulated AC. It grants sessions, sends and answers frames, hangs up, restarts, and gives up hosts that
// stop answering.

import {
  CODE,
  emitDiscovery,
  ETH_P_PPP_SES,
  LCP_CODE,
  parseDiscovery,
  parseLcp,
  parseSession,
  PPP_PROTOCOL,
  readEtherType,
  sameMac,
  TAG,
} from "../../src/wire/mod.ts";
import { type AcOptions, AcProtocol, type AcSession } from "../../src/lab/ac_protocol.ts";
import type { OnLink, Station } from "./segment.ts";
import type { ServerProgram } from "./server_program.ts";
import {
  dataFrame,
  dialTag,
  echoFrame,
  type Grant,
  grantTag,
  type Header,
  type Letter,
} from "./truth.ts";
import { hold } from "./violation.ts";
import type { World } from "./world.ts";

const SECRET_BYTES = 16;

/** The AC's record of a session, besides the one that its protocol keeps. */
interface Line {
  readonly session: AcSession;
  readonly grant: Grant;
  /** The number of Echo-Requests in a row without an answer. */
  missed: number;
}

/** An AC on the link of a server. */
export class AccessConcentrator implements Station {
  readonly name: string;
  readonly mac: Uint8Array;
  readonly server: ServerProgram;
  /** True once it is switched off for good. */
  off = false;
  readonly #world: World;
  #protocol: AcProtocol;
  readonly #lines = new Map<number, Line>();
  #restarting = false;
  #era = 0;

  constructor(world: World, name: string, server: ServerProgram, mac: Uint8Array) {
    this.#world = world;
    this.name = name;
    this.server = server;
    this.mac = mac;
    this.#protocol = this.#fresh();
    this.#echo(this.#era);
  }

  /** The sessions that it considers open. */
  get grants(): Grant[] {
    return [...this.#lines.values()].map(({ grant }) => grant);
  }

  /** Hangs up one of its sessions. */
  hangUp(grant: Grant): void {
    const line = this.#lines.get(grant.id);
    if (line?.grant !== grant) return;
    this.#lines.delete(grant.id);
    grant.told.server = true;
    this.#send("hangs up", this.#protocol.hangUp(grant.id));
  }

  /** Restarts without any memory of its sessions. Frames on their way to it are gone before it is back. */
  restart(): void {
    const { timeline, random } = this.#world;
    this.#world.note(this.name, "restarts");
    this.#restarting = true;
    this.#lines.clear();
    this.#protocol = this.#fresh();
    const era = ++this.#era;
    timeline.after(this.server.segment.slowestMs + random.below(1000), () => {
      if (era !== this.#era) return;
      this.#restarting = false;
      this.#echo(era);
    });
  }

  /** Starts or stops refusing hosts with session id 0. */
  toggleRefusal(): void {
    const { options } = this.#protocol;
    options.refusal = options.refusal === undefined
      ? { tag: TAG.AC_SYSTEM_ERROR, text: "no more" }
      : undefined;
  }

  /** Accepts hosts again. */
  accept(): void {
    this.#protocol.options.refusal = undefined;
  }

  switchOff(): void {
    this.off = true;
    this.#lines.clear();
  }

  /** Sends data in a session, and returns the letter. */
  sendData(grant: Grant): Letter | undefined {
    const line = this.#lines.get(grant.id);
    if (line?.grant !== grant) return undefined;
    const letter = this.#world.truth.letter(grant, "ac", this.#world.timeline.nowMs);
    this.#send("sends", dataFrame(this.#header(line.session), letter));
    return letter;
  }

  receive(frame: OnLink): void {
    if (this.off || this.#restarting) return;
    if (readEtherType(frame.bytes) === ETH_P_PPP_SES) return this.#receiveSession(frame);
    const { timeline, random, plan } = this.#world;
    const answers = this.#protocol.receive(frame.bytes, timeline.nowMs);
    this.#settle(frame);
    const era = this.#era;
    for (const answer of answers) {
      const { bytes, grant } = this.#tagged(answer, frame.bytes);
      timeline.after(random.below(plan.acThinkMs), () => {
        if (era !== this.#era || this.off) return;
        // A session that has ended meanwhile is no longer granted.
        if (grant === undefined || this.#lines.get(grant.id)?.grant === grant) {
          this.#send("answers", bytes);
        }
      });
    }
  }

  // Tags an answer with its dial, or a PADS with the session that it grants, which this AC knows from now on.
  #tagged(answer: Uint8Array, request: Uint8Array): { bytes: Uint8Array; grant?: Grant } {
    const packet = parseDiscovery(answer)!;
    const { truth, timeline } = this.#world;
    const dial = truth.dialOf(parseDiscovery(request)!.tags);
    hold(dial !== undefined, () => `${this.name} got a request that no host sent`);
    if (packet.code !== CODE.PADS || packet.sessionId === 0) {
      return { bytes: emitDiscovery({ ...packet, tags: [...packet.tags, dialTag(dial)] }) };
    }
    const session = this.#protocol.sessions.get(packet.sessionId)!;
    let line = this.#lines.get(packet.sessionId);
    if (line?.session !== session) {
      const grant = truth.grant(this, packet.sessionId, dial, timeline.nowMs);
      line = { session, grant, missed: 0 };
      this.#lines.set(packet.sessionId, line);
      this.#world.note(this.name, `grants session ${grant.number} to ${dial.host.name}`);
      this.#world.count("granted");
    }
    const { grant } = line;
    return {
      bytes: emitDiscovery({ ...packet, tags: [...packet.tags, grantTag(grant)] }),
      grant,
    };
  }

  // Follows the protocol, which has ended a session if the frame was a PADT.
  #settle({ padt, leftMs }: OnLink): void {
    for (const [id, { session, grant }] of this.#lines) {
      if (session.closedBy === undefined) continue;
      this.#lines.delete(id);
      grant.told.server = true;
      hold(padt !== undefined, () => `${this.name} got a PADT that nobody sent`);
      this.#check(padt, leftMs, grant, "the end");
      hold(
        !(this.#world.keeps && grant.established),
        () => `${this.name} lost session ${grant.number}, which could have been kept`,
      );
    }
  }

  #receiveSession({ bytes, leftMs }: OnLink): void {
    const packet = parseSession(bytes);
    if (packet === undefined || !sameMac(packet.destination, 0, this.mac, 0)) return;
    const line = this.#lines.get(packet.sessionId);
    if (line === undefined || !sameMac(line.session.host, 0, packet.source, 0)) return;
    const letter = this.#world.truth.letterOf(bytes);
    hold(letter !== undefined, () => `${this.name} got a session frame that no host sent`);
    hold(letter.from === "host", () => `${this.name} got a session frame that an AC sent`);
    this.#check(letter, leftMs, line.grant, "a frame");
    letter.arrived = true;
    line.missed = 0;
    this.#world.count("letters up");
    if (packet.protocol !== PPP_PROTOCOL.LCP) return;
    if (parseLcp(packet.payload)?.code !== LCP_CODE.ECHO_REQUEST) return;
    const reply = this.#world.truth.letter(line.grant, "ac", this.#world.timeline.nowMs);
    this.#send("answers", echoFrame(this.#header(line.session), "ECHO_REPLY", reply));
  }

  // A frame that arrives in a session must have been sent in it, as far as the server could tell.
  #check(letter: Letter, leftMs: number, grant: Grant, what: string): void {
    const sent = letter.grant;
    if (sent === grant || letter.excused) return;
    const seenMs = grant.seenMs.server;
    // Until its PADS has passed, everybody takes the previous owner of the id for its owner.
    if (seenMs === undefined || leftMs <= seenMs) return;
    const alike = sent.ac === grant.ac && sent.id === grant.id &&
      sent.dial.host.near(grant.dial.host);
    hold(
      alike,
      () => `${this.name}, in session ${grant.number}, got ${what} of session ${sent.number}`,
    );
  }

  #echo(era: number): void {
    const { plan, timeline, truth } = this.#world;
    timeline.after(plan.echoMs, () => {
      if (era !== this.#era || this.off) return;
      for (const line of [...this.#lines.values()]) {
        const { grant } = line;
        if (line.missed++ >= this.#world.echoMisses) {
          this.#world.count("ACs gave up");
          this.#world.note(this.name, `gives up session ${grant.number}`);
          this.#world.judgeGivingUp(grant, "server");
          this.hangUp(grant);
          continue;
        }
        const letter = truth.letter(grant, "ac", timeline.nowMs);
        this.#send("asks", echoFrame(this.#header(line.session), "ECHO_REQUEST", letter));
      }
      this.#echo(era);
    });
  }

  #header({ host, sessionId }: AcSession): Header {
    return { destination: host, source: this.mac, sessionId };
  }

  #send(what: string, bytes: Uint8Array): void {
    this.#world.note(this.name, what, bytes);
    this.server.segment.toRelay(bytes);
  }

  #fresh(): AcProtocol {
    const { plan, random } = this.#world;
    const options: AcOptions = {
      mac: this.mac,
      name: this.name,
      cookie: plan.acCookies ? "covers-mac" : "none",
      secret: random.bytes(SECRET_BYTES),
      sessionIds: plan.acIds,
      data: "count",
    };
    return new AcProtocol(options);
  }
}
