// The log of both sides while more sessions are opened than it has room for.

import { assert, assertEquals } from "@std/assert";
import { parseMac } from "../../src/wire/mod.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { withSites } from "../support/sites.ts";
import { until } from "../support/until.ts";

const HOSTS = 1060;
const LEFT_OUT = /Too many log lines of one kind, some were left out like=/;

function macOf(n: number): Uint8Array {
  const [high, low] = [n >> 8, n & 0xff].map((byte) => byte.toString(16).padStart(2, "0"));
  return parseMac(`02:00:00:01:${high}:${low}`);
}

testUnless(
  whyNot("linux", "root", "iproute2", "namespaces"),
  `Both sides log a thousand of ${HOSTS} sessions, and say how many they left out`,
  () =>
    withSites({}, async (sites) => {
      sites.ac();
      for (let n = 0; n < HOSTS; n++) {
        const host = sites.host({ mac: macOf(n), attempts: 3, retryMs: 500 });
        await host.dial();
        // So few lines come at once that none is lost.
        host.hangUp();
        host.close();
      }
      for (const program of [sites.client, sites.server]) {
        await until("all sessions have ended", async () => {
          return (await program.status()).sessions.length === 0;
        });
        await program.end("SIGTERM");
        await until("the whole log is here", () => program.matching(/ Stopped$/).length > 0);
        for (const event of ["opened", "closed"]) {
          const logged = program.matching(new RegExp(`Session ${event} id=`)).length;
          const reports = program.matching(new RegExp(`${LEFT_OUT.source}"Session ${event}"`));
          const leftOut = reports.map((line) => Number(/ lines=(\d+) /.exec(line)![1]));
          assert(logged >= 1000 && logged < HOSTS, `${logged} lines of ${event}`);
          assertEquals(logged + leftOut.reduce((sum, lines) => sum + lines, 0), HOSTS);
        }
      }
    }),
);
