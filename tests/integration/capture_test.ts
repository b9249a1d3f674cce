// Captures of both sides between real hosts and ACs, as tshark reads them.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { SITE } from "../../src/lab/mod.ts";
import { PPP_PROTOCOL } from "../../src/wire/mod.ts";
import { hasProgram, testUnless, whyNot } from "../support/skip.ts";
import { type SideProgram, type Sites, withSites } from "../support/sites.ts";
import { tshark } from "../support/capture.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces") ??
  (hasProgram("tshark") ? undefined : "no tshark");
const PASSWORD = "correct horse battery staple";
const FIELDS = [
  "frame.interface_name",
  "frame.packet_flags_direction",
  "frame.comment",
  "eth.type",
  "pppoe.session_id",
  "pap.password",
  "pap.password.length",
  "pap.peer_id",
  "chap.value",
  "chap.name",
  "_ws.malformed",
];
const encoder = new TextEncoder();

type Frame = Record<string, string>;

/** A directory for the captures of a test. */
class Captures implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "test-capture-" });

  /** Returns flags by which both sides write to files of their own. */
  before(): string[] {
    // The last arguments are `deno run … main.ts SIDE …`.
    const script = "for last; do case $last in server|client) side=$last;; esac; done; " +
      `exec "$@" --capture ${this.path}/$side.pcapng`;
    return ["sh", "-c", script, "sh"];
  }

  file(side: "server" | "client"): string {
    return `${this.path}/${side}.pcapng`;
  }

  frames(side: "server" | "client"): Promise<Frame[]> {
    return tshark(this.file(side), FIELDS);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Returns the number of frames on an interface in a direction that were not dropped there. */
function count(frames: Frame[], on: string, direction: "in" | "out", type: string): number {
  const code = direction === "in" ? "1" : "2";
  return frames.filter((frame) =>
    frame["frame.interface_name"] === on &&
    Number(frame["frame.packet_flags_direction"]) === +code &&
    frame["eth.type"] === type && !frame["frame.comment"].includes("dropped:")
  ).length;
}

function droppedBy(frames: Frame[]): Record<string, number> {
  const drops: Record<string, number> = {};
  for (const frame of frames) {
    const [, reason] = /dropped: (\S+)/.exec(frame["frame.comment"]) ?? [];
    if (reason !== undefined) drops[reason] = (drops[reason] ?? 0) + 1;
  }
  return drops;
}

/** Stops a side, so that its capture is complete. */
async function stopBoth(sites: Sites): Promise<void> {
  for (const program of [sites.client, sites.server]) {
    assertEquals((await program.end("SIGTERM")).code, 0);
    assertEquals(program.matching(/Frames are missing|ERROR/), []);
  }
}

async function totals(program: SideProgram) {
  const { frames, drops, balance } = await program.untilCarried();
  return {
    frames,
    balance,
    drops: Object.fromEntries(Object.entries(drops).filter(([, count]) => count > 0)),
  };
}

testUnless(
  skipped,
  "A capture of all frames has exactly as many as the status counts, and tshark decodes each",
  async () => {
    using captures = new Captures();
    await withSites({
      before: captures.before(),
      flags: ["--capture-frames", "all"],
    }, async (sites) => {
      sites.ac();
      const host = sites.host();
      const { sessionId } = await host.dial();
      const { returned } = await host.exchange({ frames: 300, payloadLength: () => 300 });
      assertEquals(returned, 300);
      // Frames that belong to no session.
      const stranger = sites.host({ mac: Uint8Array.of(2, 0, 0, 0, 0xcc, 9) });
      stranger.protocol.state = "open";
      stranger.protocol.offer = host.protocol.offer;
      stranger.protocol.sessionId = 0x4242;
      for (let n = 0; n < 7; n++) stranger.send(new Uint8Array(50));
      await sites.client.untilStatus(
        "the strange frames are counted",
        ({ drops }) => drops["unknown-session"] === 7,
      );
      const status = { client: await totals(sites.client), server: await totals(sites.server) };
      assertEquals(status.client.frames.fromLink.session, 300);
      assertEquals(status.client.frames.fromTunnel.session, 300);
      for (const side of ["client", "server"] as const) {
        const link = side === "client" ? sites.clientInterface : sites.serverInterface;
        const { balance, drops } = status[side];
        // The main thread writes what the data worker has recorded a moment later.
        const frames = await until("the capture is written", async () => {
          const frames = await captures.frames(side);
          const { offered } = balance.fromLink.session;
          return frames.length >= 2 * (offered + 300) - 7 ? frames : undefined;
        });
        assertEquals(frames.filter((frame) => frame["_ws.malformed"] !== ""), []);
        assertEquals(count(frames, link, "in", "0x8864"), 300);
        assertEquals(count(frames, "tunnels", "out", "0x8864"), balance.fromLink.session.carried);
        assertEquals(count(frames, "tunnels", "in", "0x8864"), balance.fromTunnel.session.offered);
        assertEquals(count(frames, link, "out", "0x8864"), balance.fromTunnel.session.carried);
        assertEquals(count(frames, "tunnels", "out", "0x8863"), balance.fromLink.discovery.carried);
        assertEquals(count(frames, link, "out", "0x8863"), balance.fromTunnel.discovery.carried);
        assertEquals(droppedBy(frames), drops);
        const id = `0x${sessionId.toString(16).padStart(4, "0")}`;
        const comments = new Set(
          frames.filter((frame) =>
            frame["eth.type"] === "0x8864" && frame["pppoe.session_id"] === id
          )
            .map((frame) => frame["frame.comment"]),
        );
        const isToLink = (comment: string) => comment.endsWith(", to link");
        const [toTunnel, toLink] = [...comments].sort((a, b) => +isToLink(b) - +isToLink(a));
        assertMatch(toTunnel, new RegExp(`^from .+, session ${id}, to link$`));
        assertMatch(toLink, new RegExp(`^from link, session ${id}, to .+$`));
        assertEquals(comments.size, 2);
      }
    });
  },
);

testUnless(
  skipped,
  "A capture of control frames shows who logs in, and no byte of a password",
  async () => {
    using captures = new Captures();
    await withSites({ before: captures.before() }, async (sites) => {
      const ac = sites.ac();
      const host = sites.host();
      const { sessionId } = await host.dial();
      const data = [
        1,
        7,
        0,
        0,
        5,
        ...encoder.encode("alice"),
        PASSWORD.length,
        ...encoder.encode(PASSWORD),
      ];
      data[3] = data.length;
      host.send(Uint8Array.from(data), PPP_PROTOCOL.PAP);
      const value = encoder.encode(PASSWORD.slice(0, 16));
      const chap = [2, 8, 0, 0, 16, ...value, ...encoder.encode("alice")];
      chap[3] = chap.length;
      host.send(Uint8Array.from(chap), PPP_PROTOCOL.CHAP);
      // An AC that does not speak PAP returns the packet.
      ac.send(
        sessionId,
        Uint8Array.of(8, 1, 0, 6 + data.length, 0xc0, 0x23, ...data),
        PPP_PROTOCOL.LCP,
      );
      host.send(new Uint8Array(100));
      await host.echo();
      await sites.client.untilCarried();
      await stopBoth(sites);
      for (const side of ["client", "server"] as const) {
        const frames = await captures.frames(side);
        assertEquals(frames.filter((frame) => frame["_ws.malformed"] !== ""), []);
        const pap = frames.filter((frame) => frame["pap.peer_id"] === "alice");
        assert(pap.length >= 2);
        for (const frame of pap) {
          assertEquals(frame["pap.password.length"], `${PASSWORD.length}`);
          assertMatch(frame["pap.password"], /^(\\0+)+$|^\0*$/);
        }
        const responses = frames.filter((frame) => frame["chap.name"] === "alice");
        assertEquals(responses.map((frame) => frame["chap.value"]), [
          "0".repeat(32),
          "0".repeat(32),
        ]);
        const bytes = new TextDecoder("latin1").decode(Deno.readFileSync(captures.file(side)));
        for (let at = 0; at + 5 <= PASSWORD.length; at++) {
          assertEquals(bytes.includes(PASSWORD.slice(at, at + 5)), false);
        }
        assertEquals(bytes.includes("alice"), true);
      }
    });
  },
);

testUnless(
  skipped,
  "A capture that is asked for secrets has the password, and warns of that",
  async () => {
    using captures = new Captures();
    await withSites({ before: captures.before(), flags: ["--capture-secrets"] }, async (sites) => {
      sites.ac();
      const host = sites.host();
      await host.dial();
      const data = [1, 7, 0, 11, 1, 0x61, 4, ...encoder.encode("pass")];
      host.send(Uint8Array.from(data), PPP_PROTOCOL.PAP);
      await sites.client.untilCarried();
      await stopBoth(sites);
      const frames = await captures.frames("client");
      assertEquals(frames.filter((frame) => frame["pap.password"] === "pass").length, 2);
      assertEquals(sites.client.matching(/has the passwords of hosts; delete it/).length, 1);
    });
  },
);

testUnless(
  skipped,
  "A capture agrees with the status when the tunnel is cut while frames are carried",
  async () => {
    using captures = new Captures();
    await withSites({
      before: captures.before(),
      flags: ["--capture-frames", "all"],
    }, async (sites) => {
      sites.ac();
      const host = sites.host();
      await host.dial();
      await host.exchange({ frames: 100 });
      for (let n = 0; n < 500; n++) host.send(new Uint8Array(1000));
      await sites.resetTunnels();
      for (let n = 0; n < 500; n++) host.send(new Uint8Array(1000));
      await sites.client.untilStatus(
        "the tunnel is back",
        ({ tunnels }) => tunnels[0].state === "up",
      );
      await host.exchange({ frames: 100 });
      const status = { client: await totals(sites.client), server: await totals(sites.server) };
      for (const side of ["client", "server"] as const) {
        const link = side === "client" ? sites.clientInterface : sites.serverInterface;
        const { balance, drops } = status[side];
        const { offered, carried } = balance.fromLink.session;
        // Those that the system drops are never seen.
        const { kernel = 0, ...seen } = drops;
        const arrived = (
          { "frame.interface_name": on, "frame.packet_flags_direction": way, ...rest }: Frame,
        ) => on === link && Number(way) === 1 && rest["eth.type"] === "0x8864";
        const frames = await until("the capture is written", async () => {
          const frames = await captures.frames(side);
          const dropped = Object.values(droppedBy(frames)).reduce((sum, n) => sum + n, 0);
          const all = Object.values(seen).reduce((sum, n) => sum + n, 0);
          return frames.filter(arrived).length === offered - kernel && dropped === all
            ? frames
            : undefined;
        });
        assertEquals(droppedBy(frames), seen);
        const lost = frames.filter((frame) => frame["frame.comment"].endsWith("after it was sent"));
        assertEquals(count(frames, "tunnels", "out", "0x8864") - lost.length, carried);
        assertEquals(frames.filter((frame) => frame["_ws.malformed"] !== ""), []);
      }
    });
  },
);

/** Sends a request to a side's status server; returns the content of the answer. */
async function post(program: SideProgram, token: string, content: unknown): Promise<unknown> {
  const body = JSON.stringify(content);
  using conn = await program.connect(SITE.status);
  await conn.write(encoder.encode(
    `POST /api/capture HTTP/1.1\r\nHost: ${SITE.status.hostname}:${SITE.status.port}\r\n` +
      `Authorization: Bearer ${token}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  ));
  const answer = await new Response(conn.readable).text();
  assertMatch(answer, /^HTTP\/1\.1 200 /, answer);
  return JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")));
}

testUnless(
  skipped,
  "A capture begins and ends at run time, and has what passed meanwhile",
  async () => {
    using captures = new Captures();
    const tokenFile = `${captures.path}/token`;
    const token = "0123456789abcdef0123456789abcdef";
    Deno.writeTextFileSync(tokenFile, `${token}\n`, { mode: 0o600 });
    await withSites({
      flags: ["--status-token-file", tokenFile, "--capture-dir", captures.path],
    }, async (sites) => {
      sites.ac();
      const host = sites.host();
      await host.dial();
      await host.exchange({ frames: 10 });
      const file = captures.file("client");
      const { client } = sites;
      const content = { action: "start", file: "client.pcapng", frames: "all" };
      for (let round = 1; round <= 2; round++) {
        assertEquals(await post(client, token, content), {
          capture: {
            ...{ file, frames: "all", secrets: false, maxBytes: 64 << 20 },
            ...{ captured: 0, leftOut: 0 },
          },
        });
        await host.exchange({ frames: 20 });
        const { capture } = await post(client, token, { action: "stop" }) as {
          capture: { captured: number };
        };
        assertEquals(capture.captured, 80);
        assertEquals((await captures.frames("client")).length, 80);
        await host.exchange({ frames: 10 });
      }
      const earlier = await tshark(`${file}.1`, FIELDS);
      assertEquals(earlier.filter((frame) => frame["_ws.malformed"] === "").length, 80);
      assertEquals(client.matching(/Capture (begun|ended)/).length, 4);
    });
  },
);
