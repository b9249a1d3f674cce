import fs from "node:fs";
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { ConfigurationError } from "../../../src/configuration_error.ts";
import { Journal, type JournalEvents, type StateDir } from "../../../src/state/mod.ts";
import { encodeClose, encodeOpen, encodeReset } from "../../../src/state/session_record.ts";
import { Fixture, record, serials, undeliveredPadt } from "./fixture.ts";

const QUIET: JournalEvents = { full: () => {}, failed: () => {} };

/** Writes to a segment, by default the first one of a directory. */
function journal(
  dir: StateDir,
  write: (journal: Journal) => void,
  segment = dir.segment,
): void {
  const journal = Journal.open(dir.path, segment, QUIET);
  write(journal);
  journal.close();
}

/** Makes a directory as left by a killed process, with sessions 1 to 3 in the base and one change. */
async function killed(fixture: Fixture): Promise<string> {
  const before = await fixture.open();
  journal(before, (journal) => {
    for (const serial of [1, 2, 3]) journal.opened(record(serial));
  });
  await before.close();
  const after = await fixture.open();
  await after.alive();
  journal(after, (journal) => journal.opened(record(4)));
  return await fixture.copy();
}

Deno.test("StateDir.open() creates a directory that only its owner can access", async () => {
  await using fixture = new Fixture();
  const dir = await fixture.open();
  assertEquals(fixture.names(), ["identity", "lock", "sessions.jsonl"]);
  assertEquals(Deno.statSync(fixture.path).mode! & 0o777, 0o700);
  for (const name of fixture.names()) {
    assertEquals(Deno.statSync(`${fixture.path}/${name}`).mode! & 0o777, 0o600, name);
  }
  assertEquals(
    fixture.read("sessions.jsonl"),
    '{"version":1,"mode":"server","interface":"eth1","through":0,"lastSerial":0}\n',
  );
  assertEquals([dir.sessions, dir.undelivered, dir.silentMs, dir.nextSerial, dir.segment], [
    [],
    [],
    undefined,
    1,
    1,
  ]);
});

Deno.test("StateDir.open() finds the state of a killed process", async () => {
  await using fixture = new Fixture();
  const first = await fixture.open();
  journal(first, (journal) => {
    for (const serial of [1, 2, 3]) journal.opened(record(serial));
    journal.closed(2);
    journal.undelivered(undeliveredPadt(7));
    journal.undelivered(undeliveredPadt(8));
    journal.delivered(undeliveredPadt(8));
  });
  const copy = await fixture.copy();
  const second = await fixture.open({}, copy);
  assertEquals(second.sessions, [record(1), record(3)]);
  assertEquals(second.undelivered, [undeliveredPadt(7)]);
  assertEquals([second.identity, second.nextSerial], [first.identity, 4]);
  assertEquals(fixture.names(copy), ["identity", "lock", "sessions.jsonl"]);
  assert(second.segment > first.segment);
  assertEquals(fixture.warnings, []);
});

Deno.test("StateDir.close() keeps the state and releases the directory", async () => {
  await using fixture = new Fixture();
  const first = await fixture.open();
  journal(first, (journal) => journal.opened(record(1)));
  await first.close();
  await first.close();
  await first.compacted(first.segment);
  assertEquals(fixture.names(), ["identity", "lock", "sessions.jsonl"]);
  assertEquals((await fixture.open()).sessions, [record(1)]);
});

Deno.test("StateDir.nextSerial is never reused", async () => {
  await using fixture = new Fixture();
  journal(await fixture.open(), (journal) => {
    journal.opened(record(9));
    journal.closed(9);
  });
  const second = await fixture.open({}, await fixture.copy());
  assertEquals([second.sessions, second.nextSerial], [[], 10]);
  await second.close();
  assertEquals((await fixture.open({}, second.path)).nextSerial, 10);
});

Deno.test("StateDir.silentMs is the time since the last sign of life", async () => {
  await using fixture = new Fixture();
  await (await fixture.open()).alive();
  fixture.nowMs += 5_000;
  await fixture.tick();
  fixture.nowMs += 60_000;
  assertEquals((await fixture.open({}, await fixture.copy())).silentMs, 60_000);
  const copy = await fixture.copy();
  Deno.removeSync(`${copy}/lock`);
  Deno.utimeSync(`${copy}/sessions.jsonl`, 0, new Date(fixture.nowMs - 90_000));
  assertEquals((await fixture.open({}, copy)).silentMs, 90_000);
});

