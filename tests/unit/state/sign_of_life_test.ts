// The time since the last sign of life, whatever the wall clock does meanwhile.

import { assertEquals } from "@std/assert";
import { Journal } from "../../../src/state/mod.ts";
import {
  encodeSign,
  parseSign,
  type SignOfLife,
  silenceSince,
  systemBootClock,
} from "../../../src/state/sign_of_life.ts";
import { Fixture, record, serials } from "./fixture.ts";

const WALL_MS = Date.UTC(2026, 5, 1);
const HOUR_MS = 3600_000;
const SIGN: SignOfLife = {
  boot: "a",
  sinceBootMs: 5_000_000.25,
  clockMs: WALL_MS,
  wallMs: WALL_MS,
};

/** Returns the silence after so many ms since the start of the machine, with the wall clock at some time. */
function silence(boot: string, sinceBootMs: number, wallMs: number, sign = SIGN): number {
  return silenceSince(sign, sign.wallMs, wallMs, { boot, sinceBootMs: () => sinceBootMs });
}

Deno.test("A sign of life is read as it was written, and always has the same length", () => {
  for (const sign of [SIGN, { ...SIGN, sinceBootMs: 0, wallMs: 0, clockMs: 0 }]) {
    const text = encodeSign(sign);
    assertEquals(parseSign(text, sign.wallMs), sign);
    assertEquals([text.length, text.at(-1)], [256, "\n"]);
  }
});

Deno.test("parseSign() ignores an empty, a damaged and a stale sign", () => {
  const text = encodeSign(SIGN);
  for (const damaged of ["", "\0".repeat(256), text.slice(9), "{}", '{"boot":"a","sinceBoot":1}']) {
    assertEquals(parseSign(damaged, WALL_MS), undefined, damaged);
  }
  // An older version has run since, and changed only the time of the file.
  assertEquals(parseSign(text, WALL_MS + 5000), undefined);
  assertEquals(parseSign(text, WALL_MS - 5000), undefined);
  assertEquals(parseSign(text, WALL_MS + 1000), SIGN);
});

Deno.test("parseSign() ignores a sign with an impossible time", () => {
  const withFields = (fields: object) =>
    JSON.stringify({ ...JSON.parse(encodeSign(SIGN)), ...fields });
  assertEquals(parseSign(withFields({}), WALL_MS), SIGN);
  for (
    const fields of [
      { clock: "+275760-09-13T00:00:00.000Z" },
      { clock: "9999-12-31T23:59:59.999Z" },
      { clock: "-271821-04-20T00:00:00.000Z" },
      { clock: "yesterday" },
      { sinceBoot: -1 },
      { sinceBoot: -1e300 },
      { sinceBoot: 1e300 },
    ]
  ) {
    assertEquals(parseSign(withFields(fields), WALL_MS), undefined, JSON.stringify(fields));
  }
});

Deno.test("The silence is measured by the time since the machine's start, if that is the same", () => {
  const laterMs = SIGN.sinceBootMs + 1500;
  for (const stepMs of [0, HOUR_MS, -HOUR_MS, -WALL_MS, 30 * 365 * 24 * HOUR_MS]) {
    assertEquals(silence("a", laterMs, WALL_MS + stepMs), 1500, `${stepMs}`);
  }
});

Deno.test("The silence over a restart of the machine is that of the wall clock, and at least its uptime", () => {
  assertEquals(silence("b", 30_000, WALL_MS + HOUR_MS), HOUR_MS);
  // The clock went back, or stood still: a box without a battery.
  assertEquals(silence("b", 30_000, WALL_MS - HOUR_MS), 30_000);
  assertEquals(silence("b", 30_000, WALL_MS + 1000), 30_000);
  // The clock was not set yet, now or then.
  assertEquals(silence("b", 30_000, 10_000), 30_000);
  assertEquals(silence("b", 30_000, WALL_MS, { ...SIGN, wallMs: 20_000 }), 30_000);
});

Deno.test("The silence is that of the wall clock where the time since the machine's start is unknown", () => {
  assertEquals(silenceSince(undefined, WALL_MS, WALL_MS + HOUR_MS, undefined), HOUR_MS);
  assertEquals(silenceSince(undefined, WALL_MS, WALL_MS - HOUR_MS, undefined), 0);
  assertEquals(silenceSince(SIGN, WALL_MS, WALL_MS + HOUR_MS, undefined), HOUR_MS);
  // In another time namespace, the clock may be behind.
  assertEquals(silence("a", 1000, WALL_MS + HOUR_MS), HOUR_MS);
});

Deno.test("systemBootClock() shows the time since the machine's start", () => {
  const [uptime] = Deno.readTextFileSync("/proc/uptime").split(" ");
  const clock = systemBootClock()!;
  const aheadMs = clock.sinceBootMs() - Number(uptime) * 1000;
  assertEquals(aheadMs >= -10 && aheadMs < 10_000, true, `${aheadMs} ms`);
  assertEquals(/^[0-9a-f-]{36}$/.test(clock.boot), true);
});

