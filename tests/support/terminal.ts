// A terminal whose other end is this process, as of sshd or of a terminal window.

const libc = Deno.dlopen("libc.so.6", {
  posix_openpt: { parameters: ["i32"], result: "i32" },
  grantpt: { parameters: ["i32"], result: "i32" },
  unlockpt: { parameters: ["i32"], result: "i32" },
  ptsname: { parameters: ["i32"], result: "pointer" },
  close: { parameters: ["i32"], result: "i32" },
}).symbols;

const O_RDWR = 0x2;
const O_NOCTTY = 0x100;
const O_CLOEXEC = 0x80000;

/** A pseudoterminal. */
export class Terminal implements Disposable {
  #fd = libc.posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  readonly #path: string;

  /**
   * Opens a terminal. What is written to it is not read, so it must be little.
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

  /** Ends the terminal, as the end of an SSH connection does. */
  end(): void {
    if (this.#fd >= 0) libc.close(this.#fd);
    this.#fd = -1;
  }

  [Symbol.dispose](): void {
    this.end();
  }
}
