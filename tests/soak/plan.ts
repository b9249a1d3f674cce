// What a schedule is drawn with: who is there, how well links and tunnels work, how patient everyone is.

import type { MacMode } from "../../src/relay/mod.ts";
import type { Random } from "./random.ts";

/** How a link treats frames. */
export interface LinkFaults {
  loss: number;
  duplicate: number;
  /** How many are late, so that others overtake them. */
  reorder: number;
}

/** Everything that is chosen before the first event. */
export interface Plan {
  /**
   * `wild`: anything may happen. `steady`: only what a session survives, so that each must; the
   * links still lose, repeat and reorder.
   */
  kind: "wild" | "steady";
  /** Hostile frames come from links and tunnels. */
  hostile: boolean;
  servers: number;
  acsOfEach: number;
  clients: number;
  hostsOfEach: number;
  serverMac: MacMode;
  clientMac: MacMode;
  /** Hosts may have the address of another one on their link, or of one behind another client. */
  sharedMacs: boolean;
  /** The ACs of the second server have the addresses of the first one's. */
  twinAcs: boolean;
  acIds: "sequential" | "lowest";
  acCookies: boolean;
  /** Every discovery has the same Host-Uniq on the AC's link, and is told apart by Relay-Session-Id. */
  fixedHostUniq: boolean;
  /** Clients are known by a key, so that their sessions are held. */
  keyed: boolean;
  graceMs: number;
  /** For how many clients a server holds something at once. */
  maxHeld: number | undefined;
  deadMs: number;
  idleMs: number;
  link: LinkFaults;
  linkDelayMs: number;
  /** How long an AC thinks at most before it answers. */
  acThinkMs: number;
  tunnelDelayMs: number;
  /** After how long a side gives up a tunnel in which nothing comes. */
  tunnelDeadMs: number;
  /** How much may be under way in a tunnel, in bytes. */
  roomBytes: number;
  /** The longest time that a message to a client's worker takes. */
  busyMs: number;
  /** Some writes are taken in part. */
  partialWrites: boolean;
  /** Clients return to the first server, and how often they look at it meanwhile. */
  preferFirst: boolean;
  preferFirstMs: number;
  /** How often a station asks whether the other one is there, and how many answers may be missing. */
  echoMs: number;
  echoMisses: number;
  /** The mean time between two actions. */
  paceMs: number;
  /** How long anything may happen, before all comes to rest. */
  activeMs: number;
}

const MODES: readonly MacMode[] = ["own", "per-host", "transparent"];
const NO_FAULTS: LinkFaults = { loss: 0, duplicate: 0, reorder: 0 };

/** Draws a plan. Small numbers, so that things meet. */
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
  // There all stations are on one Ethernet, where no two may have one address.
  if (plan.serverMac === "transparent") plan.sharedMacs = false;
  if (!steady) return plan;
  return {
    ...plan,
    // An id that is given anew names another session, and what was sent for the old one may still end it.
    acIds: "sequential",
    keyed: true,
    graceMs: Math.max(plan.graceMs, 10_000),
    // A silent end is noticed, and the way back found, well within the grace time.
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
