// Tests that need more than Deno. If a test is skipped, its name has the reason.

const PROGRAM_FOLDERS = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/sbin"];

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function readText(path: string): string {
  return exists(path) ? Deno.readTextFileSync(path) : "";
}

/** Returns true if a program is in PATH or in a folder for system programs. */
export function hasProgram(name: string): boolean {
  return PROGRAM_FOLDERS.some((folder) => folder !== "" && exists(`${folder}/${name}`));
}

function succeeds(command: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(command, { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** The needs that a test can have: a check for each, and the reason for skipping if it fails. */
const NEEDS = {
  linux: { met: () => Deno.build.os === "linux", reason: "not Linux" },
  amd64: { met: () => Deno.build.arch === "x86_64", reason: "not amd64" },
  root: { met: () => Deno.build.os !== "windows" && Deno.uid() === 0, reason: "not root" },
  namespaces: {
    met: () => succeeds("unshare", "--net", "--mount", "true"),
    reason: "no right to make network namespaces",
  },
  hostName: {
    met: () => succeeds("unshare", "--uts", "sh", "-c", "echo x > /proc/sys/kernel/hostname"),
    reason: "no right to set a host name",
  },
  haproxy: { met: () => hasProgram("haproxy"), reason: "no haproxy" },
  openssl: { met: () => hasProgram("openssl"), reason: "no openssl" },
  promtool: { met: () => hasProgram("promtool"), reason: "no promtool" },
  iproute2: { met: () => hasProgram("ip"), reason: "no iproute2" },
  tun: { met: () => exists("/dev/net/tun"), reason: "no /dev/net/tun" },
  debian12: {
    met: () => readText("/etc/os-release").includes("VERSION_CODENAME=bookworm"),
    reason: "not Debian 12",
  },
  apt: { met: () => hasProgram("apt-get"), reason: "no apt-get" },
  aptLists: {
    met: () => succeeds("apt-cache", "show", "user-mode-linux"),
    reason: "no package lists, run apt-get update",
  },
};

export type Need = keyof typeof NEEDS;

/** Returns the reason for the first of `needs` that this machine does not meet; undefined if it meets all. */
export function whyNot(...needs: Need[]): string | undefined {
  const unmet = needs.find((need) => !NEEDS[need].met());
  return unmet && NEEDS[unmet].reason;
}

/** Registers a test. If there is a reason to skip it, the test is ignored and its name has the reason. */
export function testUnless(
  reason: string | undefined,
  name: string,
  fn: (t: Deno.TestContext) => void | Promise<void>,
): void {
  const skipped = reason !== undefined;
  Deno.test({ name: skipped ? `${name} (skipped: ${reason})` : name, ignore: skipped, fn });
}
