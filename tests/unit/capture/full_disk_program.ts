// Captures to a small disk that is full for a while, and prints what came of it.

import { Capture } from "../../../src/capture/capture.ts";
import { DIRECTION, PacketBlock } from "../../../src/capture/pcapng.ts";
import { CaptureRing } from "../../../src/capture/ring.ts";
import { readCapture } from "../../support/capture.ts";

const [disk] = Deno.args;
const FRAMES = 400;
const file = `${disk}/line.pcapng`;
const warnings: string[] = [];
const capture = await Capture.start(
  { file },
  { interface: "eth1", application: "test", comment: "" },
  (...words) => warnings.push(words.join(": ")),
);
const ring = new CaptureRing(capture.handover.ring);
const block = new PacketBlock(1000, 20);

async function record(): Promise<number> {
  for (let n = 0; n < FRAMES; n++) {
    block.begin(0, DIRECTION.IN, n, 1000, 1000);
    block.finish(new Uint8Array(), 0, 0);
    ring.put(block.bytes, block.length, 0);
  }
  await capture.drain();
  return capture.status.leftOut;
}

const filler = `${disk}/filler`;
const before = await record();
try {
  Deno.writeFileSync(filler, new Uint8Array(2 << 20));
} catch {
  // The disk is full.
}
const full = await record();
Deno.removeSync(filler);
// Writing is tried again about a second later.
while (capture.status.failure !== undefined) await record();
const { captured } = capture.status;
await capture.end();
const { frames } = readCapture(Deno.readFileSync(file));
Deno.stdout.writeSync(
  new TextEncoder().encode(
    JSON.stringify({ before, full, warnings, complete: frames.length === captured }),
  ),
);
