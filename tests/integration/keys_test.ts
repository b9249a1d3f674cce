// Tunnels with pre-shared keys, between real processes.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { concat } from "@std/bytes";
import { libc } from "../../ffi/libc.ts";
import { inNamespace, readInterface, receive, TlsContext } from "../../ffi/mod.ts";
import { AF_PACKET, SOCK_CLOEXEC, SOCK_RAW, sockaddrLl, SOL_SOCKET } from "../../ffi/structs.ts";
import { SITE } from "../../src/lab/mod.ts";
import { greetServerWithKey } from "../../src/tunnel/greet_with_key.ts";
import { emitHello, encodeFrame, FEATURE, FRAME } from "../../src/wire/mod.ts";
import { KeyFiles, keyOf, type WrittenKey, writtenKey } from "../support/keys.ts";
import {
  assertExchange,
  inState,
  type Sites,
  type SitesOptions,
  withSites,
} from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
const noOpenssl = skipped ?? whyNot("openssl");
const OFFICE = writtenKey("office", 1);
const HOME = writtenKey("home", 2);
const LISTEN = ["--listen", `0.0.0.0:${SITE.tunnelPort}`];
const CONNECT = ["--connect", `10.0.1.2:${SITE.tunnelPort}`];
const ETH_P_ALL = 3;
const SO_RCVBUFFORCE = 33;

/** The keys of sites, of which a client has the first one by default, and other options. */
interface Keyed extends SitesOptions {
  keys: WrittenKey[];
  key?: WrittenKey;
}

/** Does the same as `withSites` with programs that have key files. */
async function withKeys(
  { keys, key, serverFlags, clientFlags, ...options }: Keyed,
  use: (sites: Sites) => Promise<void>,
): Promise<void> {
  using files = new KeyFiles(keys, key);
  await withSites({
    serverFlags: [...serverFlags ?? LISTEN, "--key-file", files.server],
    clientFlags: [...clientFlags ?? CONNECT, "--key-file", files.client],
    ...options,
  }, use);
}

/** Starts the server alone. */
async function startServer(sites: Sites): Promise<void> {
  sites.server.start();
  await sites.server.untilHealth(200);
}

