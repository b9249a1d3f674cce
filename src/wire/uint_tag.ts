// Tags whose value is a number.

import { type Tag, tagName } from "./tags.ts";
import { readUint16, writeUint16 } from "./uint16.ts";

/**
 * Reads the value of a tag that holds a 16-bit number.
 *
 * @param tag The tag to read
 * @param type The expected type
 * @returns The number; `undefined` if the tag has another type or its value is not two bytes long
 */
export function readUint16Value(tag: Tag, type: number): number | undefined {
  return tag.type === type && tag.value.length === 2 ? readUint16(tag.value, 0) : undefined;
}

/**
 * Makes a tag that holds a 16-bit number.
 *
 * @param type The type of the tag
 * @param number The number, 0 to 65535
 * @returns The tag
 * @throws {RangeError} If the number is out of range
 */
export function uint16Tag(type: number, number: number): Tag {
  checkUint(type, number, 0xffff);
  const value = new Uint8Array(2);
  writeUint16(value, 0, number);
  return { type, value };
}

/**
 * Checks a number for use in a tag.
 *
 * @param type The type of the tag, for the error message
 * @param number The number
 * @param max The largest number that fits
 * @throws {RangeError} If the number is not an integer from 0 to `max`
 */
export function checkUint(type: number, number: number, max: number): void {
  if (!Number.isInteger(number) || number < 0 || number > max) {
    throw new RangeError(
      `Cannot emit ${tagName(type)}: ${number} is not an integer from 0 to ${max}`,
    );
  }
}
