// Generators for the property tests in this folder.

import fc from "fast-check";
import { FRAMES } from "./captures.ts";

export const uint8 = (): fc.Arbitrary<number> => fc.integer({ min: 0, max: 0xff });
export const uint16 = (): fc.Arbitrary<number> => fc.integer({ min: 0, max: 0xffff });
export const uint32 = (): fc.Arbitrary<number> => fc.integer({ min: 0, max: 0xffffffff });

export const bytes = (minLength = 0, maxLength = 128): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });

export const mac = (): fc.Arbitrary<Uint8Array> => bytes(6, 6);

/** Any tag but End-Of-List, which parsers never return. */
export const tag = (): fc.Arbitrary<{ type: number; value: Uint8Array }> =>
  fc.record({ type: fc.integer({ min: 1, max: 0xffff }), value: bytes() });

/**
 * Bytes from the network: random ones, and captured frames with some bytes changed and the end
 * cut.
 */
export const hostileFrame = (): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    bytes(0, 256),
    fc.record({
      frame: fc.constantFrom(...Object.values(FRAMES)),
      changes: fc.array(fc.tuple(fc.nat({ max: 90 }), uint8()), { maxLength: 6 }),
      length: fc.nat({ max: 90 }),
    }).map(({ frame, changes, length }) => {
      const changed = frame.slice(0, length);
      for (const [at, value] of changes) {
        if (at < changed.length) changed[at] = value;
      }
      return changed;
    }),
  );
