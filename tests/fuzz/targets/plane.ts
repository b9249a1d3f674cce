// The whole input of a side: frames from its link, bytes from its tunnels, and events, in all MAC modes. An input
// is a sequence of such steps, most of which are parts of plausible dialogues with something wrong in them.

import { concat } from "@std/bytes";
import type { MacMode } from "../../../src/relay/mod.ts";
import type { Side } from "../../../src/side.ts";
import {
  CODE,
  emitDiscovery,
  emitGoodbye,
  emitHello,
  emitLcp,
  emitSession,
  emitSessionList,
  encodeFrame,
  ETH_BROADCAST,
  FRAME,
  LCP_CODE,
  parseDiscovery,
  PPP_PROTOCOL,
  PPPOE,
  TAG,
  type Tag,
  textTag,
} from "../../../src/wire/mod.ts";
import { writeUint16, writeUint32 } from "../../../src/wire/uint16.ts";
import type { Random } from "../../soak/random.ts";
import { Choices } from "../choices.ts";
import { ADDRESSES, DISCOVERY_CODES, mac, PROTOCOLS, SESSION_IDS, TAGS } from "../frames.ts";
import type { Parts } from "../parts.ts";
import { type Far, GRACE_MS, MARK, Scene, type Sent } from "../scene.ts";
import type { Target } from "../target.ts";

const INPUT_MAX = 700;
const MOST_STEPS = 120;
const MOST_TUNNELS = 4;
/** The number of steps between two looks at all tables. */
const STEPS_AN_AUDIT = 16;
const HOSTS = ADDRESSES.slice(0, 3);
const ACS = ADDRESSES.slice(3, 5);
const VLAN = 0x8100;
const EMPTY = new Uint8Array(0);
/** A frame of nearly the largest length. */
const LONG = encodeFrame(FRAME.SESSION, new Uint8Array(60_000));

/** A run: a scene, the decisions, and the number of the next session frame. */
interface Play {
  scene: Scene;
  choices: Choices;
  frames: number;
}

/** Changes a frame in one of a few ways, or not at all. */
function spoil(frame: Uint8Array, choices: Choices): Uint8Array {
  const how = choices.below(40);
  const bytes = frame.slice();
  switch (how) {
    case 1:
      return bytes.slice(0, choices.below(bytes.length + 1));
    case 2:
      bytes[choices.below(Math.min(bytes.length, 0xffff))] = choices.byte();
      return bytes;
    case 3:
      writeUint16(bytes, PPPOE.length[0], choices.uint16());
      return bytes;
    case 4: {
      // A tag of 802.1Q between the addresses and the EtherType.
      const tagged = new Uint8Array(bytes.length + 4);
      tagged.set(bytes.subarray(0, 12));
      writeUint16(tagged, 12, VLAN);
      writeUint16(tagged, 14, choices.uint16());
      tagged.set(bytes.subarray(12), 16);
      return tagged;
    }
    case 5:
      return Uint8Array.of(...bytes, ...new Uint8Array(choices.below(0x300)).fill(0xee));
    case 6:
      bytes.set(choices.pick(ADDRESSES), 0);
      return bytes;
    case 7:
      bytes.set(choices.pick(ADDRESSES), 6);
      return bytes;
    case 8:
      writeUint16(bytes, PPPOE.sessionId[0], choices.pick(SESSION_IDS));
      return bytes;
    case 9:
      bytes[PPPOE.code[0]] = choices.pick(DISCOVERY_CODES);
      return bytes;
    case 10:
      bytes[PPPOE.verType[0]] = choices.byte();
      return bytes;
    default:
      return bytes;
  }
}

/** Sends a frame from the link or from a tunnel. */
function send({ scene, choices }: Play, from: "link" | Far, type: number, frame: Uint8Array): void {
  const spoilt = spoil(frame, choices);
  if (from === "link") return scene.fromLink(spoilt);
  scene.fromTunnel(from, encodeFrame(type, spoilt));
}

function someFar({ scene, choices }: Play): Far | undefined {
  return scene.fars.length === 0 ? undefined : choices.pick(scene.fars);
}

/** Returns where a host's frames come from. */
function hostsAt(play: Play): "link" | Far | undefined {
  return play.scene.options.side === "client" ? "link" : someFar(play);
}

function someTags(choices: Choices): Tag[] {
  return Array.from({ length: choices.below(5) }, () => choices.pick(TAGS));
}

