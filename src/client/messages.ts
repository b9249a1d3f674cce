// The events that go into the client's machine, and the commands that come out of it.
//
// A lookup has an id, and a connection has one from the command that makes it to the end of its tunnel. Ids
// are never reused, so the machine recognizes a late event for something that it has dropped. Something that
// has failed or ended need not be dropped, because the driver has already cleaned up.

import type { Endpoint } from "../net/endpoint.ts";
import type { TunnelCause } from "../tunnel_cause.ts";
import type { Hello } from "../wire/mod.ts";

/** Something that has happened. */
export type ClientEvent =
  /** The worker is running, and has reported the held sessions of an earlier run. */
  | { type: "started" }
  /** A lookup has found these addresses. */
  | { type: "resolved"; id: number; addresses: string[] }
  /** A connection is established; it leads to `endpoint`, as HOST:PORT. */
  | { type: "connected"; id: number; endpoint: string }
  /** A server has sent this greeting. */
  | { type: "greeted"; id: number; server: Hello }
  /** A connection has become a tunnel, which the worker is about to drive. */
  | { type: "handed-over"; id: number }
  /** A command has failed. */
  | { type: "failed"; id: number; reason: string }
  /** The worker drives a tunnel. */
  | { type: "tunnel-up"; id: number }
  /** A tunnel has ended; `goodbye` is the code of the server's goodbye, if there was one. */
  | { type: "tunnel-down"; id: number; reason: string; cause: TunnelCause; goodbye?: number }
  /** The number of sessions that are held for a server without a tunnel; 0 if none are left. */
  | { type: "held"; peer: string; sessions: number }
  /**
   * The way from this machine to its server has changed. `lost` is true if the tunnel's own address is no
   * longer one of this machine's, `reachable` if there still is a way, or no address of a server is known
   * yet.
   */
  | { type: "network-changed"; lost: boolean; reachable: boolean }
  /** The client is stopped; later events do not matter. */
  | { type: "stop" };

/** Something that the driver must do. */
export type ClientCommand =
  /** Look up a name; ends in `resolved` or `failed`. */
  | { type: "resolve"; id: number; hostname: string }
  /** Connect to an address; ends in `connected` or `failed`. */
  | { type: "connect"; id: number; address: Endpoint }
  /** Say hello to `server` on a connection; ends in `greeted` or `failed`. */
  | { type: "greet"; id: number; server: Endpoint }
  /**
   * Turn a connection into a tunnel; ends in `handed-over` or `failed`. `peer` is the server's key across
   * tunnels; undefined if it keeps no sessions.
   */
  | { type: "hand-over"; id: number; peer: string | undefined; name: string }
  /** Close all sessions of a tunnel on both sides, then the tunnel; ends in `tunnel-down`. */
  | { type: "leave"; id: number; peer: string | undefined }
  /** Find out soon whether a tunnel still works. If it does not, it ends in `tunnel-down`. */
  | { type: "probe"; id: number }
  /** End a tunnel for this reason; ends in `tunnel-down`. */
  | { type: "end"; id: number; reason: string; cause: TunnelCause }
  /** Give up a lookup or a connection, unless it is already a tunnel. */
  | { type: "drop"; id: number }
  /** Log something. */
  | { type: "note"; note: ClientNote };

/** The reason why an attempt to establish a tunnel failed. */
export type ClientFailure =
  /** A step failed. */
  | { step: "resolve" | "connect" | "greet" | "hand-over"; reason: string }
  /** A lookup failed, and the attempt goes on with the addresses of an earlier one. */
  | { step: "lookup"; reason: string }
  /** The link of the server with this name is down, and another server's link may be up. */
  | { step: "link-down"; name: string };

/** Something for the log. */
export type ClientNote =
  /** A server has greeted. */
  | { type: "greeted"; name: string; endpoint: string; software: string; held?: number }
  /** The tunnel has ended; `held` is the number of sessions that are held for the next server. */
  | { type: "tunnel-lost"; reason: string; cause: TunnelCause; held?: number }
  /** An attempt failed; `suppressed` is the number of failures of this kind that were not noted before it. */
  | { type: "failed"; server: Endpoint; failure: ClientFailure; suppressed: number }
  /** Another program is connected as this client. */
  | { type: "rival" }
  /** The next attempt uses this server, after this delay. */
  | { type: "connecting-again"; server: Endpoint; delayMs: number };
