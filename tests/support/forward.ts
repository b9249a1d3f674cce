// A TCP port of this machine that leads to a port elsewhere, for example in a namespace.

/** A port that is forwarded for the duration of a test. */
export class Forward implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #conns = new Set<Deno.Conn>();
  readonly #finished: Promise<void>;

  /**
   * Opens a port on loopback.
   *
   * @param connect Connects to the other port
   */
  constructor(connect: () => Promise<Deno.Conn>) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#finished = this.#accept(connect);
  }

  /** The address, such as `http://127.0.0.1:1234`. */
  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  async #accept(connect: () => Promise<Deno.Conn>): Promise<void> {
    for await (const near of this.#listener) {
      let far: Deno.Conn;
      try {
        far = await connect();
      } catch {
        near.close();
        continue;
      }
      void this.#pass(near, far);
      void this.#pass(far, near);
    }
  }

  async #pass(from: Deno.Conn, to: Deno.Conn): Promise<void> {
    this.#conns.add(from);
    try {
      await from.readable.pipeTo(to.writable);
    } catch {
      // One end has closed.
    }
    this.#close(from);
  }

  #close(conn: Deno.Conn): void {
    if (!this.#conns.delete(conn)) return;
    try {
      conn.close();
    } catch {
      // The streams have closed it.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#conns) this.#close(conn);
    await this.#finished.catch(() => {});
  }
}
