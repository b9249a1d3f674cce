// The quality of one tunnel's path, from samples of its counters. No I/O.
//
//     lossy   the kernel has to send many segments again, and its congestion control takes that for congestion
//     slow    frames are too old when the path could take them, or the round trip is far above its minimum

/** The time between two samples, in ms. */
export const SAMPLE_MS = 2000;
/** The number of samples for which a path must be slow, or over which its losses are counted. */
export const SAMPLES = 5;
/** The lowest number and the lowest part of the segments that are sent again on a lossy path. */
const LOSSES = { least: 10, part: 0.005 };
/** The part of the frames that are too old on a slow path. Less is how senders find out what a path carries. */
const STALE_PART = 0.05;
/** The round trip of a slow path: this many times its minimum, and this many ms more. */
const SLOW_RTT = { times: 4, moreMs: 100 };
/** The congestion controls that take no single loss for congestion. */
const MODEL_BASED = /^bbr/;

/** The state of a tunnel at one moment. All numbers count from its start. */
export interface PathSample {
  /** The smoothed round-trip time; undefined until it is known. */
  rttMs: number | undefined;
  /** The number of frames that the peer's machine has acknowledged, which have as many segments at most. */
  frames: number;
  /** The number of frames that were dropped because they were too old. */
  stale: number;
  /** The number of segments that were sent again. */
  retransmits: number;
  /** The name of the congestion control; null if there is none. */
  congestion: string | null;
}

/** The faults of a path at a sample. */
export interface PathVerdicts {
  isLossy: boolean;
  isSlow: boolean;
}

/** The quality of one path. */
export class PathQuality {
  readonly #samples: PathSample[] = [];
  #leastRttMs = Infinity;
  #slowSamples = 0;

  /**
   * Takes a sample; to be called every {@linkcode SAMPLE_MS}.
   *
   * @param sample The sample
   * @returns The verdicts
   */
  look(sample: PathSample): PathVerdicts {
    const samples = this.#samples;
    const last = samples.at(-1) ?? { ...sample, frames: 0, stale: 0, retransmits: 0 };
    samples.push(sample);
    if (samples.length > SAMPLES + 1) samples.shift();
    this.#leastRttMs = Math.min(this.#leastRttMs, sample.rttMs ?? Infinity);
    this.#slowSamples = this.#isSlow(sample, last) ? this.#slowSamples + 1 : 0;
    return {
      isLossy: isLossy(samples[0], sample),
      isSlow: this.#slowSamples >= SAMPLES,
    };
  }

  #isSlow({ rttMs = 0, frames, stale }: PathSample, last: PathSample): boolean {
    const tooOld = stale - last.stale;
    const part = tooOld / (tooOld + frames - last.frames);
    const slowMs = this.#leastRttMs * SLOW_RTT.times + SLOW_RTT.moreMs;
    return tooOld > 0 && part >= STALE_PART || rttMs > slowMs;
  }
}

function isLossy(first: PathSample, { congestion, retransmits, frames }: PathSample): boolean {
  if (congestion === null || MODEL_BASED.test(congestion)) return false;
  const again = retransmits - first.retransmits;
  return again >= LOSSES.least && again >= LOSSES.part * (frames - first.frames + again);
}
