import { assertThrows } from "@std/assert";
import { DataLane } from "../../../ffi/rx_ring.ts";
import { readInterface } from "../../../ffi/interface.ts";
import { laneFilter } from "../../../src/link/lane_filter.ts";

Deno.test("DataLane.open() throws when a size of the ring is not a power of two", () => {
  const options = {
    interface: readInterface("lo")!,
    filter: laneFilter("data"),
    promiscuous: false,
  };
  assertThrows(() => DataLane.open({ ...options, slots: 33 }), RangeError, "slots is 33");
  assertThrows(() => DataLane.open({ ...options, slotBytes: 0 }), RangeError, "slotBytes is 0");
  assertThrows(() => DataLane.open({ ...options, slotBytes: 1514 }), RangeError, "not a power");
});