Deno.test("StateDir.silentMs is 0 when the clock went back", async () => {
  await using fixture = new Fixture();
  await (await fixture.open()).alive();
  const copy = await fixture.copy();
  fixture.nowMs -= 3600_000;
  assertEquals((await fixture.open({}, copy)).silentMs, 0);
});

Deno.test("StateDir gives no sign of life before alive()", async () => {
  await using fixture = new Fixture();
  await (await fixture.open()).alive();
  const copy = await fixture.copy();
  fixture.write("changes.1.jsonl", encodeOpen(record(1)), copy);
  for (let start = 1; start <= 3; start++) {
    fixture.nowMs += 10_000;
    const dir = await fixture.open({}, copy);
    assertEquals([dir.silentMs, serials(dir)], [start * 10_000, [1]]);
    await dir.close();
  }
  fixture.nowMs += 10_000;
  const dir = await fixture.open({}, copy);
  await dir.alive();
  await dir.alive();
  fixture.nowMs += 10_000;
  await dir.close();
  assertEquals((await fixture.open({}, copy)).silentMs, 0);
});

Deno.test("StateDir keeps the time of a base without a lock over failed starts", async () => {
  await using fixture = new Fixture();
  await fixture.open();
  const copy = await fixture.copy();
  Deno.removeSync(`${copy}/lock`);
  Deno.utimeSync(`${copy}/sessions.jsonl`, 0, new Date(fixture.nowMs - 90_000));
  await (await fixture.open({}, copy)).close();
  assertEquals((await fixture.open({}, copy)).silentMs, 90_000);
});

Deno.test("StateDir.alive() does nothing once closed", async () => {
  await using fixture = new Fixture();
  const dir = await fixture.open();
  await dir.close();
  const { mtime } = Deno.statSync(`${fixture.path}/lock`);
  await dir.alive();
  assertEquals(Deno.statSync(`${fixture.path}/lock`).mtime, mtime);
});

Deno.test("StateDir.open() rejects a directory that is in use, and changes nothing", async () => {
  await using fixture = new Fixture();
  await (await fixture.open()).alive();
  fixture.write("sessions.jsonl.new", "");
  const names = fixture.names();
  fixture.nowMs += 1000;
  const error = await assertRejects(() => fixture.open(), ConfigurationError);
  assertEquals(error.message, `Cannot use ${fixture.path}: another process uses it`);
  assertEquals(fixture.names(), names);
  assertEquals(
    Deno.statSync(`${fixture.path}/lock`).mtime,
    new Date(fixture.nowMs - 1000),
  );
});

Deno.test("StateDir.open() rejects sessions of another side or interface, and changes nothing", async () => {
  await using fixture = new Fixture();
  const copy = await killed(fixture);
  const before = fixture.names(copy).map((name) => fixture.read(name, copy));
  const errors = [
    await assertRejects(() => fixture.open({ side: "client" }, copy), ConfigurationError),
    await assertRejects(() => fixture.open({ interfaceName: "eth2" }, copy), ConfigurationError),
  ];
  assertEquals(errors.map(({ message }) => message), [
    `Cannot use ${copy}: it has sessions of a server on eth1, but this is a client on eth1; ` +
    "use another directory, or remove this one to forget the sessions",
    `Cannot use ${copy}: it has sessions of a server on eth1, but this is a server on eth2; ` +
    "use another directory, or remove this one to forget the sessions",
  ]);
  assertEquals(fixture.names(copy).map((name) => fixture.read(name, copy)), before);
  fixture.nowMs += 7000;
  assertEquals((await fixture.open({}, copy)).silentMs, 7000);
});

Deno.test("StateDir.open() accepts a directory of the other side without sessions", async () => {
  await using fixture = new Fixture();
  const { identity } = await fixture.open();
  const copy = await fixture.copy();
  const second = await fixture.open({ side: "client", interfaceName: "eth2" }, copy);
  assertEquals(second.identity, identity);
  assertEquals(
    fixture.read("sessions.jsonl", copy),
    '{"version":1,"mode":"client","interface":"eth2","through":0,"lastSerial":0}\n',
  );
});

Deno.test("StateDir.open() rejects a directory of a later version", async () => {
  await using fixture = new Fixture();
  await fixture.open();
  const copy = await fixture.copy();
  fixture.write("sessions.jsonl", '{"version":2,"more":true}\n{"new":1}\n', copy);
  await assertRejects(
    () => fixture.open({}, copy),
    ConfigurationError,
    `Cannot use ${copy}: it was written by a later pppoe-proxy, in version 2 of the format`,
  );
  assertEquals(fixture.warnings, []);
});

