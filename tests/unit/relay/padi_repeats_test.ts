// Hosts that dial together behind one address, at ACs that limit their answers to one address. The limits are
// those of accel-ppp (ctrl/pppoe/pppoe.c, extra/connlimit.c), in simulated time.

import type { Problem } from "../../../src/problem.ts";
import { assert, assertEquals } from "@std/assert";
import { PadiRepeats } from "../../../src/relay/discovery/padi_repeats.ts";
import type { ServerPending } from "../../../src/relay/discovery/matching.ts";
import { NO_TUNNEL, Peer } from "../../../src/relay/peer.ts";
import { CODE, formatMac, parseDiscovery } from "../../../src/wire/mod.ts";
import type { MacMode } from "../../../src/relay/mod.ts";
import { AC, answer, hostUniq, JoinedRelays, padi, padr, SERVICE } from "../../support/relays.ts";

/** The condition on which an AC answers a PADI. */
type Limit = (source: string, nowMs: number) => boolean;

/** `padi-limit`: one PADI per second from each address. */
function padiLimit(): Limit {
  const takenMs = new Map<string, number>();
  return (source, nowMs) => {
    if (nowMs - (takenMs.get(source) ?? -Infinity) <= 1000) return false;
    takenMs.set(source, nowMs);
    return true;
  };
}

/** `pado-delay`: while the answer to an address is delayed, its other PADIs are ignored. */
function padoDelay(delayMs: number): Limit {
  const untilMs = new Map<string, number>();
  return (source, nowMs) => {
    if (nowMs < (untilMs.get(source) ?? -Infinity)) return false;
    untilMs.set(source, nowMs + delayMs);
    return true;
  };
}

/** `connlimit`: a burst, then one PADI per interval. */
function connLimit(burst: number, intervalMs: number): Limit {
  const taken = new Map<string, { count: number; ms: number }>();
  return (source, nowMs) => {
    const of = taken.get(source);
    if (of === undefined) {
      taken.set(source, { count: 0, ms: nowMs });
      return true;
    }
    if (++of.count < burst) return true;
    if (nowMs - of.ms < intervalMs) return false;
    of.ms = nowMs;
    return true;
  };
}

/** The times at which pppd sends its PADIs, and at which it gives up, in ms after the first. */
const PPPD = { padiMs: [0, 5000, 15_000], patienceMs: 35_000 };

/** The host that has dialled before the others. */
const FIRST = 999;

/** The results of hosts that dialled at the same time. */
interface Outcome {
  /** The number of hosts with a session. */
  up: number;
  /** The times of the PADIs that the AC got. */
  padiMs: number[];
  problems: Problem[];
}

