// A TCP connection within this process, over loopback.

import { findSocket } from "../../ffi/mod.ts";

/** Both ends of a connection. */
export class TcpPair implements AsyncDisposable {
  readonly client: Deno.TcpConn;
  readonly server: Deno.TcpConn;

  private constructor(client: Deno.TcpConn, server: Deno.TcpConn) {
    this.client = client;
    this.server = server;
  }

  static async make(): Promise<TcpPair> {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const [client, server] = await Promise.all([
      Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
      listener.accept(),
    ]);
    client.setNoDelay();
    server.setNoDelay();
    return new TcpPair(client, server);
  }

  /** The client's descriptor. */
  get clientFd(): number {
    return findSocket(this.client.localAddr, this.client.remoteAddr);
  }

  /** The server's descriptor. */
  get serverFd(): number {
    return findSocket(this.server.localAddr, this.server.remoteAddr);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const conn of [this.client, this.server]) {
      try {
        conn.close();
      } catch {
        // The test has closed it already.
      }
    }
    // A pending read ends in a later turn of the event loop.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

/** Returns true if a listener can use an address on this machine. */
export function canListen(hostname: string): boolean {
  try {
    Deno.listen({ hostname, port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}
