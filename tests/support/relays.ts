// Relays in memory, the frames that hosts and ACs send, and records of what the relays did.

import type { Problem } from "../../src/problem.ts";
import {
  type Cause,
  type DialFailure,
  DROP_REASONS,
  type DropReason,
  type MacMode,
  NO_TUNNEL,
  type Peer,
  Relay,
  type RelayOptions,
  type Session,
  type SessionEnd,
} from "../../src/relay/mod.ts";
import { macFor } from "../../src/relay/mac_for.ts";
import {
  CODE,
  emitDiscovery,
  emitSession,
  ETH_BROADCAST,
  parseDiscovery,
  PPP_PROTOCOL,
  TAG,
  type Tag,
} from "../../src/wire/mod.ts";

/** Makes a locally administered address. */
export function mac(last: number): Uint8Array {
  return Uint8Array.of(2, 0, 0, 0, 0, last);
}

/** The addresses of the stations, and of the two interfaces between them. */
export const HOST = mac(0x11);
export const HOST_2 = mac(0x12);
export const AC = mac(0xa1);
export const AC_2 = mac(0xa2);
export const CLIENT_LINK = mac(0xc0);
export const SERVER_LINK = mac(0x50);

export function bytes(...values: (number | string)[]): Uint8Array {
  return Uint8Array.from(
    values.flatMap((v) => typeof v === "string" ? [...new TextEncoder().encode(v)] : [v]),
  );
}

export function hostUniq(...values: (number | string)[]): Tag {
  return { type: TAG.HOST_UNIQ, value: bytes(...values) };
}

export function cookie(text: string): Tag {
  return { type: TAG.AC_COOKIE, value: bytes(text) };
}

export const SERVICE: Tag = { type: TAG.SERVICE_NAME, value: bytes() };

type Code = Exclude<keyof typeof CODE, "SESSION">;

/** Makes a discovery frame from one address to another. */
export function discovery(
  code: Code,
  source: Uint8Array,
  destination: Uint8Array,
  tags: Tag[] = [],
  sessionId = 0,
): Uint8Array {
  return emitDiscovery({ destination, source, code: CODE[code], sessionId, tags });
}

export function padi(host: Uint8Array, tags: Tag[] = [SERVICE]): Uint8Array {
  return discovery("PADI", host, ETH_BROADCAST, tags);
}

/** Makes a session frame from one address to another. */
export function data(
  source: Uint8Array,
  destination: Uint8Array,
  sessionId: number,
  text = "payload",
): Uint8Array {
  return emitSession({
    destination,
    source,
    sessionId,
    protocol: PPP_PROTOCOL.IPV4,
    payload: bytes(text),
  });
}

/** Returns the tags of a discovery frame. */
export function tagsOf(frame: Uint8Array): Tag[] {
  return parseDiscovery(frame)!.tags;
}

// Returns the tags that a station must return unchanged (RFC 2516, sections 5.2 to 5.4).
function returned(frame: Uint8Array, ...types: number[]): Tag[] {
  return tagsOf(frame).filter(({ type }) => types.includes(type));
}

/** Makes an AC's answer to a frame: to its sender, with the tags that it must return. */
export function answer(
  request: Uint8Array,
  ac: Uint8Array,
  code: "PADO" | "PADS",
  { sessionId = 0, tags = [] }: { sessionId?: number; tags?: Tag[] } = {},
): Uint8Array {
  const kept = returned(request, TAG.HOST_UNIQ, TAG.RELAY_SESSION_ID);
  return discovery(
    code,
    ac,
    parseDiscovery(request)!.source,
    [SERVICE, ...kept, ...tags],
    sessionId,
  );
}

/** Makes the PADR by which a host accepts an offer. */
export function padr(pado: Uint8Array): Uint8Array {
  const { source, destination } = parseDiscovery(pado)!;
  const kept = returned(pado, TAG.HOST_UNIQ, TAG.AC_COOKIE, TAG.RELAY_SESSION_ID);
  return discovery("PADR", destination, source, [SERVICE, ...kept]);
}

/** Returns the token with which the server's relay replaces the Host-Uniq of discovery `n`, counted from 1. */
export function token(n: number): Tag {
  return { type: TAG.HOST_UNIQ, value: bytes("token", 0, n >> 8, n) };
}

