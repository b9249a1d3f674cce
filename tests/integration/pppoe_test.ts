// Tests with Debian's pppoe-discovery as the host and pppoe-server as the AC.
import { assertEquals, assertMatch } from "@std/assert";
import { CODE, formatMac } from "../../src/wire/mod.ts";
import { type Sites, variantName, variantOptions, VARIANTS, withSites } from "../support/sites.ts";
import { hasProgram, testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const missing = ["pppoe-server", "pppoe-discovery"].find((name) => !hasProgram(name));
const skipped = whyNot("linux", "root", "iproute2", "namespaces") ??
  (missing && `no ${missing}`);
const SBIN = { PATH: `${Deno.env.get("PATH")}:/usr/sbin:/sbin` };

function inSite(namespace: string, ...command: string[]): Deno.Command {
  const args = ["netns", "exec", namespace, ...command];
  return new Deno.Command("ip", { args, env: SBIN, stdout: "piped", stderr: "piped" });
}

/** Runs pppoe-server in the AC's namespace. */
async function withServer(sites: Sites, use: () => Promise<void>): Promise<void> {
  const command = ["pppoe-server", "-F", "-I", "isp0", "-C", "debian-ac", "-S", "gold"];
  const server = inSite(sites.acNamespace, ...command).spawn();
  const said = Promise.all([server.stdout, server.stderr].map((s) => new Response(s).text()));
  let ended = false;
  server.status.then(() => ended = true);
  try {
    // It is ready when it has a packet socket.
    await until("pppoe-server listens", async () => {
      if (ended) throw new Error(`pppoe-server ended: ${(await said).join("")}`);
      const { stdout } = await inSite(sites.acNamespace, "cat", "/proc/net/packet").output();
      return new TextDecoder().decode(stdout).includes(" 8863 ");
    });
    await use();
  } finally {
    if (!ended) server.kill("SIGKILL");
    await server.status;
    await said;
  }
}

async function discover(sites: Sites, ...flags: string[]): Promise<{ code: number; text: string }> {
  const [{ hostNamespace }] = sites.sites;
  const command = ["pppoe-discovery", "-t", "1", "-a", "1", "-I", "lan0", ...flags];
  const { code, stdout } = await inSite(hostNamespace, ...command).output();
  return { code, text: new TextDecoder().decode(stdout) };
}

for (const variant of VARIANTS) {
  testUnless(
    skipped,
    `pppoe-discovery finds pppoe-server ${variantName(variant)}`,
    () =>
      withSites(variantOptions(variant), (sites) =>
        withServer(sites, async () => {
          const asked = [["-W", "0badcafe", "-S", "gold"], []];
          for (const flags of asked) {
            const { code, text } = await discover(sites, ...flags);
            assertEquals(code, 0, text);
            assertMatch(text, /Access-Concentrator: debian-ac/);
            assertMatch(text, /Service-Name: gold/);
            const [, source] = /AC-Ethernet-Address: (\S+)/.exec(text)!;
            const transparent = variant.mac === "transparent";
            assertEquals(source === formatMac(sites.acs.mac), transparent, text);
          }
          assertEquals(sites.hosts.log.count("in", CODE.PADO), asked.length);
          assertEquals((await sites.server.status()).sessions, []);
          for (const program of [sites.client, sites.server]) {
            assertEquals(await program.drops(), {});
          }
        })),
  );
}
