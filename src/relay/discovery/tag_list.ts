// Finding, comparing and replacing values in a discovery packet's list of tags.

import { equals } from "@std/bytes";
import { findTag, TAG, type Tag } from "../../wire/mod.ts";

/** Finds the Host-Uniq of a packet; undefined if there is none, which differs from an empty one. */
export function findHostUniq(tags: readonly Tag[]): Uint8Array | undefined {
  return findTag(tags, TAG.HOST_UNIQ)?.value;
}

/** Returns true if two values of a tag are equal. An absent value differs from an empty one. */
export function sameValue(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equals(a, b);
}

/**
 * Replaces the value of a tag, or adds the tag at the end if there was none. Without a value, removes the tag.
 * The other tags keep their order.
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