/** Passes a frame in a buffer that is reused immediately, as in the data plane. */
function lend(frame: Uint8Array, take: (frame: Uint8Array) => void): void {
  const buffer = frame.slice();
  take(buffer);
  buffer.fill(0xee);
}

/** A relay, and a record of everything that it did. */
export class RecordedRelay {
  readonly relay: Relay;
  /** The frames that were sent to the link. */
  link: Uint8Array[] = [];
  /** The frames that were sent into tunnels. */
  tunnel: { tunnel: number; frame: Uint8Array }[] = [];
  drops: DropReason[] = [];
  /** The side from which each dropped frame came. */
  dropsFrom: ("link" | "tunnel")[] = [];
  problems: Problem[] = [];
  /** The problems that have begun and not ended, by id and subject. */
  lasting = new Map<string, Problem>();
  /** These problems in the order in which they were described. */
  described: Problem[] = [];
  dialFailures: DialFailure[] = [];
  opened: Session[] = [];
  closed: { session: Session; end: SessionEnd }[] = [];
  /** The causes for which sessions were closed. */
  get causes(): Cause[] {
    return this.closed.map(({ end }) => end.cause);
  }
  /** The session lists that were sent into tunnels. */
  lists: { tunnel: number; payload: Uint8Array }[] = [];
  /** True if there is room for another list. */
  takesLists = true;
  forgotten: Peer[] = [];

  constructor(
    options: Partial<RelayOptions> & Pick<RelayOptions, "side">,
    sent: (tunnel: number, frame: Uint8Array) => void = () => {},
    listed: (tunnel: number, payload: Uint8Array) => void = () => {},
  ) {
    let tokens = 0;
    this.relay = new Relay({
      tokens: { next: () => token(++tokens).value, made: () => false },
      mac: "own",
      linkMac: options.side === "server" ? SERVER_LINK : CLIENT_LINK,
      idleMs: 0,
      deadMs: 0,
      graceMs: 0,
      ...options,
    }, {
      // A frame is valid only during the call.
      toLink: (frame) => this.link.push(frame.slice()),
      toTunnel: (tunnel, frame) => {
        // The data plane does the same.
        if (tunnel === NO_TUNNEL) return void this.drops.push("no-tunnel");
        const copy = frame.slice();
        this.tunnel.push({ tunnel, frame: copy });
        sent(tunnel, copy);
      },
      listToTunnel: (tunnel, payload) => {
        if (!this.takesLists) return false;
        this.lists.push({ tunnel, payload });
        listed(tunnel, payload);
        return true;
      },
      drop: (reason, from) => {
        this.drops.push(DROP_REASONS[reason]);
        this.dropsFrom.push(from);
      },
      problem: (problem) => this.problems.push(problem),
      problemBegun: (problem) => {
        this.described.push(problem);
        this.lasting.set(`${problem.id} ${problem.subject}`, problem);
      },
      problemEnded: (id, subject) => this.lasting.delete(`${id} ${subject}`),
      dialFailed: (failure) => this.dialFailures.push(failure),
      opened: (session) => this.opened.push(session),
      closed: (session, end) => this.closed.push({ session, end }),
      forgotten: (peer) => this.forgotten.push(peer),
    });
  }

  /** Returns the recorded frames for the link, and clears the record. */
  takeLink(): Uint8Array[] {
    const frames = this.link;
    this.link = [];
    return frames;
  }

  /** Returns the recorded frames for tunnels, and clears the record. */
  takeTunnel(): { tunnel: number; frame: Uint8Array }[] {
    const frames = this.tunnel;
    this.tunnel = [];
    return frames;
  }

  takeDrops(): DropReason[] {
    const drops = this.drops;
    this.drops = [];
    return drops;
  }

  /** The open sessions. */
  get sessions(): Session[] {
    return [...this.relay.sessions];
  }
}

/** Options of {@linkcode JoinedRelays}, in addition to those of {@linkcode RecordedRelay}. */
export interface JoinedOptions {
  server?: MacMode;
  /** The MAC mode of each client. */
  clients?: MacMode[];
  idleMs?: number;
  deadMs?: number;
  graceMs?: number;
  /** False if no side can identify its peer. */
  keyed?: boolean;
}

/** A tunnel, by its number at each end. */
interface Joint {
  client: RecordedRelay;
  atClient: number;
  atServer: number;
}