/** Sends a host's PADI, and answers everything that follows, up to the PADS. */
function dial(play: Play): void {
  const { scene, choices } = play;
  const from = hostsAt(play);
  if (from === undefined) return;
  const tags = [textTag(TAG.SERVICE_NAME, ""), ...someTags(choices)];
  const source = choices.pick(HOSTS);
  const padi = { destination: ETH_BROADCAST, source, code: CODE.PADI, sessionId: 0, tags };
  const before = scene.sent.at(-1);
  send(play, from, FRAME.DISCOVERY, emitDiscovery(padi));
  let last = before;
  for (let turns = 0; turns < 3; turns++) {
    const next = scene.sent.at(-1);
    if (next === undefined || next === last) return;
    last = next;
    answer(play, next);
  }
}

/** Answers a frame as its receiver would. */
function answer(play: Play, sent: Sent): void {
  const { choices, scene } = play;
  const packet = parseDiscovery(sent.frame);
  if (packet === undefined) return;
  const returned = packet.tags.filter(({ type }) =>
    type === TAG.HOST_UNIQ || type === TAG.RELAY_SESSION_ID || type === TAG.AC_COOKIE
  );
  const extra = choices.oneIn(4) ? someTags(choices) : [];
  const tags = [textTag(TAG.SERVICE_NAME, ""), ...returned, ...extra];
  const { source, destination } = packet;
  const to = sent.to !== "link" && !scene.fars.includes(sent.to) ? someFar(play) : sent.to;
  if (to === undefined) return;
  const reply = (code: number, sessionId: number, from: Uint8Array, more: Tag[] = []) => {
    const frame = { destination: source, source: from, code, sessionId, tags: [...tags, ...more] };
    send(play, to, FRAME.DISCOVERY, emitDiscovery(frame));
  };
  switch (packet.code) {
    case CODE.PADI: {
      const offer = [textTag(TAG.AC_NAME, "bras"), textTag(TAG.AC_COOKIE, "c")];
      return reply(CODE.PADO, 0, choices.pick(ACS), offer.slice(0, 1 + choices.below(2)));
    }
    case CODE.PADO:
      return reply(CODE.PADR, 0, destination);
    case CODE.PADR:
      return reply(CODE.PADS, 1 + choices.below(5), destination);
    case CODE.PADS:
      return reply(CODE.PADT, packet.sessionId, destination);
    default:
      return reply(packet.code, packet.sessionId, destination);
  }
}

/** Makes a session frame with a number of its own, by which it is recognized. */
function sessionFrame(
  play: Play,
  address: { destination: Uint8Array; source: Uint8Array; sessionId: number },
): Uint8Array {
  const { choices } = play;
  const size = choices.oneIn(16) ? choices.below(2000) : choices.below(64);
  const payload = new Uint8Array(8 + size);
  writeUint32(payload, 0, MARK);
  writeUint32(payload, 4, ++play.frames);
  return emitSession({ ...address, protocol: choices.pick(PROTOCOLS), payload });
}

function echo(code: number): Uint8Array {
  return emitLcp({ code, identifier: 1, data: new Uint8Array(4) });
}

/** Sends session frames of one station of a session, or of stations without one. */
function sessionFrames(play: Play): void {
  const { scene, choices } = play;
  const session = scene.sessions.length === 0 || choices.oneIn(8)
    ? undefined
    : choices.pick(scene.sessions.slice(-8));
  const fromLink = choices.oneIn(2);
  const far = choices.oneIn(8)
    ? someFar(play)
    : scene.fars.find(({ id }) => id === session?.tunnel) ?? someFar(play);
  const from = fromLink ? "link" : far;
  if (from === undefined) return;
  const address = session === undefined
    ? {
      destination: choices.pick(ADDRESSES),
      source: choices.pick(ADDRESSES),
      sessionId: choices.pick(SESSION_IDS),
    }
    : fromLink
    ? { destination: session.shownMac, source: session.nearMac, sessionId: session.linkId }
    : { destination: session.nearMac, source: session.farMac, sessionId: session.tunnelId };
  for (let left = choices.oneIn(12) ? choices.below(60) : 1; left > 0; left--) {
    const isEcho = choices.oneIn(6);
    const code = choices.oneIn(2) ? LCP_CODE.ECHO_REPLY : LCP_CODE.ECHO_REQUEST;
    const frame = isEcho
      ? emitSession({ ...address, protocol: PPP_PROTOCOL.LCP, payload: echo(code) })
      : sessionFrame(play, address);
    send(play, from, FRAME.SESSION, frame);
  }
}

