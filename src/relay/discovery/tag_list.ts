// Exact replacing of one tag in a discovery packet's list.

import { findTag, TAG, type Tag } from "../../wire/mod.ts";

/** The Host-Uniq of a packet; undefined where there is none, which an empty one is not. */
export function findHostUniq(tags: Tag[]): Uint8Array | undefined {
  return findTag(tags, TAG.HOST_UNIQ)?.value;
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
