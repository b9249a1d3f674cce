// Fills a disk of 512 KiB, frees space, and leaves the files as a kill would: `full_disk_program.ts DISK
// COPY`. Prints its observations as JSON.

import { Journal, StateDir } from "../../../src/state/mod.ts";
import { record, serials } from "./fixture.ts";

const [disk, copy] = Deno.args;
const BALLAST = `${disk}/ballast`;

const warnings: string[] = [];
const failed: string[] = [];
const full: number[] = [];

function open(path: string): Promise<StateDir> {
  return StateDir.open(path, {
    side: "server",
    interfaceName: "eth1",
    log: { warning: (message) => warnings.push(message) },
    everySecond: () => () => {},
  });
}

function copyDir(from: string, to: string): void {
  Deno.mkdirSync(to);
  for (const { name } of Deno.readDirSync(from)) {
    Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
}

function fillDisk(): void {
  using file = Deno.openSync(BALLAST, { append: true, create: true });
  try {
    for (;;) file.writeSync(new Uint8Array(4096));
  } catch {
    // The disk is full.
  }
}

Deno.writeFileSync(BALLAST, new Uint8Array(416 * 1024));
const dir = await open(`${disk}/state`);
const journal = Journal.open(dir.path, dir.segment, {
  full: (segment) => full.push(segment),
  failed: (error) => failed.push(error.message),
});
let serial = 0;
while (!journal.broken) journal.opened(record(++serial));
const lost = serial;
const live = Array.from({ length: lost }, (_, i) => record(i + 1));
const retriedFull = journal.retry(live, [], 0);
await dir.compacted(dir.segment);
const warnedFull = warnings.splice(0);
copyDir(dir.path, `${copy}-full`);

Deno.removeSync(BALLAST);
const retriedRoom = journal.retry(live, [], 2000);
for (const segment of full) await dir.compacted(segment);
journal.closed(1);
copyDir(dir.path, copy);
journal.close();
await dir.close();

Deno.removeSync(dir.path, { recursive: true });
copyDir(copy, `${disk}/again`);
fillDisk();
const again = await open(`${disk}/again`);

Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify({
  lost,
  failed,
  retriedFull,
  warnedFull,
  retriedRoom,
  again: serials(again).length,
  warnings,
})));
Deno.exit(0);
