// Relays in memory: what hosts and ACs send to put in, and a record of what came out.

import {
  DROP_REASONS,
  type DropReason,
  type MacMode,
  Relay,
  type RelayOptions,
  type Session,
} from "../../src/relay/mod.ts";
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

/** A locally administered address. */
export function mac(last: number): Uint8Array {
  return Uint8Array.of(2, 0, 0, 0, 0, last);
}

/** The stations of the tests, and the two interfaces between them. */
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

/** A discovery frame, from one address to another. */
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

/** A session frame, from one address to another. */
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

/** The tags of a discovery frame. */
export function tagsOf(frame: Uint8Array): Tag[] {
  return parseDiscovery(frame)!.tags;
}

// RFC 2516, sections 5.2 to 5.4: what is returned as it came.
function returned(frame: Uint8Array, ...types: number[]): Tag[] {
  return tagsOf(frame).filter(({ type }) => types.includes(type));
}

/** How an AC answers a frame: to its sender, with the tags that it must return. */
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

/** How a host takes an offer. */
export function padr(pado: Uint8Array): Uint8Array {
  const { source, destination } = parseDiscovery(pado)!;
  const kept = returned(pado, TAG.HOST_UNIQ, TAG.AC_COOKIE, TAG.RELAY_SESSION_ID);
  return discovery("PADR", destination, source, [SERVICE, ...kept]);
}

/** The Host-Uniq that the server's relay of a test puts in place of the n-th discovery's, from 1. */
export function token(n: number): Tag {
  return { type: TAG.HOST_UNIQ, value: bytes("token", 0, n >> 8, n) };
}

/** Gives a frame in a buffer that is used for something else at once, as the data plane's are. */
function lend(frame: Uint8Array, take: (frame: Uint8Array) => void): void {
  const buffer = frame.slice();
  take(buffer);
  buffer.fill(0xee);
}

/** A relay, and all that it did. */
export class RecordedRelay {
  readonly relay: Relay;
  /** Frames that went to the link. */
  link: Uint8Array[] = [];
  /** Frames that went to a tunnel. */
  tunnel: { tunnel: number; frame: Uint8Array }[] = [];
  drops: DropReason[] = [];
  opened: Session[] = [];
  closed: { session: Session; reason: string }[] = [];

  constructor(
    options: Partial<RelayOptions> & Pick<RelayOptions, "side">,
    sent: (tunnel: number, frame: Uint8Array) => void = () => {},
  ) {
    let tokens = 0;
    this.relay = new Relay({
      newToken: () => token(++tokens).value,
      mac: "own",
      linkMac: options.side === "server" ? SERVER_LINK : CLIENT_LINK,
      idleMs: 0,
      deadMs: 0,
      ...options,
    }, {
      // Frames are lent.
      toLink: (frame) => this.link.push(frame.slice()),
      toTunnel: (tunnel, frame) => {
        const copy = frame.slice();
        this.tunnel.push({ tunnel, frame: copy });
        sent(tunnel, copy);
      },
      drop: (reason) => this.drops.push(DROP_REASONS[reason]),
      opened: (session) => this.opened.push(session),
      closed: (session, reason) => this.closed.push({ session, reason }),
    });
  }

  /** Forgets what was recorded, and returns what went to the link. */
  takeLink(): Uint8Array[] {
    const frames = this.link;
    this.link = [];
    return frames;
  }

  /** Forgets what was recorded, and returns what went to the tunnels. */
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

  /** The sessions that are open. */
  get sessions(): Session[] {
    return [...this.relay.sessions];
  }
}

/** What a test chooses about {@linkcode JoinedRelays}; the rest is as in {@linkcode RecordedRelay}. */
export interface JoinedOptions {
  server?: MacMode;
  /** One for each client. */
  clients?: MacMode[];
  idleMs?: number;
  deadMs?: number;
}

/**
 * A server's relay and its clients', back to back: what one sends into its tunnel reaches the other.
 * The clients' tunnels are 1, 2 and so on at the server, and 1 at each client.
 */
export class JoinedRelays {
  readonly server: RecordedRelay;
  readonly clients: RecordedRelay[];
  nowMs = 0;
  readonly #carried: (() => void)[] = [];

  constructor({ server = "own", clients = ["own"], idleMs = 0, deadMs = 0 }: JoinedOptions = {}) {
    this.server = new RecordedRelay(
      { side: "server", mac: server, idleMs, deadMs },
      (tunnel, frame) =>
        this.#carried.push(() =>
          lend(
            frame,
            (lent) => this.clients[tunnel - 1].relay.discoveryFromTunnel(1, lent, this.nowMs),
          )
        ),
    );
    this.clients = clients.map((mode, index) => {
      const client = new RecordedRelay(
        { side: "client", mac: mode, idleMs, deadMs },
        (_tunnel, frame) =>
          this.#carried.push(() =>
            lend(
              frame,
              (lent) => this.server.relay.discoveryFromTunnel(index + 1, lent, this.nowMs),
            )
          ),
      );
      client.relay.addTunnel(1);
      this.server.relay.addTunnel(index + 1);
      return client;
    });
  }

  /** The first client, where there is one only. */
  get client(): RecordedRelay {
    return this.clients[0];
  }

  /** Carries what is in the tunnels, until nothing is. */
  settle(): void {
    let next: (() => void) | undefined;
    while ((next = this.#carried.shift()) !== undefined) next();
  }

  /** A host's discovery frame, and what the AC's link then saw. */
  hostSends(frame: Uint8Array, client = this.client): Uint8Array[] {
    lend(frame, (lent) => client.relay.discoveryFromLink(lent, this.nowMs));
    this.settle();
    return this.server.takeLink();
  }

  /** An AC's discovery frame, and what the first (or another) client's link then saw. */
  acSends(frame: Uint8Array, client = this.client): Uint8Array[] {
    lend(frame, (lent) => this.server.relay.discoveryFromLink(lent, this.nowMs));
    this.settle();
    return client.takeLink();
  }

  /** A host's session frame, as the AC sees it; undefined where it was dropped. */
  hostData(frame: Uint8Array, client = this.client): Uint8Array | undefined {
    const copy = frame.slice();
    const owner = client.relay.sessionFromLink(copy, 0, this.nowMs);
    if (typeof owner === "number") return void client.drops.push(DROP_REASONS[owner]);
    const tunnel = this.clients.indexOf(client) + 1;
    const owned = this.server.relay.sessionFromTunnel(tunnel, copy, 0, this.nowMs);
    if (typeof owned === "number") return void this.server.drops.push(DROP_REASONS[owned]);
    return copy;
  }

  /** An AC's session frame, as the host sees it, and through which client; undefined where it was dropped. */
  acData(frame: Uint8Array): { client: RecordedRelay; frame: Uint8Array } | undefined {
    const copy = frame.slice();
    const owner = this.server.relay.sessionFromLink(copy, 0, this.nowMs);
    if (typeof owner === "number") return void this.server.drops.push(DROP_REASONS[owner]);
    const client = this.clients[owner.tunnel - 1];
    const owned = client.relay.sessionFromTunnel(1, copy, 0, this.nowMs);
    if (typeof owned === "number") return void client.drops.push(DROP_REASONS[owned]);
    return { client, frame: copy };
  }

  /**
   * From PADI to PADS.
   *
   * @returns The PADS as the host saw it, the PADR as the AC saw it.
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

/** Both modes on each side. */
export const MODES: readonly { server: MacMode; client: MacMode }[] = [
  { server: "own", client: "own" },
  { server: "own", client: "transparent" },
  { server: "transparent", client: "own" },
  { server: "transparent", client: "transparent" },
];
