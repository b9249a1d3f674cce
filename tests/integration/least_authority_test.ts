// Both sides as a user without privileges, with one capability and with exactly the permissions of README.

import { assertEquals, assertMatch } from "@std/assert";
import { makeKey } from "../../src/keys/keygen.ts";
import { SITE } from "../../src/lab/mod.ts";
import { hasProgram, testUnless, whyNot } from "../support/skip.ts";
import { inNamespace } from "../../ffi/mod.ts";
import { askHolder } from "../../src/claim/mod.ts";
import { unixPermission } from "../../src/net/unix_address.ts";
import { SideProgram, type Sites, VARIANTS, withSites } from "../support/sites.ts";
import { unixRequest } from "../support/unix_http.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces") ??
  (hasProgram("setpriv") ? undefined : "no setpriv");
const ROOT = new URL("../../", import.meta.url).pathname;
const NOBODY = 65534;
const TUNNEL = "10.0.1.2:8863";
const STATUS = `${SITE.status.hostname}:${SITE.status.port}`;
const LISTEN = ["--listen", TUNNEL, "--allow", "10.0.1.0/24"];
/** What belongs to the program, for a user who may be unable to read the checkout. */
const PROGRAM = ["main.ts", "mod.ts", "deno.json", "deno.lock", "src", "ffi"];

