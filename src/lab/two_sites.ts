// Two sites in network namespaces: a segment with hosts, one with an AC, and the two programs between.

import type { Side } from "../side.ts";
import { httpGet } from "./http.ts";
import type { LabNet } from "./namespaces.ts";
import { patient } from "./patience.ts";
import { Program } from "./program.ts";
import { Station } from "./station.ts";

/** Addresses of the two sides, each in its own namespace. */
export const SITE = {
  clientAddress: "192.0.2.1",
  serverAddress: "192.0.2.2",
  tunnelPort: 8863,
  status: { hostname: "127.0.0.1", port: 8864 },
} as const;

const POLL_MS = 20;
const TUNNEL_UP_MS = patient(15_000);

/**
 * Four namespaces, each joined to the next by a veth pair:
 *
 *     host lan0 ── lan0 client wan0 ── wan0 server isp0 ── isp0 ac
 *
 * `lan0` and `isp0` carry PPPoE and have no IP address. This process uses the outer ends through the
 * stations.
 */
export class TwoSites implements AsyncDisposable {
  /** Unique names of the namespaces. */
  readonly names: { host: string; client: string; server: string; ac: string };
  readonly host: Station;
  readonly ac: Station;

  readonly #net: LabNet;
  readonly #programs = new Map<Side, Program>();

  private constructor(net: LabNet, names: TwoSites["names"]) {
    this.#net = net;
    this.names = names;
    // Real network cards pad short frames, but a veth does not.
    const padding = true;
    this.host = Station.open({ namespace: net.path(names.host), interface: "lan0", padding });
    this.ac = Station.open({ namespace: net.path(names.ac), interface: "isp0", padding });
  }

  /**
   * Makes the namespaces, the links and the stations.
   *
   * @param net The group that gets the namespaces; the caller disposes of it after the sites
   * @returns The sites, where no program runs yet
   * @throws {Error} If ip(8) fails, with its message
   */
  static async build(net: LabNet): Promise<TwoSites> {
    const names = {
      host: await net.namespace("host"),
      client: await net.namespace("client"),
      server: await net.namespace("server"),
      ac: await net.namespace("ac"),
    };
    await net.veth(
      { namespace: names.host, name: "lan0", mac: "02:00:00:00:aa:01" },
      { namespace: names.client, name: "lan0", mac: "02:00:00:00:aa:02" },
    );
    await net.veth(
      { namespace: names.client, name: "wan0" },
      { namespace: names.server, name: "wan0" },
    );
    await net.veth(
      { namespace: names.server, name: "isp0", mac: "02:00:00:00:bb:01" },
      { namespace: names.ac, name: "isp0", mac: "02:00:00:00:bb:02" },
    );
    await net.ip(names.client, "address", "add", `${SITE.clientAddress}/24`, "dev", "wan0");
    await net.ip(names.server, "address", "add", `${SITE.serverAddress}/24`, "dev", "wan0");
    return new TwoSites(net, names);
  }

  /**
   * Starts server and client and waits until both report that the tunnel is up.
   *
   * @param flags Additional flags for both
   * @param onLine Called with each line that they log
   * @throws {Error} If one of them ends, or the tunnel is not up in time
   */
  async start(flags: string[], onLine?: (side: Side, line: string) => void): Promise<void> {
    const tunnel = `${SITE.serverAddress}:${SITE.tunnelPort}`;
    const own = {
      server: ["--interface", "isp0", "--listen", tunnel, "--allow", SITE.clientAddress],
      client: ["--interface", "lan0", "--connect", tunnel],
    };
    const status = `${SITE.status.hostname}:${SITE.status.port}`;
    const giveUp = AbortSignal.timeout(TUNNEL_UP_MS);
    for (const side of ["server", "client"] as const) {
      const program = Program.start({
        namespace: this.names[side],
        args: [side, ...own[side], "--status", status, ...flags],
        onLine: (line) => onLine?.(side, line),
      });
      this.#programs.set(side, program);
      // Wait for the server before starting the client, which would log a warning without a server.
      await Promise.race([this.#healthy(side, giveUp), this.failure()]);
    }
  }

  /** Returns the program of a side, or `undefined` before `start`. */
  program(side: Side): Program | undefined {
    return this.#programs.get(side);
  }

  /** Fetches `/api/status` of a side. */
  async status(side: Side): Promise<{ drops: Record<string, number> }> {
    const { body } = await this.#get(side, "/api/status");
    return JSON.parse(body);
  }

  /** Ends the programs and closes the stations. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Stop the client first, so that it can still tell the server which sessions it closes.
    await this.#programs.get("client")?.stop();
    await this.#programs.get("server")?.stop();
    await Promise.all([this.host.close(), this.ac.close()]);
  }

  /** Rejects when one of the programs ends, with the last line that it logged. */
  async failure(): Promise<never> {
    const ends = [...this.#programs].map(async ([side, program]) => {
      const { code } = await program.status;
      throw new Error(`The ${side} ended: ${program.lines.at(-1) ?? `exit status ${code}`}`);
    });
    return await Promise.race(ends);
  }

  async #healthy(side: Side, giveUp: AbortSignal): Promise<void> {
    while (!giveUp.aborted) {
      // The connection is refused until the program listens.
      const answer = await this.#get(side, "/healthz").catch(() => undefined);
      if (answer?.status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    const lastLine = this.#programs.get(side)!.lines.at(-1);
    throw new Error(
      `Cannot bring the tunnel up: the ${side} is not ready after ${TUNNEL_UP_MS / 1000} s` +
        (lastLine ? `; its last log line: ${lastLine}` : ""),
    );
  }

  #get(side: Side, path: string): Promise<{ status: number; body: string }> {
    return httpGet(this.#net.path(this.names[side]), SITE.status, path);
  }
}
