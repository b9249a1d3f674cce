// Finds, compares and replaces values in a discovery packet's list of tags.

import { equals } from "@std/bytes";
import { findTag, TAG, type Tag } from "../../wire/mod.ts";

/** Finds the Host-Uniq of a packet. An empty one is not an absent one, which is undefined. */
export function findHostUniq(tags: readonly Tag[]): Uint8Array | undefined {
  return findTag(tags, TAG.HOST_UNIQ)?.value;
}

/** Tells if two values of a tag are equal. An absent one is not an empty one. */
export function sameValue(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equals(a, b);
}

/**
 * Puts a value in place of a tag's, or at the end if there was no such tag; without a value, takes the tag
 * out. The other tags keep their order.
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
