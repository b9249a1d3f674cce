// Key files in use: who may connect, and what SIGHUP does with keys that have been added and removed.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { SITE } from "../../src/lab/mod.ts";
import { makeKey } from "../../src/keys/keygen.ts";
import { KeyRing } from "../../src/keys/key_ring.ts";
import { CODE, parseMac } from "../../src/wire/mod.ts";
import {
  assertExchange,
  assertPadts,
  inState,
  padtsAt,
  SideProgram,
  type Sites,
  withSites,
} from "../support/sites.ts";
import { hasProgram, testUnless, whyNot } from "../support/skip.ts";
import { Terminal } from "../support/terminal.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const PORT = SITE.tunnelPort;
const NAME = "osaka";

/** The key files of a test, in a directory of their own. */
class KeyFiles implements Disposable {
  readonly directory = Deno.makeTempDirSync();
  readonly server = `${this.directory}/server.keys`;
  readonly client = `${this.directory}/${NAME}.key`;

  constructor() {
    makeKey({ name: NAME, directory: this.directory, rotate: false });
  }

  /** Makes the second key, and returns the path of its file. */
  rotate(): string {
    return makeKey({ name: NAME, directory: this.directory, rotate: true }).clientFile;
  }

  /** Changes the lines of the server's file. */
  edit(change: (lines: string[]) => string[]): void {
    const lines = Deno.readTextFileSync(this.server).trimEnd().split("\n");
    Deno.writeTextFileSync(this.server, change(lines).map((line) => `${line}\n`).join(""));
  }

