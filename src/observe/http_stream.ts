// The content of an answer that goes on until one end closes, with a bound on what the client has not taken.

/** A growing answer. What is sent to a client that is too slow for it ends the answer. */
export class HttpStream {
  readonly #maxBytes: number;
  readonly #whenOver: (() => void)[] = [];
  #waiting: Uint8Array[] = [];
  /** The number of bytes that wait, and of those that are being written. */
  #bytes = 0;
  #taken = 0;
  #isOver = false;
  #wake = () => {};

  /**
   * Makes an empty stream.
   *
   * @param maxBytes The number of bytes that can wait for the client
   */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True once either end has closed. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Sends bytes, which must not change any more, or ends the stream if too many wait already. */
  send(bytes: Uint8Array): void {
    if (this.#isOver) return;
    if (this.#bytes + bytes.length > this.#maxBytes) return this.end();
    this.#bytes += bytes.length;
    this.#waiting.push(bytes);
    this.#wake();
  }

  /** Ends the stream; bytes that still wait are lost. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting = [];
    for (const callback of this.#whenOver) callback();
    this.#wake();
  }

  /** Calls a function once the stream is over, which may be now. */
  whenOver(callback: () => void): void {
    if (this.#isOver) callback();
    else this.#whenOver.push(callback);
  }

  /** Waits for bytes to write, and takes all of them; undefined at the end. Those taken before have been written. */
  async take(): Promise<Uint8Array[] | undefined> {
    this.#bytes -= this.#taken;
    this.#taken = 0;
    while (this.#waiting.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    if (this.#isOver) return undefined;
    this.#taken = this.#bytes;
    const taken = this.#waiting;
    this.#waiting = [];
    return taken;
  }
}
