// The subcommand `status` beside running sides.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Program, SimulatedHost, Station } from "../../src/lab/mod.ts";
import { patient } from "../../src/lab/patience.ts";
import type { StatusDocument } from "../../src/cli/show/document.ts";
import { padtsAt, SideProgram, type Sites, untilPadts, withSites } from "../support/sites.ts";
import { hasProgram, testUnless, whyNot } from "../support/skip.ts";
import { Terminal } from "../support/terminal.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const noTerminal = skipped ?? (hasProgram("setsid") ? undefined : "no setsid");
const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const LISTEN = ["--listen", "0.0.0.0:8863", "--allow", "10.0.0.0/8,127.0.0.0/8"];
const ENTER = "\x1b[?1049h";
const LEAVE = "\x1b[?1049l";

interface Said {
  code: number;
  out: string;
  err: string;
}

/** Runs `status` in a namespace. */
async function status(namespace: string, ...args: string[]): Promise<Said> {
  const { code, stdout, stderr } = await new Deno.Command("ip", {
    args: ["netns", "exec", namespace, Deno.execPath(), "run", "-A", MAIN, "status", ...args],
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

async function document(namespace: string, ...args: string[]): Promise<StatusDocument> {
  const { out } = await status(namespace, "--json", ...args);
  return JSON.parse(out);
}

/** Everything that a test with both sides on one machine has. */
interface OneMachine {
  sites: Sites;
  /** The namespace of the server and of the client. */
  namespace: string;
  /** The client, which serves its status only on its local socket. */
  client: SideProgram;
  /** The host beside it, which has dialled. */
  host: SimulatedHost;
  /** The host's end of the client's link. */
  station: Station;
}

/** Builds a server and a client in one namespace, with one session through both. */
async function withOneMachine(use: (machine: OneMachine) => Promise<void>): Promise<void> {
  await withSites({ start: false, serverFlags: LISTEN }, async (sites) => {
    const { net, serverNamespace: namespace } = sites;
    const hostNamespace = await net.namespace("host9");
    await net.veth({ namespace: hostNamespace, name: "lan9" }, { namespace, name: "lan9" });
    const station = Station.open({ namespace: net.path(hostNamespace), interface: "lan9" });
    const flags = ["--connect", "127.0.0.1:8863", "--name", "branch"];
    const client = new SideProgram(
      net,
      namespace,
      ["client", "--interface", "lan9", ...flags],
      {},
    );
    try {
      sites.server.start();
      await sites.server.untilHealth(200);
      client.start();
      await sites.server.untilStatus(
        "the client is connected",
        ({ tunnels }) => tunnels.length === 1,
      );
      sites.ac();
      const host = new SimulatedHost(station, { mac: station.mac, retryMs: patient(3000) });
      try {
        await host.dial();
        await use({ sites, namespace, client, host, station });
      } finally {
        host.close();
      }
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${client.lines.join("\n")}`, { cause: error });
    } finally {
      await client.stop();
      await station.close();
    }
  });
}

testUnless(
  skipped,
  "status finds a server and a client of one machine, and shows their session",
  () =>
    withOneMachine(async ({ namespace, sites, client }) => {
      const { code, out, err } = await status(namespace);
      assertEquals([code, err], [0, ""], out);
      assertMatch(out, /^client branch on lan9$/m);
      assertMatch(out, /^server \S+ on isp0$/m);
      assertMatch(out, new RegExp(`running for .*, process ${client.pid}$`, "m"));
      assertMatch(out, /^ {2}server {7}\S+ at 127\.0\.0\.1:8863, up, /m);
      assertEquals(out.match(/^ {2}sessions {5}1 open$/gm)?.length, 2);
      assertEquals(out.match(/^ {4}0x0001 /gm)?.length, 2);
      const { healthy, sides } = await document(namespace);
      assertEquals(healthy, true);
      assertEquals(sides.map(({ side, interface: on, pid }) => [side, on, pid]), [
        ["client", "lan9", client.pid],
        ["server", "isp0", sites.server.pid],
      ]);
      const [, server] = sides;
      assertEquals(
        server.status,
        await sites.server.status().then((now) => ({
          ...now,
          ...{ uptimeSeconds: (server.status as typeof now).uptimeSeconds },
          ...{ tunnels: (server.status as typeof now).tunnels },
          ...{ sessions: (server.status as typeof now).sessions },
        })),
      );
      const one = await status(namespace, "lan9");
      assertEquals([one.code, /^server .* on/m.test(one.out)], [0, false]);
    }),
);

testUnless(
  skipped,
  "status shows a problem first, with exit status 1, until it is solved",
  () =>
    withOneMachine(async ({ namespace, sites }) => {
      await sites.net.ip(namespace, "link", "set", "lan9", "down");
      const { code, out } = await until("the problem is shown", async () => {
        const said = await status(namespace);
        return said.code === 1 && said;
      });
      assertEquals(code, 1);
      assertMatch(out, /^PROBLEM {2}Interface lan9 is down\nAdvice {3}\S/);
      assertMatch(out, /^ {9}\(link-down at the client branch on lan9, for \d+ s\)$/m);
      assertStringIncludes(out, "  health       NOT OK, it cannot do its job\n");
      assertEquals((await document(namespace)).healthy, false);
      // The other side is asked for itself.
      assertEquals((await status(namespace, "isp0")).code, 0);
      await sites.net.ip(namespace, "link", "set", "lan9", "up");
      await until("all is well", async () => (await status(namespace, "lan9")).code === 0);
    }),
);

testUnless(
  skipped,
  "status says how to start a side where none runs, and what runs instead",
  () =>
    withSites({}, async ({ sites: [{ hostNamespace, clientNamespace }] }) => {
      const { code, out, err } = await status(hostNamespace);
      assertEquals([code, out], [1, ""]);
      assertMatch(err, /^pppoe-proxy: Nothing runs here.* pppoe-proxy client --interface .*\n$/);
      const json = await status(hostNamespace, "--json");
      assertEquals([json.code, JSON.parse(json.out)], [1, { healthy: false, sides: [] }]);
      const other = await status(clientNamespace, "eth7");
      assertEquals(other.code, 1);
      assertMatch(other.err, /Nothing runs on eth7; what runs is the client \S+ on lan0\n$/);
    }),
);

testUnless(
  skipped,
  "status names a side that does not answer, and shows the others",
  () =>
    withOneMachine(async ({ namespace, client }) => {
      client.signal("SIGSTOP");
      try {
        const { code, out } = await status(namespace);
        assertEquals(code, 1);
        assertMatch(out, /^PROBLEM {2}The client on lan9 tells nothing: its process \d+ does not/);
        assertMatch(out, /^server \S+ on isp0\n {2}health {7}ok$/m);
        const { sides: [first] } = await document(namespace);
        assertEquals([first.pid, first.status], [client.pid, null]);
        assertMatch(first.failure!, /does not answer/);
      } finally {
        client.signal("SIGCONT");
      }
    }),
);

testUnless(
  skipped,
  "status asks one side by --socket and by --url",
  () =>
    withOneMachine(async ({ namespace, client }) => {
      const { sides } = await document(namespace);
      const bySocket = await status(namespace, "--socket", sides[0].address!);
      assertEquals(bySocket.code, 0);
      assertMatch(bySocket.out, /^client on lan9$/m);
      const byUrl = await status(namespace, "--url", "http://127.0.0.1:8864/");
      assertMatch(byUrl.out, /^server on isp0$/m);
      const nobody = await status(namespace, "--url", "http://127.0.0.1:1");
      assertEquals(nobody.code, 1);
      assertMatch(nobody.out, /^PROBLEM {2}The program at 127\.0\.0\.1:1 tells nothing: /);
      assertEquals(client.matching(/ERROR/), []);
    }),
);

testUnless(
  skipped,
  "status close ends a session at both stations, and names one that it cannot find",
  () =>
    withOneMachine(async ({ namespace, sites, station, host }) => {
      const missing = await status(namespace, "close", "0x0999");
      assertEquals(missing.code, 1);
      assertMatch(missing.err, /There is no session 0x0999 here/);
      const other = await status(namespace, "close", "1", "--host", "02:00:00:00:00:99");
      assertEquals(other.code, 1);
      const closed = await status(namespace, "close", "0x0001");
      assertEquals([closed.code, closed.err], [0, ""]);
      assertMatch(closed.out, /^Closed session 0x0001 of host .* at the (client|server) /);
      await host.closed();
      await untilPadts(station, 1);
      await untilPadts(sites.acs, 1);
      await until("the session is gone", async () =>
        (await status(namespace)).out.match(/^ {2}sessions {5}0 open$/gm)?.length === 2);
    }),
);

testUnless(
  skipped,
  "status padt has the server end a session that only the AC has",
  () =>
    withOneMachine(async ({ namespace, sites }) => {
      const before = padtsAt(sites.acs);
      const { mac } = sites.acs;
      const ac = Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join(":");
      const { code, out, err } = await status(namespace, "padt", "0x0777", "--ac", ac);
      assertEquals([code, err], [0, ""]);
      assertMatch(out, new RegExp(`^Sent a PADT for session 0x0777 from \\S+ to AC ${ac}\n$`));
      await untilPadts(sites.acs, before + 1);
      const own = await status(namespace, "padt", "0x0001", "--ac", ac);
      assertEquals([own.code, own.out], [1, ""]);
    }),
);

testUnless(
  skipped,
  "status capture begins, shows and ends a capture",
  () =>
    withOneMachine(async ({ namespace }) => {
      const several = await status(namespace, "capture", "start");
      assertEquals(several.code, 1);
      assertMatch(several.err, /Several sides run here, the client branch on lan9, the server /);
      const file = `status-test-${Deno.pid}.pcapng`;
      const begun = await status(namespace, "capture", "start", "lan9", "--file", file);
      assertEquals([begun.code, begun.err], [0, ""]);
      const path = begun.out.match(/^client branch on lan9: (\S+) \(control\), /)?.[1];
      assert(path !== undefined && path.endsWith(`/${file}`), begun.out);
      try {
        const shown = await status(namespace, "capture", "show");
        assertEquals(shown.code, 0);
        assertMatch(shown.out, /^server \S+ on isp0: no capture$/m);
        assertMatch(shown.out, new RegExp(`${file} \\(control\\), \\d+ frames, 0 left out$`, "m"));
        const again = await status(namespace, "capture", "start", "lan9", "--file", file);
        assertEquals([again.code, again.out], [1, ""]);
        assertEquals((await status(namespace, "capture", "stop", "lan9")).code, 0);
        const { out } = await status(namespace, "capture", "show", "lan9");
        assertEquals(out, "client branch on lan9: no capture\n");
      } finally {
        await Deno.remove(path);
      }
    }),
);

testUnless(
  skipped,
  "status --watch shows one block each second where there is no terminal, until the reader ends",
  () =>
    withOneMachine(async ({ namespace }) => {
      const child = new Deno.Command("ip", {
        args: ["netns", "exec", namespace, Deno.execPath(), "run", "-A", MAIN, "status", "--watch"],
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      while ((text.match(/status at /g)?.length ?? 0) < 3) {
        const { value, done } = await reader.read();
        assert(!done, text);
        text += value;
      }
      assertEquals(text.includes("\x1b"), false);
      assertMatch(text, /frames\/s; .* so far/);
      await reader.cancel();
      assertEquals((await child.status).code, 0);
      assertEquals(await new Response(child.stderr).text(), "");
    }),
);

testUnless(
  skipped,
  "status --watch --json prints one document a second until SIGTERM",
  () =>
    withOneMachine(async ({ namespace }) => {
      const child = new Deno.Command("ip", {
        args: [
          ...["netns", "exec", namespace, Deno.execPath(), "run", "-A", MAIN],
          ...["status", "--watch", "--json"],
        ],
        stdin: "null",
        stdout: "piped",
      }).spawn();
      const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      while (text.split("\n").length < 3) text += (await reader.read()).value;
      for (const line of text.split("\n").slice(0, 2)) assertEquals(JSON.parse(line).healthy, true);
      child.kill("SIGTERM");
      while (!(await reader.read()).done);
      assertEquals((await child.status).code, 0);
    }),
);

/** Ways to end a watch at a terminal. */
const ENDS: [name: string, end: (terminal: Terminal, program: Program) => void][] = [
  ["Ctrl-C", (terminal) => terminal.type("\x03")],
  ["SIGTERM", (_, program) => program.kill("SIGTERM")],
  ["SIGHUP", (_, program) => program.kill("SIGHUP")],
  ["SIGQUIT", (_, program) => program.kill("SIGQUIT")],
];

for (const [name, end] of ENDS) {
  testUnless(
    noTerminal,
    `status --watch draws a terminal again and again, and restores it on ${name}`,
    () =>
      withSites({}, async ({ sites: [{ clientNamespace: namespace }] }) => {
        using terminal = new Terminal();
        const lines: string[] = [];
        const program = Program.start({
          namespace,
          args: ["status", "--watch"],
          before: terminal.command('unset NO_COLOR; exec "$@" >&0'),
          onLine: (line) => lines.push(line),
        });
        try {
          const text = await until("it has drawn twice", () => {
            const text = terminal.text();
            return text.split("status at ").length > 3 && text;
          });
          assert(text.startsWith(ENTER), JSON.stringify(text));
          assertEquals(text.split(ENTER).length, 2);
          const title = text.split("\x1b[1m")[1].split("\x1b[0m")[0];
          assertMatch(title, /^client \S+ on lan0$/);
          assertEquals(text.includes(LEAVE), false);
          end(terminal, program);
          assertEquals((await program.status).code, 0);
          assert(terminal.text().trimEnd().endsWith(LEAVE), JSON.stringify(terminal.text()));
          assertStringIncludes(terminal.text(), "\x1b[?25h");
          assertEquals(lines, []);
        } finally {
          await program.stop();
        }
      }),
  );
}

testUnless(
  noTerminal,
  "status --watch ends with its terminal",
  () =>
    withSites({}, async ({ sites: [{ clientNamespace: namespace }] }) => {
      using terminal = new Terminal();
      const program = Program.start({
        namespace,
        args: ["status", "--watch"],
        before: terminal.command('exec "$@" >&0'),
      });
      try {
        await until("it has drawn", () => terminal.text().includes("status at "));
        terminal.end();
        assertEquals((await program.status).code, 0);
      } finally {
        await program.stop();
      }
    }),
);
