// Tests of the memory that is left.

import { assertEquals, assertMatch } from "@std/assert";
import {
  groupDirectories,
  groupMemory,
  machineMemory,
  MemoryWatch,
} from "../../../src/health/memory.ts";

const MIB = 1 << 20;

Deno.test("machineMemory() reads the memory of the machine", () => {
  const text = "MemTotal:        1024 kB\nMemFree:          100 kB\nMemAvailable:     512 kB\n";
  assertEquals(machineMemory(text), { total: MIB, left: MIB / 2 });
  assertEquals(machineMemory("MemTotal: 1024 kB\n"), undefined);
});

Deno.test("groupMemory() reads the memory of a control group, and counts unused pages of files as left", () => {
  assertEquals(groupMemory("1000\n", "700\n", "anon 5\ninactive_file 200\n"), {
    total: 1000,
    left: 500,
  });
  assertEquals(
    groupMemory("1000\n", "700\n", "inactive_file 1\ntotal_inactive_file 50\n")?.left,
    301,
  );
  assertEquals(groupMemory("max\n", "700\n", ""), undefined);
  assertEquals(groupMemory("", "", ""), undefined);
});

Deno.test("groupDirectories() lists the control groups around a process, in both versions", () => {
  const files = { max: "memory.max", current: "memory.current" };
  assertEquals(groupDirectories("0::/system.slice/x.service\n"), [
    { path: "/sys/fs/cgroup/system.slice/x.service", ...files },
    { path: "/sys/fs/cgroup/system.slice", ...files },
    { path: "/sys/fs/cgroup", ...files },
  ]);
  const old = { max: "memory.limit_in_bytes", current: "memory.usage_in_bytes" };
  assertEquals(groupDirectories("5:cpu:/\n4:memory:/a\n0::/\n"), [
    { path: "/sys/fs/cgroup/memory/a", ...old },
    { path: "/sys/fs/cgroup/memory", ...old },
  ]);
  assertEquals(groupDirectories("0::/\n5:cpu:/\n4:memory:/\n").length, 1);
  assertEquals(groupDirectories(""), []);
});

Deno.test("MemoryWatch tells when the machine has little memory left, until it has more", () => {
  const watch = new MemoryWatch();
  const left = (mib: number) => watch.look({ total: 4096 * MIB, left: mib * MIB }, [])?.id;
  assertEquals([left(100), left(63), left(95), left(97), left(95)], [
    undefined,
    "memory",
    "memory",
    undefined,
    undefined,
  ]);
  // A small box has less.
  assertEquals(new MemoryWatch().look({ total: 64 * MIB, left: 4 * MIB }, []), undefined);
});

Deno.test("MemoryWatch tells when the limit of a control group is nearly reached", () => {
  const machine = { total: 4096 * MIB, left: 2048 * MIB };
  const problem = new MemoryWatch().look(machine, [
    { total: 512 * MIB, left: 300 * MIB },
    { total: 256 * MIB, left: 5 * MIB },
  ]);
  assertMatch(
    problem!.what,
    /^Only 5 MiB of the 256 MiB of memory are left that this service may use/,
  );
  assertMatch(problem!.advice, /MemoryMax/);
  // A limit that is larger than the machine is none.
  const huge = { total: 2 ** 60, left: 0 };
  assertEquals(new MemoryWatch().look(machine, [huge]), undefined);
});
