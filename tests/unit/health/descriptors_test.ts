// Tests of the descriptors that are left.

import { assertEquals, assertMatch } from "@std/assert";
import { lowestFreeDescriptor, ownSocketInodes } from "../../../ffi/mod.ts";
import { DescriptorWatch } from "../../../src/health/descriptors.ts";

Deno.test("DescriptorWatch tells when few descriptors are left, until there are more", () => {
  const watch = new DescriptorWatch();
  const ids = [50, 90, 86, 84, 86].map((used) => watch.look(used, 100)?.id);
  assertEquals(ids, [undefined, "descriptors", "descriptors", undefined, undefined]);
  assertMatch(watch.look(undefined, 100)!.what, /^100 of the 100 descriptors/);
  assertEquals(new DescriptorWatch().look(50_000, Infinity), undefined);
});

Deno.test("lowestFreeDescriptor() returns a descriptor that the next file gets", () => {
  const free = lowestFreeDescriptor()!;
  assertEquals(lowestFreeDescriptor(), free);
  // Deno has its input and output.
  assertEquals(free > 2, true);
});

Deno.test("ownSocketInodes() lists the sockets of this process", () => {
  const before = ownSocketInodes();
  using _listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const added = [...ownSocketInodes()].filter((inode) => !before.has(inode));
  assertEquals(added.length, 1);
});