/**
 * The relays of a server and its clients, connected: each one gets what the other sends into the tunnel. The
 * clients' tunnels are 1, 2 and so on at the server, and 1 at each client. Later tunnels have the next
 * numbers.
 */
export class JoinedRelays {
  readonly server: RecordedRelay;
  readonly clients: RecordedRelay[];
  nowMs = 0;
  readonly #keyed: boolean;
  readonly #joints = new Set<Joint>();
  readonly #carried: (() => void)[] = [];
  #last = { atServer: 0, atClient: 0 };

  constructor({ server = "own", clients = ["own"], keyed = true, ...times }: JoinedOptions = {}) {
    this.#keyed = keyed;
    const carry = (joint: Joint | undefined, bring: (joint: Joint) => void) => {
      // Frames in a tunnel are lost with it.
      this.#carried.push(() => joint !== undefined && this.#joints.has(joint) && bring(joint));
    };
    const atServer = (tunnel: number) => this.#find((joint) => joint.atServer === tunnel);
    this.server = new RecordedRelay(
      { side: "server", mac: server, ...times },
      (tunnel, frame) =>
        carry(atServer(tunnel), ({ client, atClient }) =>
          lend(
            frame,
            (lent) => client.relay.discoveryFromTunnel(atClient, lent, this.nowMs),
          )),
      (tunnel, payload) =>
        carry(
          atServer(tunnel),
          ({ client, atClient }) =>
            lend(payload, (lent) => client.relay.listFromTunnel(atClient, lent, this.nowMs)),
        ),
    );
    this.clients = clients.map((mode) => {
      const at = (tunnel: number) =>
        this.#find((joint) => joint.client === client && joint.atClient === tunnel);
      const client: RecordedRelay = new RecordedRelay(
        { side: "client", mac: mode, ...times },
        (tunnel, frame) =>
          carry(at(tunnel), ({ atServer }) =>
            lend(
              frame,
              (lent) => this.server.relay.discoveryFromTunnel(atServer, lent, this.nowMs),
            )),
        (tunnel, payload) =>
          carry(
            at(tunnel),
            ({ atServer }) =>
              lend(payload, (lent) => this.server.relay.listFromTunnel(atServer, lent, this.nowMs)),
          ),
      );
      return client;
    });
    for (const client of this.clients) {
      this.#join({ client, atServer: ++this.#last.atServer, atClient: 1 });
    }
    this.#last.atClient = 1;
    this.settle();
  }

  /** Breaks a client's tunnel. The given sides notice; by default both. */
  break(client = this.client, ...sides: ("server" | "client")[]): void {
    const joint = this.#find((joint) => joint.client === client);
    if (joint === undefined) return;
    this.#joints.delete(joint);
    const seen = (side: "server" | "client") => sides.length === 0 || sides.includes(side);
    if (seen("server")) this.server.relay.removeTunnel(joint.atServer, "tunnel-lost", this.nowMs);
    if (seen("client")) client.relay.removeTunnel(joint.atClient, "tunnel-lost", this.nowMs);
  }

