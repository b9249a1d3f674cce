import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { macFor } from "../../../src/relay/mac_for.ts";
import { formatMac, isUnicastMac } from "../../../src/wire/mod.ts";
import { HOST, HOST_2, mac } from "../../support/relays.ts";

Deno.test("macFor() returns the same address on every machine and in every version", () => {
  assertEquals(formatMac(macFor("osaka", HOST)), "c2:91:ad:1f:ab:32");
});

Deno.test("macFor() returns a locally administered unicast address", () => {
  fc.assert(
    fc.property(fc.string(), fc.uint8Array({ minLength: 6, maxLength: 6 }), (name, host) => {
      const made = macFor(name, host);
      assertEquals(made.length, 6);
      assert(isUnicastMac(made));
      assertEquals(made[0] & 0x02, 0x02);
    }),
  );
});

Deno.test("macFor() differs by host and by client", () => {
  assert(`${macFor("a", HOST)}` !== `${macFor("a", HOST_2)}`);
  assert(`${macFor("a", HOST)}` !== `${macFor("b", HOST)}`);
  const made = new Set<string>();
  for (let n = 0; n < 256; n++) {
    for (let client = 0; client < 100; client++) made.add(`${macFor(`c${client}`, mac(n))}`);
  }
  assertEquals(made.size, 25_600);
});
