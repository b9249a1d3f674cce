// The congestion control that a network namespace gives to sockets which set none.

const SYSCTL = "/proc/sys/net/ipv4/tcp_congestion_control";

/**
 * Makes a congestion control the default of a namespace.
 *
 * @param namespace Its name
 * @throws {Error} If it is not there, or may not be the default of a namespace: only what
 * net.ipv4.tcp_allowed_congestion_control names may
 */
export async function setSystemCongestion(namespace: string, name: string): Promise<void> {
  const { success } = await new Deno.Command("ip", {
    args: ["netns", "exec", namespace, "sh", "-c", `echo ${name} > ${SYSCTL}`],
    stderr: "null",
  }).output();
  if (!success) throw new Error(`Cannot make ${name} the congestion control of ${namespace}`);
}

/** Whether any process may use a congestion control. */
export function isAllowed(name: string): boolean {
  return Deno.readTextFileSync("/proc/sys/net/ipv4/tcp_allowed_congestion_control")
    .trim().split(" ").includes(name);
}
