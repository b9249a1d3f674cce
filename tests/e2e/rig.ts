// Two sites with a real PPPoE host (pppd) and a real access concentrator (rp-pppoe's pppoe-server). Both run in a small
// user-mode-linux guest, so that the machine's kernel needs no PPP, and reach the outside only through Ethernet.
//
//   guest, namespace cpe        HOME                          ISP         guest, namespace bras
//   pppd on eth0  <---------->  tap-cpe  site ══ veth ══ site  tap-bras  <---------->  pppoe-server on eth1
//   02:00:00:00:67:01           192.0.2.1               192.0.2.2                      02:00:00:00:67:02
//
// rig/hold.sh owns the namespaces, and removes them when this process ends for any reason.

import { whyNot } from "../support/skip.ts";

/** Reason why this machine cannot run the rig, or undefined if it can. */
export const NO_RIG = whyNot(
  "linux",
  "amd64",
  "root",
  "iproute2",
  "namespaces",
  "tun",
  "debian12",
  "apt",
  "aptLists",
);

const folder = (path: string) => new URL(path, import.meta.url).pathname;
const work = Deno.env.get("PPPOE_PROXY_RIG_DIR") ?? folder("work");

/** MAC addresses of the two stations. */
export const CPE_MAC = "02:00:00:00:67:01";
export const BRAS_MAC = "02:00:00:00:67:02";
/** Addresses of the two sites. */
export const HOME_ADDRESS = "192.0.2.1";
export const ISP_ADDRESS = "192.0.2.2";
/** Address of the access concentrator inside a session. */
export const AC_ADDRESS = "10.67.0.1";

/** pcap filters for frames on a link. */
export const ETH_P_PPP_DISC = "ether proto 0x8863";
export const PADI = `${ETH_P_PPP_DISC} and ether[15] == 0x09`;
export const PADO = `${ETH_P_PPP_DISC} and ether[15] == 0x07`;
export const PADT = `${ETH_P_PPP_DISC} and ether[15] == 0xa7`;

export type Station = "cpe" | "bras";
export type Site = "home" | "isp";

const NIC_OPTIONS = (["cpe", "bras", "mgmt"] as const)
  .map((tap, i) => `vec${i}:transport=tap,ifname=tap-${tap},mtu=1500,mac=02:00:00:00:67:0${i + 1}`);

/** A look into the guest takes about as long. */
const LOOK_EVERY_MS = 250;
/** The amount of data that one measurement of the speed sends. */
const IPERF_BYTES = "16M";

let rigs = 0;

/**
 * Waits until a condition is met.
 *
 * @param what The condition in words, for the error message
 * @param limitMs The maximum time to wait
 * @param condition Returns true once the condition is met
 * @throws {Error} If the condition is not met in time
 */