/** Sends a discovery frame of any station to any other one. */
function discoveryFrame(play: Play): void {
  const { choices, scene } = play;
  const from = choices.oneIn(2) ? "link" : someFar(play);
  if (from === undefined) return;
  const session = choices.oneIn(2) ? scene.openSessions[0] : undefined;
  const near = from === "link";
  const frame = emitDiscovery({
    destination: session
      ? near ? session.shownMac : session.nearMac
      : choices.pick([...ADDRESSES, scene.linkMac]),
    source: session ? near ? session.nearMac : session.farMac : choices.pick(ADDRESSES),
    code: choices.pick(DISCOVERY_CODES),
    sessionId: session ? near ? session.linkId : session.tunnelId : choices.pick(SESSION_IDS),
    tags: someTags(choices),
  });
  send(play, from, FRAME.DISCOVERY, frame);
}

/** Sends something other than an Ethernet frame through a tunnel, perhaps in pieces. */
function tunnelBytes(play: Play): void {
  const { choices, scene } = play;
  const far = someFar(play);
  if (far === undefined) return;
  const listed = scene.sessions.slice(-3).map(({ nearMac, farMac, tunnelId: sessionId }) =>
    scene.options.side === "server"
      ? { ac: nearMac, host: farMac, sessionId }
      : { ac: farMac, host: nearMac, sessionId }
  );
  const list = (last: boolean) => emitSessionList({ last, sessions: listed });
  const hello = emitHello({ version: 1, features: 1, name: "x", software: "" });
  const bytes = choices.pick([
    () => encodeFrame(FRAME.PING, EMPTY),
    () => encodeFrame(FRAME.PONG, EMPTY),
    () => encodeFrame(FRAME.SESSION_LIST, list(true)),
    () => encodeFrame(FRAME.SESSION_LIST, list(true)),
    () => encodeFrame(FRAME.SESSION_LIST, list(false)),
    () => encodeFrame(FRAME.SESSION_LIST, choices.take(choices.below(40))),
    () => encodeFrame(FRAME.STATE, choices.take(choices.below(40))),
    () => encodeFrame(FRAME.GOODBYE, emitGoodbye({ reason: choices.below(12), text: "\u0007" })),
    () => encodeFrame(FRAME.GOODBYE, EMPTY),
    () => encodeFrame(FRAME.HELLO, hello),
    () => encodeFrame(FRAME.WELCOME, hello),
    () => encodeFrame(choices.uint16(), choices.take(choices.below(20))),
    () => LONG,
    () => Uint8Array.of(0, FRAME.SESSION, 0xff, 0xff, 0xff),
    // More than the largest frame behind the last one.
    () => concat([encodeFrame(FRAME.GOODBYE, EMPTY), LONG, LONG]),
    () => concat([Uint8Array.of(0, FRAME.SESSION, 0xff, 0xff, 0xff), LONG, LONG]),
    () => choices.take(choices.below(40)),
  ])();
  for (const piece of choices.oneIn(3) ? choices.pieces(bytes) : [bytes]) {
    if (!scene.fars.includes(far)) return;
    scene.fromTunnel(far, piece);
  }
}

/** Adds a tunnel, or ends one in one of many ways. */
function changeTunnels(play: Play): void {
  const { choices, scene } = play;
  const far = someFar(play);
  const { plane } = scene.plane;
  const how = choices.below(9);
  if (how < 3 || far === undefined) {
    if (scene.options.side === "client" && far !== undefined && how > 0) return;
    if (scene.fars.length >= MOST_TUNNELS) return;
    const number = choices.below(4);
    const legacy = number === 3 && choices.oneIn(2);
    const received = choices.oneIn(8) ? choices.take(choices.below(30)) : EMPTY;
    const key = number === 3 ? undefined : `key ${number}`;
    return scene.addTunnel(`peer ${number}`, key, legacy, received);
  }
  if (how === 3) far.end.transport.close();
  else if (how === 4) far.end.transport.reset();
  else if (how === 5) far.end.transport.cut(scene.timeline.nowMs);
  else if (how === 6) far.stuck = !far.stuck;
  else if (how === 7 && !scene.stopping) plane.leave(far.id, far.peer.key);
  else if (how === 8 && !scene.stopping) {
    if (choices.oneIn(2)) plane.probe(far.id);
    else plane.end(far.id, "test", "not-allowed");
  }
  if (how >= 3 && how <= 4) scene.lose(far);
  scene.plane.poke();
  scene.settle();
}