  /**
   * Gives a client a new tunnel. Frames in its old tunnel, if there is one, are lost.
   *
   * @returns The tunnels that were replaced at the server and at the client
   */
  rejoin(client = this.client): { atServer: number; atClient: number } {
    const old = this.#find((joint) => joint.client === client);
    if (old !== undefined) this.#joints.delete(old);
    return this.#join({
      client,
      atServer: ++this.#last.atServer,
      atClient: ++this.#last.atClient,
    });
  }

  /** Returns true if a client has a tunnel. */
  joined(client = this.client): boolean {
    return this.#find((joint) => joint.client === client) !== undefined;
  }

  #find(wanted: (joint: Joint) => boolean): Joint | undefined {
    return [...this.#joints].find(wanted);
  }

  #join(joint: Joint): { atServer: number; atClient: number } {
    const { client, atServer, atClient } = joint;
    const name = `client ${this.clients.indexOf(client) + 1}`;
    const [key, serverKey] = this.#keyed ? [name, "server"] : [];
    this.#joints.add(joint);
    return {
      atServer: this.server.relay.addTunnel(atServer, { key, name }, this.nowMs),
      atClient: client.relay.addTunnel(atClient, { key: serverKey, name: "server" }, this.nowMs),
    };
  }

  /** The first client, or the only one. */
  get client(): RecordedRelay {
    return this.clients[0];
  }

  /** Carries frames until the tunnels are empty. */
  settle(): void {
    let next: (() => void) | undefined;
    while ((next = this.#carried.shift()) !== undefined) next();
  }

  /** Sends a host's discovery frame, and returns the frames on the AC's link. */
  hostSends(frame: Uint8Array, client = this.client): Uint8Array[] {
    lend(frame, (lent) => client.relay.discoveryFromLink(lent, this.nowMs));
    this.settle();
    return this.server.takeLink();
  }

  /** Sends an AC's discovery frame, and returns the frames on a client's link. */
  acSends(frame: Uint8Array, client = this.client): Uint8Array[] {
    lend(frame, (lent) => this.server.relay.discoveryFromLink(lent, this.nowMs));
    this.settle();
    return client.takeLink();
  }

  /** Sends a host's session frame, and returns it as the AC gets it; undefined if it was dropped. */
  hostData(frame: Uint8Array, client = this.client): Uint8Array | undefined {
    const copy = frame.slice();
    const owner = client.relay.sessionFromLink(copy, 0, this.nowMs);
    if (typeof owner === "number") return void client.drops.push(DROP_REASONS[owner]);
    const joint = this.#find(({ client: at, atClient }) =>
      at === client && atClient === owner.tunnel
    );
    if (joint === undefined) return void client.drops.push("no-tunnel");
    const owned = this.server.relay.sessionFromTunnel(joint.atServer, copy, 0, this.nowMs);
    if (typeof owned === "number") return void this.server.drops.push(DROP_REASONS[owned]);
    return copy;
  }

  /** Sends an AC's session frame, and returns it as the host gets it, with its client; undefined if it was dropped. */
  acData(frame: Uint8Array): { client: RecordedRelay; frame: Uint8Array } | undefined {
    const copy = frame.slice();
    const owner = this.server.relay.sessionFromLink(copy, 0, this.nowMs);
    if (typeof owner === "number") return void this.server.drops.push(DROP_REASONS[owner]);
    const joint = this.#find(({ atServer }) => atServer === owner.tunnel);
    if (joint === undefined) return void this.server.drops.push("no-tunnel");
    const { client, atClient } = joint;
    const owned = client.relay.sessionFromTunnel(atClient, copy, 0, this.nowMs);
    if (typeof owned === "number") return void client.drops.push(DROP_REASONS[owned]);
    return { client, frame: copy };
  }

  /**
   * Dials from PADI to PADS.
   *
   * @returns The PADS as the host got it, and the PADR as the AC got it
   */
  dial(
    { client = this.client, host = HOST, ac = AC, sessionId = 1, uniq = [hostUniq("h")] }: {
      client?: RecordedRelay;
      host?: Uint8Array;
      ac?: Uint8Array;
      sessionId?: number;
      uniq?: Tag[];
    } = {},
  ): { pads: Uint8Array; asked: Uint8Array } {
    const [sought] = this.hostSends(padi(host, [SERVICE, ...uniq]), client);
    const [offer] = this.acSends(answer(sought, ac, "PADO"), client);
    const [asked] = this.hostSends(padr(offer), client);
    const [pads] = this.acSends(answer(asked, ac, "PADS", { sessionId }), client);
    return { pads, asked };
  }
}

export const MAC_MODES: readonly MacMode[] = ["own", "per-host", "transparent"];

/** All combinations of MAC modes. */
export const MODES: readonly { server: MacMode; client: MacMode }[] = MAC_MODES.flatMap((server) =>
  MAC_MODES.map((client) => ({ server, client }))
);

/** Returns the address by which the AC knows a host of one of `JoinedRelays`' clients, by default the first. */
export function shownMacOfHost(mode: MacMode, host: Uint8Array, client = 1): Uint8Array {
  return shownMacFor(mode, SERVER_LINK, `client ${client}`, host);
}

/** Returns the address by which the hosts know an AC. */
export function shownMacOfAc(mode: MacMode, ac: Uint8Array): Uint8Array {
  return shownMacFor(mode, CLIENT_LINK, "server", ac);
}

function shownMacFor(
  mode: MacMode,
  linkMac: Uint8Array,
  name: string,
  far: Uint8Array,
): Uint8Array {
  if (mode === "per-host") return macFor(name, far);
  return mode === "own" ? linkMac : far;
}
