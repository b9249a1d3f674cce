import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { FrameViews, VIEW_STEP } from "../../../ffi/frame_views.ts";

Deno.test("FrameViews.at() returns a view that starts with the frame and is little longer", () => {
  const memory = Uint8Array.from({ length: 4096 }, (_, i) => i % 251);
  const views = new FrameViews(memory, 2, 2048);
  for (
    const [place, offset, length] of [[0, 66, 1514], [1, 2114, 60], [1, 2114, 128], [0, 66, 1]]
  ) {
    const view = views.at(place, offset, length);
    assertEquals(view.subarray(0, length), memory.subarray(offset, offset + length));
    assert(view.length >= length && view.length < length + VIEW_STEP);
  }
});

Deno.test("FrameViews.at() returns the same view for the same place and a similar length", () => {
  const views = new FrameViews(new Uint8Array(4096), 2, 2048);
  const view = views.at(1, 2114, 1400);
  assertStrictEquals(views.at(1, 2114, 1401), view);
  assert(views.at(0, 66, 1400) !== view);
});

Deno.test("FrameViews.at() makes another view if the frame starts elsewhere", () => {
  const views = new FrameViews(new Uint8Array(4096), 1, 4096);
  assertEquals(views.at(0, 66, 100).byteOffset, 66);
  assertEquals(views.at(0, 70, 100).byteOffset, 70);
});

Deno.test("FrameViews.at() returns a view that ends within the buffer", () => {
  const views = new FrameViews(new Uint8Array(200), 1, 200);
  assertEquals(views.at(0, 100, 100).length, 100);
});
