// The program as the user calls it.

import { assertEquals } from "@std/assert";
import { commandOf, programOf } from "../../../src/cli/program.ts";

Deno.test("programOf() calls the program pppoe-proxy under deno run", () => {
  assertEquals(programOf(["server", "-h"], undefined), {
    name: "pppoe-proxy",
    side: undefined,
    args: ["server", "-h"],
  });
});

Deno.test("programOf() takes the name by which a compiled program was called", () => {
  for (const path of ["pppoe", "./pppoe", "/usr/bin/pppoe"]) {
    assertEquals(programOf(["demo"], path), { name: "pppoe", side: undefined, args: ["demo"] });
  }
  for (const path of ["", "/", "a b", "a\n"]) assertEquals(programOf([], path).name, "pppoe-proxy");
});

Deno.test("programOf() knows a program for one side by its name, as of a link", () => {
  for (const side of ["server", "client"] as const) {
    const name = `pppoe-proxy-${side}`;
    for (const args of [["-h"], [side, "-h"]]) {
      assertEquals(programOf(args, `/opt/${name}`), { name, side, args: ["-h"] });
    }
  }
});

Deno.test("programOf() knows a program that was compiled for one side, also once renamed", () => {
  const args = ["pppoe-proxy-client", "-h"];
  assertEquals(programOf(args, "bin/vpn"), { name: "vpn", side: "client", args: ["-h"] });
  assertEquals(programOf(args, undefined).name, "pppoe-proxy-client");
});

Deno.test("commandOf() names the subcommand only where the program has several", () => {
  assertEquals(commandOf(programOf([], undefined), "server"), "pppoe-proxy server");
  assertEquals(commandOf(programOf([], "pppoe-proxy-server"), "server"), "pppoe-proxy-server");
});
