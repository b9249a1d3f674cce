// Another default congestion control for a namespace than the machine's.
import { setSystemCongestion } from "../support/system_congestion.ts";

const ALLOWED = "/proc/sys/net/ipv4/tcp_allowed_congestion_control";

/**
 * Makes a congestion control the default of a namespace, also one that the machine allows to nobody
 * but root: it is allowed for the moment that this takes.
 *
 * @throws {Error} If the kernel does not have it, or this process is not in the machine's own namespace.
 */
export async function forceSystemCongestion(namespace: string, name: string): Promise<void> {
  const allowed = Deno.readTextFileSync(ALLOWED).trim();
  if (allowed.split(" ").includes(name)) return await setSystemCongestion(namespace, name);
  try {
    Deno.writeTextFileSync(ALLOWED, `${allowed} ${name}`, { create: false });
  } catch (error) {
    throw new Error(
      `Cannot make ${name} the default congestion control of a namespace: it must be in ` +
        `net.ipv4.tcp_allowed_congestion_control (${(error as Error).message})`,
    );
  }
  try {
    await setSystemCongestion(namespace, name);
  } finally {
    Deno.writeTextFileSync(ALLOWED, allowed, { create: false });
  }
}
