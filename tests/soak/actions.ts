// The actions of a schedule, and the frequency of each one.

import {
  CODE,
  emitDiscovery,
  emitSessionList,
  ETH_P_PPP_SES,
  ETHERNET,
  readEtherType,
} from "../../src/wire/mod.ts";
import type { ClientProgram } from "./client_program.ts";
import type { Program } from "./program.ts";
import { dataFrame } from "./truth.ts";
import { breakConnection, type Leave } from "./connection.ts";
import type { World } from "./world.ts";

/** Something that happens at once. */
export type Action = (world: World) => void;

const LEAVES: readonly Leave[] = ["orderly", "abrupt", "silent"];
/** The maximum number of bytes that are changed in a hostile frame. */
const MOST_CHANGES = 4;
/** The part of a frame in which they are changed: its headers. */
const HEADER_BYTES = 60;

function dial({ hosts, random }: World): void {
  const idle = hosts.filter(({ busy }) => !busy);
  if (idle.length > 0) random.pick(idle).dial();
}

function sendUp({ hosts, random }: World): void {
  random.pick(hosts).sendData();
}

function sendDown({ acs, random }: World): void {
  const ac = random.pick(acs);
  const { grants } = ac;
  if (grants.length > 0) ac.sendData(random.pick(grants));
}

function hostHangsUp({ hosts, random }: World): void {
  random.pick(hosts).hangUp();
}

function hostVanishes({ hosts, random }: World): void {
  random.pick(hosts).vanish();
}

function acHangsUp({ acs, random }: World): void {
  const ac = random.pick(acs);
  const { grants } = ac;
  if (grants.length > 0) ac.hangUp(random.pick(grants));
}

function acRestarts({ acs, random }: World): void {
  random.pick(acs).restart();
}

function acRefuses({ acs, random }: World): void {
  random.pick(acs).toggleRefusal();
}

function tunnelBreaks(world: World): void {
  const { clients, random, timeline } = world;
  const client = random.pick(clients);
  const end = client.anyEnd;
  if (end === undefined || !mayDisturb(world)) return;
  const silent = random.chance(0.5);
  world.note(client.name, `has its tunnel broken${silent ? ", silently" : ""}`);
  client.downSinceMs ??= timeline.nowMs;
  breakConnection(world, end, silent);
}

// The AC's answer then crosses the lists that both sides exchange over the next tunnel.
function tunnelBreaksInDial(world: World): void {
  const { hosts, random } = world;
  const dialling = hosts.filter(({ busy, open, client }) =>
    busy && !open && client.end !== undefined
  );
  if (dialling.length === 0 || !mayDisturb(world)) return;
  const { client } = random.pick(dialling);
  world.note(client.name, "has its tunnel broken during a dial");
  client.downSinceMs ??= world.timeline.nowMs;
  breakConnection(world, client.end!.memory, false);
}

function killed(withState: boolean, pick: (world: World) => Program): Action {
  return (world) => {
    const { random, timeline, plan } = world;
    const program = pick(world);
    if (!program.running || !mayDisturb(world)) return;
    const graceful = random.chance(0.3);
    // A graceful stop lets it close its sessions first.
    world.disturbed(program);
    if (graceful) program.stop(withState);
    else program.kill(random.pick(LEAVES));
    const awayMs = plan.kind === "steady"
      ? random.below(plan.graceMs / 8)
      : random.below(random.pick([500, 3000, 12_000]));
    timeline.after(awayMs, () => program.start(withState));
  };
}

function stops(world: World): void {
  const { programs, random, timeline } = world;
  const program = random.pick(programs);
  if (!program.running) return;
  program.stop(false);
  timeline.after(random.below(4000), () => program.start(true));
}

function networkChanges({ clients, random }: World): void {
  random.pick(clients).networkChanges();
}

function linkFlaps({ programs, random, timeline }: World): void {
  const program = random.pick(programs);
  if (!program.running || !program.linkUp) return;
  program.setLink(false);
  timeline.after(random.below(3000), () => {
    if (!program.linkUp) program.setLink(true);
  });
}

function changesMac(world: World): void {
  world.random.pick(world.programs).changeLinkMac(world.newMac());
}