/** Lets hosts dial at once, like pppd. One host has dialled before, so that the AC is known. */
function dialTogether(
  { hosts, limit, answerMs = 1, mode = "own", clients = 1, seen = () => true }: {
    hosts: number;
    limit: Limit;
    /** The time that the AC needs for an answer, in ms. */
    answerMs?: number;
    mode?: MacMode;
    clients?: number;
    /** Returns true if the AC accepts the host with a number. */
    seen?: (host: number) => boolean;
  },
): Outcome {
  const joined = new JoinedRelays({ server: mode, clients: new Array(clients).fill("own") });
  const { server } = joined;
  const BEGIN_MS = 60_000;
  const outcome: Outcome = { up: 0, padiMs: [], problems: server.problems };
  const events: { ms: number; act: () => void }[] = [];
  const at = (ms: number, act: () => void) => {
    events.push({ ms, act });
    events.sort((a, b) => a.ms - b.ms);
  };
  const offered = new Set<number>();
  const hostOf = new Map<string, number>();
  let sessionId = 0;
  const clientOf = (host: number) => joined.clients[host % clients];
  const macOf = (host: number) => Uint8Array.of(2, 0x33, 0, 0, host >> 8, host);

  const toAc = (frame: Uint8Array) => {
    const { code, source, tags } = parseDiscovery(frame)!;
    const host = hostOf.get(`${tags[1].value}`);
    if (code === CODE.PADR) {
      return at(joined.nowMs, () => {
        joined.acSends(answer(frame, AC, "PADS", { sessionId: ++sessionId }));
        outcome.up++;
      });
    }
    assertEquals(code, CODE.PADI);
    if (joined.nowMs >= BEGIN_MS) outcome.padiMs.push(joined.nowMs - BEGIN_MS);
    if (host !== undefined && !seen(host)) return;
    if (!limit(formatMac(source), joined.nowMs)) return;
    at(joined.nowMs + answerMs, () => {
      toHosts(joined.acSends(answer(frame, AC, "PADO")));
    });
  };
  // Handles the frames on the clients' links, except for the first host's. Each host accepts its first offer.
  const toHosts = (first: Uint8Array[]) => {
    joined.clients.forEach((client, index) => {
      for (const frame of index === 0 ? first : client.takeLink()) {
        const { code, destination } = parseDiscovery(frame)!;
        const host = destination[4] * 256 + destination[5];
        if (code !== CODE.PADO || offered.has(host)) continue;
        offered.add(host);
        for (const asked of joined.hostSends(padr(frame), client)) toAc(asked);
      }
    });
  };
  const dial = (host: number, patienceMs: number, fromMs: number) => {
    for (const ms of PPPD.padiMs) {
      at(fromMs + ms, () => {
        if (offered.has(host) || joined.nowMs - fromMs > patienceMs) return;
        const request = padi(macOf(host), [SERVICE, hostUniq(host >> 8, host)]);
        for (const frame of joined.hostSends(request, clientOf(host))) {
          hostOf.set(`${parseDiscovery(frame)!.tags[1].value}`, host);
          toAc(frame);
        }
      });
    }
  };
  dial(FIRST, PPPD.patienceMs, 0);
  for (let host = 0; host < hosts; host++) dial(host, PPPD.patienceMs, BEGIN_MS + host);

  // Until the last host has given up.
  const endMs = BEGIN_MS + PPPD.patienceMs + 2000;
  let tickMs = 0;
  for (;;) {
    const nextMs = Math.min(events[0]?.ms ?? Infinity, server.relay.dueMs, tickMs);
    if (nextMs > endMs) break;
    joined.nowMs = Math.max(joined.nowMs, nextMs);
    if (events[0]?.ms <= joined.nowMs) events.shift()!.act();
    if (joined.nowMs >= server.relay.dueMs) {
      server.relay.due(joined.nowMs);
      for (const frame of server.takeLink()) toAc(frame);
    }
    if (joined.nowMs >= tickMs) {
      tickMs = joined.nowMs + 1000;
      server.relay.tick(joined.nowMs);
    }
  }
  // The host that made the AC known is not counted.
  outcome.up--;
  return outcome;
}

for (const clients of [1, 4]) {
  Deno.test(`Relay connects 20 of 20 hosts of ${clients} clients to an AC that answers one PADI per second`, () => {
    const { up, problems } = dialTogether({ hosts: 20, limit: padiLimit(), clients });
    assertEquals([up, problems], [20, []]);
  });
}

for (const delayMs of [200, 500, 1000, 1500]) {
  Deno.test(`Relay connects 20 of 20 hosts to an AC that delays one PADO at a time by ${delayMs} ms`, () => {
    const limit = padoDelay(delayMs);
    assertEquals(dialTogether({ hosts: 20, limit, answerMs: delayMs }).up, 20);
  });
}

Deno.test("Relay connects hosts to an AC that answers a burst, then one PADI per second", () => {
  assertEquals(dialTogether({ hosts: 20, limit: connLimit(3, 1000) }).up, 20);
});

Deno.test("Relay suggests --mac per-host if hosts give up at an AC that limits each address", () => {
  const { up, problems } = dialTogether({ hosts: 20, limit: connLimit(3, 60_000) });
  assert(up < 20, `${up} hosts`);
  assertEquals(new Set(problems.map(({ id }) => id)), new Set(["slow-ac"]));
  assert(problems[0].advice.includes("--mac per-host"));
  // With that flag, all hosts connect.
  const perHost = dialTogether({ hosts: 20, limit: connLimit(3, 60_000), mode: "per-host" });
  assertEquals([perHost.up, perHost.problems], [20, []]);
});

for (const answerMs of [0, 1, 30, 400, 900, 2500]) {
  Deno.test(`Relay sends each PADI once to an AC without a limit that answers after ${answerMs} ms`, () => {
    const { up, padiMs, problems } = dialTogether({ hosts: 100, limit: () => true, answerMs });
    assertEquals([up, padiMs.length, problems], [100, 100, []]);
  });
}

Deno.test("Relay repeats no PADI for a single host, or if no AC answers", () => {
  const seen = (host: number) => host === FIRST;
  const alone = dialTogether({ hosts: 1, limit: () => true, seen });
  assertEquals(alone.padiMs, PPPD.padiMs);
  const silent = dialTogether({ hosts: 20, limit: () => true, seen });
  assertEquals([silent.padiMs.length, silent.problems], [3 * 20, []]);
});

