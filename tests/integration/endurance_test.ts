// A check for memory leaks. tests/bench/endurance.ts does the same for any length of time.

import { assert } from "@std/assert";
import { endure } from "../support/endurance.ts";
import { testUnless, whyNot } from "../support/skip.ts";

const noNet = whyNot("linux", "root", "iproute2", "namespaces");
const MOST_RSS_GROWTH = 32 * 2 ** 20;
const MOST_HEAP_GROWTH = 2 * 2 ** 20;

testUnless(noNet, "DataPlane frees the memory of past sessions and frames", async () => {
  const looks = await endure({ sessions: 12_000, frames: 200_000 });
  // The first quarter is a warm-up: compiled code, views of the rings and heap space are made only once.
  const [early, last] = [looks[looks.length / 4], looks.at(-1)!];
  const heap = last.heapBytes - early.heapBytes;
  const rss = last.rssBytes - early.rssBytes;
  assert(heap < MOST_HEAP_GROWTH, `${heap} bytes of heap more: ${JSON.stringify(looks)}`);
  assert(rss < MOST_RSS_GROWTH, `${rss} bytes of RSS more: ${JSON.stringify(looks)}`);
});
