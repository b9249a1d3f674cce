// Writes a journal beyond the limit on the size of a file: `file_limit_program.ts DIR`. Prints its
// observations as JSON. With a second argument, it only opens the directory.

import { surviveFileLimit } from "../../../ffi/mod.ts";
import { Journal, StateDir } from "../../../src/state/mod.ts";
import { record, serials } from "./fixture.ts";

const [path, only] = Deno.args;
const warnings: string[] = [];
const failed: string[] = [];
const full: number[] = [];

function open(): Promise<StateDir> {
  return StateDir.open(path, {
    side: "server",
    interfaceName: "eth1",
    log: { warning: (message) => warnings.push(message) },
    everySecond: () => () => {},
  });
}

function print(observations: unknown): void {
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(observations)));
}

surviveFileLimit();
const dir = await open();
if (only !== undefined) {
  print({ sessions: serials(dir), warnings });
  Deno.exit(0);
}
await dir.alive();
const journal = Journal.open(dir.path, dir.segment, {
  full: (segment) => full.push(segment),
  failed: (error) => failed.push(error.message),
});
let lost = 0;
while (!journal.broken) journal.opened(record(++lost));
const live = Array.from({ length: lost }, (_, i) => record(i + 1));
const retriedAll = journal.retry(live, [], 0);
const retriedFew = journal.retry(live.slice(0, 3), [], 2000);
for (const segment of full) await dir.compacted(segment);
journal.close();
await dir.close();
const again = await open();
print({ lost, failed, retriedAll, retriedFew, warnings, again: serials(again) });
Deno.exit(0);
