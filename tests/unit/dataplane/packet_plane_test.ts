// A data plane over a real interface, which may fail to open.

import { assertEquals, assertThrows } from "@std/assert";
import { ConfigurationError } from "../../../src/configuration_error.ts";
import { makePacketPlane } from "../../../src/dataplane/packet_plane.ts";
import { Counters } from "../../../src/observe/counters.ts";
import { PLANE_DEFAULTS } from "../../support/plane_defaults.ts";

function descriptors(): string[] {
  return [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => name).sort();
}

for (const side of ["client", "server"] as const) {
  Deno.test({
    name: `makePacketPlane() leaves no descriptor of a ${side} open without its interface`,
    ignore: Deno.build.os !== "linux",
    fn() {
      const options = { ...PLANE_DEFAULTS, side, interfaceName: "eth-none", mac: "own" } as const;
      const make = () =>
        makePacketPlane(options, {
          counters: new Counters(),
          wakeFd: -1,
          post: () => {},
          now: () => 0,
        });
      const before = descriptors();
      for (let n = 0; n < 3; n++) assertThrows(make, ConfigurationError, "no such interface");
      assertEquals(descriptors(), before);
    },
  });
}
