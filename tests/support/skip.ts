// Tests that need more than Deno say in their name why they were skipped.

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

/** Whether `name` is a program in PATH or in a folder for system programs. */
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

/** What a test may need of the machine: how to tell, and what to say where it is not there. */
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

/** The first of `needs` that this machine does not meet, in words; undefined when it meets all. */
export function whyNot(...needs: Need[]): string | undefined {
  const unmet = needs.find((need) => !NEEDS[need].met());
  return unmet && NEEDS[unmet].reason;
}

/** Registers a test, or, where there is a reason against it, its name with that reason as skipped. */
export function testUnless(
  reason: string | undefined,
  name: string,
  fn: (t: Deno.TestContext) => void | Promise<void>,
): void {
  const skipped = reason !== undefined;
  Deno.test({ name: skipped ? `${name} (skipped: ${reason})` : name, ignore: skipped, fn });
}