Deno.test("Relay repeats a PADI only a few times for a host that the AC refuses", () => {
  const { up, padiMs, problems } = dialTogether({
    hosts: 20,
    limit: () => true,
    seen: (host) => host !== 7,
  });
  // There are its own three PADIs and three repeats, and no problem is reported.
  assertEquals([up, padiMs.length, problems], [19, 19 + 3 + 3, []]);
});

Deno.test("Relay repeats no PADI if each host has its own address", () => {
  for (const mode of ["per-host", "transparent"] as const) {
    const { up, padiMs } = dialTogether({ hosts: 20, limit: padiLimit(), mode });
    assertEquals([up, padiMs.length], [20, 20]);
  }
});

/** Makes a discovery of a client, with the fields that {@linkcode PadiRepeats} uses. */
function discoveryOf(peer: Peer): ServerPending {
  return { peer } as ServerPending;
}

function peer(name: string): Peer {
  const made = new Peer(name, name, 0);
  made.tunnel = 1;
  return made;
}

/** Makes repeats with PADIs of several hosts of each client at once, of which the very first was answered. */
function together(counts: number[]) {
  const repeats = new PadiRepeats();
  const peers = counts.map((_, n) => peer(`client ${n}`));
  const all = peers.map((of, n) => Array.from({ length: counts[n] }, () => discoveryOf(of)));
  for (const [n, discoveries] of all.entries()) {
    for (const [i, each] of discoveries.entries()) repeats.sought(each, Uint8Array.of(n, i), 0);
  }
  repeats.answered(all[0][0], 1);
  return { repeats, peers, all };
}

/** Returns the discoveries whose PADIs are repeated within a time, if no AC answers. */
function repeated(repeats: PadiRepeats, fromMs: number, toMs: number): string[] {
  const sent: string[] = [];
  for (let nowMs = fromMs; nowMs < toMs; nowMs += 50) {
    const frame = repeats.next(nowMs);
    if (frame !== undefined) sent.push(`${frame}`);
  }
  return sent;
}

Deno.test("PadiRepeats.next() takes clients in turn, however many PADIs each has waiting", () => {
  const { repeats } = together([100, 2, 1]);
  const clients = repeated(repeats, 1000, 10_000).map((frame) => frame.split(",")[0]);
  assertEquals(clients.slice(0, 6), ["0", "1", "2", "0", "1", "2"]);
});

Deno.test("PadiRepeats.next() skips an absent client", () => {
  const { repeats, peers } = together([2, 2]);
  peers[1].tunnel = NO_TUNNEL;
  assertEquals(repeated(repeats, 1000, 15_000), ["0,1", "0,1", "0,1"]);
});

Deno.test("PadiRepeats keeps a maximum number of PADIs for each client, and in total", () => {
  const { repeats, all } = together([300, 300, 300, 300, 300]);
  const waits = all.map((discoveries) => {
    let kept = 0;
    for (const each of discoveries) {
      const before = repeats.size;
      repeats.removed(each);
      kept += before - repeats.size;
    }
    return kept;
  });
  // Those with more gave way to the last client. One PADI was answered.
  assertEquals(waits, [204, 205, 205, 205, 204]);
  assertEquals([repeats.size, repeats.dueMs], [0, Infinity]);
});

Deno.test("PadiRepeats waits for an AC as long as the AC needs to answer, up to 5 s", () => {
  for (const [latencyMs, dueMs] of [[0, 1050], [700, 2450], [30_000, 36_050]]) {
    const repeats = new PadiRepeats();
    const [one, two] = [discoveryOf(peer("a")), discoveryOf(peer("b"))];
    repeats.sought(one, Uint8Array.of(1), 0);
    repeats.sought(two, Uint8Array.of(2), 0);
    repeats.answered(one, latencyMs);
    assertEquals(repeats.dueMs, dueMs);
  }
});

Deno.test("PadiRepeats.next() does not repeat the PADI of a host that soon repeats its own", () => {
  const repeats = new PadiRepeats();
  const [one, two] = [discoveryOf(peer("a")), discoveryOf(peer("b"))];
  repeats.sought(one, Uint8Array.of(1), 0);
  repeats.answered(one, 1);
  repeats.sought(two, Uint8Array.of(2), 5000);
  repeats.sought(two, Uint8Array.of(2), 5500);
  assertEquals(repeated(repeats, 5000, 30_000), []);
});
