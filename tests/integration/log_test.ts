// The log of real processes, as JSON.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type LineKind, LOG_LINES } from "../../src/observe/log_lines.ts";
import { type SideProgram, withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");

// deno-lint-ignore no-explicit-any
type Line = Record<string, any>;

function linesOf({ lines }: SideProgram): Line[] {
  return lines.map((line) => JSON.parse(line));
}

function untilEvent(side: SideProgram, event: string): Promise<Line> {
  return until(`${event} is logged`, () => linesOf(side).find((line) => line.event === event));
}

testUnless(
  skipped,
  "Server and Client log each line as JSON with its kind, the fields of that, and the code of each end",
  () =>
    withSites({ flags: ["--log-format", "json", "--log-level", "debug"] }, async (sites) => {
      const { server, client } = sites;
      const ac = sites.ac();
      const host = sites.host();
      await host.dial();
      const [{ id, sessionId }] = (await client.status()).sessions;
      assertEquals(Number(id), sessionId);
      assertMatch(id, /^0x[0-9a-f]{4}$/);
      host.hangUp();
      for (const side of [server, client]) {
        const opened = await untilEvent(side, "session-opened");
        const closed = await untilEvent(side, "session-closed");
        assertEquals([opened.id, closed.id, closed.cause], [id, id, "host-padt"]);
        assertEquals(closed.reason, "PADT from the host");
      }
      await server.end("SIGTERM");
      const lost = await untilEvent(client, "tunnel-lost");
      assertEquals([lost.reason, lost.cause], ["goodbye (shutdown)", "peer-shutdown"]);
      server.start();
      await until("the tunnel is up again", () =>
        linesOf(client).filter(({ event }) => event === "tunnel-up").length === 2);
      await client.end("SIGKILL");
      const gone = await until("both clients are gone", () => {
        const all = linesOf(server).filter(({ event }) =>
          event === "client-gone"
        );
        return all.length === 2 && all.map(({ cause }) => cause);
      });
      assertEquals(gone[0], "shutdown");
      assert(["peer-closed", "connection-broke"].includes(gone[1]), gone[1]);

      const frames = linesOf(client).filter(({ event }) => event === "discovery-frame");
      const [padi, pado] = ["PADI", "PADO"].map((wanted) =>
        frames.find(({ type }) => type === wanted)!
      );
      assertEquals([padi.from, padi.destination, padi.id], [
        "link",
        "ff:ff:ff:ff:ff:ff",
        "0x0000",
      ]);
      assertEquals([pado.from, pado.destination], ["tunnel", padi.source]);
      assertEquals(typeof pado.tags["AC-Name"], "string");
      assertEquals(pado.tags["Host-Uniq"], padi.tags["Host-Uniq"]);
      assertEquals(ac.sessions.size, 0);

      for (
        const { event, level, time: _time, message: _message, ...fields } of [
          ...linesOf(client),
          ...linesOf(server),
        ]
      ) {
        const kind: LineKind = LOG_LINES[event as keyof typeof LOG_LINES];
        assert(kind !== undefined, event);
        assertEquals(level, kind.level, event);
        const known: readonly string[] = kind.fields;
        assertEquals(Object.keys(fields).filter((name) => !known.includes(name)), [], event);
      }
    }),
);
