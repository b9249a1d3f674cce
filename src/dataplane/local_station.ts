// A made-up host on the link of a client, by which an operator finds out which ACs answer beyond the tunnel.
//
// Its PADIs go into the tunnel as if they had come from the link, and the answers end here instead of on the
// link. No station there has its address, and it opens no session.

import { AcSearch, RANDOM_BYTES } from "../discover/ac_search.ts";
import type { Control, ControlRefusal, ControlResult } from "../observe/control.ts";
import { type Counters, FRAMES } from "../observe/counters.ts";
import type { Relay, TokenSource } from "../relay/mod.ts";
import { ETH_ALEN, sameMac } from "../wire/mod.ts";

/** The first byte of an address that nobody was given by a manufacturer. */
const MADE_UP = 0x02;

/** The surroundings of a local station. */
export interface LocalStationPorts {
  readonly relay: Relay;
  readonly counters: Counters;
  readonly tokens: TokenSource;
  /** Sends a frame into a tunnel. */
  toTunnel(tunnel: number, frame: Uint8Array): void;
  /** Answers a request. */
  answer(request: number, result: ControlResult): void;
}

/** Searches for ACs through the tunnel, one search at a time. */
export class LocalStation {
  readonly #ports: LocalStationPorts;
  #search: AcSearch | undefined;
  #request = 0;

  /** Connects the station, which does nothing until it is asked to. */
  constructor(ports: LocalStationPorts) {
    this.#ports = ports;
  }

  /** The time at which `run` has something to do. */
  get dueMs(): number {
    return this.#search?.dueMs ?? Infinity;
  }

  /** Begins a search, whose result is the answer to the request; returns the reason if it does not. */
  begin(
    request: number,
    { service, waitMs }: Extract<Control, { order: "discover" }>,
    nowMs: number,
  ): ControlRefusal | undefined {
    const { relay, tokens } = this.#ports;
    if (relay.options.side === "server") return "no-tunnel-to-acs";
    if (this.#search !== undefined) return "busy";
    if (relay.peersByTunnel.size === 0) return "no-tunnel";
    const mac = tokens.next(0).slice(-ETH_ALEN);
    mac[0] = MADE_UP;
    const random = tokens.next(0).slice(0, RANDOM_BYTES);
    this.#search = new AcSearch({ mac, service, waitMs, random }, nowMs);
    this.#request = request;
    this.run(nowMs);
    return undefined;
  }

  /** Sends the PADI that is due, or ends the search. */
  run(nowMs: number): void {
    const search = this.#search;
    if (search === undefined || nowMs < search.dueMs) return;
    if (search.isOver(nowMs)) return this.#end({ done: "discovered", ...search.found() });
    const [tunnel] = this.#ports.relay.peersByTunnel.keys();
    if (tunnel === undefined) return this.#end({ refused: "no-tunnel" });
    const padi = search.padi(nowMs);
    if (padi !== undefined) this.#ports.toTunnel(tunnel, padi);
  }

  /**
   * Takes a discovery frame from a tunnel if it is for this station.
   *
   * @param frame The frame, without padding
   * @param nowMs The time
   * @returns True if it was, so that nobody else needs it
   */
  takes(frame: Uint8Array, nowMs: number): boolean {
    const search = this.#search;
    if (search === undefined || !sameMac(frame, 0, search.mac, 0)) return false;
    search.take(frame, nowMs);
    // It has arrived at its station, even if that is not on the link.
    const { counters } = this.#ports;
    counters.offer(FRAMES.discoveryFromTunnel);
    counters.frame(FRAMES.discoveryFromTunnel, frame.length);
    return true;
  }

  /** Ends a search without a result, because the program is about to end. */
  stop(): void {
    if (this.#search !== undefined) this.#end({ refused: "stopping" });
  }

  #end(result: ControlResult): void {
    this.#search = undefined;
    this.#ports.answer(this.#request, result);
  }
}
