// A simulated host. It dials, sends and answers frames, and gives up a session whose AC stops answering.

import {
  CODE,
  type DiscoveryPacket,
  ETH_P_PPP_SES,
  findTag,
  LCP_CODE,
  parseDiscovery,
  parseLcp,
  parseSession,
  PPP_PROTOCOL,
  readEtherType,
  TAG,
} from "../../src/wire/mod.ts";
import { HostProtocol } from "../../src/lab/host_protocol.ts";
import type { ClientProgram } from "./client_program.ts";
import type { OnLink, Station } from "./segment.ts";
import {
  dataFrame,
  type Dial,
  dialTag,
  echoFrame,
  type Grant,
  type Header,
  type Letter,
} from "./truth.ts";
import { hold } from "./violation.ts";
import type { World } from "./world.ts";

/** A host on the link of a client. */
export class Host implements Station {
  readonly name: string;
  readonly mac: Uint8Array;
  readonly client: ClientProgram;
  readonly hostUniq: Uint8Array | undefined;
  /** The Host-Uniq of its PADRs, if it differs from `hostUniq`; null for none. */
  readonly padrHostUniq: Uint8Array | null | undefined;
  /** The session that it considers open. */
  grant: Grant | undefined;
  /** True once it is switched off for good. */
  off = false;
  readonly #world: World;
  #protocol: HostProtocol;
  #dial: Dial | undefined;
  #missed = 0;
  /** Changes whenever its timers become obsolete, so that those set earlier do nothing. */
  #era = 0;

  constructor(
    world: World,
    name: string,
    client: ClientProgram,
    mac: Uint8Array,
    hostUniq: Uint8Array | undefined,
    padrHostUniq: Uint8Array | null | undefined,
  ) {
    this.#world = world;
    this.name = name;
    this.client = client;
    this.mac = mac;
    this.hostUniq = hostUniq;
    this.padrHostUniq = padrHostUniq;
    this.#protocol = this.#fresh();
  }

  /** True while it dials or has a session. */
  get busy(): boolean {
    return ["discovering", "requesting", "open"].includes(this.#protocol.state);
  }

  get open(): boolean {
    return this.#protocol.state === "open";
  }

  dial(): void {
    const { truth, timeline } = this.#world;
    this.#era++;
    this.#dial = truth.dial(this);
    this.#protocol.options.extraTags = [dialTag(this.#dial)];
    this.#send("dials", this.#protocol.dial(timeline.nowMs));
    this.#wait();
  }

  hangUp(): void {
    const { grant } = this;
    this.#era++;
    const padt = this.#protocol.hangUp();
    this.grant = undefined;
    if (padt === undefined) return;
    if (grant !== undefined) grant.told.client = true;
    this.#send("hangs up", padt);
  }

  /** Loses power, for a moment or for good. */
  vanish(): void {
    this.#world.note(this.name, "vanishes");
    this.#era++;
    this.#protocol = this.#fresh();
    this.grant = undefined;
  }

  /** Sends data in its session, and returns the letter. */
  sendData(): Letter | undefined {
    const { grant } = this;
    if (!this.open || grant === undefined) return undefined;
    const letter = this.#world.truth.letter(grant, "host", this.#world.timeline.nowMs);
    this.#send("sends", dataFrame(this.#header(), letter));
    return letter;
  }

  receive(frame: OnLink): void {
    if (this.off) return;
    if (readEtherType(frame.bytes) === ETH_P_PPP_SES) return this.#receiveSession(frame);
    const packet = parseDiscovery(frame.bytes);
    if (packet === undefined) return;
    const { timeline } = this.#world;
    const before = this.#protocol.state;
    const answer = this.#protocol.receive(frame.bytes, timeline.nowMs);
    if (answer !== undefined) this.#send("answers", answer);
    const after = this.#protocol.state;
    if (after === "open" && before !== "open") this.#opened(packet);
    else if (before === "open" && after !== "open") this.#ended(frame);
    if (before !== after || answer !== undefined) this.#wait();
  }

  #opened(packet: DiscoveryPacket): void {
    const grant = this.#world.truth.grantOf(packet.tags);
    hold(grant !== undefined, () => `${this.name} got a session that no AC granted`);
    const { host } = grant.dial;
    hold(host === this, () => `${this.name} got session ${grant.number} of ${host.name}`);
    this.#world.note(this.name, `has session ${grant.number}`);
    this.grant = grant;
    // A session with a late PADS, which the AC has already ended, need not be kept.
    grant.established = grant.told.server !== true;
    this.#missed = 0;
    this.#world.count("established");
    this.#echo(++this.#era);
  }

