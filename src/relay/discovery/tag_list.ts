// The values of tags: finding, comparing, and exact replacing in a discovery packet's list.

import { equals } from "@std/bytes";
import { findTag, TAG, type Tag } from "../../wire/mod.ts";

/** The Host-Uniq of a packet; undefined where there is none, which an empty one is not. */
export function findHostUniq(tags: readonly Tag[]): Uint8Array | undefined {
  return findTag(tags, TAG.HOST_UNIQ)?.value;
}

/** Whether two values of a tag are equal. An absent one is not an empty one. */
export function sameValue(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equals(a, b);
}

/**
 * The list with the tag's value put in its place (or at the end, where there was none), or without
 * the tag. All else keeps its order.
 */
export function replaceTag(tags: Tag[], type: number, value: Uint8Array | undefined): Tag[] {
  const replaced: Tag[] = [];
  let done = value === undefined;
  for (const tag of tags) {
    if (tag.type !== type) replaced.push(tag);
    else if (!done) {
      replaced.push({ type, value: value! });
      done = true;
    }
  }
  if (!done) replaced.push({ type, value: value! });
  return replaced;
}