Deno.test("StateDir.open() throws a ConfigurationError when the directory cannot be created", async () => {
  await using fixture = new Fixture();
  const error = await assertRejects(
    () => fixture.open({}, "/proc/pppoe-proxy"),
    ConfigurationError,
  );
  assertEquals(
    error.message,
    "Cannot use /proc/pppoe-proxy: it does not exist, and cannot be made; give another one",
  );
  await fixture.open();
  await assertRejects(
    () => fixture.open({}, `${fixture.path}/identity`),
    ConfigurationError,
    "it is a file; give a directory",
  );
});

Deno.test("StateDir.open() sets a damaged identity aside and makes a new one", async () => {
  await using fixture = new Fixture();
  const { identity } = await fixture.open();
  const copy = await fixture.copy();
  fixture.write("identity", "0011\n", copy);
  const second = await fixture.open({}, copy);
  assertEquals(second.identity.length, 16);
  assertNotEquals(second.identity, identity);
  assertEquals(fixture.read("identity.damaged-1", copy), "0011\n");
  assertEquals(fixture.warnings, [
    `Cannot read ${copy}/identity: it is not 32 hexadecimal digits; the file is kept as ` +
    "identity.damaged-1 and a new identity is made",
  ]);
  await second.close();
  assertEquals((await fixture.open({}, copy)).identity, second.identity);
});

Deno.test("StateDir.open() reports no damage for a last line that a kill truncated", async () => {
  await using fixture = new Fixture();
  const copy = await killed(fixture);
  const torn = encodeOpen(record(5));
  for (const cut of ["{", torn.slice(0, -1), "\0\0\0"]) {
    fixture.write("changes.2.jsonl", encodeOpen(record(4)) + cut, copy);
    const again = await fixture.copy(copy);
    assertEquals(serials(await fixture.open({}, again)), [1, 2, 3, 4]);
  }
  assertEquals(fixture.warnings, []);
});

Deno.test("StateDir.open() keeps the readable lines of a segment, and the damaged file", async () => {
  await using fixture = new Fixture();
  const copy = await killed(fixture);
  const name = "changes.2.jsonl";
  const garbled = new TextEncoder().encode(encodeOpen(record(6)));
  garbled[40] = 0xff;
  const damaged = Uint8Array.from([
    ...new TextEncoder().encode(encodeOpen(record(4)) + "\0\0\0\n\n" + encodeClose(1)),
    ...garbled,
    ...new TextEncoder().encode(encodeOpen(record(7))),
  ]);
  fixture.write(name, damaged, copy);
  assertEquals(serials(await fixture.open({}, copy)), [2, 3, 4, 7]);
  assertEquals(Deno.readFileSync(`${copy}/${name}.damaged-1`), damaged);
  assertEquals(fixture.warnings, [
    `Cannot read 3 lines of ${copy}/${name}; the file is kept as ${name}.damaged-1`,
  ]);
});

Deno.test("StateDir.open() reports a truncated segment if another segment follows", async () => {
  await using fixture = new Fixture();
  const copy = await killed(fixture);
  fixture.write("changes.2.jsonl", encodeOpen(record(4)) + '{"clo', copy);
  fixture.write("changes.3.jsonl", encodeOpen(record(5)), copy);
  assertEquals(serials(await fixture.open({}, copy)), [1, 2, 3, 4, 5]);
  assertEquals(fixture.warnings, [
    `Cannot read 1 line of ${copy}/changes.2.jsonl; the file is kept as changes.2.jsonl.damaged-1`,
  ]);
});

Deno.test("StateDir.open() keeps the readable lines of a base with any damage", async () => {
  await using fixture = new Fixture();
  const copy = await killed(fixture);
  const [header, one, two, three] = fixture.read("sessions.jsonl", copy).split(/(?<=\n)/);
  const bases: [string, number[]][] = [
    [one + two + three, [1, 2, 3, 4]],
    ["garbage\n" + one + two + three, [1, 2, 3, 4]],
    [header.replace("server", "relay") + one, [1, 4]],
    [header + one + two.slice(9) + three, [1, 3, 4]],
    [header + one + two + three.slice(0, 9), [1, 2, 4]],
    ["", [4]],
  ];
  const segment = fixture.read("changes.2.jsonl", copy);
  for (const [i, [base, expected]] of bases.entries()) {
    fixture.write("sessions.jsonl", base, copy);
    fixture.write("changes.2.jsonl", segment, copy);
    const dir = await fixture.open({}, copy);
    assertEquals(serials(dir), expected, base);
    assert(dir.segment > 2);
    await dir.close();
    const aside = `sessions.jsonl.damaged-${i + 1}`;
    assertEquals(fixture.read(aside, copy), base);
    assertEquals(fixture.warnings.splice(0), [
      `Cannot read 1 line of ${copy}/sessions.jsonl; the file is kept as ${aside}`,
    ]);
  }
});

