// Opens and closes sessions forever, and prints each change once it is written: `writer.ts DIR`.

import { Journal, StateDir } from "../../../src/state/mod.ts";
import { record } from "./fixture.ts";

const CHANGES_A_TURN = 20;

const encoder = new TextEncoder();

function report(line: string): void {
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));
}

const dir = await StateDir.open(Deno.args[0], {
  side: "server",
  interfaceName: "eth1",
  log: { warning: (message) => report(`warning ${message}`) },
});
await dir.alive();
const journal = Journal.open(dir.path, dir.segment, {
  full: (segment) => dir.compacted(segment),
  failed: (error) => report(`failed ${error.message}`),
}, { segmentBytes: 4096 });

for (let serial = dir.nextSerial;; serial++) {
  journal.opened(record(serial));
  report(`open ${serial}`);
  if (serial % 3 > 0) {
    journal.closed(serial);
    report(`close ${serial}`);
  }
  if (serial % CHANGES_A_TURN === 0) await new Promise((resolve) => setTimeout(resolve, 0));
}
