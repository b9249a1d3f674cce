// Tests of the quality of a path.

import { assertEquals } from "@std/assert";
import { PathQuality, type PathSample, SAMPLES } from "../../../src/tunnel/path_quality.ts";

const START: PathSample = { rttMs: 10, frames: 0, stale: 0, retransmits: 0, congestion: "cubic" };

/** Takes samples that grow by these numbers each, and returns the verdicts after each. */
function verdicts(
  growth: Partial<PathSample>,
  over: Partial<PathSample> = {},
  count = SAMPLES + 1,
) {
  const quality = new PathQuality();
  quality.look({ ...START, ...over });
  const seen: string[] = [];
  for (let n = 1; n <= count; n++) {
    const { isLossy, isSlow } = quality.look({
      ...START,
      ...over,
      rttMs: growth.rttMs ?? START.rttMs,
      frames: n * (growth.frames ?? 1000),
      stale: n * (growth.stale ?? 0),
      retransmits: n * (growth.retransmits ?? 0),
    });
    seen.push(`${isLossy ? "lossy" : ""}${isSlow ? "slow" : ""}`);
  }
  return seen;
}

Deno.test("PathQuality finds a path that loses packets under cubic", () => {
  assertEquals(verdicts({ retransmits: 10 })[0], "lossy");
  assertEquals(verdicts({ retransmits: 6 })[1], "lossy");
});

Deno.test("PathQuality does not mind losses under bbr, few ones, or a small part of many frames", () => {
  const none = ["", "", "", "", "", ""];
  assertEquals(verdicts({ retransmits: 50 }, { congestion: "bbr" }), none);
  assertEquals(verdicts({ retransmits: 50 }, { congestion: "bbr2" }), none);
  assertEquals(verdicts({ retransmits: 50 }, { congestion: null }), none);
  assertEquals(verdicts({ retransmits: 1 }), none);
  assertEquals(verdicts({ retransmits: 4, frames: 1000 }), none);
});

Deno.test("PathQuality forgets losses after a while", () => {
  const quality = new PathQuality();
  quality.look(START);
  const after = { ...START, retransmits: 100, frames: 1000 };
  assertEquals(quality.look(after).isLossy, true);
  const seen = [1, 2, 3, 4, 5, 6].map(() => quality.look(after).isLossy);
  assertEquals(seen, [true, true, true, true, false, false]);
});

Deno.test("PathQuality finds a path that is slower than the traffic for ten seconds", () => {
  assertEquals(verdicts({ stale: 100 }), ["", "", "", "", "slow", "slow"]);
  assertEquals(verdicts({ rttMs: 200 }), ["", "", "", "", "slow", "slow"]);
});

Deno.test("PathQuality does not call a path slow whose senders find out what it carries", () => {
  assertEquals(verdicts({ stale: 10 }, {}, 10), Array(10).fill(""));
  assertEquals(verdicts({ rttMs: 100 }, {}, 10), Array(10).fill(""));
});