function disturbs({ plan, programs, random, seen, hosts, acs }: World): void {
  if (!plan.hostile) return;
  const program = random.pick(programs);
  const from = random.pick(["link", "tunnel"] as const);
  const kind = random.pick(["session", "discovery", "discovery", "list"] as const);
  if (kind === "list") {
    if (from === "link") return;
    const grants = acs.flatMap((ac) => ac.grants);
    const sessions = grants.filter(() => random.chance(0.5)).map(({ ac, id, dial }) => ({
      ac: ac.mac,
      host: dial.host.mac,
      sessionId: id,
    }));
    const list = emitSessionList({ last: random.chance(0.8), sessions });
    const cut = random.chance(0.2) ? list.subarray(0, random.below(list.length)) : list;
    return program.disturb(from, cut, kind);
  }
  if (seen.length === 0 || random.chance(0.1)) {
    return program.disturb(from, random.bytes(random.below(HEADER_BYTES)), kind);
  }
  const frame = random.pick(seen).slice();
  const right = readEtherType(frame) === ETH_P_PPP_SES ? "session" : "discovery";
  // An unchanged frame that somebody else has sent.
  if (random.chance(0.3)) return program.disturb(from, frame, right);
  const macs = [...hosts, ...acs, ...programs.map(({ linkMac }) => ({ mac: linkMac }))];
  if (random.chance(0.4)) frame.set(random.pick(macs).mac, ETHERNET.destination[0]);
  if (random.chance(0.4)) frame.set(random.pick(macs).mac, ETHERNET.source[0]);
  if (random.chance(0.3)) frame[15] = random.pick([0x09, 0x07, 0x19, 0x65, 0xa7, 0x0a, 0xd3]);
  if (random.chance(0.3)) frame[17] = random.below(4);
  const changes = random.chance(0.3) ? random.below(MOST_CHANGES) : 0;
  for (let change = 0; change < changes; change++) {
    frame[random.below(Math.min(frame.length, HEADER_BYTES))] = random.below(256);
  }
  const length = random.chance(0.1) ? random.below(frame.length) : frame.length;
  program.disturb(from, frame.subarray(0, length), random.chance(0.9) ? right : kind);
}

// Lets a client send in another client's session, or end it, with exactly the frame that its host would send.
function poses({ plan, clients, acs, random }: World): void {
  const grants = acs.flatMap((ac) => ac.grants);
  if (!plan.hostile || grants.length === 0) return;
  const { ac, id: sessionId, dial: { host }, number } = random.pick(grants);
  const end = random.pick(clients).end?.peer;
  if (end?.program !== ac.server || end.far === host.client) return;
  const header = { destination: ac.mac, source: host.mac, sessionId };
  const [frame, kind] = random.chance(0.5)
    ? [emitDiscovery({ ...header, code: CODE.PADT, tags: [] }), "discovery" as const]
    : [dataFrame(header, { number }), "session" as const];
  ac.server.disturb("tunnel", frame, kind, end);
}

// In a steady schedule nothing is disturbed while a client has been without a tunnel for too long already.
function mayDisturb({ plan, clients, timeline }: World): boolean {
  if (plan.kind === "wild") return true;
  return clients.every(({ downSinceMs, end }) =>
    end !== undefined || (downSinceMs !== undefined &&
      timeline.nowMs - downSinceMs < plan.graceMs / 8)
  );
}

const aClient = ({ clients, random }: World): ClientProgram => random.pick(clients);
const aServer = ({ servers, random }: World): Program => random.pick(servers);

/** The actions of each kind of schedule, with their weights. */
export const ACTIONS: Record<"wild" | "steady", readonly (readonly [number, Action])[]> = {
  wild: [
    [160, dial],
    [100, sendUp],
    [100, sendDown],
    [30, hostHangsUp],
    [20, hostVanishes],
    [30, acHangsUp],
    [12, acRestarts],
    [6, acRefuses],
    [60, tunnelBreaks],
    [40, tunnelBreaksInDial],
    [20, killed(true, aClient)],
    [12, killed(false, aClient)],
    [16, killed(true, aServer)],
    [8, killed(false, aServer)],
    [12, stops],
    [8, networkChanges],
    [8, linkFlaps],
    [4, changesMac],
    [120, disturbs],
    [40, poses],
  ],
  steady: [
    [160, dial],
    [100, sendUp],
    [100, sendDown],
    [80, tunnelBreaks],
    [40, tunnelBreaksInDial],
    [30, killed(true, aClient)],
    [30, killed(true, aServer)],
  ],
};
