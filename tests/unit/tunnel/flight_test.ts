// The frames that a transport has taken, and the counts of those that have arrived.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Flight, type FrameOwner, isEthernet, markOf, typeOf } from "../../../src/tunnel/flight.ts";
import { FRAME, MAX_PAYLOAD } from "../../../src/wire/mod.ts";

const { DISCOVERY, SESSION } = FRAME;

function makeOwner(): FrameOwner {
  return { framesFromLink: 0, bytesFromLink: 0, framesArrived: 0, bytesArrived: 0 };
}

function counts({ framesFromLink, bytesFromLink, framesArrived, bytesArrived }: FrameOwner) {
  return [framesFromLink, bytesFromLink, framesArrived, bytesArrived];
}

/** Takes a frame whose header has 3 bytes. */
function take(flight: Flight, type: number, length: number, owner?: FrameOwner): void {
  flight.whole(markOf(type, length), owner, 3 + length);
}

Deno.test("markOf() keeps the type of an Ethernet frame and the length, whatever other types there are", () => {
  for (const length of [0, 1, 1514, MAX_PAYLOAD]) {
    for (const type of [DISCOVERY, SESSION]) {
      const mark = markOf(type, length);
      assertEquals([typeOf(mark), isEthernet(mark), mark >>> 2], [type, true, length]);
    }
    for (const type of [FRAME.PING, FRAME.PONG, FRAME.GOODBYE, FRAME.SESSION_LIST, 0x102, 0xffff]) {
      assertEquals(isEthernet(markOf(type, length)), false);
    }
  }
});

Deno.test("Flight.settle() counts a frame once its last byte has arrived, at its owner too", () => {
  const flight = new Flight();
  const [one, two] = [makeOwner(), makeOwner()];
  take(flight, SESSION, 100, one);
  take(flight, DISCOVERY, 20);
  take(flight, FRAME.PING, 0);
  take(flight, SESSION, 50, two);
  assertEquals([flight.count(SESSION), flight.count(DISCOVERY)], [2, 1]);
  assertEquals([counts(one), counts(two)], [[1, 100, 0, 0], [1, 50, 0, 0]]);
  // The last byte of the first frame is under way.
  flight.settle(53 + 3 + 23 + 1);
  assertEquals(flight.carried.sessionFrames, 0);
  flight.settle(53 + 3 + 23);
  assertEquals([flight.carried.sessionFrames, flight.carried.sessionBytes], [1, 100]);
  assertEquals([counts(one), counts(two)], [[1, 100, 1, 100], [1, 50, 0, 0]]);
  flight.settle(0);
  const { carried } = flight;
  assertEquals(
    [carried.discoveryFrames, carried.discoveryBytes, carried.sessionFrames, carried.sessionBytes],
    [1, 20, 2, 150],
  );
  assertEquals([flight.empty, counts(two)], [true, [1, 50, 1, 50]]);
});

Deno.test("Flight.abandon() takes the lost frames back from their owners", () => {
  const flight = new Flight();
  const owner = makeOwner();
  for (const length of [100, 200]) take(flight, SESSION, length, owner);
  flight.settle(203);
  flight.abandon();
  assertEquals([flight.empty, counts(owner)], [true, [1, 100, 1, 100]]);
});

Deno.test("Flight counts the oldest frame as carried if too many are under way", () => {
  const flight = new Flight();
  const owner = makeOwner();
  for (let n = 0; n < 8192 + 3; n++) take(flight, SESSION, 60, owner);
  assertEquals([flight.count(SESSION), flight.carried.sessionFrames], [8192, 3]);
  assertEquals(counts(owner), [8195, 8195 * 60, 3, 180]);
});

Deno.test("Flight.isDue is true after each 512 frames, also if none has arrived", () => {
  const flight = new Flight();
  const due: number[] = [];
  for (let n = 1; n <= 2000; n++) {
    take(flight, SESSION, 60);
    if (!flight.isDue) continue;
    due.push(n);
    flight.settle(n < 1500 ? 63 * n : 0);
  }
  assertEquals(due, [512, 1024, 1536]);
  assertEquals(flight.carried.sessionFrames, 1536);
});

Deno.test("Flight loses no frame in any order of calls", () => {
  const step = fc.record({
    lengths: fc.array(fc.nat(1600), { maxLength: 20 }),
    unacknowledged: fc.nat(20_000),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
    const flight = new Flight();
    const owner = makeOwner();
    let frames = 0;
    let bytes = 0;
    let underWay = 0;
    for (const { lengths, unacknowledged } of steps) {
      for (const length of lengths) {
        flight.part(1);
        flight.whole(markOf(SESSION, length), owner, 2 + length);
        frames++;
        bytes += length;
        underWay += 3 + length;
      }
      flight.settle(underWay = Math.min(underWay, unacknowledged));
      assertEquals(flight.carried.sessionFrames + flight.count(SESSION), frames);
      assertEquals(counts(owner).slice(0, 2), [frames, bytes]);
      assertEquals(counts(owner).slice(2), [
        flight.carried.sessionFrames,
        flight.carried.sessionBytes,
      ]);
    }
    flight.settle(0);
    assertEquals([flight.carried.sessionFrames, flight.carried.sessionBytes], [frames, bytes]);
  }));
});
