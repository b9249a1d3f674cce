// Setting the default congestion control of a namespace.

import { setSystemCongestion } from "../support/system_congestion.ts";

const ALLOWED = "/proc/sys/net/ipv4/tcp_allowed_congestion_control";

/**
 * Sets the default congestion control of a namespace. If the machine allows it only to root, allows it
 * to everyone for a moment.
 *
 * @param namespace The name of the namespace
 * @param name The congestion control
 * @throws {Error} If the kernel lacks it, or this process is not in the machine's own namespace
 */
export async function forceSystemCongestion(namespace: string, name: string): Promise<void> {
  const allowed = Deno.readTextFileSync(ALLOWED).trim();
  if (allowed.split(" ").includes(name)) return await setSystemCongestion(namespace, name);
  try {
    Deno.writeTextFileSync(ALLOWED, `${allowed} ${name}`, { create: false });
  } catch (error) {
    throw new Error(
      `Cannot make ${name} the default congestion control of a namespace: add it to ` +
        `net.ipv4.tcp_allowed_congestion_control (${(error as Error).message})`,
    );
  }
  try {
    await setSystemCongestion(namespace, name);
  } finally {
    Deno.writeTextFileSync(ALLOWED, allowed, { create: false });
  }
}
