// Tunnels with pre-shared keys, between real processes.

import { assertEquals, assertMatch } from "@std/assert";
import { assertExchange, type SitesOptions, withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { type WrittenKey, writtenKey } from "../support/keys.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const MAIN = new URL("../support/keyed_main.ts", import.meta.url);

/** Returns the options of sites whose programs have these keys. */
function keyed(...keys: WrittenKey[]): SitesOptions {
  return { main: MAIN, before: ["env", `KEYS=${JSON.stringify(keys)}`] };
}

testUnless(
  skipped,
  "A client with a key carries sessions over TLS, by the name of the key",
  async () => {
    await withSites(keyed(writtenKey("office")), async (sites) => {
      sites.ac();
      const host = sites.host();
      await host.dial();
      await assertExchange([host], 50);
      const [status, clientStatus] = [await sites.server.status(), await sites.client.status()];
      assertEquals(status.tunnels.map(({ name }) => name), ["office"]);
      const encryption = { cipher: "AES-128-GCM", kernel: false };
      assertEquals([status, clientStatus].map(({ tunnels }) => tunnels[0].encryption), [
        encryption,
        encryption,
      ]);
      assertMatch(sites.server.matching(/Client connected/)[0], /name=office/);
    });
  },
);
