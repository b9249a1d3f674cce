// A terminal whose other end is this process, as of sshd or of a terminal window.

const libc = Deno.dlopen("libc.so.6", {
  posix_openpt: { parameters: ["i32"], result: "i32" },
  grantpt: { parameters: ["i32"], result: "i32" },
  unlockpt: { parameters: ["i32"], result: "i32" },
  ptsname: { parameters: ["i32"], result: "pointer" },
  close: { parameters: ["i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
}).symbols;

const O_RDWR = 0x2;
const O_NOCTTY = 0x100;
const O_NONBLOCK = 0x800;
const O_CLOEXEC = 0x80000;

/** A pseudoterminal. */
export class Terminal implements Disposable {
  #fd = libc.posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  readonly #path: string;
  readonly #decoder = new TextDecoder();
  #text = "";

  /**
   * Opens a terminal. It takes little more than {@linkcode text} reads.
   *
   * See pty(7).
   */
  constructor() {
    if (this.#fd < 0 || libc.grantpt(this.#fd) < 0 || libc.unlockpt(this.#fd) < 0) {
      throw new Error("Cannot open a terminal: is there a /dev/ptmx?");
    }
    this.#path = Deno.UnsafePointerView.getCString(libc.ptsname(this.#fd)!);
  }

  /**
   * Returns a command to which another one can be added. It makes a session whose controlling terminal this is,
   * and runs the other one at its head.
   *
   * @param script What a shell does with the other command, by default it becomes that
   */
  command(script = 'exec "$@"'): string[] {
    // A session's leader that has no terminal gets that which it opens.
    return ["setsid", "sh", "-c", `exec 0<>"$0"; ${script}`, this.#path];
  }

  /** Reads what programs have written, and returns all of it since the beginning. */
  text(): string {
    const buffer = new Uint8Array(65536);
    for (;;) {
      const count = Number(libc.read(this.#fd, buffer, BigInt(buffer.length)));
      if (count <= 0) return this.#text;
      this.#text += this.#decoder.decode(buffer.subarray(0, count), { stream: true });
    }
  }

  /** Types keys, such as `\x03` for Ctrl-C. */
  type(keys: string): void {
    const bytes = new TextEncoder().encode(keys);
    if (Number(libc.write(this.#fd, bytes, BigInt(bytes.length))) !== bytes.length) {
      throw new Error("Cannot type at the terminal");
    }
  }

  /** Ends the terminal, as the end of an SSH connection does. */
  end(): void {
    if (this.#fd >= 0) libc.close(this.#fd);
    this.#fd = -1;
  }

  [Symbol.dispose](): void {
    this.end();
  }
}
