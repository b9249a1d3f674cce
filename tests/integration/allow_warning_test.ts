// The warning of a server that nobody can reach, because its allow list is the default.

import { assertEquals } from "@std/assert";
import { withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const ADVICE = "because --allow is missing: add the addresses of the clients, " +
  "such as --allow 198.51.100.7$";

const CASES: [flags: string[], warning: string | undefined][] = [
  [["--listen", "0.0.0.0:8863"], `Nobody but this machine can connect, ${ADVICE}`],
  [["--listen", "[::]:8863"], `Nobody but this machine can connect, ${ADVICE}`],
  [["--listen", "10.0.1.2:8863"], `Nobody can connect, ${ADVICE}`],
  [["--listen", "127.0.0.1:8863"], undefined],
  [["--listen", "0.0.0.0:8863", "--allow", "10.0.0.0/8"], undefined],
  [
    ["--listen", "127.0.0.1:8863", "--allow", "10.0.0.0/8"],
    "Nobody can connect to 127\\.0\\.0\\.1, because no address on the allow list can reach it: " +
    "change --listen or --allow$",
  ],
  // A proxy on the same machine.
  [
    ["--listen", "127.0.0.1:8863", "--allow", "10.0.0.0/8", "--proxy-protocol", "127.0.0.1"],
    undefined,
  ],
  [
    ["--listen", "127.0.0.1:8863", "--proxy-protocol", "127.0.0.1"],
    `Nobody behind a proxy can connect, ${ADVICE}`,
  ],
];

for (const [flags, warning] of CASES) {
  testUnless(
    skipped,
    `Server ${warning === undefined ? "does not warn" : "warns"} with ${flags.join(" ")}`,
    () =>
      withSites({ serverFlags: flags, start: false }, async ({ server }) => {
        server.start();
        if (warning !== undefined) await server.untilLine(new RegExp(`WARN {2}${warning}`));
        await server.untilHealth(200);
        assertEquals(server.matching(/Nobody/).length, warning === undefined ? 0 : 1);
      }),
  );
}

testUnless(
  skipped,
  "Server warns when a reload takes the last entry from its allow list",
  async () => {
    const dir = await Deno.makeTempDir();
    const config = `${dir}/server.conf`;
    try {
      await Deno.writeTextFile(config, "listen 0.0.0.0:8863\nallow 10.0.0.0/8\n");
      await withSites({ serverFlags: ["--config", config], start: false }, async ({ server }) => {
        server.start();
        await server.untilHealth(200);
        assertEquals(server.matching(/Nobody/), []);
        await Deno.writeTextFile(config, "listen 0.0.0.0:8863\n");
        server.signal("SIGHUP");
        await server.untilLine(/WARN {2}Nobody but this machine can connect/);
      });
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
);
