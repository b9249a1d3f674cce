// The permissions that Deno has to give. They are checked before anything needs one, because Deno would
// otherwise ask for it at a terminal, or throw in the middle of the program.

const NEEDED: readonly Deno.PermissionDescriptor[] = [
  { name: "ffi" },
  { name: "net" },
  { name: "read" },
  { name: "write" },
  { name: "sys", kind: "hostname" },
];
/** The permissions that suffice for making a key. */
const NEEDED_BY_KEYGEN: readonly Deno.PermissionDescriptor[] = [
  { name: "read" },
  { name: "write" },
  { name: "sys", kind: "uid" },
];
/** The permissions that only the demo needs, which starts other programs. */
const NEEDED_BY_DEMO: readonly Deno.PermissionDescriptor[] = [{ name: "env" }, { name: "run" }];
/** The folder of this process's descriptors. Newer versions of Deno need all permissions to read it. */
const DESCRIPTORS = "/proc/self/fd";

/**
 * Describes the permissions that Deno has not given to this program.
 *
 * @param subcommand The subcommand that is about to run
 * @returns The fault and the remedy, in words; undefined if nothing is missing
 */
export function permissionFault(subcommand: string): string | undefined {
  const needed = subcommand === "keygen"
    ? NEEDED_BY_KEYGEN
    : subcommand === "demo"
    ? [...NEEDED, ...NEEDED_BY_DEMO]
    : NEEDED;
  const missing = needed.filter((one) => Deno.permissions.querySync(one).state !== "granted")
    .map(({ name }) => name);
  if (missing.length === 0 && (subcommand === "keygen" || readsDescriptors())) return undefined;
  const which = missing.length === 0 ? "" : ` (missing: ${missing.join(", ")})`;
  return `Cannot run without Deno's permissions${which}; run it with deno run -A main.ts ${subcommand}`;
}

function readsDescriptors(): boolean {
  try {
    Deno.lstatSync(`${DESCRIPTORS}/0`);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotCapable);
  }
}
