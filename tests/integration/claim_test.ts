// A second side on the interface of the first.
import { assertEquals, assertMatch } from "@std/assert";
import { type ClientSite, SideProgram, type Sites, withSites } from "../support/sites.ts";
import { hasProgram, testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const noPerl = hasProgram("perl") && hasProgram("setpriv") ? undefined : "no perl or no setpriv";
const SOMEBODY = "1000";

/** Makes another client at a site, which is not started yet. */
function anotherClient(sites: Sites, site: ClientSite, name = "lan0", flags: string[] = []) {
  const connect = ["--connect", `${site.serverAddress}:8863`, "--name", "second", ...flags];
  return new SideProgram(sites.net, site.clientNamespace, [
    "client",
    "--interface",
    name,
    ...connect,
  ], {
    before: ["timeout", "20"],
  });
}

/** Runs a program that must not start, and returns the only line that it writes. */
async function refused(program: SideProgram): Promise<string> {
  program.start();
  const { code } = await program.ended();
  assertEquals([code, program.lines.length], [2, 1], program.lines.join("\n"));
  return program.lines[0];
}

/** The arguments of ip(8) that give the client's interface another name. */
const ADD_NAME = ["link", "property", "add", "dev", "lan0", "altname", "lanB"];

for (const side of ["server", "client"] as const) {
  testUnless(
    skipped,
    `A second ${side} on the interface does not start, names the first, and leaves its sessions alone`,
    () =>
      withSites({ flags: ["--name", "first"] }, async (sites) => {
        const ac = sites.ac();
        const host = sites.host();
        await host.dial();
        const [site] = sites.sites;
        const dir = await Deno.makeTempDir();
        const stateDir = `${dir}/state`;
        const second = side === "client"
          ? anotherClient(sites, site, "lan0", ["--state-dir", stateDir])
          : new SideProgram(sites.net, sites.serverNamespace, [
            ...["server", "--interface", "isp0", "--listen", "0.0.0.0:8863"],
            ...["--state-dir", stateDir],
          ], {});
        const [first, name] = side === "client" ? [site.client, "lan0"] : [sites.server, "isp0"];
        const line = await refused(second);
        assertMatch(line, new RegExp(`Cannot start a ${side} on ${name}: another process uses it`));
        assertMatch(
          line,
          new RegExp(`the ${side} first \\(pid ${first.pid}\\); stop that one first`),
        );
        assertEquals([...Deno.readDirSync(dir)], []);
        await Deno.remove(dir);
        assertEquals((await host.exchange({ frames: 20 })).returned, 20);
        assertEquals([ac.sessions.size, (await first.status()).sessions.length], [1, 1]);
      }),
  );
}

testUnless(
  skipped,
  "Client names the first one also for another name of its interface, and while it is gone and back",
  () =>
    withSites({ clientFlags: ["--connect", "127.0.0.1:9"], start: false }, async (sites) => {
      const [site] = sites.sites;
      const { client, clientNamespace } = site;
      client.start();
      await client.untilHealth(503);
      await sites.net.ip(clientNamespace, ...ADD_NAME);
      const pattern = new RegExp(
        `another process uses it as lan0, the client .* \\(pid ${client.pid}\\)`,
      );
      assertMatch(await refused(anotherClient(sites, site, "lanB")), pattern);
      await sites.cut(site);
      await client.untilStatus(
        "lan0 is gone",
        ({ interfaceState }) => interfaceState === "missing",
      );
      assertMatch(
        await refused(anotherClient(sites, site)),
        /client on lan0: another process uses it/,
      );
      await sites.join(site);
      await client.untilStatus("lan0 is back", ({ interfaceState }) => interfaceState === "up");
      assertMatch(
        await refused(anotherClient(sites, site)),
        /client on lan0: another process uses it/,
      );
    }),
);

testUnless(
  skipped,
  "A client and a server start on one interface",
  () =>
    withSites({ start: false }, async (sites) => {
      const { client, clientNamespace } = sites.sites[0];
      client.start();
      const server = new SideProgram(sites.net, clientNamespace, [
        ...["server", "--interface", "lan0", "--listen", "127.0.0.1:8863"],
      ], {});
      server.start();
      await Promise.all([client.untilHealth(503), server.untilLine(/Listening/)]);
      await server.stop();
    }),
);

const FOUR: [by: string, names: string[]][] = [
  ["one name", ["lan0", "lan0", "lan0", "lan0"]],
  ["two names of the interface", ["lan0", "lanB", "lan0", "lanB"]],
];

for (const [by, names] of FOUR) {
  testUnless(
    skipped,
    `One of four clients that start at the same instant by ${by} runs`,
    () =>
      withSites({ start: false }, async (sites) => {
        const [site] = sites.sites;
        await sites.net.ip(site.clientNamespace, ...ADD_NAME);
        const all = names.map((name) => anotherClient(sites, site, name));
        for (const program of all) program.start();
        const codes: number[] = [];
        for (const program of all) void program.ended().then(({ code }) => codes.push(code));
        try {
          await until("three have ended", () => codes.length === 3);
          assertEquals(codes, [2, 2, 2]);
          const running = all.filter(({ lines }) => !/another process/.test(lines.join()));
          assertEquals(running.length, 1);
          await running[0].untilLine(/Cannot connect/);
        } finally {
          await Promise.all(all.map((program) => program.stop()));
        }
      }),
  );
}

testUnless(
  skipped,
  "A second client does not start while the first is stopped by SIGSTOP",
  () =>
    withSites({ start: false }, async (sites) => {
      const [site] = sites.sites;
      const { client } = site;
      client.start();
      await client.untilHealth(503);
      client.signal("SIGSTOP");
      const line = await refused(anotherClient(sites, site));
      client.signal("SIGCONT");
      assertMatch(line, new RegExp(`the client \\(pid ${client.pid}\\), which does not answer`));
    }),
);

testUnless(
  skipped,
  "A client that starts while the first one stops waits for its end",
  () =>
    withSites({}, async (sites) => {
      sites.ac();
      await sites.host().dial();
      const [site] = sites.sites;
      const second = anotherClient(sites, site);
      // The first client waits for the server to close its connection.
      sites.server.signal("SIGSTOP");
      second.start();
      site.client.signal("SIGTERM");
      assertEquals((await site.client.ended()).code, 0);
      sites.server.signal("SIGCONT");
      await second.untilLine(/Tunnel up/);
      assertEquals(second.matching(/another process/), []);
      await second.stop();
    }),
);

testUnless(
  skipped,
  "A process can start a client where it has stopped one, but not beside a running one",
  () =>
    withSites({ start: false }, async (sites) => {
      const { clientNamespace } = sites.sites[0];
      const main = new URL("../support/two_clients_main.ts", import.meta.url).href;
      const program = [Deno.execPath(), "run", "--quiet", "-A", main, "lan0"];
      const { code, stdout, stderr } = await new Deno.Command("ip", {
        args: ["netns", "exec", clientNamespace, ...program],
      }).output();
      const text = new TextDecoder();
      assertEquals([code, text.decode(stderr)], [0, ""]);
      const [refusal, name] = text.decode(stdout).split("\n");
      assertMatch(refusal, /client on lan0: another process uses it, .* in this same process/);
      assertEquals(name, "lan0");
    }),
);

/**
 * Perl programs by which a user without privileges takes the name: it answers nobody, it leaves no room for
 * anybody, and it does not even listen.
 */
const SQUATTERS = {
  "listens": "listen(S, 5);",
  "is full": "listen(S, 0); for (1..9) { socket(my $s, PF_UNIX, SOCK_STREAM | 2048, 0);" +
    " connect($s, $a); push @s, $s }",
  "only takes it": "",
};

for (const [what, then] of Object.entries(SQUATTERS)) {
  testUnless(
    skipped ?? noPerl,
    `A client starts with a warning if another user has taken the name of its claim, and ${what}`,
    () =>
      withSites({ start: false }, async (sites) => {
        const { client, clientNamespace } = sites.sites[0];
        const script = 'use Socket; $| = 1; $a = pack_sockaddr_un("\\0pppoe-proxy/client/lan0"); ' +
          `socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, $a) or die; ${then} print "ready\\n"; <STDIN>`;
        const user = ["setpriv", "--reuid", SOMEBODY, "--clear-groups", "--"];
        const squatter = new Deno.Command("ip", {
          args: ["netns", "exec", clientNamespace, ...user, "perl", "-e", script],
          stdin: "piped",
          stdout: "piped",
        }).spawn();
        const output = squatter.stdout.getReader();
        try {
          const { value } = await output.read();
          assertEquals(new TextDecoder().decode(value), "ready\n");
          client.start();
          const by = what === "only takes it" ? "another program" : `user ${SOMEBODY}`;
          const line = await client.untilLine(/WARN .*Cannot make sure/);
          assertMatch(line, new RegExp(`no other client uses lan0: ${by} has taken the name`));
          await client.untilHealth(503);
        } finally {
          await squatter.stdin.close();
          await output.cancel();
          await squatter.status;
        }
      }),
  );
}

testUnless(
  skipped ?? noPerl,
  "A client does not start beside one of another user that has CAP_NET_RAW",
  () =>
    withSites({
      start: false,
      // Deno reads its modules as a user who may read all files.
      before: [
        ...["setpriv", "--reuid", SOMEBODY, "--inh-caps", "+net_raw,+net_admin,+dac_override"],
        ...["--ambient-caps", "+net_raw,+net_admin,+dac_override", "--"],
      ],
    }, async (sites) => {
      const [site] = sites.sites;
      site.client.start();
      await site.client.untilHealth(503);
      const line = await refused(anotherClient(sites, site));
      assertMatch(
        line,
        new RegExp(`another process uses it, the client .*pid ${site.client.pid}\\)`),
      );
    }),
);
