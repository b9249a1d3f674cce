// Tests of the steps between host and AC on the page.

import { assertEquals } from "@std/assert";
import { PROBLEMS } from "../../../src/problem.ts";
import { describePath, stepOf } from "../../../src/page/path.js";

const TUNNEL = { name: "osaka", state: "up", rttMs: 8.2 };
const STATUS = {
  interfaceState: "up",
  tunnels: [TUNNEL],
  tunnelCount: 1,
  sessionCounts: { open: 1, held: 0 },
  problems: [] as { id: string; blocks: boolean }[],
};

function stepsOf(side: "client" | "server", over: Partial<typeof STATUS> = {}) {
  const steps = describePath(side, "eth1", { ...STATUS, ...over });
  return Object.fromEntries(steps.map(({ key, detail, state }) => [key, `${state}: ${detail}`]));
}

function problem(id: string, blocks = false) {
  return { problems: [{ id, blocks }] };
}

Deno.test("describePath() goes from the hosts to the AC, whichever side this is", () => {
  for (const side of ["client", "server"] as const) {
    const steps = describePath(side, "eth1", STATUS);
    assertEquals(
      steps.map(({ name }) => name),
      side === "client"
        ? ["Hosts", "This client", "Tunnel", "Server", "AC"]
        : ["Hosts", "Client", "Tunnel", "This server", "AC"],
    );
    assertEquals(steps.filter(({ own }) => own).map(({ key }) => key), ["own"]);
    assertEquals(stepsOf(side), {
      hosts: "good: 1 session",
      own: "good: eth1 is up",
      tunnel: "good: up, 8.2 ms",
      far: "good: osaka",
      ac: "good: answers",
    });
  }
});

Deno.test("describePath() does not judge what is behind a broken part", () => {
  const cut = { tunnels: [{ ...TUNNEL, state: "waiting" }], sessionCounts: { open: 0, held: 2 } };
  assertEquals(stepsOf("client", cut), {
    hosts: "unknown: 2 sessions, 2 held",
    own: "good: eth1 is up",
    tunnel: "bad: waits to try again",
    far: "unknown: not connected",
    ac: "unknown: not known",
  });
  const down = { interfaceState: "down", ...problem("link-down", true) };
  assertEquals(stepsOf("client", down).own, "bad: eth1 is down");
  assertEquals(stepsOf("client", down).hosts, "unknown: 1 session");
  assertEquals(stepsOf("server", down).ac, "unknown: not known");
  assertEquals(stepsOf("client", problem("far-link-down", true)).far, "bad: osaka");
  assertEquals(stepsOf("client", problem("far-link-down", true)).ac, "unknown: not known");
});

Deno.test("describePath() puts a problem where it is", () => {
  assertEquals(stepsOf("client", problem("no-ac")).ac, "poor: silent");
  assertEquals(stepsOf("server", problem("ac-refuses", true)).ac, "bad: refuses");
  assertEquals(stepsOf("server", problem("slow-ac")).ac, "poor: has a problem");
  assertEquals(stepsOf("client", problem("small-mtu")).own, "poor: eth1 is up");
  assertEquals(stepsOf("client", problem("path-mtu")).tunnel, "poor: up, 8.2 ms");
  assertEquals(stepsOf("client", problem("lcp-silent")).hosts, "poor: 1 session");
  assertEquals(stepsOf("client", problem("of-a-newer-version")), stepsOf("client"));
});

Deno.test("stepOf() has a step for each kind of problem, and none for an unknown one", () => {
  assertEquals(Object.keys(PROBLEMS).filter((id) => stepOf(id) === undefined), []);
  assertEquals(["of-a-newer-version", "constructor"].map(stepOf), [undefined, undefined]);
});

Deno.test("describePath() counts tunnels and clients", () => {
  const three = { tunnels: [TUNNEL, TUNNEL, TUNNEL], tunnelCount: 3 };
  assertEquals(stepsOf("server", three).tunnel, "good: 3 up");
  assertEquals(stepsOf("server", three).far, "good: 3");
  const held = { sessionCounts: { open: 0, held: 1 } };
  assertEquals(stepsOf("server", held).hosts, "unknown: 1 session, 1 held");
  const none = { tunnels: [], tunnelCount: 0, sessionCounts: { open: 0, held: 0 } };
  assertEquals(stepsOf("server", none).tunnel, "bad: none");
  assertEquals(stepsOf("server", none).hosts, "unknown: 0 sessions");
});
