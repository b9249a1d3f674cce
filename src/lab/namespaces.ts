// Network namespaces and the links between them, made with iproute2 and removed with the lab.

import {
  inNamespace,
  InterfaceWatch,
  type MacvlanMode,
  POLLIN,
  PollSet,
  readInterface,
} from "../../ffi/mod.ts";
import { patient } from "./patience.ts";

const RUNNING_TIMEOUT_MS = patient(5000);
const FIRST_INDEX = 1000;

/**
 * Shell script that reads the names of namespaces until its input ends, which it does however this
 * process ends, and then removes these namespaces and kills the processes in them.
 */
const GUARD = `trap '' INT TERM HUP
while read -r name; do set -- "$@" "$name"; done
for name; do
  for pid in $(ip netns pids "$name"); do kill -KILL "$pid"; done
  ip netns del "$name"
done`;

/** One end of a link, which is an interface in a namespace. */
export interface LinkEnd {
  /** Unique name of the namespace, as `namespace` returned it. */
  namespace: string;
  /** Name of the interface. */
  name: string;
  /** MAC address of the interface, random by default. */
  mac?: string;
}

let made = 0;

/**
 * A group of network namespaces with unique names. Needs root, or CAP_NET_ADMIN and CAP_SYS_ADMIN.
 * The namespaces are removed when the group is disposed of, and also when this process is killed. An
 * open socket keeps its namespace alive, but without a name.
 */
export class LabNet implements AsyncDisposable {
  readonly #prefix: string;
  #pairs = 0;
  #guard?: { child: Deno.ChildProcess; names: WritableStreamDefaultWriter<Uint8Array> };

  /**
   * Makes a group without namespaces.
   *
   * @param label The prefix of the namespaces' names, for people who list them
   */
  constructor(label: string) {
    const random = crypto.randomUUID().slice(0, 4);
    this.#prefix = `${label}-${Deno.pid}-${++made}-${random}`;
  }

  /**
   * Makes a namespace whose loopback is up. Its interfaces get no automatic IPv6 address, so that they
   * send no unwanted frames.
   *
   * @param name The role of the namespace, such as `host`
   * @returns The unique name
   * @throws {Error} If ip(8) fails, with its message
   */
  async namespace(name: string): Promise<string> {
    const unique = `${this.#prefix}-${name}`;
    this.#guard ??= startGuard();
    await this.#guard.names.write(new TextEncoder().encode(`${unique}\n`));
    await ip("netns", "add", unique);
    await this.ip(unique, "link", "set", "lo", "up");
    const quiet =
      "cd /proc/sys/net/ipv6/conf/default || exit 0; echo 1 > addr_gen_mode; echo 0 > accept_ra";
    await ip("netns", "exec", unique, "sh", "-c", quiet);
    return unique;
  }

  /** Returns the path of a namespace, for setns(2). */
  path(namespace: string): string {
    return `/run/netns/${namespace}`;
  }

  /**
   * Runs ip(8) in a namespace, such as `ip(host, "link", "set", "eth0", "up")`.
   *
   * @returns The output
   * @throws {Error} If ip(8) fails, with its message
   */
  ip(namespace: string, ...args: string[]): Promise<string> {
    return ip("-n", namespace, ...args);
  }

  /** Joins two namespaces with a veth pair and sets both ends up. */
  async veth(a: LinkEnd, b: LinkEnd): Promise<void> {
    // If both ends had the same index in their namespaces, they would need up to a second to run.
    const index = ["index", String(FIRST_INDEX + this.#pairs++)];
    const other = ["peer", "name", b.name, ...address(b), "netns", b.namespace];
    await this.ip(
      a.namespace,
      "link",
      "add",
      a.name,
      ...index,
      ...address(a),
      "type",
      "veth",
      ...other,
    );
    await this.ip(a.namespace, "link", "set", a.name, "up");
    await this.up(b);
    await this.#running(a);
  }

  /** Adds a macvlan on top of another interface of its namespace, and sets it up. */
  async macvlan(end: LinkEnd, lower: string, mode: MacvlanMode = "bridge"): Promise<void> {
    const { namespace, name } = end;
    const link = ["link", lower, "name", name, ...address(end)];
    await this.ip(namespace, "link", "add", ...link, "type", "macvlan", "mode", mode);
    await this.up(end);
  }

  /** Sets an interface up, and waits until it runs. */
  async up(end: LinkEnd): Promise<void> {
    await this.ip(end.namespace, "link", "set", end.name, "up");
    await this.#running(end);
  }

  async #running({ namespace, name }: LinkEnd): Promise<void> {
    const path = this.path(namespace);
    const watch = inNamespace(path, () => new InterfaceWatch());
    const set = new PollSet(1);
    set.add(watch.fd, POLLIN);
    try {
      const deadline = performance.now() + RUNNING_TIMEOUT_MS;
      while (!inNamespace(path, () => readInterface(name))?.up) {
        const left = Math.ceil(deadline - performance.now());
        if (left <= 0) throw new Error(`Cannot use ${name} in ${namespace}: it has no carrier`);
        await set.waitAsync(left);
        watch.drain();
      }
    } finally {
      watch.close();
    }
  }

  /** Removes all namespaces. */
  async [Symbol.asyncDispose](): Promise<void> {
    const guard = this.#guard;
    if (guard === undefined) return;
    this.#guard = undefined;
    guard.child.ref();
    await guard.names.close();
    await guard.child.status;
  }
}

function startGuard() {
  const args = ["-c", GUARD];
  const child = new Deno.Command("sh", { args, stdin: "piped", stderr: "null" }).spawn();
  child.unref();
  return { child, names: child.stdin.getWriter() };
}

function address({ mac }: LinkEnd): string[] {
  return mac === undefined ? [] : ["address", mac];
}

async function ip(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("ip", { args }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(`Cannot run ip ${args.join(" ")}: ${text.decode(stderr).trim()}`);
  return text.decode(stdout);
}
