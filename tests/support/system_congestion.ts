// The default congestion control of a network namespace.

const SYSCTL = "/proc/sys/net/ipv4/tcp_congestion_control";

/**
 * Makes a congestion control the default of a namespace.
 *
 * @param namespace The name of the namespace
 * @param name The name of the congestion control
 * @throws {Error} If the kernel does not have it, or it is not in net.ipv4.tcp_allowed_congestion_control
 */
export async function setSystemCongestion(namespace: string, name: string): Promise<void> {
  const { success } = await new Deno.Command("ip", {
    args: ["netns", "exec", namespace, "sh", "-c", `echo ${name} > ${SYSCTL}`],
    stderr: "null",
  }).output();
  if (!success) throw new Error(`Cannot make ${name} the congestion control of ${namespace}`);
}

/** Returns true if every process may use a congestion control. */
export function isAllowed(name: string): boolean {
  return Deno.readTextFileSync("/proc/sys/net/ipv4/tcp_allowed_congestion_control")
    .trim().split(" ").includes(name);
}
