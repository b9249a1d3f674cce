// SIGHUP, from an operator and from the end of the terminal.
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  assertPadts,
  padtsAt,
  SideProgram,
  type Sites,
  untilPadts,
  withSites,
} from "../support/sites.ts";
import { hasProgram, testUnless, whyNot } from "../support/skip.ts";
import { Terminal } from "../support/terminal.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const noTerminal = skipped ??
  (hasProgram("setsid") && hasProgram("nohup") ? undefined : "no setsid or no nohup");

/** Builds sites with a configuration file for the client, which has a session, and a terminal. */
async function withClient(
  { script, config }: { script?: string; config: boolean },
  use: (client: SideProgram, sites: Sites, terminal: Terminal, file: string) => Promise<void>,
): Promise<void> {
  const file = await Deno.makeTempFile();
  using terminal = new Terminal();
  try {
    await Deno.writeTextFile(file, "padi-rate 50\n");
    await withSites({ start: false }, async (sites) => {
      sites.server.start();
      const [{ clientNamespace, serverAddress }] = sites.sites;
      const args = [
        ...["client", "--interface", "lan0", "--connect", `${serverAddress}:8863`],
        ...["--status", "127.0.0.1:8864", ...config ? ["--config", file] : []],
      ];
      const before = terminal.command(script);
      const client = new SideProgram(sites.net, clientNamespace, args, { before });
      client.start();
      try {
        await client.untilHealth(200);
        sites.ac();
        const host = sites.host();
        await host.dial();
        await use(client, sites, terminal, file);
      } catch (error) {
        throw new Error(`${(error as Error).message}\n${client.lines.join("\n")}`, {
          cause: error,
        });
      } finally {
        await client.stop();
      }
    });
  } finally {
    await Deno.remove(file);
  }
}

for (const side of ["server", "client"] as const) {
  testUnless(
    skipped,
    `SIGHUP without --config ends the ${side} in order, with a PADT to each station`,
    () =>
      withSites({}, async (sites) => {
        const ac = sites.ac();
        const { hosts } = await sites.dialMany(3);
        const { code } = await sites[side].end("SIGHUP");
        assertEquals(code, 0);
        await Promise.all(hosts.map((host) => host.closed()));
        await assertPadts(sites, sites.acs, 3);
        assertEquals(ac.sessions.size, 0);
        assertMatch(sites[side].lines.at(-1)!, /Stopped/);
        assertEquals(sites[side].matching(/Stopping after SIGHUP: there is no --config/).length, 1);
      }),
  );
}

for (const config of [true, false]) {
  const flags = config ? "with" : "without";
  testUnless(
    noTerminal,
    `The end of the terminal ends a client ${flags} --config in order`,
    () =>
      withClient({ config }, async (client, sites, terminal) => {
        terminal.end();
        assertEquals((await client.ended()).code, 0);
        await assertPadts(sites, sites.acs, 1);
        await assertPadts(sites, sites.hosts, 1);
        assertEquals(client.matching(/Stopping after SIGHUP/).length, 1);
        assertMatch(client.lines.at(-1)!, /Stopped/);
      }),
  );

  testUnless(
    noTerminal,
    `The end of the terminal that has its log ends a client ${flags} --config in order`,
    () =>
      withClient({ config, script: 'exec "$@" 2>&0' }, async (client, sites, terminal) => {
        assertEquals(client.lines, []);
        terminal.end();
        assertEquals((await client.ended()).code, 0);
        await assertPadts(sites, sites.acs, 1);
        await assertPadts(sites, sites.hosts, 1);
      }),
  );

  testUnless(
    noTerminal,
    `The end of the terminal ends a client ${flags} --config that runs in a shell`,
    () =>
      withClient({ config, script: '"$@"; true' }, async (client, sites, terminal) => {
        terminal.end();
        await until("the client has ended", () =>
          client.get("/healthz").then(() => false, () => true));
        await assertPadts(sites, sites.acs, 1);
        await assertPadts(sites, sites.hosts, 1);
        await client.untilLine(/Stopped/);
      }),
  );

  testUnless(
    noTerminal,
    `The end of the terminal leaves a client ${flags} --config alone that nohup has started`,
    () =>
      withClient({ config, script: 'exec nohup "$@"' }, async (client, sites, terminal, file) => {
        terminal.end();
        // The answer to a later signal comes after SIGHUP has been handled.
        client.signal("SIGUSR2");
        await client.untilLine(/Cannot stop and keep the sessions/);
        const { healthy, sessions } = await client.status();
        assertEquals([healthy, sessions.length, padtsAt(sites.acs)], [true, 1, 0]);
        assertEquals(client.matching(/SIGHUP|reloaded/), [], file);
        assertEquals((await client.end("SIGTERM")).code, 0);
        await assertPadts(sites, sites.acs, 1);
        assertEquals(client.matching(/SIGHUP|reloaded/), [], file);
      }),
  );
}

testUnless(
  noTerminal,
  "SIGHUP with --config reads the file again while the terminal is there",
  () =>
    withClient({ config: true }, async (client, sites, terminal, file) => {
      await Deno.writeTextFile(file, "padi-rate 70\n");
      client.signal("SIGHUP");
      assert((await client.untilLine(/Configuration reloaded/)).includes(file));
      assertEquals([(await client.status()).sessions.length, padtsAt(sites.acs)], [1, 0]);
      terminal.end();
      assertEquals((await client.ended()).code, 0);
      await assertPadts(sites, sites.acs, 1);
    }),
);

testUnless(
  noTerminal,
  "SIGHUP with --config reads the file again under nohup",
  () =>
    withClient({ config: true, script: 'exec nohup "$@"' }, async (client, sites) => {
      client.signal("SIGHUP");
      await client.untilLine(/Configuration reloaded/);
      assertEquals([(await client.status()).sessions.length, padtsAt(sites.acs)], [1, 0]);
    }),
);

testUnless(
  skipped ?? (hasProgram("mkfifo") ? undefined : "no mkfifo"),
  "SIGHUP with a --config that has become a pipe changes nothing, and the client still answers",
  () =>
    withClient({ config: true }, async (client, sites, _terminal, file) => {
      await Deno.remove(file);
      await new Deno.Command("mkfifo", { args: [file] }).output();
      client.signal("SIGHUP");
      assertMatch(await client.untilLine(/Cannot reload/), /it is a pipe/);
      assertEquals([(await client.status()).sessions.length, padtsAt(sites.acs)], [1, 0]);
    }),
);

for (const first of ["SIGTERM", "SIGHUP"] as const) {
  const second = first === "SIGTERM" ? "SIGHUP" : "SIGTERM";
  testUnless(
    skipped,
    `${second} after ${first} does not end a client before it has stopped in order`,
    () =>
      withSites({}, async (sites) => {
        sites.ac();
        await sites.dialMany(1);
        const { client, server } = sites;
        // The client waits for the server to close its connection.
        server.signal("SIGSTOP");
        client.signal(first);
        await untilPadts(sites.hosts, 1);
        client.signal("SIGHUP");
        assertEquals((await client.end(second)).code, 0);
        assertMatch(client.lines.at(-1)!, /Stopped/);
        server.signal("SIGCONT");
        await assertPadts(sites, sites.acs, 1);
      }),
  );
}
