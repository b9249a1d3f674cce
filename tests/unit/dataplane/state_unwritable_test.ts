// The problem of a state directory that cannot be written.

import { assertEquals } from "@std/assert";
import { DataPlane } from "../../../src/dataplane/data_plane.ts";
import type { SessionJournal } from "../../../src/dataplane/session_journal.ts";
import { MemoryLink } from "../../../src/link/memory.ts";
import { Counters } from "../../../src/observe/counters.ts";
import { MemoryDescriptors, MemoryPoller } from "../../../src/poll/memory.ts";
import { PLANE_DEFAULTS } from "../../support/plane_defaults.ts";

Deno.test("A data plane tells that its sessions cannot be kept, until they are", () => {
  const descriptors = new MemoryDescriptors();
  const told: string[] = [];
  let nowMs = 0;
  let isKept = true;
  const journal = { catchUp: () => isKept, close: () => {} } as unknown as SessionJournal;
  const link = new MemoryLink(descriptors, {
    name: "eth1",
    mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
    promiscuous: false,
    wall: () => nowMs,
    sent: () => {},
  });
  const plane = new DataPlane({
    ...PLANE_DEFAULTS,
    interfaceName: "eth1",
    side: "server",
    mac: "own",
  }, {
    link,
    counters: new Counters(),
    poller: () => new MemoryPoller(descriptors),
    journal,
    post: (messages) => {
      for (const message of messages) {
        if (message.type === "problem-begun") told.push(`+${message.problem.id}`);
        if (message.type === "problem-ended") told.push(`-${message.id}`);
      }
    },
    now: () => nowMs,
  });
  plane.start();
  for (const kept of [true, false, false, true]) {
    isKept = kept;
    nowMs += 1000;
    plane.step(0);
  }
  assertEquals(told, ["+state-unwritable", "-state-unwritable"]);
  plane.dispose();
});
