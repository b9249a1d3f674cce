// The share of frames that arrive over a long path that loses packets, and their latency.

import type { WanOptions } from "../wan/wan.ts";
import type { Subject } from "./measure.ts";

/** Offered load in Mbit/s. */
export const LOSSY_MBIT = 45;
/** Default congestion control on the lossy paths, which is that of most systems. */
export const LOSSY_CONGESTION = "cubic";

const FRAME_BYTES = 1514;
const WAN_MBIT = 100;
const WARMUP_SECONDS = 2;
/** Time after which a frame counts as lost. It is long, because the latency is measured as well. */
const PATIENCE_MS = 60_000;
/** Time without any frame that ends a trial. TCP pauses for long after losing its last segments. */
const QUIET_MS = 1000;
const DIAL_PATIENCE_MS = 15_000;

const [FIRST, ...OTHERS]: WanOptions[] = [
  { delayMs: 10, lossPercent: 1, mbit: WAN_MBIT },
  { delayMs: 10, lossPercent: 0.1, mbit: WAN_MBIT },
  { delayMs: 50, lossPercent: 1, mbit: WAN_MBIT },
];

/** All lossy paths. */
export const LOSSY_PATHS: readonly WanOptions[] = [FIRST, ...OTHERS];

/** Returns the lossy paths of a run. */
export function lossyConditions(quick: boolean): readonly WanOptions[] {
  return quick ? [FIRST] : LOSSY_PATHS;
}

/** Returns the prefix of the figures of a lossy path. */
export function lossyName({ delayMs, lossPercent }: WanOptions): string {
  return `lossy.${delayMs}.${lossPercent}`;
}

/** Measures the share of frames that arrive, and their one-way latency. */
export async function measureLossy(subject: Subject, wan: WanOptions): Promise<void> {
  const { open } = await subject.load.open(1, 1, DIAL_PATIENCE_MS);
  if (open < 1) throw new Error("Cannot measure: no session opened over the lossy path");
  const name = lossyName(wan);
  await subject.measure(name, async () => {
    const { up } = await subject.trial(name, {
      direction: "up",
      rate: LOSSY_MBIT * 1e6 / 8 / FRAME_BYTES,
      seconds: subject.quick ? 5 : 15,
      warmupSeconds: WARMUP_SECONDS,
      frameBytes: FRAME_BYTES,
      sessions: 1,
      evenly: true,
      patienceMs: PATIENCE_MS,
      quietMs: QUIET_MS,
    });
    return {
      [`${name}.arrived`]: { value: (1 - up.loss) * 100 },
      [`${name}.p50`]: { value: up.received.p50Us },
      [`${name}.p99`]: { value: up.received.p99Us },
    };
  });
  const counts = subject.line.wan!.counts();
  subject.raw.wan = counts;
  if (counts.up.large + counts.down.large > 0) {
    subject.remarks.push(`${name}: the machine in the middle received frames too large to carry`);
  }
  subject.raw.drops = await subject.running.drops?.();
}
