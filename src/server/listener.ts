// The listener of a server: accepts connections, and protects this thread and the kernel in a flood of them.
//
// In a flood, connections are reset when they are closed, so that they do not stay in the kernel for a minute.
// The kernel then drops a share of the new ones (flood_meter.ts), but none of clients that may return. The
// listener hands these options down to the connections that it accepts.

import {
  admitNewConnections,
  closeInOrder,
  findSocket,
  limitNewConnections,
  listeningSockets,
  resetOnClose,
  setBacklog,
} from "../../ffi/mod.ts";
import { type Endpoint, formatEndpoint, listenReason } from "../net/endpoint.ts";
import { parseIp } from "../net/ip.ts";
import { FloodMeter } from "./flood_meter.ts";

/** The errors of `accept` for a connection that is already gone. */
const GONE = [
  Deno.errors.NotConnected,
  Deno.errors.ConnectionReset,
  Deno.errors.ConnectionAborted,
];
/** The pause after a failed accept, for example for lack of descriptors. */
const ACCEPT_AGAIN_MS = 200;
/** The number of connections that can wait to be accepted, so that a flood does not keep out others. */
const BACKLOG = 4096;
/** The interval in which the measures against a flood are adapted. */
const GUARD_MS = 1000;

/** The owner of a listener. */
export interface ListenerHooks {
  /** Takes a connection, which is reset when it is closed if `resets` is true. */
  accepted(conn: Deno.TcpConn, resets: boolean): void;
  /** Called when no connection can be accepted for the moment. */
  failed(error: unknown): void;
  /** Returns the addresses whose connections the kernel never drops, as they are counted. */
  preferred(): string[];
}

/** A listening socket. */
export class Listener {
  readonly #listener: Deno.TcpListener;
  /** The descriptor, if it was found. */
  readonly #fd: number | undefined;
  readonly #flood = new FloodMeter(performance.now());
  #hooks: ListenerHooks | undefined;
  #isClosed = false;
  /** True if connections that are closed are reset. */
  #resets = false;
  /** The timer that runs during a flood. */
  #timer: ReturnType<typeof setInterval> | undefined;

  /**
   * Listens, so that connections can wait.
   *
   * @param endpoint The address to listen on; port 0 lets the system choose
   * @throws {Error} If the address cannot be used
   */
  constructor(endpoint: Endpoint) {
    const others = listeningSockets();
    try {
      this.#listener = Deno.listen({ ...endpoint, transport: "tcp" });
      this.#fd = listeningSockets().find((fd) => !others.includes(fd));
      if (this.#fd !== undefined) setBacklog(this.#fd, BACKLOG);
    } catch (error) {
      throw new Error(`Cannot listen on ${formatEndpoint(endpoint)}: ${listenReason(error)}`, {
        cause: error,
      });
    }
  }

  /** The address that it listens on. */
  get address(): Endpoint {
    const { hostname, port } = this.#listener.addr as Deno.NetAddr;
    return { hostname, port };
  }

  /**
   * Accepts connections until the listener is closed.
   *
   * @param hooks The owner, which takes them
   */
  async accept(hooks: ListenerHooks): Promise<void> {
    this.#hooks = hooks;
    while (!this.#isClosed) {
      let conn: Deno.TcpConn;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        if (this.#isClosed) return;
        // A connection that was reset while it waited must not delay others.
        if (GONE.some((gone) => error instanceof gone)) continue;
        hooks.failed(error);
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_AGAIN_MS));
        continue;
      }
      hooks.accepted(conn, this.#resets);
    }
  }

  /**
   * Notes that a connection was refused as soon as it came.
   *
   * @param nowMs The time, by a monotonic clock
   */
  refused(nowMs: number): void {
    const { isFlood, share } = this.#flood;
    this.#flood.refused(nowMs);
    if (isFlood !== this.#flood.isFlood || share !== this.#flood.share) this.#guard();
  }

  /**
   * Lets a connection end in order if it came in a flood that is over, so that its peer gets the goodbye.
   *
   * @param conn The connection
   * @param resets True if it is reset when it is closed
   */
  closesInOrder(conn: Deno.TcpConn, resets: boolean): void {
    if (!resets || this.#resets) return;
    try {
      closeInOrder(findSocket(conn.localAddr as Deno.NetAddr, conn.remoteAddr as Deno.NetAddr));
    } catch {
      // The peer is already gone.
    }
  }

  /** Accepts no more connections. A second call has no effect: the data worker may die before a stop. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#endGuard();
    this.#listener.close();
  }

  /** Takes the measures that the present number of connections asks for. */
  #guard(): void {
    const flood = this.#flood;
    flood.tick(performance.now());
    const fd = this.#fd;
    if (fd === undefined || this.#isClosed) return;
    if (flood.isFlood !== this.#resets) {
      this.#resets = flood.isFlood;
      if (this.#resets) resetOnClose(fd);
      else closeInOrder(fd);
    }
    if (flood.share < 1) {
      const exempt = (this.#hooks?.preferred() ?? []).map(partsOf);
      limitNewConnections(fd, { share: flood.share, exempt });
    } else admitNewConnections(fd);
    if (!flood.isFlood) this.#endGuard();
    else this.#timer ??= setInterval(() => this.#guard(), GUARD_MS);
  }

  #endGuard(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** Returns the numbers of an address as it is counted, which may be a network. */
function partsOf(counted: string): number[] {
  return parseIp(counted.replace(/\/.*$/, "")) ?? [];
}
