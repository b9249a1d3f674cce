// Both ends of a connection over loopback, after a handshake with a pre-shared key.

import { type TlsConnection, TlsContext } from "../../ffi/mod.ts";
import { type TcpPath, TcpTransport } from "../../src/transport/tcp.ts";
import { TlsBuffers, TlsTransport } from "../../src/transport/tls.ts";
import { aKey } from "./keys.ts";
import { TcpPair } from "./tcp_pair.ts";

/** Makes both ends of a connection in memory, after their handshake. */
export function tlsConnections(): { client: TlsConnection; server: TlsConnection } {
  using near = new TlsContext("client");
  using far = new TlsContext("server");
  const key = aKey("pair");
  const client = near.open(key);
  const server = far.open(() => key.secret);
  const bytes = new Uint8Array(4096);
  const ends = [client, server];
  for (let turn = 0; turn < 6; turn++) {
    const [from, to] = turn % 2 === 0 ? ends : ends.toReversed();
    from.handshake();
    const count = from.take(bytes);
    if (count > 0) to.feed(bytes, count);
  }
  server.handshake();
  return { client, server };
}

/** Both ends of a connection. */
export class TlsPair implements AsyncDisposable {
  readonly tcp: TcpPair;
  readonly client: TlsTransport;
  readonly server: TlsTransport;
  readonly connections: { client: TlsConnection; server: TlsConnection };
  readonly buffers: TlsBuffers;
  readonly #ownBuffers: boolean;

  private constructor(
    tcp: TcpPair,
    recordsPerKey?: number,
    path?: TcpPath,
    buffers?: TlsBuffers,
  ) {
    this.#ownBuffers = buffers === undefined;
    this.buffers = buffers ?? new TlsBuffers();
    this.tcp = tcp;
    this.connections = tlsConnections();
    const { client, server } = this.connections;
    const over = (fd: number) => new TcpTransport(fd, undefined, path);
    this.client = new TlsTransport(over(tcp.clientFd), client, this.buffers, recordsPerKey);
    this.server = new TlsTransport(over(tcp.serverFd), server, this.buffers, recordsPerKey);
  }

  static async make(
    recordsPerKey?: number,
    path?: TcpPath,
    buffers?: TlsBuffers,
  ): Promise<TlsPair> {
    return new TlsPair(await TcpPair.make(), recordsPerKey, path, buffers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tcp[Symbol.asyncDispose]();
    for (const connection of Object.values(this.connections)) connection.free();
    if (this.#ownBuffers) this.buffers[Symbol.dispose]();
  }
}
