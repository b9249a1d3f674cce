// A capture as the main thread writes it: files, rotation, a full disk, and requests at run time.

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { Capture, type FileCaptureOptions } from "../../../src/capture/capture.ts";
import { CaptureControl, type CaptureControlOptions } from "../../../src/capture/control.ts";
import { DIRECTION, PacketBlock } from "../../../src/capture/pcapng.ts";
import type { CaptureHandover } from "../../../src/capture/recorder.ts";
import { CaptureRing } from "../../../src/capture/ring.ts";
import { ConfigurationError } from "../../../src/configuration_error.ts";
import type { Log } from "../../../src/observe/log.ts";
import { readCapture } from "../../support/capture.ts";

const FACTS = { interface: "eth1", application: "test/1", comment: "The client office" };
const MIB = 1 << 20;

/** A directory that is removed at the end of a test. */
class Directory implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "test-capture-" });
  readonly file = `${this.path}/line.pcapng`;

  names(): string[] {
    return [...Deno.readDirSync(this.path)].map(({ name }) => name).sort();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Puts frames into the ring of a capture. Their first bytes count. */
function put(ring: CaptureRing, count: number, length = 1000): void {
  const block = new PacketBlock(2000, 20);
  for (let n = 0; n < count; n++) {
    block.begin(n % 2, DIRECTION.IN, 1000 * n, length, length);
    block.finish(new TextEncoder().encode(`frame ${n}`), `frame ${n}`.length, 0);
    assert(ring.put(block.bytes, block.length, n % 2));
  }
}

async function start(options: FileCaptureOptions, warnings: string[] = []) {
  const capture = await Capture.start(
    options,
    FACTS,
    (...words) => warnings.push(words.join(": ")),
  );
  return { capture, ring: new CaptureRing(capture.handover.ring) };
}

Deno.test("A capture is a file for this user only, with two interfaces", async () => {
  using directory = new Directory();
  const { file } = directory;
  const { capture, ring } = await start({ file });
  put(ring, 3);
  await capture.drain();
  await capture.end();
  const { frames, section, statistics } = readCapture(Deno.readFileSync(file));
  assertEquals(frames.map(({ on, comment }) => `${on} ${comment}`), [
    "eth1 frame 0",
    "tunnels frame 1",
    "eth1 frame 2",
  ]);
  assertEquals(section, { 1: FACTS.comment, 2: Deno.build.arch, 3: "linux", 4: "test/1" });
  assertEquals(statistics, [{ written: 2, leftOut: 0 }, { written: 1, leftOut: 0 }]);
  assertEquals(Deno.statSync(file).mode! & 0o777, 0o600);
  assertEquals(directory.names(), ["line.pcapng"]);
});

Deno.test("The two files of a capture together are never larger than its limit", async () => {
  using directory = new Directory();
  const { file } = directory;
  const { capture, ring } = await start({ file, maxBytes: MIB });
  let frames = 0;
  for (let round = 0; round < 5; round++) {
    put(ring, 700);
    frames += 700;
    await capture.drain();
    const sizes = directory.names().map((name) => Deno.statSync(`${directory.path}/${name}`).size);
    assert(sizes.reduce((sum, size) => sum + size, 0) <= MIB, `${sizes}`);
  }
  await capture.end();
  assertEquals(directory.names(), ["line.pcapng", "line.pcapng.1"]);
  const [last, before] = [file, `${file}.1`].map((path) => readCapture(Deno.readFileSync(path)));
  const numbers = [...before.frames, ...last.frames].map(({ atMs }) => atMs / 1000);
  assertEquals(numbers.at(-1), 699);
  assert(numbers.length > 480);
  for (const [at, number] of numbers.entries()) {
    if (at > 0) assertEquals(number, (numbers[at - 1] + 1) % 700);
  }
  assertEquals(capture.status.captured, frames);
});

Deno.test("A capture keeps one of an earlier run as its first file", async () => {
  using directory = new Directory();
  const { file } = directory;
  for (let run = 1; run <= 3; run++) {
    const { capture, ring } = await start({ file });
    put(ring, run);
    await capture.end();
  }
  const counts = [file, `${file}.1`].map((path) =>
    readCapture(Deno.readFileSync(path)).frames.length
  );
  assertEquals(counts, [3, 2]);
});

Deno.test("A capture leaves a file alone that is none of its own", async () => {
  for (const name of ["line.pcapng", "line.pcapng.1"]) {
    using directory = new Directory();
    Deno.writeTextFileSync(`${directory.path}/${name}`, "precious");
    const { file } = directory;
    await assertRejects(() => start({ file }), Error, "it exists, and is not a capture; remove it");
    Deno.removeSync(`${directory.path}/${name}`);
    Deno.writeTextFileSync(`${directory.path}/target`, "precious");
    Deno.symlinkSync("target", `${directory.path}/${name}`);
    await assertRejects(() => start({ file }), Error, "it is a symbolic link");
    assertEquals(Deno.readTextFileSync(`${directory.path}/target`), "precious");
  }
});

Deno.test("A capture that cannot be written counts what is missing, warns once and goes on", async () => {
  using directory = new Directory();
  const { file } = directory;
  const warnings: string[] = [];
  const { capture, ring } = await start({ file, maxBytes: MIB }, warnings);
  put(ring, 100);
  await capture.drain();
  // The next file cannot be begun.
  Deno.mkdirSync(`${file}.1`);
  put(ring, 700);
  await capture.drain();
  put(ring, 10);
  await capture.drain();
  const { captured, leftOut, failure } = capture.status;
  assertEquals(captured + leftOut, 810);
  assert(leftOut >= 300, `${leftOut}`);
  assertMatch(`${failure}`, /directory/i);
  assertEquals(warnings.length, 1);
  assertStringIncludes(warnings[0], `${file}: `);
  Deno.removeSync(`${file}.1`);
  await capture.end();
});

Deno.test("CaptureRing hands over bytes across its end, and refuses what has no room", () => {
  const ring = new CaptureRing(64);
  const other = new CaptureRing(ring.buffer);
  const block = Uint8Array.from({ length: 40 }, (_, at) => at);
  for (let n = 0; n < 10; n++) {
    assertEquals([ring.put(block, 40, 0), ring.put(block, 40, 1)], [true, false]);
    const into = new Uint8Array(100);
    assertEquals(other.take(into, 7), 40);
    assertEquals(into.subarray(7, 47), block);
    assertEquals(other.take(into, 0), 0);
  }
  assertEquals([other.written(0), other.written(1)], [10, 0]);
  assertEquals([ring.claimNotice(), ring.claimNotice()], [true, false]);
  other.acceptNotice();
  assertEquals(ring.claimNotice(), true);
});

/** A control whose worker only notes what it is told. */
function control(options: Partial<CaptureControlOptions>) {
  const told: (CaptureHandover | undefined)[] = [];
  const lines: string[] = [];
  const line = (message: string) => void lines.push(message);
  const log: Log = { debug: line, info: line, warning: line, error: line };
  const captures = new CaptureControl({
    directory: undefined,
    defaultName: "client-eth1.pcapng",
    secrets: false,
    maxBytes: undefined,
    facts: FACTS,
    log,
    ...options,
  });
  captures.attach({
    captureStart: (capture) => Promise.resolve(void told.push(capture)),
    captureStop: () => Promise.resolve(void told.push(undefined)),
  });
  return { captures, told, lines };
}

Deno.test("CaptureControl.start() writes only to names in its directory", async () => {
  using directory = new Directory();
  const { captures } = control({ directory: directory.path });
  const bad = ["../x.pcapng", "/etc/x.pcapng", "a/b.pcapng", ".x.pcapng", "x", "", "x.pcapng\n"];
  for (const file of [...bad, "x\0.pcapng", `${"x".repeat(80)}.pcapng`]) {
    await assertRejects(() => captures.start({ file }), Error, "without a directory");
  }
  assertEquals((await captures.start({})).file, `${directory.path}/client-eth1.pcapng`);
  await captures.stop();
  assertEquals(directory.names(), ["client-eth1.pcapng"]);
});

Deno.test("CaptureControl.start() does not fill a directory that may be in memory", async () => {
  using directory = new Directory();
  const { captures } = control({});
  captures.useRuntimeDirectory(directory.path);
  const start = (file: string, maxBytes?: number) => captures.start({ file, maxBytes });
  await assertRejects(() => start("a.pcapng", (16 << 20) + 1), Error, "at most 16 MiB in ");
  for (const name of ["a", "b", "c", "d", "e", "a"]) {
    assertEquals((await start(`${name}.pcapng`)).maxBytes, 16 << 20);
    await captures.stop();
  }
  await assertRejects(() => start("f.pcapng"), Error, "has 5 other captures already; remove some");
  assertEquals(directory.names().filter((name) => name.startsWith("f")), []);
  // The operator may allow a larger size.
  const other = control({ maxBytes: 64 << 20 });
  other.captures.useRuntimeDirectory(directory.path);
  assertEquals(
    (await other.captures.start({ file: "a.pcapng", maxBytes: 64 << 20 })).maxBytes,
    64 << 20,
  );
  await other.captures.stop();
});

Deno.test("CaptureControl.start() needs a directory, and no capture that is under way", async () => {
  await assertRejects(() => control({}).captures.start({}), Error, "start with --capture-dir");
  using directory = new Directory();
  const { captures, told } = control({ directory: directory.path });
  await captures.start({ frames: "all" });
  assertEquals([told[0]?.frames, told[0]?.secrets], ["all", false]);
  await assertRejects(() => captures.start({}), Error, "stop that first");
  assertEquals((await captures.stop())?.frames, "all");
  assertEquals([told[1], captures.status(), await captures.stop()], [
    undefined,
    undefined,
    undefined,
  ]);
  await captures.start({ frames: "discovery" });
  assertEquals((await captures.stop())?.frames, "discovery");
});

Deno.test("CaptureControl.begin() names the file that cannot be made", async () => {
  const { captures } = control({});
  const file = "/nowhere/line.pcapng";
  const error = await assertRejects(() => captures.begin({ file }), ConfigurationError);
  assertStringIncludes(error.message, "Cannot capture to /nowhere/line.pcapng: ");
});

Deno.test("CaptureControl.begin() says that a capture with secrets must be deleted", async () => {
  using directory = new Directory();
  const { captures, lines } = control({});
  await captures.begin({ file: directory.file, secrets: true });
  assertEquals(lines, [
    "Capture begun",
    `The capture ${directory.file} has the passwords of hosts; delete it after use`,
  ]);
  await captures.stop();
});