for (
  const [what, stepMs] of [["forward", HOUR_MS], ["back", -HOUR_MS], ["not", 0]] as const
) {
  Deno.test(`Sessions and absent peers keep their times when the clock is ${what} stepped between two runs`, async () => {
    await using fixture = new Fixture();
    let sinceBootMs = 1000;
    const clock = { boot: "a", sinceBootMs: () => sinceBootMs };
    const first = await fixture.open({ clock });
    const clockMs = () => first.clockOffsetMs! + sinceBootMs;
    await first.alive();
    const journal = Journal.open(first.path, first.segment, { full() {}, failed() {} });
    journal.opened(record(1, { openedAtMs: clockMs() }));
    sinceBootMs += 5000;
    fixture.nowMs += 5000;
    journal.away("00112233", clockMs());
    journal.close();
    await fixture.tick();
    const copy = await fixture.copy();
    sinceBootMs += 3000;
    fixture.nowMs += 3000 + stepMs;
    const second = await fixture.open({ clock }, copy);
    assertEquals([second.silentMs, serials(second)], [3000, [1]]);
    const nowMs = second.clockOffsetMs! + sinceBootMs;
    assertEquals(nowMs - second.sessions[0].openedAtMs, 8000);
    assertEquals(nowMs - second.away.get("00112233")!, 3000);
  });
}

Deno.test("A directory without sessions begins its clock anew as the wall clock", async () => {
  await using fixture = new Fixture();
  const clock = { boot: "a", sinceBootMs: () => 1000 };
  await (await fixture.open({ clock })).alive();
  const copy = await fixture.copy();
  fixture.nowMs += HOUR_MS;
  const second = await fixture.open({ clock }, copy);
  assertEquals(second.clockOffsetMs! + 1000, fixture.nowMs);
});

Deno.test("A directory of an older version is read by the wall clock, and one can go back to it", async () => {
  await using fixture = new Fixture();
  await (await fixture.open()).alive();
  assertEquals(fixture.read("lock"), "");
  const copy = await fixture.copy();
  fixture.nowMs += 4000;
  let sinceBootMs = 9000;
  const clock = { boot: "a", sinceBootMs: () => sinceBootMs };
  const second = await fixture.open({ clock }, copy);
  assertEquals(second.silentMs, 4000);
  await second.alive();
  await second.close();
  fixture.nowMs += 7000;
  sinceBootMs += 7000;
  // An older version reads only the time of the file.
  const older = await fixture.open({}, copy);
  assertEquals(older.silentMs, 7000);
  fixture.nowMs += 60_000;
  sinceBootMs += 60_000;
  await older.alive();
  await older.close();
  fixture.nowMs += 2500;
  sinceBootMs += 2500;
  assertEquals((await fixture.open({ clock }, copy)).silentMs, 2500);
});

/** Fills the lock of a copy, at the time of the wall clock. */
async function fillLock(fixture: Fixture, copy: string, content: string): Promise<void> {
  await Deno.writeTextFile(`${copy}/lock`, content);
  const time = new Date(fixture.nowMs);
  await Deno.utime(`${copy}/lock`, time, time);
}

Deno.test("A sign of life longer than this version's is read, and replaced by one that can be read", async () => {
  await using fixture = new Fixture();
  let sinceBootMs = 9000;
  const clock = { boot: "a", sinceBootMs: () => sinceBootMs };
  await (await fixture.open({ clock })).alive();
  const copy = await fixture.copy();
  const later = JSON.stringify({ ...JSON.parse(fixture.read("lock")), more: "y".repeat(1000) });
  await fillLock(fixture, copy, `${later}\n`);
  sinceBootMs += 1500;
  fixture.nowMs += HOUR_MS;
  const second = await fixture.open({ clock }, copy);
  assertEquals(second.silentMs, 1500);
  await second.alive();
  const text = await Deno.readTextFile(`${copy}/lock`);
  assertEquals([text.length, parseSign(text, fixture.nowMs)?.sinceBootMs], [256, 10_500]);
});

Deno.test("A lock that is far too long is not read, and replaced by a sign of life", async () => {
  await using fixture = new Fixture();
  const clock = { boot: "a", sinceBootMs: () => 9000 };
  const first = await fixture.open({ clock });
  const journal = Journal.open(first.path, first.segment, { full() {}, failed() {} });
  journal.opened(record(1, { openedAtMs: fixture.nowMs }));
  journal.close();
  await first.alive();
  const copy = await fixture.copy();
  // A sign that would be valid, and blanks that do no harm to JSON.
  await fillLock(fixture, copy, fixture.read("lock").padEnd(2 ** 20));
  fixture.nowMs += 4000;
  const second = await fixture.open({ clock }, copy);
  // By the time of the file, since the time in the sign says that there was no time between.
  assertEquals([second.silentMs, serials(second)], [4000, [1]]);
  await second.alive();
  assertEquals((await Deno.stat(`${copy}/lock`)).size, 256);
  assertEquals(fixture.warnings, []);
});

Deno.test("A clock or a file's time that is out of range does not stop the signs of life", async () => {
  for (const changedMs of [undefined, 8.64e15]) {
    await using fixture = new Fixture();
    const clock = { boot: "a", sinceBootMs: () => 9000 };
    const first = await fixture.open({ clock });
    const journal = Journal.open(first.path, first.segment, { full() {}, failed() {} });
    journal.opened(record(1, { openedAtMs: fixture.nowMs }));
    journal.close();
    await first.alive();
    const copy = await fixture.copy();
    const sign = { ...JSON.parse(fixture.read("lock")), clock: "+275760-09-13T00:00:00.000Z" };
    await fillLock(fixture, copy, JSON.stringify(sign));
    // Some file systems keep the last time that they can instead.
    if (changedMs !== undefined) await Deno.utime(`${copy}/lock`, 0, changedMs / 1000);
    const second = await fixture.open({ clock }, copy);
    assertEquals(serials(second), [1]);
    if (changedMs === undefined) assertEquals(second.clockOffsetMs! + 9000, fixture.nowMs);
    await second.alive();
    const text = await Deno.readTextFile(`${copy}/lock`);
    assertEquals(parseSign(text, fixture.nowMs)?.clockMs, second.clockOffsetMs! + 9000);
    assertEquals(fixture.warnings, []);
  }
});