function changeLink({ scene, choices }: Play): void {
  const how = choices.below(8);
  const { link } = scene.plane;
  if (how < 2) link.change({ state: "up" });
  else if (how === 2) link.change({ state: "down" });
  else if (how === 3) link.change({ state: "missing" });
  else if (how === 4) return scene.changeLinkMac(mac(0xc0 + choices.below(3)));
  else if (how === 5) link.change({ mtu: choices.pick([1500, 1492, 576, 9000, 68]) });
  else scene.linkFull = !scene.linkFull;
  scene.plane.poke();
  scene.settle();
}

/** Sends many PADIs, each of another host or of another request. */
function flood(play: Play): void {
  const { choices } = play;
  const from = hostsAt(play);
  if (from === undefined) return;
  const sameHost = choices.oneIn(2);
  for (let left = choices.below(200); left > 0; left--) {
    const source = sameHost ? mac(0x11) : Uint8Array.of(2, 1, 0, 0, 0, left);
    const tags = [{ type: TAG.HOST_UNIQ, value: Uint8Array.of(left, 1) }];
    const padi = { destination: ETH_BROADCAST, source, code: CODE.PADI, sessionId: 0, tags };
    const frame = emitDiscovery(padi);
    if (from === "link") play.scene.fromLink(frame);
    else play.scene.fromTunnel(from, encodeFrame(FRAME.DISCOVERY, frame));
  }
}

/** Sends many PADTs without a session, as hosts do that have lost theirs. */
function hangUps(play: Play): void {
  const { choices } = play;
  const from = hostsAt(play);
  if (from === undefined) return;
  const [destination, source] = [choices.pick(ACS), choices.pick(HOSTS)];
  for (let left = choices.below(40); left > 0; left--) {
    const padt = { destination, source, code: CODE.PADT, sessionId: 0, tags: [] };
    send(play, from, FRAME.DISCOVERY, emitDiscovery(padt));
  }
}

/** Breaks a tunnel, and connects its peer again, which then lists some of its sessions or none. */
function comeBack(play: Play): void {
  const { choices, scene } = play;
  const far = someFar(play);
  if (far === undefined || scene.stopping) return;
  const { name, peer: { key }, legacy } = far;
  far.end.transport.close();
  scene.lose(far);
  scene.wait(choices.below(250));
  scene.addTunnel(name, key, legacy, EMPTY);
  const next = scene.fars.at(-1);
  if (next === undefined || choices.oneIn(4)) return;
  const sessions = scene.openSessions.slice(choices.below(3))
    .map(({ nearMac, farMac, tunnelId: sessionId }) =>
      scene.options.side === "server"
        ? { ac: nearMac, host: farMac, sessionId }
        : { ac: farMac, host: nearMac, sessionId }
    );
  const list = { last: !choices.oneIn(4), sessions: sessions.slice(0, choices.below(3)) };
  scene.fromTunnel(next, encodeFrame(FRAME.SESSION_LIST, emitSessionList(list)));
}

/** Sends more data than a tunnel takes, whose other end reads nothing for a while. */
function congest(play: Play): void {
  const { choices, scene } = play;
  const [session] = scene.openSessions;
  const far = scene.fars.find(({ id }) => id === session?.tunnel);
  if (session === undefined || far === undefined) return;
  far.stuck = true;
  const { shownMac: destination, nearMac: source, linkId: sessionId } = session;
  for (let left = choices.below(200); left > 0; left--) {
    const payload = new Uint8Array(1000);
    const protocol = choices.oneIn(8) ? PPP_PROTOCOL.LCP : PPP_PROTOCOL.IPV4;
    scene.fromLink(emitSession({ destination, source, sessionId, protocol, payload }));
    if (choices.oneIn(16)) scene.wait(choices.below(200));
  }
  far.stuck = choices.oneIn(4);
  scene.settle();
}

