import { assertEquals } from "@std/assert";
import {
  BLACK_HOLE,
  type PathSample,
  PathWatch,
  PROBE,
  SOUND,
} from "../../../src/transport/path_watch.ts";

/** A connection on which nothing has happened yet, with one segment under way. */
const START: PathSample = {
  unacked: 1,
  sacked: 0,
  bytesAcked: 1000,
  segments: 10,
  retransmits: 0,
  timeouts: 0,
  bytesReceived: 1000,
  bareAcks: 5,
  mss: 1448,
  window: 65_535,
};
/** The times of Linux's retransmissions of a segment, in ms, at the shortest timeout. */
const TIMEOUTS_MS = [200, 600, 1400, 3000, 6200, 12_600];

interface Path {
  /** Returns changes to the sample at a time, in ms since the segment was sent. */
  changes?(ms: number): Partial<PathSample>;
  /** Returns true if a probe at this time is answered. */
  answers?(ms: number): boolean;
  /** The time after which the connection ends anyway. */
  untilMs?: number;
  timeoutsMs?: number[];
  watch?: PathWatch;
}

/** Returns the time at which a black hole is recognized; undefined if none is. */
function recognizedMs(path: Path): number | undefined {
  const { changes = () => ({}), answers = () => false, untilMs = 15_000 } = path;
  const { watch = new PathWatch(1240), timeoutsMs = TIMEOUTS_MS } = path;
  let { bareAcks } = START;
  for (let ms = 0; ms <= untilMs; ms += 500) {
    const timeouts = timeoutsMs.filter((at) => at <= ms).length;
    const verdict = watch.check({ ...START, timeouts, bareAcks, ...changes(ms) }, ms);
    if (verdict === BLACK_HOLE) return ms;
    if (verdict === PROBE && watch.probes && answers(ms)) bareAcks++;
  }
  return undefined;
}

Deno.test("PathWatch.check() recognizes a path that answers probes and loses each retransmission", () => {
  assertEquals(recognizedMs({ answers: () => true }), 2000);
});

Deno.test("PathWatch.check() waits for more timeouts on a path that has lost more segments", () => {
  const verdict = (retransmits: number, segments = 10_000) => {
    const watch = new PathWatch(1240);
    watch.check({ ...START, segments, retransmits, unacked: 0 }, -1000);
    return recognizedMs({ answers: () => true, untilMs: 30_000, watch });
  };
  assertEquals([0, 3, 100].map((retransmits) => verdict(retransmits)), [2000, 2000, 2000]);
  assertEquals(verdict(3, 10), 2000, "these are too few to tell");
  assertEquals(verdict(600), 3500);
  assertEquals(verdict(900), 7000);
  assertEquals(verdict(3000), undefined);
});

Deno.test("PathWatch.check() counts lost segments of the last minutes only", () => {
  const verdict = (hours: number, retransmits: number) => {
    const watch = new PathWatch(1240);
    // A bad time, then a good one, with a sample each minute.
    let sample = { ...START, unacked: 0, segments: 10_000, retransmits };
    const beginMs = -hours * 3_600_000 - 60_000;
    watch.check(sample, beginMs);
    for (let ms = beginMs + 60_000; ms < 0; ms += 60_000) {
      sample = { ...sample, segments: sample.segments + 100 };
      watch.check(sample, ms);
    }
    const { segments } = sample;
    const changes = () => ({ segments, retransmits });
    return recognizedMs({ answers: () => true, changes, untilMs: 30_000, watch });
  };
  assertEquals(verdict(0, 900), 7000);
  assertEquals(verdict(1, 900), 2000);
  assertEquals(verdict(1, 3000), 2000);
});

Deno.test("PathWatch.check() counts lost segments anew after a long silence", () => {
  const watch = new PathWatch(1240);
  const sample = { ...START, unacked: 0, segments: 10_000, retransmits: 3000 };
  watch.check(sample, -7_200_000);
  watch.check(sample, -7_199_000);
  const changes = () => ({ segments: 10_000, retransmits: 3000 });
  assertEquals(recognizedMs({ answers: () => true, changes, watch }), 2000);
});

Deno.test("PathWatch.check() counts on when the kernel's counts of segments begin again at 0", () => {
  const verdict = (count: number, retransmits: number) => {
    const watch = new PathWatch(1240);
    let sample = { ...START, unacked: 0 };
    const until = 20 * 60_000;
    // Both counts grow for twenty minutes, the first of them beyond 2^32.
    for (let ms = -until; ms < 0; ms += 60_000) {
      const part = (ms + until) / until;
      sample = {
        ...sample,
        segments: (2 ** 32 - 1000 + count * part) >>> 0,
        retransmits: (2 ** 32 - 1000 + retransmits * part) >>> 0,
      };
      watch.check(sample, ms);
    }
    const { segments } = sample;
    const changes = () => ({ segments, retransmits: sample.retransmits });
    return recognizedMs({ answers: () => true, changes, untilMs: 30_000, watch });
  };
  assertEquals(verdict(20_000, 0), 2000);
  assertEquals(verdict(20_000, 1800), 7000);
  assertEquals(verdict(2000, 2000), undefined, "each segment was lost");
});

Deno.test("PathWatch.check() takes an acknowledgement for an answer although the count begins again at 0", () => {
  const watch = new PathWatch(1240);
  let bareAcks = 2 ** 32 - 2;
  const verdicts: number[] = [];
  for (let ms = 0; ms <= 2500; ms += 500) {
    const timeouts = TIMEOUTS_MS.filter((at) => at <= ms).length;
    verdicts.push(watch.check({ ...START, timeouts, bareAcks }, ms));
    bareAcks = (bareAcks + 1) >>> 0;
  }
  assertEquals(verdicts.indexOf(BLACK_HOLE), 4);
});

