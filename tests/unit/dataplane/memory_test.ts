// A client and a server in memory, with the program's own machines, data planes, channels and relays.
// The tests need no root, no sockets and no clock.

import { assertEquals } from "@std/assert";
import { AcProtocol } from "../../../src/lab/ac_protocol.ts";
import { HostProtocol } from "../../../src/lab/host_protocol.ts";
import { DROP, type MacMode } from "../../../src/relay/mod.ts";
import type { FromWorker } from "../../../src/dataplane/messages.ts";
import { PROTOCOL_VERSION } from "../../../src/tunnel/handshake_machine.ts";
import { emitSession, FEATURE, type Hello, PPP_PROTOCOL } from "../../../src/wire/mod.ts";
import { Timeline } from "../../soak/timeline.ts";
import { MemoryClient } from "../../support/memory/client.ts";
import { type Conditions, type MemoryEnd, MemoryNetwork } from "../../support/memory/network.ts";
import { MemoryServer } from "../../support/memory/server.ts";

const HOST = Uint8Array.of(2, 0, 0, 0, 0, 1);
const AC = Uint8Array.of(2, 0, 0, 0, 0, 2);
const CLIENT_LINK = Uint8Array.of(2, 0, 0, 0, 0, 3);
const SERVER_LINK = Uint8Array.of(2, 0, 0, 0, 0, 4);
const SERVER = { hostname: "server", port: 8000 };
const GRACE_MS = 20_000;
const DATA = { protocol: PPP_PROTOCOL.IPV4, payload: new Uint8Array(100) };

function hello(name: string, features = 0, resumeSecret?: Uint8Array): Hello {
  return { version: PROTOCOL_VERSION, features, name, software: "test", resumeSecret };
}

/** A host, a client, a server and an AC, with everything between them in memory. */
class World {
  readonly timeline = new Timeline();
  readonly network: MemoryNetwork;
  readonly client: MemoryClient;
  readonly server: MemoryServer;
  readonly host = new HostProtocol({ mac: HOST, hostUniq: HOST });
  readonly ac = new AcProtocol({ mac: AC, name: "bras" });
  readonly events: Record<"client" | "server", FromWorker[]> = { client: [], server: [] };
  /** The number of data frames that have reached each station. */
  readonly data = { host: 0, ac: 0 };
  /** The server's end of the last tunnel. */
  end: MemoryEnd | undefined;

  constructor(mac: MacMode, conditions: Conditions = {}) {
    const { timeline } = this;
    const network = this.network = new MemoryNetwork(timeline, conditions);
    const plane = { mac, graceMs: GRACE_MS };
    this.client = new MemoryClient({
      clock: timeline,
      network,
      plane: { ...plane, side: "client" },
      linkMac: CLIENT_LINK,
      toLink: (frame) => this.#later(() => this.#toHost(frame)),
      machine: { servers: [SERVER], random: () => 0 },
      hello: hello("tokyo", FEATURE.RESUME, new Uint8Array(16).fill(7)),
      heard: (message) => this.events.client.push(message),
    });
    this.server = new MemoryServer({
      clock: timeline,
      network,
      plane: { ...plane, side: "server" },
      linkMac: SERVER_LINK,
      toLink: (frame) => this.#later(() => this.#toAc(frame)),
      host: SERVER.hostname,
      hello: hello("osaka", FEATURE.RESUME),
      heard: (message) => this.events.server.push(message),
      enters: (_tunnel, end) => this.end = end,
    });
    this.server.start();
    this.client.start();
    this.run(100);
  }

  /** Breaks the tunnel; each side finds it broken at a time, or never. */
  breakTunnel(brokenMs = this.timeline.nowMs): void {
    const { transport, peer } = this.end!;
    for (const end of [transport, peer.transport]) end.cut(this.timeline.nowMs, brokenMs);
  }

  run(ms: number): void {
    this.timeline.run(this.timeline.nowMs + ms);
  }

  dial(): void {
    this.client.plane.receive(this.host.dial(this.timeline.nowMs));
    this.run(100);
  }

  /** Sends one data frame each way in the host's session. */
  exchange(): void {
    this.sendFromHost();
    const [{ sessionId, host }] = [...this.ac.sessions.values()];
    this.server.plane.receive(emitSession({ ...DATA, destination: host, source: AC, sessionId }));
    this.run(100);
  }

