// The choice of connections for which the kernel is asked to encrypt what is sent (kTLS).
//
// Nothing may depend on it, so an address is not tried again after a connection to it that the kernel has
// encrypted has ended soon, for whatever reason.

import { findSocket, hasKernelTls, type TlsConnection } from "../../ffi/mod.ts";

/** The time after which the end of a connection has other reasons. */
const SOON_MS = 60_000;
/** The maximum number of addresses that are avoided; the oldest ones are tried again. */
const AVOIDED_MAX = 1024;

/** A tunnel that the kernel encrypts. */
interface KernelTunnel {
  readonly address: string;
  readonly sinceMs: number;
}

/** Knows where the kernel may encrypt. */
export class KernelTlsChoice {
  readonly #available: boolean;
  readonly #avoided = new Set<string>();
  readonly #tunnels = new Map<number, KernelTunnel>();

  /**
   * Avoids no address.
   *
   * @param available True if the kernel can; by default it is asked
   */
  constructor(available: boolean = hasKernelTls()) {
    this.#available = available;
  }

  /**
   * Returns the socket of a connection, if the kernel shall encrypt what it sends.
   *
   * @param conn The connection
   * @returns The descriptor; undefined if OpenSSL shall do it
   */
  socketOf(conn: Deno.TcpConn): number | undefined {
    if (!this.#available || this.#avoided.has(conn.remoteAddr.hostname)) return undefined;
    try {
      return findSocket(conn.localAddr as Deno.NetAddr, conn.remoteAddr as Deno.NetAddr);
    } catch {
      // It is gone already.
      return undefined;
    }
  }

  /**
   * Notes that a connection has become a tunnel.
   *
   * @param tunnel The number of the tunnel
   * @param address The IP address at the other end
   * @param tls Its connection of TLS
   * @param nowMs The time
   */
  up(tunnel: number, address: string, tls: TlsConnection | undefined, nowMs: number): void {
    if (tls?.kernel) this.#tunnels.set(tunnel, { address, sinceMs: nowMs });
  }

  /**
   * Notes that a tunnel has ended.
   *
   * @param tunnel The number of the tunnel
   * @param nowMs The time
   */
  down(tunnel: number, nowMs: number): void {
    const { address, sinceMs } = this.#tunnels.get(tunnel) ?? {};
    this.#tunnels.delete(tunnel);
    if (address === undefined || nowMs - sinceMs! >= SOON_MS) return;
    this.#avoided.add(address);
    const [oldest] = this.#avoided;
    if (this.#avoided.size > AVOIDED_MAX) this.#avoided.delete(oldest);
  }
}
