// The line: four namespaces in a row, with nothing yet between the client's side and the server's.
import { LabNet } from "../../src/lab/namespaces.ts";

/** Where a load worker attaches. */
export interface LineEnd {
  /** Path of the namespace, for setns(2). */
  namespace: string;
  interface: string;
}

/** Addresses on the link between client and server. */
export const WAN = { client: "192.0.2.1", server: "192.0.2.2" } as const;

/**
 *     host lan0 ── lan0 client wan0 ── wan0 server isp0 ── isp0 ac
 *
 * Each path gets a line of its own, so that nothing of the one before is left on it.
 */
export class Line implements AsyncDisposable {
  readonly net: LabNet;
  /** The unique names of the namespaces that a path is built in. */
  readonly client: string;
  readonly server: string;
  readonly host: LineEnd;
  readonly ac: LineEnd;

  private constructor(
    net: LabNet,
    names: { host: string; client: string; server: string; ac: string },
  ) {
    this.net = net;
    this.client = names.client;
    this.server = names.server;
    this.host = { namespace: net.path(names.host), interface: "lan0" };
    this.ac = { namespace: net.path(names.ac), interface: "isp0" };
  }

  /** Makes one. */
  static async build(): Promise<Line> {
    const net = new LabNet("bench");
    const [host, client, server, ac] = [
      await net.namespace("host"),
      await net.namespace("client"),
      await net.namespace("server"),
      await net.namespace("ac"),
    ];
    const veth = (from: string, to: string, name: string) =>
      net.veth({ namespace: from, name }, { namespace: to, name });
    await veth(host, client, "lan0");
    await veth(client, server, "wan0");
    await veth(server, ac, "isp0");
    await net.ip(client, "address", "add", `${WAN.client}/24`, "dev", "wan0");
    await net.ip(server, "address", "add", `${WAN.server}/24`, "dev", "wan0");
    return new Line(net, { host, client, server, ac });
  }

  /** Takes it away, with whatever still runs in its namespaces. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.net[Symbol.asyncDispose]();
  }
}