  #ended({ padt, leftMs }: OnLink): void {
    const { grant } = this;
    this.#era++;
    this.grant = undefined;
    if (grant === undefined) return;
    grant.told.client = true;
    hold(padt !== undefined, () => `${this.name} got a PADT that nobody sent`);
    this.#check(padt, leftMs, grant, "the end");
    hold(
      !(this.#world.keeps && grant.established),
      () => `${this.name} lost session ${grant.number}, which could have been kept`,
    );
  }

  #receiveSession({ bytes, leftMs }: OnLink): void {
    const packet = parseSession(bytes);
    const { grant } = this;
    if (packet === undefined || grant === undefined || !this.#protocol.owns(packet)) return;
    const letter = this.#world.truth.letterOf(bytes);
    hold(letter !== undefined, () => `${this.name} got a session frame that no AC sent`);
    hold(letter.from === "ac", () => `${this.name} got a session frame that a host sent`);
    this.#check(letter, leftMs, grant, "a frame");
    letter.arrived = true;
    this.#missed = 0;
    this.#world.count("letters down");
    if (packet.protocol !== PPP_PROTOCOL.LCP) return;
    if (parseLcp(packet.payload)?.code !== LCP_CODE.ECHO_REQUEST) return;
    const reply = this.#world.truth.letter(grant, "host", this.#world.timeline.nowMs);
    this.#send("answers", echoFrame(this.#header(), "ECHO_REPLY", reply));
  }

  /** Returns true if both are on the same link with the same address. */
  near(host: Host): boolean {
    return host.client === this.client && `${host.mac}` === `${this.mac}`;
  }

  // A frame that arrives in a session must have been meant for it, as far as anybody could tell.
  #check(letter: Letter, leftMs: number, grant: Grant, what: string): void {
    const sent = letter.grant;
    if (sent === grant || letter.excused) return;
    const { host } = sent.dial;
    const told = () =>
      `${this.name}, in session ${grant.number}, got ${what} of session ${sent.number}`;
    hold(this.near(host), () => `${told()}, which belongs to ${host.name}`);
    // Two hosts with one address see each other's frames on any Ethernet.
    if (host !== this) return;
    const alike = sent.ac === grant.ac && sent.id === grant.id;
    const stale = grant.seenMs.client === undefined || leftMs <= grant.seenMs.client;
    hold(alike || stale, told);
  }

  #echo(era: number): void {
    const { plan, timeline, truth } = this.#world;
    timeline.after(plan.echoMs, () => {
      const { grant } = this;
      if (era !== this.#era || this.off || grant === undefined) return;
      if (this.#missed++ >= this.#world.echoMisses) {
        this.#world.count("hosts gave up");
        this.#world.note(this.name, `gives up session ${grant.number}`);
        this.#world.judgeGivingUp(grant, "client");
        return this.hangUp();
      }
      const letter = truth.letter(grant, "host", timeline.nowMs);
      this.#send("asks", echoFrame(this.#header(), "ECHO_REQUEST", letter));
      this.#echo(era);
    });
  }

  #wait(): void {
    const { deadlineMs } = this.#protocol;
    if (deadlineMs === Infinity) return;
    const era = this.#era;
    const { timeline } = this.#world;
    timeline.at(deadlineMs, () => {
      if (era !== this.#era || this.off || this.#protocol.deadlineMs > timeline.nowMs) return;
      const frame = this.#protocol.tick(timeline.nowMs);
      if (frame !== undefined) this.#send("repeats", frame);
      this.#wait();
    });
  }

  #header(): Header {
    const { offer, sessionId } = this.#protocol;
    return { destination: offer!.mac, source: this.mac, sessionId };
  }

  #send(what: string, bytes: Uint8Array): void {
    if (this.off) return;
    this.#world.note(this.name, what, bytes);
    this.client.segment.toRelay(bytes);
  }

  #fresh(): HostProtocol {
    const { random } = this.#world;
    return new HostProtocol({
      mac: this.mac,
      hostUniq: this.hostUniq,
      padrHostUniq: this.padrHostUniq,
      retryMs: 500,
      attempts: 4,
      offerWaitMs: random.pick([0, 0, 60]),
      choose: (offers) => random.pick(offers),
    });
  }
}

/** Returns true if a PADO or PADS has the Host-Uniq of the host's request. */
export function answersHost({ code, tags }: DiscoveryPacket, host: Host): boolean {
  const { hostUniq, padrHostUniq = hostUniq } = host;
  const sent = code === CODE.PADO ? hostUniq : padrHostUniq ?? undefined;
  return `${findTag(tags, TAG.HOST_UNIQ)?.value}` === `${sent}`;
}
