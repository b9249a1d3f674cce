// Events that go into the client's machine, and commands that come out of it.
//
// A connection has an id from the command that makes it to the end of its tunnel, and a lookup has one
// too. Ids are never used again, so the machine knows an event that comes too late, for something that it
// has dropped. Something that has failed or ended needs no drop: whoever reports that has cleaned up.

import type { Endpoint } from "../net/endpoint.ts";
import type { Hello } from "../wire/mod.ts";

/** Something that has happened. */
export type ClientEvent =
  /** The worker runs, and has told for which servers sessions of an earlier run are held. */
  | { type: "started" }
  /** A lookup has found these addresses. */
  | { type: "resolved"; id: number; addresses: string[] }
  /** A connection is there; it leads to `endpoint`, as HOST:PORT. */
  | { type: "connected"; id: number; endpoint: string }
  /** A server has said this about itself. */
  | { type: "greeted"; id: number; server: Hello }
  /** A connection has become a tunnel, which the worker is about to drive. */
  | { type: "handed-over"; id: number }
  /** A command could not be carried out, or came to nothing. */
  | { type: "failed"; id: number; reason: string }
  /** The worker drives a tunnel. */
  | { type: "tunnel-up"; id: number }
  /** A tunnel has ended; with the code of the server's goodbye, if there was one. */
  | { type: "tunnel-down"; id: number; reason: string; goodbye?: number }
  /** So many sessions are held for a server without a tunnel; 0: there are no longer any. */
  | { type: "held"; peer: string; sessions: number }
  /** This machine's addresses or routes have changed. Only tests report it so far. */
  | { type: "network-changed" }
  /** The client ends; nothing that happens later matters. */
  | { type: "stop" };

/** Something to do. */
export type ClientCommand =
  /** Look a name up; ends in `resolved` or `failed`. */
  | { type: "resolve"; id: number; hostname: string }
  /** Connect to an address; ends in `connected` or `failed`. */
  | { type: "connect"; id: number; address: Endpoint }
  /** Say hello to `server` on a connection; ends in `greeted` or `failed`. */
  | { type: "greet"; id: number; server: Endpoint }
  /**
   * Make a connection a tunnel; ends in `handed-over` or `failed`. `peer` is who the server is across
   * tunnels; undefined where it keeps no sessions.
   */
  | { type: "hand-over"; id: number; peer: string | undefined; name: string }
  /** Close all sessions of a tunnel on both sides, then the tunnel; ends in `tunnel-down`. */
  | { type: "leave"; id: number; peer: string | undefined }
  /** Give up a lookup or a connection, whatever it is at; one that is a tunnel already is left alone. */
  | { type: "drop"; id: number }
  /** Log something. */
  | { type: "note"; note: ClientNote };

/** The reason why an attempt to have a tunnel failed. */
export type ClientFailure =
  /** The step of that name failed. */
  | { step: "resolve" | "connect" | "greet" | "hand-over"; reason: string }
  /** The server of that name has no link, and another one may have. */
  | { step: "link-down"; name: string };

/** Something worth a line in the log. */
export type ClientNote =
  /** A server has greeted. */
  | { type: "greeted"; name: string; endpoint: string; software: string; held?: number }
  /** The tunnel has ended; so many sessions are held for the server that is tried next. */
  | { type: "tunnel-lost"; reason: string; held?: number }
  /** An attempt at a server failed; so many failures of this kind were not noted before this one. */
  | { type: "failed"; server: Endpoint; failure: ClientFailure; suppressed: number }
  /** Another program is connected as this client. */
  | { type: "rival" }
  /** The next attempt is at this server, after this time. */
  | { type: "connecting-again"; server: Endpoint; delayMs: number };