  /** The first digits of the ids in the server's file. */
  get ids(): string[] {
    return KeyRing.read(this.server).keys.map(({ id }) => id.slice(0, 8));
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

/** Runs a test with a client and a server that have started with their key files. */
async function withKeys(
  use: (sites: Sites, files: KeyFiles) => Promise<void>,
  { flags = [], serverFlags = [] }: { flags?: string[]; serverFlags?: string[] } = {},
): Promise<void> {
  using files = new KeyFiles();
  await withSites({
    flags,
    serverFlags: ["--listen", `0.0.0.0:${PORT}`, "--key-file", files.server, ...serverFlags],
    clientFlags: ["--connect", `10.0.1.2:${PORT}`, "--key-file", files.client],
  }, (sites) => use(sites, files));
}

/** Sends SIGHUP to the server, and waits until it has read its keys again. */
async function reload({ server }: Sites): Promise<void> {
  const read = () => server.matching(/Configuration reloaded|Cannot reload/).length;
  const before = read();
  server.signal("SIGHUP");
  await server.untilStatus("the server has read its keys again", () => read() > before);
}

testUnless(
  skipped,
  "A client with a key may connect from anywhere without --allow, under the name of its key",
  () =>
    withKeys(async (sites, files) => {
      sites.ac();
      const host = sites.host();
      await host.dial();
      await assertExchange([host]);
      const [line] = sites.server.matching(/Keys read/);
      assert(line.endsWith(`Keys read file=${files.server} keys=1`), line);
      assertMatch(sites.server.matching(/Listening/)[0], /allow=0\.0\.0\.0\/0,::\/0/);
      const { tunnels, keys } = await sites.server.status();
      assertEquals(tunnels.map(({ name }) => name), [NAME]);
      assertEquals(keys, [{ name: NAME, id: files.ids[0], lastUsedS: 0, tunnels: 1 }]);
      const metrics = await sites.server.metrics();
      const label = `{name="${NAME}",key="${files.ids[0]}"}`;
      assertEquals(metrics.get(`pppoe_proxy_key_last_use_seconds${label}`), 0);
      assertEquals((await sites.client.status()).keys, undefined);
    }),
);

testUnless(
  skipped,
  "A session goes on through a rotation: a second key, the client's new file, the old line removed",
  () =>
    withKeys(async (sites, files) => {
      const ac = sites.ac();
      const host = sites.host();
      await host.dial();

      const second = files.rotate();
      const [, newLine] = Deno.readTextFileSync(files.server).trimEnd().split("\n");
      await reload(sites);
      await assertExchange([host]);
      assertEquals((await sites.server.status()).keys?.map(({ tunnels }) => tunnels), [1, 0]);

      Deno.copyFileSync(second, files.client);
      sites.client.signal("SIGHUP");
      await sites.client.untilLine(/The key has changed; the next connection uses it name=osaka/);
      await assertExchange([host]);

      files.edit(() => [newLine]);
      await reload(sites);
      await sites.server.untilLine(
        /Client is no longer allowed.*reason="its key was removed, and it has another one"/,
      );
      await sites.client.untilStatus(
        "the client is back",
        ({ reconnects, tunnels }) => reconnects === 1 && tunnels[0].state === "up",
      );
      await assertExchange([host]);
      const { keys, sessions } = await sites.server.status();
      assertEquals(keys, [{ name: NAME, id: files.ids[0], lastUsedS: 0, tunnels: 1 }]);
      assert(inState(sessions, "open", 1));
      assertEquals([ac.sessions.size, padtsAt(sites.acs), padtsAt(sites.hosts)], [1, 0, 0]);
    }),
);

testUnless(
  skipped,
  "A client whose last key is removed loses its sessions at once, with PADTs on both sides, and stays out",
  () =>
    withKeys(async (sites, files) => {
      const ac = sites.ac();
      await sites.dialMany(2);
      files.edit(() => ["# nobody"]);
      await reload(sites);
      await assertPadts(sites, sites.acs, 2);
      await assertPadts(sites, sites.hosts, 2);
      assertEquals(ac.sessions.size, 0);
      await sites.server.untilLine(/Client is no longer allowed.*reason="its key was removed"/);
      await sites.server.untilLine(/WARN {2}Nobody can connect, because .* has no key/);
      assertEquals(sites.server.matching(/Session closed.*cause=not-allowed/).length, 2);
      await sites.client.untilLine(/Session closed.*cause=not-allowed/);
      await sites.client.untilLine(/goodbye \(not allowed\).*its key was removed/);
      await sites.server.untilLine(/Connection refused/);
      const { tunnels, keys } = await sites.server.status();
      assertEquals([tunnels, keys], [[], []]);
    }),
);

testUnless(
  skipped,
  "A client whose key is removed does not disturb another one, whatever limits its line gets meanwhile",
  async () => {
    using files = new KeyFiles();
    const kobe = makeKey({ name: "kobe", directory: files.directory, rotate: false }).clientFile;
    await withSites({
      clients: 2,
      serverFlags: ["--listen", `0.0.0.0:${PORT}`, "--key-file", files.server],
      clientFlags: ["--connect", `10.0.1.2:${PORT}`, "--key-file", files.client],
      start: false,
    }, async (sites) => {
      const [first, second] = sites.sites;
      const other = new SideProgram(sites.net, second.clientNamespace, [
        ...["client", "--interface", "lan0", "--connect", `${second.serverAddress}:${PORT}`],
        ...["--status", "127.0.0.1:8864", "--key-file", kobe],
      ], {});
      sites.server.start();
      first.client.start();
      other.start();
      try {
        await Promise.all([first.client.untilHealth(200), other.untilHealth(200)]);
        const ac = sites.ac();
        const host = sites.host();
        await host.dial();
        await sites.host({ mac: parseMac("02:00:00:00:cc:01") }, second).dial();
        assertEquals(ac.sessions.size, 2);
        const { tunnels } = await sites.server.status();
        assertEquals(tunnels.map(({ name }) => name).sort(), ["kobe", NAME]);
        files.edit(([line]) => [`${line} sessions=1 up=900M`]);
        await reload(sites);
        await assertPadts(sites, second.hosts, 1);
        await assertPadts(sites, sites.acs, 1);
        await assertExchange([host]);
        assertEquals([ac.sessions.size, padtsAt(sites.hosts)], [1, 0]);
        assertEquals((await first.client.status()).reconnects, 0);
      } finally {
        await other.stop();
      }
    });
  },
);

testUnless(
  skipped,
  "SIGHUP changes the bandwidth of a client while it has a tunnel, in each direction, and to none again",
  () =>
    withKeys(async (sites, files) => {
      sites.ac();
      const host = sites.host();
      await host.dial();
      const [line] = Deno.readTextFileSync(files.server).trimEnd().split("\n");
      const limit = async (options: string) => {
        files.edit(() => [`${line}${options}`]);
        await reload(sites);
      };
      const heldBackMs = async () => (await sites.server.status()).tunnels[0].heldBackMs;
      /** Exchanges frames of 1400 bytes, and returns the sum of their times. */
      const exchange = async (frames: number, window: number) => {
        const { returned, rttMs } = await host.exchange({ frames, window });
        assertEquals(returned, frames);
        return rttMs.reduce((sum, one) => sum + one, 0);
      };
      await exchange(100, 32);
      assertEquals(await heldBackMs(), 0);
      // 140,000 bytes take 3 s at 200 kbit/s, after a burst of 64 KiB.
      await limit(" up=200k");
      await exchange(100, 4);
      const held = await heldBackMs();
      assert(held > 1000, `${held} ms`);
      await limit("");
      await exchange(100, 32);
      assertEquals(await heldBackMs(), held);
      // In this direction the burst is 16 KiB. Each frame after it waits for 11 ms: too short for its loss.
      await limit(" down=1M");
      const sumMs = await exchange(100, 1);
      assert(sumMs > 700, `${sumMs} ms`);
      assertEquals(await heldBackMs(), held);
      assertEquals((await sites.client.status()).reconnects, 0);
    }),
);

testUnless(
  skipped,
  "The sessions that are held for a client end at once when its last key is removed",
  () =>
    withKeys(async (sites, files) => {
      const ac = sites.ac();
      await sites.dialMany(1);
      await sites.client.end("SIGKILL");
      await sites.server.untilStatus(
        "the session is held",
        ({ sessions }) => inState(sessions, "held", 1),
      );
      assertEquals(padtsAt(sites.acs), 0);
      files.edit(() => []);
      await reload(sites);
      await assertPadts(sites, sites.acs, 1);
      assertEquals([ac.sessions.size, (await sites.server.status()).sessions], [0, []]);
    }),
);

testUnless(
  skipped,
  "Sessions are held for a client whose address its key no longer allows, and go on once it does again",
  () =>
    withKeys(async (sites, files) => {
      sites.ac();
      const host = sites.host();
      await host.dial();
      const [line] = Deno.readTextFileSync(files.server).trimEnd().split("\n");
      files.edit(() => [`${line} allow=203.0.113.0/24`]);
      await reload(sites);
      await sites.server.untilLine(
        /no longer allowed.*"its address is not one that its key allows \(allow= in/,
      );
      await sites.server.untilLine(/Connection refused.*is not one that its key allows/);
      const { sessions } = await sites.server.status();
      assert(inState(sessions, "held", 1));
      files.edit(() => [`${line} allow=10.0.0.0/8`]);
      await reload(sites);
      await sites.server.untilStatus(
        "the session is open again",
        ({ sessions }) => inState(sessions, "open", 1),
      );
      await assertExchange([host]);
      assertEquals([padtsAt(sites.acs), padtsAt(sites.hosts)], [0, 0]);
    }),
);

testUnless(
  skipped,
  "SIGHUP with a key file that is unsafe or invalid changes nothing, and says why in one line",
  () =>
    withKeys(async (sites, files) => {
      sites.ac();
      const host = sites.host();
      await host.dial();
      const wanted: [act: () => void, reason: RegExp][] = [
        [() => Deno.chmodSync(files.server, 0o644), /others can read it; run chmod 600/],
        [() => {
          Deno.chmodSync(files.server, 0o600);
          files.edit((lines) => [...lines, "kobe"]);
        }, /server\.keys, line 2: the line is too short/],
        [() => Deno.removeSync(files.server), /the file does not exist/],
      ];
      for (const [act, reason] of wanted) {
        act();
        await reload(sites);
        assertMatch(
          sites.server.matching(/ERROR Cannot reload the configuration; nothing was changed/).at(
            -1,
          )!,
          reason,
        );
      }
      await assertExchange([host]);
      // The keys are still those of the start.
      await sites.resetTunnels(sites.sites[0]);
      await sites.client.untilStatus(
        "the client is back",
        ({ reconnects, tunnels }) => reconnects === 1 && tunnels[0].state === "up",
      );
      await assertExchange([host]);
    }),
);

testUnless(
  skipped,
  "SIGHUP to a client with a key of another name changes nothing",
  () =>
    withKeys(async (sites, files) => {
      const { clientFile } = makeKey({
        name: "kobe",
        directory: files.directory,
        rotate: false,
      });
      Deno.copyFileSync(clientFile, files.client);
      sites.client.signal("SIGHUP");
      assertMatch(
        await sites.client.untilLine(/Cannot reload the configuration; nothing was changed/),
        /the key is for kobe, and this client is osaka; restart it to change its name/,
      );
    }),
);

testUnless(
  skipped ?? (hasProgram("setsid") ? undefined : "no setsid"),
  "The end of the terminal ends a client with a key file in order, as without one",
  async () => {
    using files = new KeyFiles();
    using terminal = new Terminal();
    await withSites({
      serverFlags: ["--listen", `0.0.0.0:${PORT}`, "--key-file", files.server],
      start: false,
    }, async (sites) => {
      sites.server.start();
      const [{ clientNamespace, serverAddress }] = sites.sites;
      const args = [
        ...["client", "--interface", "lan0", "--connect", `${serverAddress}:${PORT}`],
        ...["--status", "127.0.0.1:8864", "--key-file", files.client],
      ];
      const client = new SideProgram(sites.net, clientNamespace, args, {
        before: terminal.command(),
      });
      client.start();
      try {
        await client.untilHealth(200);
        client.signal("SIGHUP");
        await client.untilLine(/Configuration reloaded/);
        terminal.end();
        assertEquals((await client.ended()).code, 0);
        assertEquals(client.matching(/Stopping after SIGHUP: the terminal has ended/).length, 1);
      } finally {
        await client.stop();
      }
    });
  },
);

testUnless(
  skipped,
  "SIGHUP with a configuration file from which the key file is gone leaves every tunnel encrypted",
  async () => {
    using files = new KeyFiles();
    const config = `${files.directory}/server.conf`;
    const write = (line: string) =>
      Deno.writeTextFileSync(config, `listen 0.0.0.0:${PORT}\n${line}\n`, { mode: 0o600 });
    write(`key-file ${files.server}`);
    await withSites({
      serverFlags: ["--config", config],
      clientFlags: ["--connect", `10.0.1.2:${PORT}`, "--key-file", files.client],
    }, async (sites) => {
      sites.ac();
      const host = sites.host();
      await host.dial();
      write("allow 10.0.0.0/8");
      await reload(sites);
      await sites.server.untilLine(/take effect only after a restart flags=key-file/);
      await assertExchange([host]);
      const { keys } = await sites.server.status();
      assertEquals(keys?.map(({ tunnels }) => tunnels), [1]);
      const open = new SideProgram(sites.net, sites.sites[0].clientNamespace, [
        ...["client", "--interface", "wan0", "--connect", `10.0.1.2:${PORT}`],
        ...["--status", "127.0.0.1:8865"],
      ], {});
      open.start();
      try {
        await open.untilLine(/WARN/);
        await sites.server.untilLine(
          /Connection refused.*The client has no key: give it --key-file/,
        );
      } finally {
        await open.stop();
      }
      // The key file is back, and its changes count again.
      files.edit(() => []);
      write(`key-file ${files.server}`);
      await reload(sites);
      await assertPadts(sites, sites.acs, 1);
    });
  },
);

testUnless(
  skipped,
  "SIGHUP with a key file that a server was not started with asks for a restart",
  async () => {
    using files = new KeyFiles();
    const config = `${files.directory}/server.conf`;
    const write = (line: string) =>
      Deno.writeTextFileSync(config, `listen 0.0.0.0:${PORT}\nallow 10.0.0.0/8\n${line}\n`, {
        mode: 0o600,
      });
    write("");
    await withSites({ serverFlags: ["--config", config] }, async (sites) => {
      sites.ac();
      const host = sites.host();
      await host.dial();
      write(`key-file ${files.server}`);
      await reload(sites);
      await sites.server.untilLine(/take effect only after a restart flags=key-file/);
      assertEquals(sites.server.matching(/Keys read/), []);
      await assertExchange([host]);
    });
  },
);

testUnless(
  skipped,
  "A server restores no session for a client whose key was removed while it was away",
  async () => {
    const stateDir = Deno.makeTempDirSync();
    try {
      await withKeys(async (sites, files) => {
        const ac = sites.ac();
        await sites.dialMany(1);
        await sites.server.end("SIGKILL");
        files.edit(() => []);
        sites.server.start();
        await assertPadts(sites, sites.acs, 1);
        assertEquals(ac.sessions.size, 0);
      }, { serverFlags: ["--state-dir", stateDir] });
    } finally {
      Deno.removeSync(stateDir, { recursive: true });
    }
  },
);

testUnless(
  skipped,
  "SIGHUP closes the sessions of a client without a key whose address is no longer on --allow",
  async () => {
    const directory = Deno.makeTempDirSync();
    const config = `${directory}/server.conf`;
    const write = (allow: string) =>
      Deno.writeTextFileSync(config, `listen 0.0.0.0:${PORT}\nallow ${allow}\n`, { mode: 0o600 });
    try {
      write("10.0.0.0/8");
      await withSites({ serverFlags: ["--config", config] }, async (sites) => {
        const ac = sites.ac();
        await sites.dialMany(1);
        write("10.0.1.1");
        await reload(sites);
        assertEquals([ac.sessions.size, sites.acs.log.count("in", CODE.PADT)], [1, 0]);
        write("203.0.113.0/24");
        await reload(sites);
        await assertPadts(sites, sites.acs, 1);
        await assertPadts(sites, sites.hosts, 1);
        await sites.server.untilLine(
          /Client is no longer allowed.*"its address is no longer on the allow list"/,
        );
        await sites.server.untilLine(/Connection refused.*not on the allow list/);
      });
    } finally {
      Deno.removeSync(directory, { recursive: true });
    }
  },
);