export async function until(
  what: string,
  limitMs: number,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const end = Date.now() + limitMs;
  while (!await condition()) {
    if (Date.now() > end) throw new Error(`Not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** Prints a result of a test. */
export function report(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

interface Result {
  code: number;
  output: string;
}

async function command(name: string, args: string[], input?: string): Promise<Result> {
  const child = new Deno.Command(name, {
    args,
    stdin: input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const ended = child.output();
  if (input !== undefined) {
    try {
      await new Blob([input]).stream().pipeTo(child.stdin);
    } catch (error) {
      // The process ended without reading all its input. Its exit status and its output tell why.
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  }
  const { code, stdout, stderr } = await ended;
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

function outputOf({ code, output }: Result, what: string): string {
  if (code !== 0) throw new Error(`${what} ended with ${code}:\n${output}`);
  return output;
}

const ip = async (line: string) => outputOf(await command("ip", line.split(" ")), `ip ${line}`);

/** A process whose output is kept for the error message of a failed test. */
export class Process implements AsyncDisposable {
  output = "";
  ended = false;
  readonly #child: Deno.ChildProcess;
  readonly #readers: Promise<void>[];
  readonly status: Promise<Deno.CommandStatus>;

  constructor(
    readonly name: string,
    program: string,
    args: string[],
    stdin: "null" | "piped" = "null",
  ) {
    this.#child = new Deno.Command(program, { args, stdin, stdout: "piped", stderr: "piped" })
      .spawn();
    this.#readers = [this.#child.stdout, this.#child.stderr].map((stream) => this.#read(stream));
    this.status = this.#child.status.finally(() => this.ended = true);
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) this.output += text;
  }

  /** Waits like `until`, but also fails when the process ends. The error includes the process's output. */
  async until(
    what: string,
    limitMs: number,
    condition: () => boolean | Promise<boolean>,
  ): Promise<void> {
    try {
      await until(what, limitMs, () => {
        if (this.ended) throw new Error(`${this.name} ended too early, before: ${what}`);
        return condition();
      });
    } catch (cause) {
      throw new Error(`${(cause as Error).message}\nOutput of ${this.name}:\n${this.output}`, {
        cause,
      });
    }
  }

  /** Sends a signal and waits for the end. Kills a process that still runs after 10 s. */
  async stop(signal: Deno.Signal): Promise<Deno.CommandStatus> {
    if (!this.ended) this.#child.kill(signal);
    return await this.#end();
  }

  /** Closes the standard input and waits for the end. */
  async closeInput(): Promise<Deno.CommandStatus> {
    await this.#child.stdin.close();
    return await this.#end();
  }

  async #end(): Promise<Deno.CommandStatus> {
    const limit = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    const status = await this.status;
    clearTimeout(limit);
    await Promise.all(this.#readers);
    return status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
  }
}

/** The sites and the guest. */
export class Rig implements AsyncDisposable {
  readonly #holder: Process;
  #guest?: Process;
  readonly namespace: Record<Site, string>;

  private constructor() {
    const prefix = `pppoe-e2e-${Deno.pid}-${++rigs}`;
    this.namespace = { home: `${prefix}-home`, isp: `${prefix}-isp` };
    const { home, isp } = this.namespace;
    // A session of its own protects it from Ctrl-C, so that it can still clean up.
    this.#holder = new Process("hold.sh", "setsid", [folder("rig/hold.sh"), home, isp], "piped");
  }

  /** Builds the guest if necessary, makes the sites, and boots the guest. */
  static async up(): Promise<Rig> {
    outputOf(await command(folder("rig/build.sh"), []), "build.sh");
    const rig = new Rig();
    try {
      await rig.#connect();
      await rig.#boot();
      return rig;
    } catch (error) {
      await rig[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #connect(): Promise<void> {
    await this.#holder.until(
      "the namespaces exist",
      10_000,
      () => this.#holder.output.endsWith("\n"),
    );
    const { home, isp } = this.namespace;
    await ip(`link add site netns ${home} type veth peer name site netns ${isp}`);
    await ip(`-n ${home} addr add ${HOME_ADDRESS}/24 dev site`);
    await ip(`-n ${isp} addr add ${ISP_ADDRESS}/24 dev site`);
    await ip(`-n ${home} link set site up`);
    await ip(`-n ${isp} link set site up`);
    for (const tap of ["tap-cpe", "tap-bras", "tap-mgmt"]) {
      await ip(`-n ${home} tuntap add dev ${tap} mode tap`);
      await ip(`-n ${home} link set ${tap} up`);
    }
    await ip(`-n ${home} addr add 10.99.0.1/30 dev tap-mgmt`);
  }

  async #boot(): Promise<void> {
    const scratch = this.#holder.output.trim();
    // In a PID namespace of its own all processes of the guest end with the first one.
    // deno-fmt-ignore
    this.#guest = new Process("The guest", "ip", [
      "netns", "exec", this.namespace.home, "unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
      `${work}/linux`, "mem=192M", `initrd=${work}/initramfs`, `uml_dir=${scratch}`, "umid=uml",
      ...NIC_OPTIONS, "con=null", "con0=null,fd:1",
    ]);
    const guest = this.#guest;
    await guest.until(
      "the guest accepts commands",
      60_000,
      // The guest reports that it is ready shortly before its command port is.
      async () => guest.output.includes("rig: ready") && await this.#answers(),
    );
    await ip(`-n ${this.namespace.home} link set tap-bras netns ${this.namespace.isp}`);
    await ip(`-n ${this.namespace.isp} link set tap-bras up`);
  }

  async #answers(): Promise<boolean> {
    return (await this.#command("true")).code === 0;
  }

  /** Starts a process at a site. */
  start(site: Site, name: string, program: string, args: string[]): Process {
    return new Process(name, "ip", ["netns", "exec", this.namespace[site], program, ...args]);
  }

  /** Runs a command at a site, and returns its output. */
  async exec(site: Site, args: string[]): Promise<string> {
    const { namespace } = this;
    const what = args.join(" ");
    return outputOf(await command("ip", ["netns", "exec", namespace[site], ...args]), what);
  }

  /** Fetches http://127.0.0.1:PORT/PATH at a site. Returns undefined unless the status is 200. */
  async get(site: Site, port: number, path: string): Promise<string | undefined> {
    const args = ["netns", "exec", this.namespace[site], folder("rig/http_get.sh")];
    const { code, output } = await command("ip", [...args, "127.0.0.1", `${port}`, path]);
    return code === 0 ? output : undefined;
  }

  /** Returns the MAC address of the tap at a site, which our program uses there with `--mac own`. */
  async tapMac(site: Site): Promise<string> {
    const tap = site === "home" ? "tap-cpe" : "tap-bras";
    const links = JSON.parse(await ip(`-n ${this.namespace[site]} -json link show ${tap}`));
    return links[0].address;
  }

  /** Connects the two links with bridges and the veth between the sites, without any program. */
  async bridge(): Promise<void> {
    for (const [site, tap] of [["home", "tap-cpe"], ["isp", "tap-bras"]] as const) {
      const namespace = this.namespace[site];
      await ip(`-n ${namespace} link add bridge type bridge`);
      await ip(`-n ${namespace} link set ${tap} master bridge`);
      await ip(`-n ${namespace} link set site master bridge`);
      await ip(`-n ${namespace} link set bridge up`);
    }
  }

  /**
   * Runs a shell script in the guest.
   *
   * @param script The script
   * @returns The output on standard output and standard error
   * @throws {Error} If the exit status is not 0, with the output
   */
  async run(script: string): Promise<string> {
    return outputOf(await this.#command(script), script);
  }

  #command(script: string): Promise<Result> {
    const args = ["netns", "exec", this.namespace.home, folder("rig/guest_run.sh")];
    return command("ip", args, script);
  }

  /** Runs a command line in the guest, at the host. */
  cpe(line: string): Promise<string> {
    return this.run(`ip netns exec cpe ${line}`);
  }
  /** Runs a command line in the guest, at the access concentrator. */
  bras(line: string): Promise<string> {
    return this.run(`ip netns exec bras ${line}`);
  }

  /** Starts the access concentrator. */
  async acUp(): Promise<void> {
    await this.run("ac up");
  }

  /** Stops the access concentrator, which then sends PADTs. */
  async acDown(): Promise<void> {
    await this.run("ac down");
  }

  /** Lists the access concentrator's sessions: process id, session id and MAC address, host's address. */
  async acList(): Promise<string[]> {
    return (await this.run("ac list")).split("\n").filter((line) => line !== "");
  }

  /**
   * Opens session `n` as interface pppN.
   *
   * @param n The number of the session
   * @param plugin `kernel` for pppd's pppoe.so, `user` for rp-pppoe's pppoe, which sends a PADT itself
   */
  async dial(n: number, plugin: "kernel" | "user" = "kernel"): Promise<void> {
    await this.run(`dial up ${n} ${plugin}`);
  }

  async hangUp(n: number): Promise<void> {
    await this.run(`dial down ${n}`);
  }

  /** Waits until neither station has a session. */
  async untilNoSessions(): Promise<void> {
    await until(
      "the access concentrator ends its sessions",
      10_000,
      async () => (await this.acList()).length === 0,
    );
    await until(
      "the host ends its sessions",
      10_000,
      async () => !(await this.cpe("ip -br link")).includes("ppp"),
    );
  }

  /** Starts to record the frames on both links that match a pcap filter. */
  async listen(filter: string): Promise<void> {
    const stations = ["cpe", "bras"];
    await Promise.all(stations.map((station) => this.run(`capture start ${station} '${filter}'`)));
  }

  /** Returns the recorded frames that match a filter, one line per frame. */
  async frames(station: Station, filter: string): Promise<string[]> {
    return (await this.run(`capture show ${station} '${filter}'`)).split("\n").filter((line) =>
      line !== ""
    );
  }

  /** Waits until a frame that matches a filter has been recorded. */
  async untilSeen(what: string, station: Station, filter: string): Promise<void> {
    await until(
      `${what} at ${station}`,
      10_000,
      async () => (await this.frames(station, filter)).length > 0,
    );
  }

  /** Measures TCP goodput through session `n` in Mbit/s, up (from the host) or down. Needs `iperfServer`. */
  async iperf(n: number, direction: "up" | "down"): Promise<number> {
    const reverse = direction === "down" ? "-R" : "";
    const bind = (await this.cpe(`ip -br addr show ppp${n}`)).split(/\s+/)[2];
    const json = JSON.parse(
      await this.cpe(`iperf3 -J -c ${AC_ADDRESS} -B ${bind} -n ${IPERF_BYTES} ${reverse}`),
    );
    return json.end.sum_received.bits_per_second / 1e6;
  }

  async iperfServer(): Promise<void> {
    await this.bras("iperf3 -s -D");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#holder.closeInput();
    await this.#guest?.stop("SIGKILL");
  }
}