/** A copy of Deno and of the program that every user can read, and a directory that nobody owns. */
class PublicCopy implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "test-least-" });
  readonly main = new URL(`file://${this.path}/program/main.ts`);
  readonly state = `${this.path}/state`;

  constructor() {
    Deno.chmodSync(this.path, 0o755);
    Deno.mkdirSync(`${this.path}/program`);
    const sources = PROGRAM.map((name) => `${ROOT}${name}`);
    const args = ["-r", ...sources, `${this.path}/program/`];
    if (!new Deno.Command("cp", { args }).outputSync().success) throw new Error("Cannot copy");
    Deno.copyFileSync(Deno.execPath(), `${this.path}/deno`);
    for (const name of ["state", "cache"]) {
      Deno.mkdirSync(`${this.path}/${name}`, { mode: 0o700 });
      Deno.chownSync(`${this.path}/${name}`, NOBODY, NOBODY);
    }
  }

  /** Returns a command that runs its last arguments, `deno run --quiet -A …`, with less authority. */
  runner(permissions: string[]): string[] {
    const deno = `exec ${this.path}/deno run --quiet --no-prompt ${permissions.join(" ")} "$@"`;
    return [
      "setpriv",
      `--reuid=${NOBODY}`,
      `--regid=${NOBODY}`,
      "--clear-groups",
      "--no-new-privs",
      "--inh-caps=-all,+net_raw",
      "--ambient-caps=-all,+net_raw",
      "--bounding-set=-all,+net_raw",
      "env",
      `DENO_DIR=${this.path}/cache`,
      "sh",
      "-c",
      `shift 4; ${deno}`,
      "sh",
    ];
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Asserts that frames are carried, and that the programs have no more authority than they should. */
async function assertLeastAuthority(sites: Sites): Promise<void> {
  sites.ac();
  const host = sites.host();
  await host.dial();
  const { returned } = await host.exchange({ frames: 100, payloadLength: () => 200 });
  assertEquals(returned, 100);
  for (const program of [sites.server, sites.client]) {
    assertEquals((await program.get("/page/page.js")).status, 200);
    assertEquals(program.matching(/Requires|NotCapable|Cannot make sure|ERROR/), []);
    const text = Deno.readTextFileSync(`/proc/${program.pid}/status`);
    assertEquals(/^Uid:\s+(\d+)/m.exec(text)?.[1], `${NOBODY}`);
    assertEquals(/^CapEff:\s+(\w+)/m.exec(text)?.[1], "0000000000002000");
    assertEquals(/^NoNewPrivs:\s+(\d)/m.exec(text)?.[1], "1");
  }
}

for (const { link, mac } of VARIANTS) {
  testUnless(
    skipped,
    `Both sides run as nobody with CAP_NET_RAW and few permissions, --mac ${mac} on ${link}`,
    async () => {
      using copy = new PublicCopy();
      const before = copy.runner([
        "--allow-ffi",
        "--allow-sys=hostname,uid",
        `--allow-net=${TUNNEL},${STATUS}`,
        `--allow-read=${copy.path}/program`,
      ]);
      await withSites({
        link,
        flags: ["--mac", mac],
        serverFlags: LISTEN,
        before,
        main: copy.main,
      }, assertLeastAuthority);
    },
  );
}

testUnless(
  skipped,
  "A server as nobody keeps its sessions in --state-dir, and reads --config, with few permissions",
  async () => {
    using copy = new PublicCopy();
    const config = `${copy.path}/server.conf`;
    Deno.writeTextFileSync(config, `state-dir ${copy.state}\n`, { mode: 0o644 });
    const before = copy.runner([
      "--allow-ffi",
      "--allow-sys=hostname,uid",
      `--allow-net=${TUNNEL},${STATUS}`,
      `--allow-read=${copy.path}/program,${config},${copy.state}`,
      `--allow-write=${copy.state}`,
    ]);
    const serverFlags = [...LISTEN, "--config", config];
    await withSites({ serverFlags, before, main: copy.main }, async (sites) => {
      sites.ac();
      const host = sites.host();
      await host.dial();
      await sites.server.end("SIGKILL");
      sites.server.start();
      await sites.server.untilLine(/Restored from an earlier run.*sessions=1/);
      assertEquals(sites.server.matching(/Requires|NotCapable|ERROR/), []);
    });
  },
);

testUnless(
  skipped,
  "A server as nobody runs without the local socket if Deno does not permit it, and says so only at debug",
  async () => {
    using copy = new PublicCopy();
    const before = copy.runner([
      "--allow-ffi",
      "--allow-sys=hostname,uid",
      `--allow-net=${TUNNEL},${STATUS}`,
      `--allow-read=${copy.path}/program`,
    ]);
    const serverFlags = [...LISTEN, "--log-level", "debug"];
    await withSites({ serverFlags, before, main: copy.main }, async ({ server, ...sites }) => {
      const holder = await inNamespace(
        sites.net.path(sites.serverNamespace),
        () => askHolder({ side: "server", interface: "isp0" }, 5000),
      );
      assertEquals(holder?.introduction?.socket, null);
      assertMatch(
        server.matching(/local socket/).join(),
        /DEBUG There is no local socket reason="Deno has no permission for it \(\w+\)"$/,
      );
    });
  },
);

testUnless(
  skipped,
  "A server as nobody serves its status on --status unix:PATH, with few permissions",
  async () => {
    using copy = new PublicCopy();
    const socket = `${copy.state}/status.sock`;
    const net = unixPermission(socket) === undefined ? TUNNEL : `${TUNNEL},unix:${socket}`;
    const before = copy.runner([
      "--allow-ffi",
      "--allow-sys=hostname,uid",
      `--allow-net=${net}`,
      `--allow-read=${copy.path}/program,${socket}`,
      `--allow-write=${socket}`,
    ]);
    await withSites({}, async (sites) => {
      await sites.server.end("SIGTERM");
      const args = ["--interface", sites.serverInterface, ...LISTEN, "--status", `unix:${socket}`];
      const { net, serverNamespace } = sites;
      const server = new SideProgram(net, serverNamespace, ["server", ...args], {
        before,
        main: copy.main,
      });
      server.start();
      try {
        for (let run = 0; run < 2; run++) {
          await until(
            "the status is served",
            () => server.matching(/Serving the status address=unix:/).length > run,
          );
          assertEquals((await unixRequest(socket, "/api/status")).status, 200);
          const { mode, uid } = Deno.lstatSync(socket);
          assertEquals([mode! & 0o7777, uid], [0o600, NOBODY]);
          assertEquals(server.matching(/Requires|NotCapable|ERROR/), []);
          // The next run replaces what this one leaves.
          if (run > 0) break;
          await server.end("SIGKILL");
          server.start();
        }
        assertEquals((await server.end("SIGTERM")).code, 0);
        assertEquals([...Deno.readDirSync(copy.state)], []);
      } finally {
        await server.stop();
      }
    });
  },
);

for (const { link, mac } of VARIANTS) {
  testUnless(
    skipped,
    `Both sides run as nobody with keys, with CAP_NET_RAW and few permissions, --mac ${mac} on ${link}`,
    async () => {
      using copy = new PublicCopy();
      const keys = `${copy.path}/keys`;
      const { serverFile, clientFile } = makeKey({
        name: "osaka",
        directory: keys,
        rotate: false,
      });
      for (const path of [keys, serverFile, clientFile]) Deno.chownSync(path, NOBODY, NOBODY);
      const before = copy.runner([
        "--allow-ffi",
        "--allow-sys=hostname,uid",
        `--allow-net=${TUNNEL},${STATUS}`,
        `--allow-read=${copy.path}/program,${keys}`,
      ]);
      await withSites({
        link,
        flags: ["--mac", mac],
        serverFlags: ["--listen", TUNNEL, "--key-file", serverFile],
        clientFlags: ["--connect", TUNNEL, "--key-file", clientFile],
        before,
        main: copy.main,
      }, async (sites) => {
        await assertLeastAuthority(sites);
        for (const program of [sites.server, sites.client]) {
          program.signal("SIGHUP");
          await program.untilLine(/Configuration reloaded/);
          const { tunnels: [{ encryption }] } = await program.status();
          assertMatch(`${encryption?.cipher}`, /^(AES-128-GCM|CHACHA20-POLY1305)$/);
        }
      });
    },
  );
}

testUnless(
  skipped,
  "A side as nobody captures frames with permissions for the two files only",
  async () => {
    using copy = new PublicCopy();
    const file = `${copy.state}/line.pcapng`;
    const before = copy.runner([
      "--allow-ffi",
      "--allow-sys=hostname,uid",
      `--allow-net=${TUNNEL},${STATUS}`,
      `--allow-read=${copy.path}/program,${file},${file}.1`,
      `--allow-write=${file},${file}.1`,
    ]);
    await withSites({
      serverFlags: [...LISTEN, "--capture", file, "--capture-size", "1", "--capture-frames", "all"],
      clientFlags: ["--connect", TUNNEL],
      before,
      main: copy.main,
    }, async (sites) => {
      await assertLeastAuthority(sites);
      const host = sites.host({ mac: Uint8Array.of(2, 0, 0, 0, 0, 7) });
      await host.dial();
      await host.exchange({ frames: 400, payloadLength: () => 1400 });
      assertEquals((await sites.server.end("SIGTERM")).code, 0);
      assertEquals(sites.server.matching(/Frames are missing|NotCapable|ERROR/), []);
      for (const path of [file, `${file}.1`]) {
        const { size, mode, uid } = Deno.statSync(path);
        assertEquals([mode! & 0o777, uid], [0o600, NOBODY]);
        assertEquals(size > 0 && size <= 512 * 1024, true, `${path}: ${size}`);
      }
    });
  },
);

testUnless(
  skipped,
  "status shows the sides with few permissions, also as nobody, who may not use the socket of root",
  async () => {
    using copy = new PublicCopy();
    await withSites({ flags: ["--name", "branch"] }, async ({ sites: [{ clientNamespace }] }) => {
      const ask = async (before: string[], ...args: string[]) => {
        const deno = [Deno.execPath(), "run", "--quiet", "-A", copy.main.href];
        const { code, stdout, stderr } = await new Deno.Command("ip", {
          args: ["netns", "exec", clientNamespace, ...before, ...deno, "status", ...args],
          stdin: "null",
        }).output();
        const text = new TextDecoder();
        return { code, out: text.decode(stdout), err: text.decode(stderr) };
      };
      const permissions = ["--allow-ffi", "--allow-sys=uid", `--allow-read=${copy.path}/program`];
      // Over TCP, since nobody may not use the socket.
      const nobody = copy.runner([...permissions, `--allow-net=${STATUS}`]);
      const overTcp = await ask(nobody);
      assertEquals([overTcp.code, overTcp.err], [0, ""], overTcp.out);
      assertMatch(overTcp.out, /^client branch on lan0$/m);
      assertMatch(overTcp.out, /, process \d+, user 0$/m);
      const run = "/run/pppoe-proxy";
      const sockets = [`--allow-read=${run}`, `--allow-write=${run}`, "--allow-net"];
      const [{ address }] = JSON.parse((await ask([], "--json")).out).sides;
      assertMatch(address, /^unix:/);
      const refused = await ask(copy.runner([...permissions, ...sockets]), "--socket", address);
      assertEquals(refused.code, 1);
      assertMatch(refused.out, /tells nothing: this user may not use unix:\S+; run this with sudo/);
      // As root, with exactly the permissions of the docs.
      const asRoot = [
        "sh",
        "-c",
        `shift 4; exec ${copy.path}/deno run --quiet --no-prompt ${
          [...permissions, ...sockets].join(" ")
        } "$@"`,
        "sh",
      ];
      const bySocket = await ask(asRoot, "--socket", address);
      assertEquals([bySocket.code, bySocket.err], [0, ""], bySocket.out);
      const withoutNet = await ask(nobody, "--socket", address);
      assertMatch(withoutNet.out, /Deno does not allow it; add --allow-read=/);
    });
  },
);

testUnless(
  skipped,
  "discover runs as nobody with CAP_NET_RAW and few permissions",
  async () => {
    using copy = new PublicCopy();
    const before = copy.runner([
      "--allow-ffi",
      "--allow-sys=uid",
      `--allow-read=${copy.path}/program`,
    ]);
    await withSites({ start: false }, async (sites) => {
      sites.ac();
      const args = ["discover", "--interface", sites.serverInterface, "--wait", "1", "--json"];
      const { code, stdout, stderr } = await new Deno.Command("ip", {
        args: [
          ...["netns", "exec", sites.serverNamespace, ...before],
          ...[Deno.execPath(), "run", "--quiet", "-A", copy.main.pathname, ...args],
        ],
        stdin: "null",
      }).output();
      const text = new TextDecoder();
      assertEquals([code, text.decode(stderr)], [0, ""]);
      assertEquals(JSON.parse(text.decode(stdout)).length, 1);
    });
  },
);

testUnless(
  skipped,
  "discover --through asks over the local socket with few permissions, and names a missing one",
  async () => {
    using copy = new PublicCopy();
    await withSites({}, async (sites) => {
      sites.ac();
      const ask = async (...permissions: string[]) => {
        const args = ["run", "--quiet", "--no-prompt", "--allow-ffi", "--allow-sys=uid"];
        const { code, stdout, stderr } = await new Deno.Command("ip", {
          args: [
            ...["netns", "exec", sites.sites[0].clientNamespace, `${copy.path}/deno`, ...args],
            ...[`--allow-read=${[`${copy.path}/program`, ...permissions].join()}`],
            ...permissions.map((path) => `--allow-write=${path}`),
            ...permissions.length > 0 ? ["--allow-net"] : [],
            ...[copy.main.pathname, "discover", "--through", "--wait", "1", "--json"],
          ],
          stdin: "null",
        }).output();
        const text = new TextDecoder();
        return { code, out: text.decode(stdout), err: text.decode(stderr) };
      };
      const { code, out, err } = await ask("/run/pppoe-proxy");
      assertEquals([code, err], [0, ""]);
      assertEquals(JSON.parse(out).length, 1);
      const refused = await ask();
      assertEquals([refused.code, refused.out], [1, ""]);
      assertMatch(refused.err, /Deno does not allow it; add --allow-read=\/run\/pppoe-proxy\//);
    });
  },
);
