// The plan of a schedule: its stations and programs, the quality of links and tunnels, and the time limits.

import type { MacMode } from "../../src/relay/mod.ts";
import type { Random } from "./random.ts";

/** The shares of frames that a link loses, repeats and delays. */
export interface LinkFaults {
  loss: number;
  duplicate: number;
  /** The share of frames that are late, so that others overtake them. */
  reorder: number;
}

/** The choices that are made before the first event. */
export interface Plan {
  /**
   * `wild`: anything may happen. `steady`: only events that a session survives, so every session must
   * survive them; the links still lose, repeat and reorder frames.
   */
  kind: "wild" | "steady";
  /** True if hostile frames come from links and tunnels. */
  hostile: boolean;
  servers: number;
  acsOfEach: number;
  clients: number;
  hostsOfEach: number;
  serverMac: MacMode;
  clientMac: MacMode;
  /** True if a host may have the address of another one on its link or behind another client. */
  sharedMacs: boolean;
  /** True if the ACs of the second server have the same addresses as those of the first. */
  twinAcs: boolean;
  acIds: "sequential" | "lowest";
  acCookies: boolean;
  /** True if all discoveries have the same Host-Uniq on the AC's link, and differ in Relay-Session-Id. */
  fixedHostUniq: boolean;
  /** True if clients have a key, so that their sessions are held. */
  keyed: boolean;
  graceMs: number;
  /** The maximum number of absent clients for which a server holds sessions. */
  maxHeld: number | undefined;
  deadMs: number;
  idleMs: number;
  link: LinkFaults;
  linkDelayMs: number;
  /** The maximum time before an AC answers. */
  acThinkMs: number;
  tunnelDelayMs: number;
  /** The time after which a side gives up a silent tunnel. */
  tunnelDeadMs: number;
  /** The maximum number of bytes under way in a tunnel. */
  roomBytes: number;
  /** The maximum time that a message to a client's worker takes. */
  busyMs: number;
  /** True if some writes are accepted only in part. */
  partialWrites: boolean;
  /** True if clients return to the first server, and the time between two checks of it. */
  preferFirst: boolean;
  preferFirstMs: number;
  /** The time between a station's Echo-Requests, and the number of answers that may be missing. */
  echoMs: number;
  echoMisses: number;
  /** The mean time between two actions. */
  paceMs: number;
  /** The time during which anything may happen, before everything is brought to rest. */
  activeMs: number;
}

const MODES: readonly MacMode[] = ["own", "per-host", "transparent"];
const NO_FAULTS: LinkFaults = { loss: 0, duplicate: 0, reorder: 0 };

/** Draws a plan. The numbers are small, to make coincidences likely. */
export function drawPlan(random: Random): Plan {
  const steady = random.chance(0.3);
  const plan: Plan = {
    kind: steady ? "steady" : "wild",
    hostile: !steady && random.chance(0.3),
    servers: random.between(1, 2),
    acsOfEach: random.between(1, 2),
    clients: random.between(1, 3),
    hostsOfEach: random.between(1, 3),
    serverMac: random.pick(MODES),
    clientMac: random.pick(MODES),
    sharedMacs: random.chance(0.4),
    twinAcs: random.chance(0.3),
    acIds: random.pick(["sequential", "lowest"]),
    acCookies: random.chance(0.6),
    fixedHostUniq: random.chance(0.2),
    keyed: random.chance(0.9),
    graceMs: random.pick([0, 1500, 4000, 10_000, 20_000]),
    maxHeld: random.pick([undefined, undefined, 1, 2]),
    deadMs: random.pick([0, 8000, 15_000]),
    idleMs: random.pick([20_000, 30_000, 45_000]),
    link: random.chance(0.3) ? NO_FAULTS : {
      loss: random.pick([0, 0.02, 0.1]),
      duplicate: random.pick([0, 0.02, 0.1]),
      reorder: random.pick([0, 0.02, 0.1]),
    },
    linkDelayMs: random.pick([1, 5, 20]),
    acThinkMs: random.pick([1, 50, 600, 2500]),
    tunnelDelayMs: random.pick([1, 20, 100, 400]),
    tunnelDeadMs: random.pick([3000, 5000, 15_000]),
    roomBytes: random.pick([256 * 1024, 256 * 1024, 2048, 300]),
    busyMs: random.pick([1, 1, 100, 1500]),
    partialWrites: random.chance(0.3),
    preferFirst: random.chance(0.3),
    preferFirstMs: random.pick([2000, 5000]),
    echoMs: random.pick([2000, 4000, 6000]),
    echoMisses: random.between(2, 4),
    paceMs: random.pick([150, 300, 600]),
    activeMs: random.between(10_000, 40_000),
  };
  // With transparent addresses all stations share one Ethernet, where no two may have the same address.
  if (plan.serverMac === "transparent") plan.sharedMacs = false;
  if (!steady) return plan;
  return {
    ...plan,
    // A reused id names another session, which a late PADT for the old one could end.
    acIds: "sequential",
    keyed: true,
    graceMs: Math.max(plan.graceMs, 10_000),
    // A silent break must be noticed, and the tunnel be back, well within the grace time.
    tunnelDeadMs: 3000,
    tunnelDelayMs: Math.min(plan.tunnelDelayMs, 100),
    preferFirst: false,
    busyMs: Math.min(plan.busyMs, 100),
    maxHeld: undefined,
    deadMs: 0,
    idleMs: 100_000,
    echoMisses: Infinity,
  };
}
