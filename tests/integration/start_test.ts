// Status requests during the start of a side, and a start that fails.
import { assertEquals, assertMatch } from "@std/assert";
import type { Status } from "../../src/observe/status.ts";
import { type SideProgram, withSites } from "../support/sites.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");

/** Starts one side with a state directory, and the slow disk of the program `main`. */
async function withSlowDisk(
  side: "server" | "client",
  main: string,
  use: (program: SideProgram) => Promise<void>,
  flags: string[] = [],
): Promise<void> {
  const stateDir = await Deno.makeTempDir();
  try {
    await withSites({
      start: false,
      main: new URL(`../support/${main}`, import.meta.url),
      flags: ["--state-dir", stateDir, ...flags],
    }, async (sites) => {
      const program = sites[side];
      program.start();
      try {
        await use(program);
      } finally {
        program.signal("SIGWINCH");
      }
    });
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
}

for (const side of ["server", "client"] as const) {
  testUnless(
    skipped,
    `serveStatus() answers from the first moment, before the ${side} has started`,
    () =>
      withSlowDisk(side, "slow_disk_main.ts", async (program) => {
        await program.untilHealth(503);
        const { status, body } = await program.get("/api/status");
        assertEquals(status, 200, body);
        const { mode, healthy, interfaceState, tunnels }: Status = JSON.parse(body);
        assertEquals([mode, healthy, interfaceState], [side, false, "up"]);
        const states = tunnels.map(({ state }) => state);
        assertEquals(states, side === "client" ? ["connecting"] : []);
        assertEquals((await program.get("/metrics")).status, 200);
        assertEquals(program.matching(/ERROR|Listening|Tunnel/), []);

        program.signal("SIGWINCH");
        if (side === "client") await program.untilLine(/Cannot connect to /);
        else await program.untilHealth(200);
      }),
  );

  testUnless(
    skipped,
    `A data worker that dies during the start of the ${side} ends it with status 1`,
    () =>
      withSlowDisk(side, "faulty_start_main.ts", async (program) => {
        await program.untilLine(/Serving the status/);
        // This request causes a message to the worker, which then dies.
        await program.get("/api/status").catch(() => {});
        await until(
          "the status is no longer served",
          () => program.get("/healthz").then(() => false, () => true),
        );
        program.signal("SIGWINCH");
        assertEquals((await program.ended()).code, 1);
        const errors = program.matching(/ERROR/);
        assertEquals(errors.length, 1, errors.join("\n"));
        assertMatch(errors[0], /The data worker died: /);
      }),
  );

  testUnless(
    skipped,
    `SIGHUP without --config during the start of the ${side} ends it once it has started`,
    () =>
      withSlowDisk(side, "slow_disk_main.ts", async (program) => {
        await program.untilLine(/Serving the status/);
        program.signal("SIGHUP");
        await program.untilLine(/Stopping after SIGHUP/);
        program.signal("SIGWINCH");
        assertEquals((await program.ended()).code, 0);
        assertMatch(program.lines.at(-1)!, /Stopped/);
      }),
  );

  testUnless(
    skipped,
    `SIGHUP with --config during the start of the ${side} reads the file again after it`,
    async () => {
      const file = await Deno.makeTempFile();
      try {
        await withSlowDisk(side, "slow_disk_main.ts", async (program) => {
          await program.untilLine(/Serving the status/);
          await Deno.writeTextFile(file, "log-level debug\npadi-rate 70\n");
          program.signal("SIGHUP");
          // The signal has arrived before this is answered.
          await program.get("/healthz");
          assertEquals(program.matching(/reloaded/), []);
          program.signal("SIGWINCH");
          await program.untilLine(/Configuration reloaded/);
        }, ["--config", file]);
      } finally {
        await Deno.remove(file);
      }
    },
  );
}
