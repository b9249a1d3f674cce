// Tags whose value is one number.

import { type Tag, tagName } from "./tags.ts";
import { readUint16, writeUint16 } from "./uint16.ts";

export function readUint16Value(tag: Tag, type: number): number | undefined {
  return tag.type === type && tag.value.length === 2 ? readUint16(tag.value, 0) : undefined;
}

export function uint16Tag(type: number, number: number): Tag {
  checkUint(type, number, 0xffff);
  const value = new Uint8Array(2);
  writeUint16(value, 0, number);
  return { type, value };
}

export function checkUint(type: number, number: number, max: number): void {
  if (!Number.isInteger(number) || number < 0 || number > max) {
    throw new RangeError(`Cannot emit ${tagName(type)}: ${number} is not in 0 to ${max}`);
  }
}
