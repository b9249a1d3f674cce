// The relays of a server and its clients in memory, with the options that a test chooses, and the
// dialogues of hosts and ACs through them.

import type { Problem } from "../../src/problem.ts";
import {
  type Cause,
  DROP_REASONS,
  type DropReason,
  Relay,
  type RelayOptions,
  type RelayPorts,
  type SessionLimit,
} from "../../src/relay/mod.ts";
import {
  AC,
  answer,
  CLIENT_LINK,
  HOST,
  hostUniq,
  padi,
  padr,
  SERVER_LINK,
  SERVICE,
} from "./relays.ts";
import type { Tag } from "../../src/wire/mod.ts";

/** One side: its relay, and the relay's output. */
export interface End {
  readonly relay: Relay;
  /** Frames that were sent to its link. */
  link: Uint8Array[];
  drops: DropReason[];
  /** The limits of sessions that were reached. */
  limits: SessionLimit[];
  problems: Problem[];
  /** The causes of the closed sessions. */
  closed: Cause[];
}

/** Options of {@linkcode Dialogue}. */
export interface DialogueOptions {
  server?: Partial<RelayOptions>;
  client?: Partial<RelayOptions>;
  /** The names of the clients; by default there is one client. */
  names?: string[];
}

/** Options of a dialled session. */
export interface Dial {
  /** The index of the client. */
  at?: number;
  host?: Uint8Array;
  ac?: Uint8Array;
  sessionId?: number;
  /** The host's tags besides Service-Name. */
  tags?: Tag[];
}

/** A server and its clients. Their tunnels are 1, 2 and so on at the server, and 1 at each client. */
export class Dialogue {
  readonly server: End;
  readonly clients: End[];
  nowMs = 0;
  #carried: (() => void)[] = [];

  constructor({ server, client, names = ["c"] }: DialogueOptions = {}) {
    let tokens = 0;
    const next = () =>
      Uint8Array.from([..."token"].map((c) => c.charCodeAt(0)).concat(0, 0, ++tokens));
    this.server = makeEnd(
      { side: "server", linkMac: SERVER_LINK, tokens: { next, made: () => false }, ...server },
      (tunnel, frame) =>
        this.#carry(() => this.clients[tunnel - 1].relay.discoveryFromTunnel(1, frame, this.nowMs)),
    );
    this.clients = names.map((name, index) => {
      const end = makeEnd(
        { side: "client", linkMac: CLIENT_LINK, ...client },
        (_, frame) =>
          this.#carry(() => this.server.relay.discoveryFromTunnel(index + 1, frame, this.nowMs)),
      );
      end.relay.addTunnel(1, { key: undefined, name: "server" }, 0);
      this.server.relay.addTunnel(index + 1, { key: undefined, name, address: name }, 0);
      return end;
    });
  }

  /** The first client. */
  get client(): End {
    return this.clients[0];
  }

  /** Sends a host's discovery frame, and returns the frames on the AC's link. */
  host(frame: Uint8Array, at = 0): Uint8Array[] {
    this.clients[at].relay.discoveryFromLink(frame.slice(), this.nowMs);
    this.settle();
    return this.server.link.splice(0);
  }

  /** Sends an AC's discovery frame, and returns the frames on a client's link. */
  ac(frame: Uint8Array, at = 0): Uint8Array[] {
    this.server.relay.discoveryFromLink(frame.slice(), this.nowMs);
    this.settle();
    return this.clients[at].link.splice(0);
  }

  /** Sends a host's session frame, and returns it as on the AC's link, or the drop reason. */
  hostData(frame: Uint8Array, at = 0): Uint8Array | DropReason {
    const copy = frame.slice();
    const near = this.clients[at].relay.sessionFromLink(copy, 0, this.nowMs);
    if (typeof near === "number") return DROP_REASONS[near];
    const far = this.server.relay.sessionFromTunnel(at + 1, copy, 0, this.nowMs);
    return typeof far === "number" ? DROP_REASONS[far] : copy;
  }

  /** Sends an AC's session frame, and returns it as on the client's link, or the drop reason. */
  acData(frame: Uint8Array): Uint8Array | DropReason {
    const copy = frame.slice();
    const near = this.server.relay.sessionFromLink(copy, 0, this.nowMs);
    if (typeof near === "number") return DROP_REASONS[near];
    const far = this.clients[near.tunnel - 1].relay.sessionFromTunnel(1, copy, 0, this.nowMs);
    return typeof far === "number" ? DROP_REASONS[far] : copy;
  }

  /** Dials from PADI to PADS, and returns each frame as on the link where it arrived. */
  dial(
    { at = 0, host = HOST, ac = AC, sessionId = 1, tags = [hostUniq("h")] }: Dial = {},
  ): { sought: Uint8Array; offer: Uint8Array; asked: Uint8Array; pads: Uint8Array } {
    const [sought] = this.host(padi(host, [SERVICE, ...tags]), at);
    const [offer] = this.ac(answer(sought, ac, "PADO"), at);
    const [asked] = this.host(padr(offer), at);
    const [pads] = this.ac(answer(asked, ac, "PADS", { sessionId }), at);
    return { sought, offer, asked, pads };
  }

  /** Carries frames until the tunnels are empty. */
  settle(): void {
    for (let next; (next = this.#carried.shift()) !== undefined;) next();
  }

  #carry(bring: () => void): void {
    this.#carried.push(bring);
  }
}

/** Makes a relay whose output is recorded. */
export function makeEnd(
  options: Partial<RelayOptions> & Pick<RelayOptions, "side" | "linkMac">,
  toTunnel: (tunnel: number, frame: Uint8Array) => void,
): End {
  const end = { link: [], drops: [], limits: [], problems: [], closed: [] } as unknown as End & {
    relay: Relay;
  };
  const ports: RelayPorts = {
    // The relay reuses the frame's memory, so it is copied.
    problemBegun() {},
    problemEnded() {},
    dialFailed() {},
    toLink: (frame) => end.link.push(frame.slice()),
    toTunnel: (tunnel, frame) => toTunnel(tunnel, frame.slice()),
    listToTunnel: () => true,
    drop: (reason, _, limit) => {
      end.drops.push(DROP_REASONS[reason]);
      if (limit !== undefined) end.limits.push(limit);
    },
    problem: (problem) => end.problems.push(problem),
    opened() {},
    closed: (_, { cause }) => end.closed.push(cause),
    forgotten() {},
  };
  const all = { mac: "own" as const, idleMs: 0, deadMs: 0, graceMs: 0, ...options };
  return Object.assign(end, { relay: new Relay(all, ports) });
}
