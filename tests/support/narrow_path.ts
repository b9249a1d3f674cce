// A router between a client and its server, whose path carries smaller packets than both ends believe.

import { SITE } from "../../src/lab/mod.ts";
import type { SitesOptions } from "./sites.ts";
import type { Sites } from "./sites.ts";

/** A direction of the path. */
export type Way = "to-server" | "to-client";

/** Options of {@linkcode addRouter}. */
export interface RouterOptions {
  /** The directions in which packets are limited. */
  narrow: Way[];
  /** The largest packet that passes there. */
  mtu?: number;
  /** True if the router may tell the sender; false makes a black hole. */
  tells?: boolean;
}

const CLIENT = {
  ipv4: ["10.0.1.1", "10.0.1.9"],
  ipv6: ["fd00:0:0:1::1", "fd00:0:0:1::9"],
} as const;
const SERVER = {
  ipv4: ["10.0.2.2", "10.0.2.9"],
  ipv6: ["fd00:0:0:2::2", "fd00:0:0:2::9"],
} as const;

/** Returns the flags with which a client reaches its server through the router. */
export function routedFlags(ip: "ipv4" | "ipv6"): SitesOptions {
  const [address] = SERVER[ip];
  const endpoint = `${ip === "ipv6" ? `[${address}]` : address}:${SITE.tunnelPort}`;
  return {
    start: false,
    serverFlags: ["--listen", endpoint, "--allow", "10.0.0.0/8,fd00::/16"],
    clientFlags: ["--connect", endpoint],
  };
}

/**
 * Puts a router into the path of the only client, for both versions of IP.
 *
 * @returns The router's namespace, with the interfaces `down0` to the client and `up0` to the server
 */
export async function addRouter(
  { net, sites: [{ clientNamespace, wan }], serverNamespace }: Sites,
  { narrow, mtu = 1300, tells = false }: RouterOptions,
): Promise<string> {
  const router = await net.namespace("router");
  await net.ip(clientNamespace, "link", "del", "wan0");
  const ends = [
    { ends: CLIENT, near: { namespace: clientNamespace, name: "wan0" }, name: "down0" },
    { ends: SERVER, near: { namespace: serverNamespace, name: wan }, name: "up0" },
  ];
  for (const { ends: { ipv4, ipv6 }, near, name } of ends) {
    await net.veth(near, { namespace: router, name });
    // Without a link-local address, a router does not look for its neighbors.
    await net.ip(router, "address", "add", "fe80::9/64", "dev", name, "nodad");
    for (const [[own, via], bits] of [[ipv4, "24"], [ipv6, "64"]] as const) {
      await net.ip(near.namespace, "address", "add", `${own}/${bits}`, "dev", near.name, "nodad");
      await net.ip(router, "address", "add", `${via}/${bits}`, "dev", name, "nodad");
      await net.ip(near.namespace, "route", "add", "default", "via", via);
    }
  }
  await inNamespace(
    router,
    "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding",
  );
  for (const way of narrow) {
    const { ipv4, ipv6 } = way === "to-server" ? SERVER : CLIENT;
    const device = way === "to-server" ? "up0" : "down0";
    for (const [address] of [ipv4, ipv6]) {
      await net.ip(router, "route", "add", address, "dev", device, "mtu", "lock", String(mtu));
    }
  }
  if (!tells) await mute(net, router);
  return router;
}

/** Loses what the router itself sends to the two ends, such as its ICMP errors. */
async function mute(net: Sites["net"], router: string): Promise<void> {
  for (const [family, ip] of [["-4", "ipv4"], ["-6", "ipv6"]] as const) {
    await net.ip(router, family, "rule", "add", "pref", "5", "from", "all", "lookup", "local");
    await net.ip(router, family, "rule", "del", "pref", "0");
    for (const [address] of [CLIENT[ip], SERVER[ip]]) {
      const own = ["pref", "1", "iif", "lo", "to", address, "blackhole"];
      await net.ip(router, family, "rule", "add", ...own);
    }
  }
}

/** Runs a shell script in a namespace. */
export async function inNamespace(namespace: string, script: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("ip", {
    args: ["netns", "exec", namespace, "sh", "-c", script],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
