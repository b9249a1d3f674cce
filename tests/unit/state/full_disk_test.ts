// Tests with a disk that is really full.

import { assert, assertEquals } from "@std/assert";
import { testUnless, whyNot } from "../../support/skip.ts";
import { Fixture, serials } from "./fixture.ts";

/** Shell script that mounts a disk of 512 KiB and runs a program. Needs its own mount namespace. */
const ON_A_SMALL_DISK = 'mount -t tmpfs -o size=512k none "$0" && exec "$@"';

function onSmallDisk(disk: string, command: string[]): Promise<Deno.CommandOutput> {
  return new Deno.Command("unshare", {
    args: ["--mount", "sh", "-c", ON_A_SMALL_DISK, disk, ...command],
  }).output();
}

async function canMount(): Promise<boolean> {
  const disk = await Deno.makeTempDir({ prefix: "test-disk-" });
  try {
    return (await onSmallDisk(disk, ["true"])).success;
  } finally {
    await Deno.remove(disk);
  }
}

const reason = whyNot("linux", "root", "namespaces") ??
  (await canMount() ? undefined : "mounting a tmpfs is not permitted");

testUnless(reason, "Journal and StateDir recover when a full disk has space again", async () => {
  await using fixture = new Fixture();
  const disk = `${fixture.root}/disk`;
  const copy = `${fixture.root}/left`;
  await Deno.mkdir(disk);
  const program = new URL("./full_disk_program.ts", import.meta.url).pathname;
  const command = [Deno.execPath(), "run", "-A", "--no-check", program, disk, copy];
  const { stdout, stderr } = await onSmallDisk(disk, command);
  const text = new TextDecoder().decode(stdout);
  assert(text !== "", new TextDecoder().decode(stderr));
  const saw = JSON.parse(text);

  assertEquals(saw.failed, [
    `Cannot write ${disk}/state/changes.1.jsonl: No space left on device`,
  ]);
  assertEquals([saw.retriedFull, saw.retriedRoom], [false, true]);
  assertEquals(saw.warnedFull, [`Cannot compact ${disk}/state: No space left on device`]);
  const all = Array.from({ length: saw.lost }, (_, i) => i + 1);
  assertEquals(serials(await fixture.open({}, `${copy}-full`)), all.slice(0, -1));
  assertEquals(serials(await fixture.open({}, copy)), all.slice(1));

  // A program that starts on a full disk finds its sessions nevertheless.
  assertEquals(saw.again, saw.lost - 1);
  assertEquals(saw.warnings, [`Cannot compact ${disk}/again: No space left on device`]);
  assertEquals(fixture.warnings, []);
});
