// Budgets of control frames, by session and by host.

import { assertEquals } from "@std/assert";
import { FATE, PeerBudgets, type SessionBudgets } from "../../../src/relay/control_budget.ts";

const HOST = Uint8Array.of(2, 0, 0, 0, 0, 1);

/** Pays for as many of `count` frames as the budgets allow; returns their number. */
function paid(budgets: SessionBudgets, count: number, nowMs: number): number {
  let paid = 0;
  for (let n = 0; n < count; n++) if (budgets.payFromLink(nowMs) === FATE.AHEAD) paid++;
  return paid;
}

Deno.test("SessionBudgets cover a dial, then 150 frames a second", () => {
  const session = new PeerBudgets().enter(HOST, 0);
  assertEquals(paid(session, 1000, 0), 200);
  assertEquals(paid(session, 1000, 500), 75);
  for (let second = 1; second <= 60; second++) {
    assertEquals(paid(session, 150, 500 + 1000 * second), 150);
  }
  assertEquals(paid(session, 1000, 3_600_000), 200);
});

Deno.test("SessionBudgets are separate for the two directions", () => {
  const session = new PeerBudgets().enter(HOST, 0);
  assertEquals(paid(session, 1000, 0), 200);
  assertEquals(session.payFromTunnel(0), FATE.AHEAD);
});

Deno.test("SessionBudgets of one host have a limit together, and those of another host are untouched", () => {
  const peer = new PeerBudgets();
  const sessions = Array.from({ length: 20 }, () => peer.enter(HOST, 0));
  const other = peer.enter(Uint8Array.of(2, 0, 0, 0, 0, 2), 0);
  const all = (nowMs: number) =>
    sessions.reduce((sum, session) => sum + paid(session, 300, nowMs), 0);
  assertEquals(all(0), 2000);
  assertEquals(all(1000), 300);
  assertEquals(paid(other, 300, 1000), 200);
});

Deno.test("PeerBudgets.leave() does not refill the budget of a host that dials again", () => {
  const peer = new PeerBudgets();
  let all = 0;
  for (let n = 0; n < 50; n++) {
    all += paid(peer.enter(HOST, 0), 300, 0);
    peer.leave(HOST);
  }
  assertEquals(all, 2000);
});

Deno.test("PeerBudgets remember a bounded number of hosts without a session", () => {
  const peer = new PeerBudgets();
  peer.enter(HOST, 0);
  for (let n = 0; n < 10_000; n++) {
    const mac = Uint8Array.of(2, 1, 0, 0, n >> 8, n & 0xff);
    peer.enter(mac, 0);
    peer.leave(mac);
    if (peer.size > 66) throw new Error(`${peer.size} hosts after ${n}`);
  }
  assertEquals(paid(peer.enter(HOST, 0), 10, 0), 10);
});

Deno.test("SessionBudgets treat 5000 more frames a second of a host as data, and drop the rest", () => {
  const session = new PeerBudgets().enter(HOST, 0);
  const fates = [0, 0, 0];
  for (let nowMs = 0; nowMs < 10_000; nowMs++) {
    for (let n = 0; n < 300; n++) fates[session.payFromLink(nowMs)]++;
  }
  const [ahead, asData, dropped] = fates;
  assertEquals(ahead, 200 + 1499);
  assertEquals(Math.abs(asData - 60_000) < 10, true, `${asData}`);
  assertEquals(ahead + asData + dropped, 3_000_000);
});
