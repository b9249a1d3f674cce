// Two or more sites in network namespaces: hosts at the clients' sites, an AC at the server's, and the
// program at each site as a separate process.
import { assertEquals } from "@std/assert";
import { inNamespace } from "../../ffi/mod.ts";
import {
  type AcOptions,
  type FrameLogOptions,
  type HostOptions,
  type HostSession,
  type HttpAnswer,
  httpGet,
  type LabNet,
  Program,
  SimulatedAc,
  SimulatedHost,
  SITE,
  Station,
} from "../../src/lab/mod.ts";
import { patient } from "../../src/lab/patience.ts";
import type { ClientOptions } from "../../src/client/client.ts";
import type { SessionStatus, Status } from "../../src/observe/status.ts";
import type { ServerOptions } from "../../src/server/server.ts";
import { CODE, emitDiscovery, parseMac, readCode } from "../../src/wire/mod.ts";
import { TestNet } from "./namespaces.ts";
import { until } from "./until.ts";

/**
 * The kind of the program's interfaces: one end of a veth pair, or a macvlan on it, in bridge mode or in
 * passthru mode, which receives frames for any address.
 */
export type LinkKind = "veth" | "macvlan" | "passthru";

/** Options of {@linkcode withSites}. */
export interface SitesOptions {
  link?: LinkKind;
  /** More flags for both sides. */
  flags?: string[];
  /** Flags to use instead of `--listen` and `--allow`. */
  serverFlags?: string[];
  /** Flags to use instead of `--connect`. */
  clientFlags?: string[];
  /** The number of clients; 1 by default. */
  clients?: number;
  /** True to pad frames from hosts and ACs to 60 bytes, as network cards do. */
  padding?: boolean;
  log?: FrameLogOptions;
  /** Options of both sides that have no flags. */
  timers?: { pingMs?: number; tunnelTimeoutMs?: number; graceMs?: number };
  /** More options of the server that have no flags. */
  serverOptions?: Partial<ServerOptions>;
  /** More options of the clients that have no flags. */
  clientOptions?: Partial<ClientOptions>;
  /** The machines' host name, as a format of printf(1). */
  hostName?: string;
  /** The program to run instead of main.ts, with the same flags. */
  main?: URL;
  /** A command that runs the program, which is added as its last arguments. */
  before?: string[];
  /** False if the test starts the programs itself. */
  start?: boolean;
}

/** The kind of link and the MAC mode of a scenario. */
export interface Variant {
  link: LinkKind;
  mac: "own" | "per-host" | "transparent";
}

/** The variants of a scenario. On a macvlan in bridge mode only `own` can work. */
export const VARIANTS: readonly Variant[] = [
  { link: "veth", mac: "own" },
  { link: "macvlan", mac: "own" },
  { link: "passthru", mac: "per-host" },
  { link: "veth", mac: "transparent" },
];

/** Returns the options for a variant. */
export function variantOptions({ link, mac }: Variant): { link: LinkKind; flags: string[] } {
  return { link, flags: ["--mac", mac] };
}

/** Returns the words for a variant in a test's name. */
export function variantName({ link, mac }: Variant): string {
  return `on ${link} with --mac ${mac}`;
}

/** The address at which the first client reaches a second server. */
export const SECOND_SERVER = "10.1.1.2";
const MACVLAN = "mv0";
/** Timers with which a client soon gives up a silent tunnel, and its server does not. */
export const SOON = { pingMs: 300, tunnelTimeoutMs: 1500 };
/** An unassigned code, by which `settled` recognizes its frames. */
const MARKER = 0x42;
const KILL_AFTER_MS = patient(5000);

/** Metrics by name and labels, as in `pppoe_proxy_tunnels`. */
export type Metrics = ReadonlyMap<string, number>;

/** The process of one side, with everything that a test can observe from outside. */
export class SideProgram {
  /** All lines that it has written to standard error since the test began. */
  readonly lines: string[] = [];

  readonly #net: LabNet;
  readonly #namespace: string;
  readonly #args: string[];
  readonly #options: Pick<SitesOptions, "main" | "before">;
  #program?: Program;

  constructor(
    net: LabNet,
    namespace: string,
    args: string[],
    options: Pick<SitesOptions, "main" | "before">,
  ) {
    this.#net = net;
    this.#namespace = namespace;
    this.#args = args;
    this.#options = options;
  }