Deno.test("StateDir.open() does not believe a number after which no segment could be read back", async () => {
  await using fixture = new Fixture();
  const copy = await killed(fixture);
  const base = fixture.read("sessions.jsonl", copy);
  const { through } = JSON.parse(base.split("\n")[0]);
  const end = Number.MAX_SAFE_INTEGER;
  fixture.write("sessions.jsonl", base.replace(`"through":${through}`, `"through":${end}`), copy);
  fixture.write("changes.999999999999999.jsonl", encodeClose(1), copy);
  const dir = await fixture.open({}, copy);
  assertEquals(serials(dir), [1, 2, 3, 4]);
  assertEquals([dir.segment, dir.nextSerial], [3, 5]);
  journal(dir, (journal) => journal.opened(record(5)));
  await dir.close();
  assertEquals(serials(await fixture.open({}, copy)), [1, 2, 3, 4, 5]);
});

Deno.test("StateDir.open() sets aside a file that cannot be read at all", async () => {
  await using fixture = new Fixture();
  const copy = await killed(fixture);
  Deno.removeSync(`${copy}/sessions.jsonl`);
  Deno.mkdirSync(`${copy}/sessions.jsonl`);
  const dir = await fixture.open({}, copy);
  assertEquals(serials(dir), [4]);
  assertEquals(fixture.warnings, [
    `Cannot read ${copy}/sessions.jsonl: it is a directory; the file is kept as sessions.jsonl.damaged-1`,
  ]);
  await dir.close();
  assertEquals(serials(await fixture.open({}, copy)), [4]);
});

Deno.test("StateDir.open() cleans up after a compaction that was killed before its rename", async () => {
  await using fixture = new Fixture();
  const copy = await killed(fixture);
  for (const name of ["sessions.jsonl.new", "identity.new"]) fixture.write(name, "{", copy);
  assertEquals(serials(await fixture.open({}, copy)), [1, 2, 3, 4]);
  assertEquals(fixture.names(copy), ["identity", "lock", "sessions.jsonl"]);
  assertEquals(fixture.warnings, []);
});

Deno.test("StateDir.open() ignores segments that a killed compaction left behind", async () => {
  await using fixture = new Fixture();
  const dir = await fixture.open();
  // One segment without the other would lead to another state.
  fixture.write("changes.1.jsonl", encodeOpen(record(1)) + encodeOpen(record(2)));
  fixture.write("changes.2.jsonl", encodeClose(1));
  const before = await fixture.copy();
  await dir.compacted(2);
  for (
    const left of [["changes.1.jsonl"], ["changes.2.jsonl"], ["changes.1.jsonl", "changes.2.jsonl"]]
  ) {
    const copy = await fixture.copy();
    for (const name of left) Deno.copyFileSync(`${before}/${name}`, `${copy}/${name}`);
    const second = await fixture.open({}, copy);
    assertEquals([serials(second), second.segment], [[2], 3], left.join());
    assertEquals(fixture.names(copy), ["identity", "lock", "sessions.jsonl"]);
  }
});

Deno.test("StateDir.open() only adds sessions for a reset that a kill truncated", async () => {
  await using fixture = new Fixture();
  const copy = await killed(fixture);
  fixture.write("changes.3.jsonl", encodeReset("begin") + encodeOpen(record(5)), copy);
  assertEquals(serials(await fixture.open({}, copy)), [1, 2, 3, 4, 5]);
});