/** Lets one station of a session answer an echo, and then no more. */
function fallSilent(play: Play): void {
  const { choices, scene } = play;
  const [session] = scene.openSessions;
  const far = scene.fars.find(({ id }) => id === session?.tunnel);
  if (session === undefined || far === undefined) return;
  const { nearMac, farMac, shownMac, linkId, tunnelId } = session;
  const sayNear = (code: number) => {
    const address = { destination: shownMac, source: nearMac, sessionId: linkId };
    scene.fromLink(emitSession({ ...address, protocol: PPP_PROTOCOL.LCP, payload: echo(code) }));
  };
  const sayFar = (code: number) => {
    const address = { destination: nearMac, source: farMac, sessionId: tunnelId };
    const frame = emitSession({ ...address, protocol: PPP_PROTOCOL.LCP, payload: echo(code) });
    scene.fromTunnel(far, encodeFrame(FRAME.SESSION, frame));
  };
  const [one, other] = choices.oneIn(2) ? [sayNear, sayFar] : [sayFar, sayNear];
  one(LCP_CODE.ECHO_REPLY);
  for (let asked = 0; asked < 6 && scene.fars.includes(far); asked++) {
    other(LCP_CODE.ECHO_REQUEST);
    scene.wait(1000);
  }
}

/** Asks for the status, or changes options, as the main thread does. */
function ask({ scene, choices }: Play): void {
  if (scene.stopping) return;
  const { plane } = scene.plane;
  if (choices.oneIn(2)) plane.query(1);
  else {
    const limits = { padiPerHost: choices.below(3), maxSessions: choices.below(3) };
    plane.reload({ debug: choices.oneIn(2), limits });
  }
  scene.plane.poke();
  scene.settle();
}

/** The steps, the frequent ones more than once. */
const STEPS: readonly ((play: Play) => void)[] = [
  dial,
  dial,
  dial,
  dial,
  sessionFrames,
  sessionFrames,
  sessionFrames,
  sessionFrames,
  discoveryFrame,
  discoveryFrame,
  (play) => {
    const { sent } = play.scene;
    if (sent.length > 0) answer(play, play.choices.pick(sent));
  },
  (play) => {
    const { sent } = play.scene;
    if (sent.length > 0) answer(play, play.choices.pick(sent));
  },
  tunnelBytes,
  tunnelBytes,
  changeTunnels,
  changeTunnels,
  comeBack,
  congest,
  fallSilent,
  (play) => play.choices.oneIn(2) && hangUps(play),
  changeLink,
  ask,
  ({ scene, choices }) => scene.wait(choices.pick([1, 10, 100, 1000, 2500, 5000, 20_000])),
  ({ scene, choices }) => scene.wait(choices.below(300)),
  (play) => play.choices.oneIn(4) && flood(play),
  ({ scene, choices }) => !scene.stopping && choices.oneIn(16) && scene.stop(choices.oneIn(2)),
];

function planeTarget(side: Side, parts: Parts): Target {
  return {
    name: `${side}-plane`,
    share: 4,
    maxBytes: INPUT_MAX,
    generate: (random: Random) => random.bytes(random.between(20, INPUT_MAX)),
    run(input) {
      const choices = new Choices(input);
      const mode = choices.pick<MacMode>(["own", "per-host", "transparent"]);
      const fixed = choices.below(4);
      const scene = new Scene({
        parts,
        side,
        mac: mode,
        graceMs: choices.oneIn(4) ? 0 : GRACE_MS,
        idleMs: choices.oneIn(4) ? 5000 : 0,
        deadMs: choices.oneIn(4) ? 3000 : 0,
        debug: choices.oneIn(4),
        hostUniq: fixed < 2 ? undefined : Uint8Array.of(0x69, 0x73, 0x70),
        relayTag: fixed === 2,
        circuitId: choices.oneIn(3) ? "{client}/{host}" : undefined,
      });
      const play = { scene, choices, frames: 0 };
      scene.addTunnel("peer 0", "key 0", false, EMPTY);
      if (side === "server") {
        scene.addTunnel("peer 1", choices.oneIn(3) ? undefined : "key 1", false, EMPTY);
      }
      for (let steps = 1; !choices.done && steps <= MOST_STEPS; steps++) {
        choices.pick(STEPS)(play);
        if (scene.plane.gone) break;
        if (steps % STEPS_AN_AUDIT === 0) scene.audit();
      }
      scene.finish(choices.oneIn(2));
      // The things that happened, and the order in which they first did.
      const seen = [...scene.seen];
      return [
        ...seen.map((one) => `${mode} ${one}`),
        ...seen.slice(1).map((one, at) => `${seen[at]} > ${one}`),
      ];
    },
  };
}

/** Makes the target for the whole input of a server. */
export function serverPlane(parts: Parts): Target {
  return planeTarget("server", parts);
}

/** Makes the target for the whole input of a client. */
export function clientPlane(parts: Parts): Target {
  return planeTarget("client", parts);
}
