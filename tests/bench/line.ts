// The line: four namespaces in a row. A path connects the two in the middle.

import { LabNet } from "../../src/lab/namespaces.ts";
import { forceSystemCongestion } from "./system_congestion.ts";
import { Wan, type WanOptions } from "./wan/wan.ts";

/** The interface to which a load worker attaches. */
export interface LineEnd {
  /** Path of the namespace, for setns(2). */
  namespace: string;
  interface: string;
}

/** Addresses on the link between client and server. */
export const WAN = { client: "192.0.2.1", server: "192.0.2.2" } as const;

/** Options of a line, which is short and free of loss by default. */
export interface LineOptions {
  /** Properties of a machine between client and server that makes their link long, lossy and narrow. */
  wan?: WanOptions;
  /** Default congestion control of client and server, instead of the system's. */
  congestion?: string;
}

/** The interfaces of the machine in the middle. */
const MIDDLE_INTERFACES: [client: string, server: string] = ["client0", "server0"];
/** An MTU with room for a whole frame and the headers of any path. */
const MIDDLE_MTU = "2000";

/**
 *     host lan0 ── lan0 client wan0 ── wan0 server isp0 ── isp0 ac
 *
 * With a machine in the middle:
 *
 *     … client wan0 ── client0 wan server0 ── wan0 server …
 *
 * Each path gets a new line, so that nothing remains from the previous path.
 */
export class Line implements AsyncDisposable {
  readonly net: LabNet;
  /** Unique names of the namespaces that a path connects. */
  readonly client: string;
  readonly server: string;
  readonly host: LineEnd;
  readonly ac: LineEnd;
  /** The machine in the middle, if there is one. */
  readonly wan?: Wan;

  private constructor(
    net: LabNet,
    names: { host: string; client: string; server: string; ac: string },
    wan?: Wan,
  ) {
    this.net = net;
    this.wan = wan;
    this.client = names.client;
    this.server = names.server;
    this.host = { namespace: net.path(names.host), interface: "lan0" };
    this.ac = { namespace: net.path(names.ac), interface: "isp0" };
  }

  /**
   * Builds a line.
   *
   * @param options The properties of the line
   * @returns The line
   * @throws {Error} If the system refuses them
   */
  static async build(options: LineOptions = {}): Promise<Line> {
    const net = new LabNet("bench");
    try {
      return await Line.#lay(net, options);
    } catch (error) {
      await net[Symbol.asyncDispose]();
      throw error;
    }
  }

  static async #lay(net: LabNet, { wan, congestion }: LineOptions): Promise<Line> {
    const [host, client, server, ac] = [
      await net.namespace("host"),
      await net.namespace("client"),
      await net.namespace("server"),
      await net.namespace("ac"),
    ];
    const veth = (from: string, to: string, name: string) =>
      net.veth({ namespace: from, name }, { namespace: to, name });
    await veth(host, client, "lan0");
    const middle = wan && {
      namespace: net.path(await joinByMiddle(net, { client, server })),
      interfaces: MIDDLE_INTERFACES,
      options: wan,
    };
    if (middle === undefined) await veth(client, server, "wan0");
    await veth(server, ac, "isp0");
    if (congestion !== undefined) {
      for (const end of [client, server]) await forceSystemCongestion(end, congestion);
    }
    await net.ip(client, "address", "add", `${WAN.client}/24`, "dev", "wan0");
    await net.ip(server, "address", "add", `${WAN.server}/24`, "dev", "wan0");
    return new Line(net, { host, client, server, ac }, middle && await Wan.start(middle));
  }

  /** Removes the line and kills all processes in its namespaces. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.wan?.stop();
    await this.net[Symbol.asyncDispose]();
  }
}

/** Connects client and server through a namespace between them, and returns its name. */
async function joinByMiddle(
  net: LabNet,
  ends: { client: string; server: string },
): Promise<string> {
  const namespace = await net.namespace("wan");
  for (const [at, end] of [ends.client, ends.server].entries()) {
    const name = MIDDLE_INTERFACES[at];
    await net.veth({ namespace: end, name: "wan0" }, { namespace, name });
    await net.ip(namespace, "link", "set", name, "mtu", MIDDLE_MTU);
    // Make TCP split its segments itself, so that a loss affects one segment and not sixty.
    await net.ip(end, "link", "set", "wan0", "gso_max_segs", "1");
  }
  return namespace;
}