Deno.test("StateDir.compacted() makes a base from the full segments, and leaves the others", async () => {
  await using fixture = new Fixture();
  const dir = await fixture.open();
  const full: number[] = [];
  const journal = Journal.open(dir.path, dir.segment, {
    full: (segment) => full.push(segment),
    failed: () => {},
  }, { segmentBytes: 300 });
  for (let serial = 1; serial <= 5; serial++) journal.opened(record(serial));
  journal.closed(2);
  assertEquals(full, [1, 2]);
  await Promise.all(full.map((segment) => dir.compacted(segment)));
  assertEquals(fixture.names(), ["changes.3.jsonl", "identity", "lock", "sessions.jsonl"]);
  assertEquals(
    fixture.read("sessions.jsonl"),
    '{"version":1,"mode":"server","interface":"eth1","through":2,"lastSerial":4}\n' +
      [1, 2, 3, 4].map((serial) => encodeOpen(record(serial))).join(""),
  );
  journal.close();
  assertEquals(serials(await fixture.open({}, await fixture.copy())), [1, 3, 4, 5]);
  assertEquals(fixture.warnings, []);
});

Deno.test("StateDir.compacted() logs a failure once, loses nothing, and succeeds the next time", async () => {
  await using fixture = new Fixture();
  const dir = await fixture.open();
  fixture.write("changes.1.jsonl", encodeOpen(record(1)));
  fixture.write("changes.2.jsonl", encodeOpen(record(2)));
  Deno.mkdirSync(`${dir.path}/sessions.jsonl.new`);
  Deno.mkdirSync(`${dir.path}/sessions.jsonl.new/not-empty`);
  await Promise.all([dir.compacted(1), dir.compacted(2)]);
  assertEquals(fixture.warnings, [
    `Cannot compact ${dir.path}: Directory not empty: remove '${dir.path}/sessions.jsonl.new'`,
  ]);
  assertEquals(fixture.names().filter((name) => name.startsWith("changes")), [
    "changes.1.jsonl",
    "changes.2.jsonl",
  ]);
  Deno.removeSync(`${dir.path}/sessions.jsonl.new`, { recursive: true });
  await dir.close();
  assertEquals(serials(await fixture.open()), [1, 2]);
});

Deno.test("StateDir.compacted() leaves a segment that it cannot read for the next time", async () => {
  await using fixture = new Fixture();
  const dir = await fixture.open();
  Deno.mkdirSync(`${dir.path}/changes.1.jsonl`);
  await dir.compacted(1);
  assertEquals(fixture.warnings.length, 1);
  assertEquals(fixture.names(), ["changes.1.jsonl", "identity", "lock", "sessions.jsonl"]);
});

Deno.test("StateDir gives a sign of life every second", async () => {
  await using fixture = new Fixture();
  await (await fixture.open()).alive();
  for (let second = 0; second < 3; second++) {
    fixture.nowMs += 1000;
    await fixture.tick();
    assertEquals(Deno.statSync(`${fixture.path}/lock`).mtime, new Date(fixture.nowMs));
  }
});

Deno.test("StateDir logs once that it cannot give a sign of life", async () => {
  await using fixture = new Fixture();
  const dir = await fixture.open();
  await dir.alive();
  Deno.removeSync(dir.path, { recursive: true });
  for (let second = 0; second < 3; second++) await fixture.tick();
  assertEquals(fixture.warnings, [
    `Cannot give a sign of life in ${dir.path}: No such file or directory: open '${dir.path}/lock'`,
  ]);
});

Deno.test("StateDir syncs the current segment only when it has grown", async () => {
  await using fixture = new Fixture();
  const dir = await fixture.open();
  await dir.alive();
  const opened: string[] = [];
  const { open, fdatasync } = fs;
  let syncs = 0;
  const spies = {
    open: (path: string, flags: number, done: (error: Error | null, fd: number) => void) => {
      if (path.endsWith(".jsonl")) opened.push(path);
      open(path, flags, done);
    },
    fdatasync: (fd: number, done: () => void) => {
      syncs++;
      fdatasync(fd, done);
    },
  };
  Object.assign(fs, spies);
  try {
    journal(dir, () => {});
    await fixture.tick();
    assertEquals(syncs, 0);
    journal(dir, (journal) => journal.opened(record(1)));
    await fixture.tick();
    await fixture.tick();
    assertEquals([syncs, opened], [1, [`${dir.path}/changes.1.jsonl`]]);
    journal(dir, (journal) => journal.closed(1));
    await fixture.tick();
    assertEquals(syncs, 2);
    await dir.compacted(1);
    journal(dir, (journal) => journal.closed(1), 2);
    opened.length = 0;
    await fixture.tick();
    assertEquals([syncs, opened], [3, [`${dir.path}/changes.2.jsonl`]]);
  } finally {
    Object.assign(fs, { open, fdatasync });
  }
});
