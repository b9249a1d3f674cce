// Dials that fail, as real processes report them at both sides: in the log, the status and the health.

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { DialError, type SimulatedAc, type SimulatedHost } from "../../src/lab/mod.ts";
import { patient } from "../../src/lab/patience.ts";
import type { ProblemStatus } from "../../src/observe/problems.ts";
import { CODE, emitLcp, LCP_CODE, PPP_PROTOCOL, TAG } from "../../src/wire/mod.ts";
import { type SideProgram, type Sites, type SitesOptions, withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");

/** A host that dials until it has a session, or the test ends. */
class Dialler {
  readonly host: SimulatedHost;
  #stopped = false;

  constructor(sites: Sites) {
    this.host = sites.host({ attempts: 1000, retryMs: 1000 });
    // The delay stays the same.
    const { protocol } = this.host;
    const tick = protocol.tick.bind(protocol);
    protocol.tick = (nowMs) => {
      const frame = tick(nowMs);
      if (frame !== undefined) protocol.deadlineMs = nowMs + 1000;
      return frame;
    };
  }

  /** Dials again and again, until a session opens. */
  async dial(): Promise<void> {
    while (!this.#stopped && this.host.protocol.state !== "open") {
      await this.host.dial().catch(() => new Promise((resolve) => setTimeout(resolve, 500)));
    }
  }

  stop(): void {
    this.#stopped = true;
    this.host.close();
  }
}

/** Waits until a side has a number of problems, and returns them. */
async function untilProblems(
  side: SideProgram,
  what: string,
  wanted: (count: number) => boolean,
): Promise<ProblemStatus[]> {
  return await until(what, async () => {
    const { problems } = await side.status();
    return wanted(problems.length) ? problems : undefined;
  }, patient(20_000));
}

/** Waits until both sides name one problem and no other one, and asserts how they show it. */
async function assertNamed(sites: Sites, id: string, words: RegExp): Promise<void> {
  const { client, server } = sites;
  for (const side of [client, server]) {
    const problems = await untilProblems(side, `it names ${id}`, (count) => count > 0);
    // Without an AC and without a session, nobody can do anything.
    const blocked = id === "no-ac";
    assertEquals(problems.map(({ id, blocks }) => [id, blocks]), [[id, blocked]]);
    assertMatch(problems[0].what, words);
    const { status, body } = await side.get("/healthz");
    assertEquals(
      [status, body.split(":")[0]],
      blocked ? [503, `not ok\n${id}`] : [200, `ok\n${id}`],
    );
    await side.untilLine(new RegExp(`WARN {2}.*${words.source}.*problem=${id}`));
  }
}

/** Waits until both sides say that a problem is solved. */
async function untilSolved(sites: Sites, id: string): Promise<void> {
  for (const side of [sites.client, sites.server]) {
    await untilProblems(side, `${id} is over`, (count) => count === 0);
    await side.untilLine(new RegExp(`INFO {2}Solved: .*problem=${id}`));
    assertEquals((await side.get("/healthz")).body, "ok\n");
  }
}

/** Runs a test with sites and a host that dials. */
async function withDialler(
  options: SitesOptions,
  use: (sites: Sites, dialler: Dialler) => Promise<void>,
): Promise<void> {
  await withSites(options, async (sites) => {
    const dialler = new Dialler(sites);
    try {
      await use(sites, dialler);
    } finally {
      dialler.stop();
    }
  });
}

/** Sends a PPP packet of a protocol in the format of LCP. */
function send(ac: SimulatedAc, protocol: number, code: number, text: string): void {
  const [sessionId] = ac.sessions.keys();
  const data = new TextEncoder().encode(text);
  ac.send(sessionId, emitLcp({ code, identifier: 1, data }), protocol);
}

testUnless(
  skipped,
  "Both sides name a silent segment of the AC, until an AC answers",
  () =>
    withDialler({}, async (sites, dialler) => {
      const dialled = dialler.dial();
      await assertNamed(sites, "no-ac", /No AC answers (on isp0|at the far side \(server .*\)): /);
      for (const side of [sites.client, sites.server]) {
        await side.untilLine(/INFO {2}No AC answers a host's PADI .*host=.* cause=no-pado/);
        const { dials } = await side.status();
        assertEquals([dials.outcomes.opened, dials.outcomes["no-pado"]], [0, 1]);
      }
      sites.ac();
      await dialled;
      await untilSolved(sites, "no-ac");
      for (const side of [sites.client, sites.server]) {
        const { dials } = await side.status();
        assertEquals(dials.outcomes.opened, 1);
        assertEquals([dials.padiToPadoMs.count, dials.padrToPadsMs.count], [1, 1]);
        const metrics = await side.metrics();
        assertEquals(metrics.get('pppoe_proxy_dials_total{outcome="opened"}'), 1);
        for (const stage of ["padi_to_pado", "padr_to_pads"]) {
          assertEquals(metrics.get(`pppoe_proxy_${stage}_seconds_bucket{le="+Inf"}`), 1);
          assertEquals(metrics.get(`pppoe_proxy_${stage}_seconds_count`), 1);
        }
      }
    }),
);

testUnless(
  skipped,
  "Both sides name an AC that refuses, with its text, until it opens a session",
  () =>
    withDialler({}, async (sites, dialler) => {
      const text = "Line is locked";
      const ac = sites.ac({ refusal: { tag: TAG.GENERIC_ERROR, text } });
      const { refusal } = await assertRejects(() => sites.host().dial(), DialError);
      assertEquals(refusal?.text, text);
      await assertNamed(sites, "ac-refuses", /refuses host .*Generic-Error "Line is locked"/);
      ac.protocol.options.refusal = undefined;
      await dialler.dial();
      await untilSolved(sites, "ac-refuses");
    }),
);

testUnless(
  skipped,
  "Both sides name an AC that answers no PADR, also on a path without a handshake",
  () =>
    withDialler({ flags: ["--legacy"] }, async (sites, dialler) => {
      const ac = sites.ac({ ignore: ({ code }) => code === CODE.PADR });
      const dialled = dialler.dial();
      await assertNamed(sites, "no-pads", /offers a session to host .*does not open it: /);
      ac.protocol.options.ignore = undefined;
      await dialled;
      await untilSolved(sites, "no-pads");
    }),
);

testUnless(
  skipped,
  "Both sides name an AC that sends no LCP, until it does",
  () =>
    withDialler({}, async (sites, { host }) => {
      const ac = sites.ac();
      await host.dial();
      const lcp = (code: number) =>
        host.send(emitLcp({ code, identifier: 1, data: new Uint8Array() }), PPP_PROTOCOL.LCP);
      lcp(LCP_CODE.CONFIGURE_REQUEST);
      await assertNamed(sites, "lcp-silent", /opened session 0x0001 for host .*, but sends no LCP/);
      send(ac, PPP_PROTOCOL.LCP, LCP_CODE.CONFIGURE_REQUEST, "");
      send(ac, PPP_PROTOCOL.LCP, LCP_CODE.CONFIGURE_ACK, "");
      lcp(LCP_CODE.CONFIGURE_ACK);
      await untilSolved(sites, "lcp-silent");
    }),
);

testUnless(
  skipped,
  "Both sides name a failed authentication with the AC's text, until one succeeds",
  () =>
    withDialler({}, async (sites, { host }) => {
      const ac = sites.ac();
      await host.dial();
      const data = new TextEncoder().encode("\x04user\x06secret");
      host.send(emitLcp({ code: 1, identifier: 1, data }), PPP_PROTOCOL.PAP);
      send(ac, PPP_PROTOCOL.PAP, 3, "\x0cUnknown user");
      await assertNamed(sites, "auth-failed", /rejects the user name or password .*"Unknown user"/);
      send(ac, PPP_PROTOCOL.PAP, 2, "\x00");
      await untilSolved(sites, "auth-failed");
      for (const side of [sites.client, sites.server]) {
        assertEquals(side.matching(/secret/), []);
        assertEquals(
          side.matching(/The AC rejects a host's credentials .*cause=auth-failed/).length,
          1,
        );
      }
    }),
);

testUnless(
  skipped,
  "Both sides name sessions that end at once, until one lasts",
  () =>
    withDialler({}, async (sites, { host }) => {
      const ac = sites.ac();
      for (let n = 0; n < 3; n++) {
        await host.dial();
        send(ac, PPP_PROTOCOL.LCP, LCP_CODE.TERMINATE_REQUEST, "No address left");
        const [sessionId] = ac.sessions.keys();
        ac.hangUp(sessionId);
        await host.closed();
      }
      await assertNamed(
        sites,
        "short-sessions",
        /3 in a row, .*PADT from the AC, after LCP Terminate-Request from the AC "No address left"/,
      );
      await host.dial();
      await untilSolved(sites, "short-sessions");
    }),
);
