// The faults of paths in words.

import { assertEquals } from "@std/assert";
import { openSync } from "node:fs";
import { pathFault } from "../../../src/files/path_fault.ts";

function faultOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("There was no fault");
}

const APIS: [string, (path: string) => unknown][] = [
  ["Deno", Deno.statSync],
  ["Node", (path) => openSync(path, "r")],
];

for (const [api, open] of APIS) {
  Deno.test(`pathFault() tells the fault of a path without the path, by the API of ${api}`, () => {
    const fault = (path: string) => pathFault(faultOf(() => open(path)), "file", "run as root");
    assertEquals(fault("/no/such"), "the file does not exist");
    assertEquals(fault("/dev/null/x"), "a part of the path is a file");
    assertEquals(fault(`/${"a".repeat(300)}`), "the name is too long; give a shorter one");
  });
}

Deno.test("pathFault() adds the remedy to what is not permitted", () => {
  for (const code of ["EACCES", "EPERM"]) {
    const error = Object.assign(new Error("x"), { code });
    assertEquals(pathFault(error, "file", "run as root"), "not permitted; run as root");
  }
});

Deno.test("pathFault() tells other errors in the system's words, without the call and the path", () => {
  const deno = new Error("Input/output error (os error 5): open '/a/b'");
  const node = new Error("EIO: i/o error, open '/a/b'");
  assertEquals(pathFault(deno, "file", ""), "Input/output error");
  assertEquals(pathFault(node, "file", ""), "i/o error");
  assertEquals(pathFault("broken", "file", ""), "broken");
});
