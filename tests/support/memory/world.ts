// A host, a client, a server and an AC, with everything between them in memory.

import type { DataPlane } from "../../../src/dataplane/data_plane.ts";
import type { FromWorker } from "../../../src/dataplane/messages.ts";
import { AcProtocol } from "../../../src/lab/ac_protocol.ts";
import { HostProtocol } from "../../../src/lab/host_protocol.ts";
import type { MacMode } from "../../../src/relay/mod.ts";
import { PROTOCOL_VERSION } from "../../../src/tunnel/handshake_machine.ts";
import { emitSession, FEATURE, type Hello, PPP_PROTOCOL } from "../../../src/wire/mod.ts";
import { Timeline } from "../../soak/timeline.ts";
import { MemoryClient } from "./client.ts";
import { type Conditions, type MemoryEnd, MemoryNetwork } from "./network.ts";
import type { MemoryPlaneOptions } from "./plane.ts";
import { MemoryServer } from "./server.ts";

const HOST = Uint8Array.of(2, 0, 0, 0, 0, 1);
const AC = Uint8Array.of(2, 0, 0, 0, 0, 2);
const CLIENT_LINK = Uint8Array.of(2, 0, 0, 0, 0, 3);
const SERVER_LINK = Uint8Array.of(2, 0, 0, 0, 0, 4);
const SERVER = { hostname: "server", port: 8000 };
const GRACE_MS = 20_000;
const DATA: { protocol: number; payload: Uint8Array } = {
  protocol: PPP_PROTOCOL.IPV4,
  payload: new Uint8Array(100),
};

function hello(name: string, features = 0, resumeSecret?: Uint8Array): Hello {
  return { version: PROTOCOL_VERSION, features, name, software: "test", resumeSecret };
}

/** Options of {@linkcode World}. */
export interface WorldOptions {
  /** Options of both planes. */
  plane?: Partial<MemoryPlaneOptions["plane"]>;
  /** Called after each turn of a plane. */
  moved?(plane: DataPlane): void;
  /** Returns true if the interface of a side has no room for a frame. */
  refuses?(side: "client" | "server"): boolean;
}

/** Both sides, with one host and one AC. */
export class World {
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

  constructor(mac: MacMode, conditions: Conditions = {}, options: WorldOptions = {}) {
    const { timeline } = this;
    const network = this.network = new MemoryNetwork(timeline, conditions);
    const plane = { mac, graceMs: GRACE_MS, ...options.plane };
    const { moved } = options;
    this.client = new MemoryClient({
      clock: timeline,
      network,
      plane: { ...plane, side: "client" },
      moved,
      refuses: () => options.refuses?.("client") ?? false,
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
      moved,
      refuses: () => options.refuses?.("server") ?? false,
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
    this.sendFromAc();
    this.run(100);
  }

  /** Sends one frame of the host in its session, by default data. */
  sendFromHost(frame = DATA): void {
    const { sessionId, offer } = this.host;
    const header = { destination: offer!.mac, source: HOST, sessionId };
    this.client.plane.receive(emitSession({ ...frame, ...header }));
  }

  /** Sends one frame of the AC in the host's session, if it still has one. */
  sendFromAc(frame = DATA): void {
    const [session] = this.ac.sessions.values();
    if (session === undefined) return;
    const header = { destination: session.host, source: AC, sessionId: session.sessionId };
    this.server.plane.receive(emitSession({ ...frame, ...header }));
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