/** Runs the program openssl at the client's site; returns what it has written, and its exit status. */
async function runOpenssl(
  sites: Sites,
  args: string[],
  input = "",
): Promise<{ code: number; text: string }> {
  const [{ clientNamespace }] = sites.sites;
  const child = new Deno.Command("ip", {
    args: ["netns", "exec", clientNamespace, "timeout", "10", "openssl", ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  // An open input keeps s_client connected until the server ends the connection.
  const { code, stdout, stderr } = await child.output();
  await writer.close().catch(() => {});
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

function sClient(sites: Sites, ...flags: string[]): Promise<{ code: number; text: string }> {
  const [{ serverAddress }] = sites.sites;
  const to = `${serverAddress}:${SITE.tunnelPort}`;
  return runOpenssl(sites, ["s_client", "-connect", to, ...flags]);
}

testUnless(
  skipped,
  "A client with a key carries sessions over TLS, by the name of the key",
  async () => {
    await withKeys({ keys: [OFFICE] }, async (sites) => {
      sites.ac();
      const host = sites.host();
      await host.dial();
      await assertExchange([host], 50);
      const [status, clientStatus] = [await sites.server.status(), await sites.client.status()];
      assertEquals(status.tunnels.map(({ name }) => name), ["office"]);
      for (const { tunnels: [{ encryption }] } of [status, clientStatus]) {
        assertMatch(encryption!.cipher, /^(AES-128-GCM|CHACHA20-POLY1305)$/);
      }
      assertMatch(sites.server.matching(/Client connected/)[0], /name=office/);
    });
  },
);

testUnless(
  skipped,
  "Sessions go on over TLS after a reset, and after a client was killed",
  async () => {
    const stateDir = `${await Deno.makeTempDir()}/state`;
    const clientFlags = [...CONNECT, "--state-dir", stateDir];
    await withKeys({ keys: [OFFICE], clientFlags }, async (sites) => {
      const ac = sites.ac();
      const host = sites.host();
      await host.dial();
      await sites.resetTunnels();
      await sites.client.untilStatus("the tunnel is back", ({ reconnects, sessions }) => {
        return reconnects === 1 && inState(sessions, "open", 1);
      });
      await assertExchange([host]);
      await sites.client.end("SIGKILL");
      await sites.server.untilStatus("the session is held", ({ sessions }) => {
        return inState(sessions, "held", 1);
      });
      sites.client.start();
      await sites.client.untilHealth(200);
      await sites.server.untilStatus("the session is open", ({ sessions }) => {
        return inState(sessions, "open", 1);
      });
      await assertExchange([host]);
      assertEquals(ac.sessions.size, 1);
    });
  },
);

testUnless(
  skipped,
  "One client uses a key at a time and takes one place, also if it does not resume sessions",
  async () => {
    const serverFlags = [...LISTEN, "--max-clients", "2"];
    await withKeys({ keys: [OFFICE, HOME], start: false, serverFlags }, async (sites) => {
      await startServer(sites);
      const [{ client, serverAddress: hostname }] = sites.sites;
      using context = new TlsContext("client");
      const connect = async (key: WrittenKey, features: number) => {
        const conn = await client.connect({ hostname, port: SITE.tunnelPort });
        const hello = { version: 1, features, name: "x", software: "none" };
        return { conn, ...await greetServerWithKey(conn, context, keyOf(key), hello) };
      };
      const { RESUME } = FEATURE;
      const ends = [];
      for (const features of [0, 0, 0, RESUME, 0, RESUME, RESUME]) {
        ends.push(await connect(OFFICE, features));
        await sites.server.untilStatus("there is one tunnel", ({ tunnels }) => {
          return tunnels.length === 1;
        });
      }
      ends.push(await connect(HOME, 0));
      await sites.server.untilStatus("both clients are in", ({ tunnels }) => {
        return tunnels.map(({ name }) => name).toSorted().join() === "home,office";
      });
      await until("each earlier tunnel was replaced", () => {
        return sites.server.matching(/Client gone .*"replaced by a newer tunnel"/).length === 6;
      });
      assertEquals(sites.server.matching(/Connection refused/), []);
      for (const { conn, tls } of ends) {
        tls.free();
        conn.close();
      }
    });
  },
);

testUnless(skipped, "A capture of the tunnel holds nothing of the frames", async () => {
  for (const encrypted of [false, true]) {
    const log = { data: true };
    const look = async (sites: Sites) => {
      sites.ac();
      const host = sites.host();
      using capture = new Capture(sites);
      await host.dial();
      await assertExchange([host], 100);
      await sites.client.untilCarried();
      const text = binary(capture.take());
      const frames = sites.hosts.log.frames.filter(({ direction }) => direction === "out");
      assert(frames.length > 100);
      // Half of a frame's PPP payload is enough to recognize it.
      const seen = frames.slice(-100).filter(({ bytes }) => {
        return text.includes(binary(bytes.subarray(22, bytes.length / 2)));
      });
      // Some lie in two packets.
      if (encrypted) assertEquals(seen.length, 0);
      else assert(seen.length > 50, `${seen.length}`);
      assertEquals(text.includes("bras1"), !encrypted);
    };
    await (encrypted ? withKeys({ keys: [OFFICE], log }, look) : withSites({ log }, look));
  }
});

testUnless(noOpenssl, "openssl s_client gets in with the right key only", async () => {
  await withKeys({ keys: [OFFICE, HOME], start: false }, async (sites) => {
    await startServer(sites);
    const psk = (
      key: WrittenKey,
      id = key.id,
    ) => ["-tls1_3", "-psk", key.secret, "-psk_identity", id];
    const right = await sClient(sites, ...psk(OFFICE));
    assertMatch(right.text, /Reused, TLSv1\.3, Cipher is TLS_/);
    assertMatch(right.text, /No greeting in time/);
    await sites.server.untilLine(/Connection refused .*No greeting in time/);
    // Nothing of the program is in the answers to all others.
    const others: [string[], RegExp][] = [
      [psk(HOME, OFFICE.id), /The key office is wrong: the proof failed/],
      [psk(OFFICE, "00".repeat(16)), /No key has the id 0{32}"/],
      [psk(OFFICE, "office"), /No key has the id .*office/],
      [["-tls1_3"], /It offers no pre-shared key/],
      [["-tls1_2"], /It does not speak TLS 1\.3/],
      [["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"], /It offers no pre-shared key/],
    ];
    for (const [flags, reason] of others) {
      // One refusal of an address is logged in ten seconds.
      await sites.server.stop();
      await startServer(sites);
      const { text } = await sClient(sites, ...flags);
      assertMatch(text, /alert/);
      assertEquals(/pppoe|greeting|PPxy/i.test(text), false, text);
      await sites.server.untilLine(reason);
    }
  });
});

testUnless(
  noOpenssl,
  "A client with a key does not greet a TLS server that shows a certificate",
  async () => {
    await withKeys({ keys: [OFFICE], start: false }, async (sites) => {
      const dir = await Deno.makeTempDir();
      const [key, cert] = [`${dir}/key.pem`, `${dir}/cert.pem`];
      const made = await runOpenssl(
        sites,
        [
          "req",
          "-x509",
          "-newkey",
          "rsa:2048",
          "-nodes",
          "-subj",
          "/CN=x",
          "-keyout",
          key,
          "-out",
          cert,
        ],
      );
      assertEquals(made.code, 0, made.text);
      const server = new Deno.Command("ip", {
        args: ["netns", "exec", sites.serverNamespace, "timeout", "60", "openssl", "s_server"]
          .concat(
            ["-accept", `${SITE.tunnelPort}`, "-key", key, "-cert", cert, "-www"],
          ),
        stdin: "null",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      try {
        sites.client.start();
        await sites.client.untilLine(/A TLS server with a certificate answers instead of/);
      } finally {
        await sites.client.stop();
        server.kill("SIGTERM");
        const { stdout } = await server.output();
        assertEquals(/PPxy|tokyo/.test(new TextDecoder().decode(stdout)), false);
      }
    });
  },
);

testUnless(
  skipped,
  "A server with keys answers no greeting in the clear, and says why in the log",
  async () => {
    await withKeys({ keys: [OFFICE], start: false }, async (sites) => {
      await startServer(sites);
      const [{ client, serverAddress: hostname }] = sites.sites;
      const hello = encodeFrame(
        FRAME.HELLO,
        emitHello({ version: 1, features: 0, name: "office", software: "none" }),
      );
      using conn = await client.connect({ hostname, port: SITE.tunnelPort });
      await conn.write(hello);
      assertEquals(await conn.read(new Uint8Array(100)), null);
      await sites.server.untilLine(
        /Connection refused .*The client has no key: give it --key-file/,
      );
    });
  },
);

testUnless(
  skipped,
  "A client without a key that meets a server with keys is told of --key-file",
  async () => {
    await withKeys({ keys: [OFFICE], start: false }, async (sites) => {
      await startServer(sites);
      const [{ clientNamespace, serverAddress }] = sites.sites;
      const child = new Deno.Command("ip", {
        args: ["netns", "exec", clientNamespace, Deno.execPath(), "run", "-A", mainPath()].concat(
          ["client", "--interface", "lan0", "--connect", `${serverAddress}:${SITE.tunnelPort}`],
        ),
        stderr: "piped",
      }).spawn();
      try {
        const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
        let text = "";
        while (!text.includes("--key-file")) {
          const { value, done } = await reader.read();
          assert(!done, text);
          text += value;
        }
        await reader.cancel();
      } finally {
        child.kill("SIGTERM");
        await child.status;
      }
    });
  },
);

for (const side of ["server", "client"] as const) {
  testUnless(skipped, `A ${side} with keys refuses to start with --legacy`, async () => {
    await withKeys({ keys: [OFFICE], flags: ["--legacy"], start: false }, async (sites) => {
      const program = sites[side];
      program.start();
      assertEquals((await program.ended()).code, 2);
      assertMatch(program.lines.at(-1)!, /--legacy cannot be used with --key-file/);
    });
  });
}

testUnless(skipped, "Nothing of OpenSSL is loaded without keys", async () => {
  await withSites({}, (sites) => {
    for (const { pid } of [sites.server, sites.client]) {
      assertEquals(/libssl|libcrypto/.test(Deno.readTextFileSync(`/proc/${pid}/maps`)), false);
    }
    return Promise.resolve();
  });
});

testUnless(
  skipped,
  "A client whose key is not the server's keeps trying, and says why",
  async () => {
    const key = { ...OFFICE, secret: HOME.secret };
    await withKeys({ keys: [OFFICE], key, start: false }, async (sites) => {
      await startServer(sites);
      const { client } = sites;
      client.start();
      await client.untilLine(
        /The server does not accept the key office: is its line in the server's/,
      );
      await sites.server.untilLine(/The key office is wrong: the proof failed/);
    });
  },
);

/** A record of everything that enters and leaves the server's machine by the path to the client. */
class Capture implements Disposable {
  readonly #fd: number;

  constructor(sites: Sites) {
    this.#fd = inNamespace(sites.net.path(sites.serverNamespace), () => {
      const fd = libc.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
      const { index } = readInterface(sites.sites[0].wan)!;
      const address = sockaddrLl(ETH_P_ALL, index);
      assertEquals(libc.bind(fd, address, address.length), 0);
      const room = new Uint8Array(Int32Array.of(16_000_000).buffer);
      libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, room, room.length);
      return fd;
    });
  }

  /** Returns the packets so far, one after the other. */
  take(): Uint8Array {
    const packets: Uint8Array[] = [];
    const bytes = new Uint8Array(100_000);
    for (let count; (count = receive(this.#fd, bytes)) > 0;) packets.push(bytes.slice(0, count));
    return concat(packets);
  }

  [Symbol.dispose](): void {
    libc.close(this.#fd);
  }
}

function htons(number: number): number {
  return (number & 0xff) << 8 | number >>> 8;
}

function mainPath(): string {
  return new URL("../../main.ts", import.meta.url).pathname;
}

function binary(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}
