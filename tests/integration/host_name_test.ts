// Machines with an unusable host name: none yet, as during boot, or invalid bytes.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { inNamespace, readInterface } from "../../ffi/mod.ts";
import { type SideProgram, withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces", "hostName");

/** The fault, the host name as a format of printf(1), and the fault in the warning. */
const HOST_NAMES: [what: string, hostName: string, said: string][] = [
  ["is empty", "", "is empty"],
  ["is not UTF-8 and does not print", "\\377\\001x", "is not UTF-8"],
  ["does not print", "\\001x", "contains unprintable characters"],
  ["is white space", "  ", "consists of white space"],
];

/** Returns the warnings about the host name. */
function warnings({ lines }: SideProgram): string[] {
  return lines.filter((line) => line.includes(" WARN ") && line.includes("--name"));
}

for (const [what, hostName, said] of HOST_NAMES) {
  testUnless(
    skipped,
    `Server and Client carry sessions under a generated name if the host name ${what}`,
    () =>
      withSites({ hostName, flags: ["--mac", "per-host"] }, async (sites) => {
        const { net, server, client } = sites;
        const nameAt = (namespace: string, name: string) => {
          const { mac } = inNamespace(net.path(namespace), () => readInterface(name))!;
          return `pppoe-proxy-${mac.toHex()}`;
        };
        const names = {
          server: nameAt(sites.serverNamespace, sites.serverInterface),
          client: nameAt(sites.sites[0].clientNamespace, sites.clientInterface),
        };
        for (const [program, name] of [[server, names.server], [client, names.client]] as const) {
          assertEquals(warnings(program).length, 1, program.lines.join("\n"));
          assertMatch(
            warnings(program)[0],
            new RegExp(` The machine's host name ${said}; --name sets another one name=${name}$`),
          );
        }
        const shown = async () => [
          (await server.status()).tunnels.map(({ name }) => name),
          (await client.status()).tunnels.map(({ name }) => name),
        ];
        assertEquals(await shown(), [[names.client], [names.server]]);

        const ac = sites.ac();
        const host = sites.host();
        await host.dial();
        assertEquals((await host.exchange({ frames: 20 })).returned, 20);
        const [before] = [...ac.sessions.values()].map(({ host }) => host.toHex());
        host.hangUp();
        await client.end("SIGTERM");
        client.start();
        await client.untilHealth(200);
        assertEquals(await shown(), [[names.client], [names.server]], "at each start");
        const again = sites.host();
        await again.dial();
        const [after] = [...ac.sessions.values()].map(({ host }) => host.toHex());
        assertEquals(after, before, "the address that the AC sees");
      }),
  );
}

testUnless(
  skipped,
  "Server and Client on machines with one host name have names that tell them apart",
  () =>
    withSites({ hostName: "osaka" }, async (sites) => {
      const { server, client } = sites;
      sites.ac();
      await sites.host().dial();
      const names = async (side: SideProgram) => {
        const { tunnels, sessions } = await side.status();
        return [...tunnels.map(({ name }) => name), ...sessions.map(({ tunnel }) => tunnel)];
      };
      assertEquals(await names(server), ["osaka", "osaka"]);
      assertEquals(await names(client), ["osaka-server", "osaka-server"]);
      assertMatch(await server.untilLine(/Client connected/), / name=osaka /);
      assertMatch(await client.untilLine(/Tunnel up/), / name=osaka-server /);
      const metrics = [...(await client.metrics()).keys()];
      assert(metrics.some((name) => name.includes('tunnel="osaka-server"')));
      assertEquals([...warnings(server), ...warnings(client)], []);
    }),
);

testUnless(
  skipped,
  "Server and Client use --name without a warning for any host name",
  () =>
    withSites({ hostName: "", flags: ["--name", "osaka"] }, async ({ server, client }) => {
      for (const program of [server, client]) {
        assertEquals((await program.status()).tunnels.map(({ name }) => name), ["osaka"]);
        assertEquals(warnings(program), []);
      }
    }),
);