Deno.test("PathWatch.check() says nothing of a path that answers nothing", () => {
  assertEquals(recognizedMs({}), undefined);
  const sacked = () => ({ sacked: 20, unacked: 21 });
  assertEquals(recognizedMs({ changes: sacked }), undefined);
});

Deno.test("PathWatch.check() says nothing of a path that was dead and is alive again", () => {
  for (const healedMs of [2500, 5000, 7000]) {
    // The first timeout after that gets through.
    const nextMs = TIMEOUTS_MS.find((at) => at > healedMs)!;
    const changes = (ms: number) => ms > nextMs ? { bytesAcked: 2448, unacked: 0 } : {};
    assertEquals(recognizedMs({ answers: (ms) => ms >= healedMs, changes }), undefined);
  }
});

Deno.test("PathWatch.check() says nothing of a path that dies after it has answered once", () => {
  assertEquals(recognizedMs({ answers: (ms) => ms < 1200 }), undefined);
});

Deno.test("PathWatch.check() says nothing of a path that loses packets at random", () => {
  for (let lost = 0; lost <= 2; lost++) {
    const acked = (ms: number) => TIMEOUTS_MS[lost] < ms ? { bytesAcked: 2448, unacked: 0 } : {};
    assertEquals(recognizedMs({ answers: () => true, changes: acked }), undefined);
  }
});

Deno.test("PathWatch.check() says nothing while the connection makes progress, however slow", () => {
  const changes = (ms: number) => ({
    bytesAcked: 1000 + Math.floor(ms / 1000) * 1448,
    timeouts: 3,
  });
  assertEquals(recognizedMs({ answers: () => true, changes, untilMs: 60_000 }), undefined);
});

Deno.test("PathWatch.check() says nothing of a peer without room", () => {
  assertEquals(
    recognizedMs({ answers: () => true, changes: () => ({ window: 1000 }) }),
    undefined,
  );
});

Deno.test("PathWatch.check() says nothing of segments that fit every path", () => {
  const changes = () => ({ mss: 1240 });
  assertEquals(recognizedMs({ answers: () => true, changes }), undefined);
  // Paths of IPv4 may be narrower.
  const watch = new PathWatch(536);
  assertEquals(recognizedMs({ answers: () => true, changes, watch }), 2000);
});

Deno.test("PathWatch.check() takes new bytes from the peer for an answer, because they need acknowledgements", () => {
  const changes = (ms: number) => ({ bytesReceived: 1000 + ms });
  const watch = new PathWatch(1240);
  watch.probes = false;
  assertEquals(recognizedMs({ changes, watch }), 2000);
});

Deno.test("PathWatch.check() recognizes a black hole although the kernel waits long for each timeout", () => {
  // The connection began with a long round trip, so the first timeout is late.
  assertEquals(recognizedMs({ answers: () => true, timeoutsMs: [5500, 16_500] }), 6000);
});

Deno.test("PathWatch.check() needs segments behind the gap and more time if probes are impossible", () => {
  const watch = new PathWatch(1240);
  watch.probes = false;
  assertEquals(recognizedMs({ watch }), undefined);
  const other = new PathWatch(1240);
  other.probes = false;
  assertEquals(recognizedMs({ watch: other, changes: () => ({ sacked: 1, unacked: 2 }) }), 3500);
});

Deno.test("PathWatch.check() asks for no probe while nothing is unacknowledged", () => {
  const watch = new PathWatch(1240);
  const idle = { ...START, unacked: 0 };
  assertEquals([0, 500, 1000].map((ms) => watch.check(idle, ms)), [SOUND, SOUND, SOUND]);
  assertEquals(watch.check(START, 60_000), SOUND);
  assertEquals(watch.check(START, 60_500), PROBE);
});

Deno.test("PathWatch.check() does not take retransmissions into the black hole for random loss", () => {
  const watch = new PathWatch(1240);
  watch.check({ ...START, unacked: 0 }, -1000);
  // A whole window was sent again before the first sample.
  const changes = () => ({ segments: 30, retransmits: 12, unacked: 12 });
  assertEquals(recognizedMs({ answers: () => true, changes, watch }), 2000);
});

Deno.test("PathWatch.restart() makes the proof begin anew", () => {
  const watch = new PathWatch(1240);
  assertEquals(recognizedMs({ answers: () => true, watch }), 2000);
  watch.restart(2000);
  const sample = { ...START, timeouts: 3, bareAcks: 100 };
  assertEquals(watch.check(sample, 2500), PROBE);
  assertEquals(watch.check({ ...sample, bareAcks: 101, timeouts: 4 }, 3500), PROBE);
  assertEquals(watch.check({ ...sample, bareAcks: 102, timeouts: 4 }, 4000), BLACK_HOLE);
});

Deno.test("PathWatch.check() stands by a proof for a second without probes, unless the connection makes progress", () => {
  const proven = () => {
    const watch = new PathWatch(1240);
    assertEquals(recognizedMs({ answers: () => true, watch }), 2000);
    return watch;
  };
  const silent = { ...START, timeouts: 3, bareAcks: 9 };
  const watch = proven();
  const verdicts = [2250, 2500, 2999, 3000, 3250].map((ms) => watch.check(silent, ms));
  assertEquals(verdicts, [BLACK_HOLE, BLACK_HOLE, BLACK_HOLE, PROBE, PROBE]);
  assertEquals(watch.check({ ...silent, bareAcks: 10 }, 3500), BLACK_HOLE, "another answer");

  const other = proven();
  assertEquals(other.check({ ...silent, bytesAcked: 2448 }, 2250), PROBE);
  assertEquals(other.check({ ...silent, bytesAcked: 2448 }, 2500), PROBE);
});
