// A server's relay and its clients' in memory, each made with the options that a test is about, and the
// dialogues of hosts and ACs through them.

import type { Problem } from "../../src/problem.ts";
import {
  type Cause,
  DROP_REASONS,
  type DropReason,
  Relay,
  type RelayOptions,
  type RelayPorts,
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

/** One side: its relay, and what came out of it. */
export interface End {
  readonly relay: Relay;
  /** Frames that went to its link. */
  link: Uint8Array[];
  drops: DropReason[];
  problems: Problem[];
  /** The causes for which sessions were closed. */
  closed: Cause[];
}

/** What a test chooses about {@linkcode Dialogue}. */
export interface DialogueOptions {
  server?: Partial<RelayOptions>;
  client?: Partial<RelayOptions>;
  /** What each client calls itself; one client without it. */
  names?: string[];
}

/** What a dialled session is about. */
export interface Dial {
  /** Which client, from 0. */
  at?: number;
  host?: Uint8Array;
  ac?: Uint8Array;
  sessionId?: number;
  /** The host's tags but for Service-Name. */
  tags?: Tag[];
}

/** The clients' tunnels are 1, 2 and so on at the server, and 1 at each client. */
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

  /** A host's discovery frame, and what the AC's link then saw. */
  host(frame: Uint8Array, at = 0): Uint8Array[] {
    this.clients[at].relay.discoveryFromLink(frame.slice(), this.nowMs);
    this.settle();
    return this.server.link.splice(0);
  }

  /** An AC's discovery frame, and what a client's link then saw. */
  ac(frame: Uint8Array, at = 0): Uint8Array[] {
    this.server.relay.discoveryFromLink(frame.slice(), this.nowMs);
    this.settle();
    return this.clients[at].link.splice(0);
  }

  /** A host's session frame as the AC's link sees it; or the reason why it does not. */
  hostData(frame: Uint8Array, at = 0): Uint8Array | DropReason {
    const copy = frame.slice();
    const near = this.clients[at].relay.sessionFromLink(copy, 0, this.nowMs);
    if (typeof near === "number") return DROP_REASONS[near];
    const far = this.server.relay.sessionFromTunnel(at + 1, copy, 0, this.nowMs);
    return typeof far === "number" ? DROP_REASONS[far] : copy;
  }

  /** An AC's session frame as the owner's link sees it; or the reason why it does not. */
  acData(frame: Uint8Array): Uint8Array | DropReason {
    const copy = frame.slice();
    const near = this.server.relay.sessionFromLink(copy, 0, this.nowMs);
    if (typeof near === "number") return DROP_REASONS[near];
    const far = this.clients[near.tunnel - 1].relay.sessionFromTunnel(1, copy, 0, this.nowMs);
    return typeof far === "number" ? DROP_REASONS[far] : copy;
  }

  /** From PADI to PADS: each frame of it as its link saw it. */
  dial(
    { at = 0, host = HOST, ac = AC, sessionId = 1, tags = [hostUniq("h")] }: Dial = {},
  ): { sought: Uint8Array; offer: Uint8Array; asked: Uint8Array; pads: Uint8Array } {
    const [sought] = this.host(padi(host, [SERVICE, ...tags]), at);
    const [offer] = this.ac(answer(sought, ac, "PADO"), at);
    const [asked] = this.host(padr(offer), at);
    const [pads] = this.ac(answer(asked, ac, "PADS", { sessionId }), at);
    return { sought, offer, asked, pads };
  }

  /** Carries what is in the tunnels, until nothing is. */
  settle(): void {
    for (let next; (next = this.#carried.shift()) !== undefined;) next();
  }

  #carry(bring: () => void): void {
    this.#carried.push(bring);
  }
}

/** Ports that take note. */
export function makeEnd(
  options: Partial<RelayOptions> & Pick<RelayOptions, "side" | "linkMac">,
  toTunnel: (tunnel: number, frame: Uint8Array) => void,
): End {
  const end = { link: [], drops: [], problems: [], closed: [] } as unknown as End & {
    relay: Relay;
  };
  const ports: RelayPorts = {
    // Frames are lent.
    toLink: (frame) => end.link.push(frame.slice()),
    toTunnel: (tunnel, frame) => toTunnel(tunnel, frame.slice()),
    listToTunnel: () => true,
    drop: (reason) => end.drops.push(DROP_REASONS[reason]),
    problem: (problem) => end.problems.push(problem),
    opened() {},
    closed: (_, { cause }) => end.closed.push(cause),
    forgotten() {},
  };
  const all = { mac: "own" as const, idleMs: 0, deadMs: 0, graceMs: 0, ...options };
  return Object.assign(end, { relay: new Relay(all, ports) });
}