  /** Starts the program, for the first time or after its end. */
  start(): void {
    this.#program = Program.start({
      namespace: this.#namespace,
      args: this.#args,
      main: this.#options.main,
      before: this.#options.before,
      onLine: (line) => this.lines.push(line),
    });
  }

  get pid(): number {
    return this.#program!.pid;
  }

  /** Sends a request to its status server, from within its namespace. */
  get(path: string): Promise<HttpAnswer> {
    return httpGet(this.#net.path(this.#namespace), SITE.status, path);
  }

  /** Connects to a port in its namespace, from within that. */
  connect(address: { hostname: string; port: number }): Promise<Deno.TcpConn> {
    return inNamespace(this.#net.path(this.#namespace), () => Deno.connect({ ...address }));
  }

  async status(): Promise<Status> {
    const { status, body } = await this.get("/api/status");
    assertEquals(status, 200, body);
    return JSON.parse(body);
  }

  async metrics(): Promise<Metrics> {
    const { status, body } = await this.get("/metrics");
    assertEquals(status, 200, body);
    const samples = body.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return new Map(samples.map((line): [string, number] => {
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }));
  }

  /** The drops that are not 0. */
  async drops(): Promise<Record<string, number>> {
    const { drops } = await this.status();
    return Object.fromEntries(Object.entries(drops).filter(([, count]) => count > 0));
  }

  /** Waits until `/healthz` answers with 200 or 503. */
  async untilHealth(status: 200 | 503): Promise<void> {
    await until(`/healthz of ${this.#namespace} answers ${status}`, async () => {
      if (this.#program === undefined || await this.#hasEnded()) {
        throw new Error(`${this.#namespace} ended: ${this.lines.at(-1)}`);
      }
      // The connection is refused until the program listens.
      const answer = await this.get("/healthz").catch(() => undefined);
      return answer?.status === status;
    });
  }

  /** Waits until its status meets a condition. */
  async untilStatus(what: string, wanted: (status: Status) => boolean): Promise<Status> {
    return await until(what, async () => {
      const status = await this.status();
      return wanted(status) ? status : undefined;
    });
  }

  /** Waits until the other side has acknowledged all frames, and returns the status. */
  async untilCarried(): Promise<Status> {
    return await this.untilStatus(
      "all frames are acknowledged",
      ({ balance: { fromLink: { discovery, session } } }) =>
        discovery.queued + session.queued === 0,
    );
  }

  /** Returns the lines that match a pattern. */
  matching(pattern: RegExp): string[] {
    return this.lines.filter((line) => pattern.test(line));
  }

  /** Waits for a line that matches a pattern. */
  untilLine(pattern: RegExp): Promise<string> {
    return until(`${this.#namespace} logs ${pattern}`, () => this.matching(pattern)[0]);
  }

  /** Sends a signal. */
  signal(signal: Deno.Signal): void {
    this.#program?.kill(signal);
  }

  /** Waits for its end, and kills it if that takes too long. */
  async ended(): Promise<Deno.CommandStatus> {
    const timer = setTimeout(() => this.signal("SIGKILL"), KILL_AFTER_MS);
    const status = await this.#program!.status;
    clearTimeout(timer);
    return status;
  }

  /** Sends a signal and waits for its end. */
  async end(signal: Deno.Signal): Promise<{ code: number; ms: number }> {
    const startMs = performance.now();
    this.signal(signal);
    const { code } = await this.ended();
    return { code, ms: performance.now() - startMs };
  }

  /** Ends it if it is running. */
  async stop(): Promise<void> {
    await this.#program?.stop();
  }

  async #hasEnded(): Promise<boolean> {
    const running = Promise.resolve("running");
    return await Promise.race([this.#program!.status, running]) !== "running";
  }
}

/** A client's site: the hosts' end of the link, and the client. */
export interface ClientSite {
  /** The names of the namespaces. */
  readonly hostNamespace: string;
  readonly clientNamespace: string;
  /** The addresses at the two ends of the only path to the server. */
  readonly address: string;
  readonly serverAddress: string;
  readonly address6: string;
  readonly serverAddress6: string;
  /** The interface of the client in the server's namespace. */
  readonly wan: string;
  hosts: Station;
  readonly client: SideProgram;
}

/**
 * The sites' namespaces. Each line is a veth pair, and N counts from 1:
 *
 *     hostN lan0 ── lan0 clientN wan0 ── wanN server isp0 ── isp0 ac
 */
export class Sites implements AsyncDisposable {
  readonly net: TestNet;
  readonly options: SitesOptions;
  readonly acNamespace: string;
  readonly serverNamespace: string;
  readonly server: SideProgram;
  readonly sites: ClientSite[] = [];
  /** The ACs' end of the server's link. */
  acs!: Station;
  readonly #more: [name: string, program: SideProgram][] = [];
  readonly #closing: { close(): void | Promise<void> }[] = [];

  private constructor(net: TestNet, acNamespace: string, serverNamespace: string, o: SitesOptions) {
    this.net = net;
    this.options = o;
    this.acNamespace = acNamespace;
    this.serverNamespace = serverNamespace;
    this.server = this.#program("server", serverNamespace);
  }

  /** Makes the namespaces and the links. It starts no program. */
  static async build(options: SitesOptions): Promise<Sites> {
    const net = await TestNet.make("sites");
    try {
      const sites = new Sites(
        net,
        await net.namespace("ac"),
        await net.namespace("server"),
        options,
      );
      sites.acs = await sites.#join(sites.acNamespace, sites.serverNamespace, "isp0");
      for (let n = 1; n <= (options.clients ?? 1); n++) sites.sites.push(await sites.#addSite(n));
      return sites;
    } catch (error) {
      await net[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The hosts' station at the first client's site, which is the only one in most tests. */
  get hosts(): Station {
    return this.sites[0].hosts;
  }

  get client(): SideProgram {
    return this.sites[0].client;
  }

  /** The name of the client's interface. */
  get clientInterface(): string {
    return this.#macvlan !== undefined ? MACVLAN : "lan0";
  }

  /** The name of the server's interface. */
  get serverInterface(): string {
    return this.#macvlan !== undefined ? MACVLAN : "isp0";
  }

  get #macvlan(): "bridge" | "passthru" | undefined {
    const { link } = this.options;
    return link === "macvlan" ? "bridge" : link === "passthru" ? "passthru" : undefined;
  }

  /** Starts the server and the clients, and waits until all are healthy. */
  async start(): Promise<void> {
    const started = [this.server, ...this.sites.map(({ client }) => client)];
    for (const program of started) program.start();
    await Promise.all(started.map((program) => program.untilHealth(200)));
  }

  /**
   * Makes a host at a client's site, by default with the interface's MAC address. It sends nothing
   * twice, so that a test fails if a discovery frame is lost.
   */
  host(options: Partial<HostOptions> = {}, site = this.sites[0]): SimulatedHost {
    const host = new SimulatedHost(site.hosts, {
      mac: site.hosts.mac,
      retryMs: patient(3000),
      attempts: 1,
      ...options,
    });
    this.#closing.push(host);
    return host;
  }

  /** Makes an AC, by default with the interface's MAC address. */
  ac(options: Partial<AcOptions> = {}): SimulatedAc {
    const ac = new SimulatedAc(this.acs, { mac: this.acs.mac, name: "bras1", ...options });
    this.#closing.push(ac);
    return ac;
  }

  /** Dials with several hosts one after the other, each with its own MAC address. */
  async dialMany(count: number): Promise<{ hosts: SimulatedHost[]; sessions: HostSession[] }> {
    const hosts: SimulatedHost[] = [];
    const sessions: HostSession[] = [];
    for (let n = 1; n <= count; n++) {
      const host = this.host({ mac: parseMac(`02:00:00:00:cc:0${n}`) });
      hosts.push(host);
      sessions.push(await host.dial());
    }
    return { hosts, sessions };
  }

  /**
   * Adds a second server, which is not started yet, with its own ACs' segment. The first client reaches it at
   * `SECOND_SERVER`.
   */
  async addServer(): Promise<{ server: SideProgram; namespace: string; acs: Station }> {
    const { net, sites: [{ clientNamespace }] } = this;
    const namespace = await net.namespace("server2");
    const acNamespace = await net.namespace("ac2");
    await net.veth({ namespace: clientNamespace, name: "wan1" }, { namespace, name: "wan1" });
    await net.ip(clientNamespace, "address", "add", "10.1.1.1/24", "dev", "wan1");
    await net.ip(namespace, "address", "add", `${SECOND_SERVER}/24`, "dev", "wan1");
    const acs = await this.#join(acNamespace, namespace, "isp0");
    const server = this.#program("server", namespace);
    this.#more.push(["server 2", server]);
    this.#closing.push(acs);
    return { server, namespace, acs };
  }

  /** Makes an AC at another server. */
  acAt(acs: Station, options: Partial<AcOptions>): SimulatedAc {
    const ac = new SimulatedAc(acs, { mac: acs.mac, name: "bras2", ...options });
    this.#closing.push(ac);
    return ac;
  }

  /** Resets a client's tunnel connection at the client; without a site, all connections at the server. */
  async resetTunnels(site?: ClientSite): Promise<void> {
    const [namespace, port] = site === undefined
      ? [this.serverNamespace, "sport"]
      : [site.clientNamespace, "dport"];
    const ss = ["ss", "--kill", "--no-header", "--tcp", port, "=", `:${SITE.tunnelPort}`];
    const { stdout, stderr } = await new Deno.Command("ip", {
      args: ["netns", "exec", namespace, ...ss],
    }).output();
    // ss(8) lists the connections that it has closed.
    if (stdout.length === 0) {
      throw new Error(`Cannot reset a tunnel: ${new TextDecoder().decode(stderr)}`);
    }
  }

  /** Makes the server reachable or unreachable for a client; an attempt to connect then fails at once. */
  async reachable(site: ClientSite, reachable: boolean): Promise<void> {
    const action = reachable ? "del" : "add";
    const { clientNamespace, serverAddress } = site;
    await this.net.ip(clientNamespace, "route", action, "unreachable", `${serverAddress}/32`);
  }

  /** Deletes the veth pair of a client's link and closes its station; without a site, those of the ACs. */
  async cut(site?: ClientSite): Promise<void> {
    const station = site?.hosts ?? this.acs;
    const namespace = site?.clientNamespace ?? this.serverNamespace;
    await station.close();
    await this.net.ip(namespace, "link", "del", station.name);
  }

  /** Restores a link that was cut, without its former hosts and ACs. */
  async join(site?: ClientSite): Promise<void> {
    if (site === undefined) {
      this.acs = await this.#join(this.acNamespace, this.serverNamespace, "isp0");
    } else site.hosts = await this.#join(site.hostNamespace, site.clientNamespace, "lan0");
  }

  /** Waits until a station has received all frames that the program has sent to its link so far. */
  async settled(station: Station): Promise<void> {
    const namespace = station === this.acs
      ? this.serverNamespace
      : this.sites.find((site) => site.hosts === station)!.clientNamespace;
    const near = Station.open({ namespace: this.net.path(namespace), interface: station.name });
    try {
      const { total } = station.log;
      near.send(emitDiscovery({
        destination: station.mac,
        source: near.mac,
        code: MARKER,
        sessionId: 0,
        tags: [],
      }));
      await station.log.waitFor(
        ({ direction, bytes }) => direction === "in" && readCode(bytes) === MARKER,
        patient(2000),
        total,
      );
    } finally {
      await near.close();
    }
  }

  /** Returns the logs and drop counters of all programs, for a failed test. */
  async report(): Promise<string> {
    const programs: [string, SideProgram][] = [
      ["server", this.server],
      ...this.#more,
      ...this.sites.map(({ client }, n): [string, SideProgram] => [`client ${n + 1}`, client]),
    ];
    const reports = programs.map(async ([name, program]) => {
      const drops = await program.drops().then(JSON.stringify, () => "unknown");
      return [...program.lines, `drops: ${drops}`].map((line) => `${name}: ${line}`).join("\n");
    });
    return (await Promise.all(reports)).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const station of this.#closing) await station.close();
    await Promise.all(this.sites.map(({ client }) => client.stop()));
    await Promise.all(
      [this.server, ...this.#more.map(([, program]) => program)].map((p) => p.stop()),
    );
    await Promise.all([this.acs, ...this.sites.map(({ hosts }) => hosts)].map((s) => s.close()));
    await this.net[Symbol.asyncDispose]();
  }

  async #join(far: string, near: string, name: string): Promise<Station> {
    await this.net.veth({ namespace: far, name }, { namespace: near, name });
    if (this.#macvlan !== undefined) {
      await this.net.macvlan({ namespace: near, name: MACVLAN }, name, this.#macvlan);
    }
    const { padding, log } = this.options;
    return Station.open({ namespace: this.net.path(far), interface: name, padding, log });
  }

  async #addSite(n: number): Promise<ClientSite> {
    const { net, serverNamespace } = this;
    const hostNamespace = await net.namespace(`host${n}`);
    const clientNamespace = await net.namespace(`client${n}`);
    const wan = `wan${n}`;
    await net.veth(
      { namespace: clientNamespace, name: "wan0" },
      { namespace: serverNamespace, name: wan },
    );
    const address = `10.0.${n}.1`;
    const serverAddress = `10.0.${n}.2`;
    const address6 = `fd00:0:0:${n}::1`;
    const serverAddress6 = `fd00:0:0:${n}::2`;
    await net.ip(clientNamespace, "address", "add", `${address}/24`, "dev", "wan0");
    await net.ip(serverNamespace, "address", "add", `${serverAddress}/24`, "dev", wan);
    await net.ip(clientNamespace, "address", "add", `${address6}/64`, "dev", "wan0", "nodad");
    await net.ip(serverNamespace, "address", "add", `${serverAddress6}/64`, "dev", wan, "nodad");
    return {
      hostNamespace,
      clientNamespace,
      address,
      serverAddress,
      address6,
      serverAddress6,
      wan,
      hosts: await this.#join(hostNamespace, clientNamespace, "lan0"),
      client: this.#program("client", clientNamespace, serverAddress),
    };
  }

  #program(side: "server" | "client", namespace: string, to = ""): SideProgram {
    const { timers, serverOptions, clientOptions } = this.options;
    const { flags = [], serverFlags, clientFlags } = this.options;
    const port = SITE.tunnelPort;
    if (timers !== undefined || serverOptions !== undefined || clientOptions !== undefined) {
      const options = {
        interface: side === "server" ? this.serverInterface : this.clientInterface,
        listen: { hostname: "0.0.0.0", port },
        connect: { hostname: to, port },
        allow: ["10.0.0.0/8"],
        status: SITE.status,
        ...timers,
        ...(side === "server" ? serverOptions : clientOptions),
      };
      const main = new URL("./side_program.ts", import.meta.url);
      const { before } = this.options;
      return new SideProgram(this.net, namespace, [side, JSON.stringify(options)], {
        main,
        before,
      });
    }
    const own = side === "server"
      ? serverFlags ?? ["--listen", `0.0.0.0:${port}`, "--allow", "10.0.0.0/8"]
      : clientFlags ?? ["--connect", `${to}:${port}`];
    const link = side === "server" ? this.serverInterface : this.clientInterface;
    const status = `${SITE.status.hostname}:${SITE.status.port}`;
    const args = [side, "--interface", link, "--status", status, ...own, ...flags];
    const { main, hostName, before = [] } = this.options;
    const named = hostName === undefined ? [] : hostNamed(hostName);
    return new SideProgram(this.net, namespace, args, { main, before: [...named, ...before] });
  }
}

// Returns a command prefix that sets the host name for the rest of the command.
function hostNamed(hostName: string): string[] {
  const script = 'printf "$1\\n" > /proc/sys/kernel/hostname && shift && exec "$@"';
  return ["unshare", "--uts", "sh", "-c", script, "sh", hostName];
}

/** Builds sites, starts the programs unless told not to, runs a test, and cleans up in any case. */
export async function withSites(
  options: SitesOptions,
  use: (sites: Sites) => Promise<void>,
): Promise<void> {
  await using sites = await Sites.build(options);
  try {
    if (options.start ?? true) await sites.start();
    await use(sites);
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${await sites.report()}`, { cause: error });
  }
}

/** Asserts that frames reach the AC and return in the session of each host. */
export async function assertExchange(hosts: SimulatedHost[], frames = 20): Promise<void> {
  const results = await Promise.all(hosts.map((host) => host.exchange({ frames })));
  assertEquals(results.map(({ returned }) => returned), hosts.map(() => frames));
}

/** Returns true if there are exactly `count` sessions, all in a certain state. */
export function inState(sessions: SessionStatus[], state: string, count: number): boolean {
  return sessions.length === count && sessions.every((session) => session.state === state);
}

/** Returns the number of PADT frames that a station has received. */
export function padtsAt(station: Station): number {
  return station.log.count("in", CODE.PADT);
}

/** Waits until a station has received `count` PADT frames, and asserts that no more follow. */
export async function assertPadts(sites: Sites, station: Station, count: number): Promise<void> {
  await untilPadts(station, count);
  await sites.settled(station);
  assertEquals(padtsAt(station), count);
}

/** Waits until a station has received at least `count` PADT frames. */
export async function untilPadts(station: Station, count: number): Promise<void> {
  await until(`${count} PADTs arrive at ${station.name}`, () => padtsAt(station) >= count);
}