  /** Sends one data frame of the host. */
  sendFromHost(): void {
    const { sessionId, offer } = this.host;
    const header = { destination: offer!.mac, source: HOST, sessionId };
    this.client.plane.receive(emitSession({ ...DATA, ...header }));
  }

  /** The causes in a side's session-closed events. */
  causes(side: "client" | "server"): string[] {
    return this.events[side].flatMap((message) =>
      message.type === "session-closed" ? [message.end.cause] : []
    );
  }

  #later(happen: () => void): void {
    this.timeline.after(1, happen);
  }

  #toHost(frame: Uint8Array): void {
    if (frame[13] === 0x64) {
      this.data.host++;
      return;
    }
    const answer = this.host.receive(frame, this.timeline.nowMs);
    if (answer !== undefined) this.client.plane.receive(answer);
  }

  #toAc(frame: Uint8Array): void {
    if (frame[13] === 0x64) {
      this.data.ac++;
      return;
    }
    for (const answer of this.ac.receive(frame, this.timeline.nowMs)) {
      this.server.plane.receive(answer);
    }
  }
}

for (const mac of ["own", "per-host", "transparent"] as const) {
  Deno.test(`A session lives from PADI to PADT over a broken tunnel in memory, with --mac ${mac}`, () => {
    const world = new World(mac, { delayMs: () => 20 });
    world.dial();
    assertEquals(world.host.state, "open");
    world.exchange();
    assertEquals(world.data, { host: 1, ac: 1 });

    world.breakTunnel();
    world.run(30);
    assertEquals(world.client.machine.state, "waiting");
    world.run(1000);
    assertEquals(world.client.machine.state, "up");
    assertEquals(world.client.machine.reconnects, 1);
    world.exchange();
    assertEquals(world.data, { host: 2, ac: 2 });

    world.client.plane.receive(world.host.hangUp()!);
    world.run(100);
    assertEquals(world.ac.sessions.size, 0);
    assertEquals([world.causes("client"), world.causes("server")], [["host-padt"], ["host-padt"]]);
  });
}

Deno.test("A session ends at both sides with one cause when the client stops", () => {
  const world = new World("own", { delayMs: () => 20 });
  world.dial();
  world.client.stop(false);
  world.run(2000);
  assertEquals([world.ac.sessions.size, world.host.state], [0, "closed"]);
  assertEquals([world.causes("client"), world.causes("server")], [["shutdown"], ["shutdown"]]);
  assertEquals(world.client.plane.gone, true);
});

Deno.test("A tunnel carries frames through a path that takes a few bytes at a time", () => {
  const world = new World("own", { delayMs: () => 1, roomBytes: 700, takes: () => 13 });
  world.dial();
  for (let n = 1; n <= 20; n++) world.exchange();
  assertEquals(world.data, { host: 20, ac: 20 });
});

const ENDS: Record<string, (client: MemoryClient) => void> = {
  "the program stops": (client) => client.stop(false),
  "a peer is left": ({ plane: { plane } }) => plane.leave(1, "server:8000"),
};
for (const [when, end] of Object.entries(ENDS)) {
  Deno.test(`Data that still waits for a tunnel when ${when} counts as no-tunnel`, () => {
    let isOpen = true;
    const world = new World("own", { takes: (offered) => isOpen ? offered : 0 });
    world.dial();
    isOpen = false;
    for (let n = 1; n <= 3; n++) world.sendFromHost();
    end(world.client);
    const { counters } = world.client.plane;
    assertEquals(counters.dropped(DROP["no-tunnel"]), 3);
    assertEquals(counters.dropped(DROP["queue-delay"]), 0);
  });
}

Deno.test("A tunnel whose path loses everything ends, and its sessions are held", () => {
  const world = new World("own");
  world.dial();
  world.breakTunnel(Infinity);
  world.run(16_500);
  const down = world.events.client.find(({ type }) => type === "tunnel-down");
  assertEquals(down?.type === "tunnel-down" && down.reason, "nothing heard for 16 s");
  world.run(1000);
  assertEquals(world.client.machine.state, "up");
  world.exchange();
  assertEquals([world.data.host, world.data.ac], [1, 1]);
});

Deno.test("A PADT that the peer does not take before the end of a stop counts as no-tunnel", () => {
  let isTaken = true;
  const world = new World("own", { takes: (offered) => isTaken ? offered : 0 });
  world.dial();
  isTaken = false;
  world.client.stop(false);
  world.run(2000);
  assertEquals(world.client.plane.gone, true);
  assertEquals(world.client.plane.counters.read().drops["no-tunnel"], 1);
});
