// Tests of @std/cli, which pass with the stand-in and with the real package.

import { assertEquals } from "@std/assert";
import { parseArgs } from "@std/cli";

Deno.test("parseArgs() gives an undeclared option the next argument, unless that starts with a dash", () => {
  assertEquals(parseArgs(["--a", "x", "y", "--b", "--c", "-d", "--e=f"]), {
    a: "x",
    b: true,
    c: true,
    d: true,
    e: "f",
    _: ["y"],
  });
});

Deno.test("parseArgs() reads string options", () => {
  const options = { string: ["name", "n", "empty", "none"] } as const;
  assertEquals(parseArgs(["--name", "a b", "-n", "7", "--empty="], options), {
    name: "a b",
    n: "7",
    empty: "",
    _: [],
  });
  assertEquals(parseArgs(["--name", "--empty", "x"], options), { name: "", empty: "x", _: [] });
  assertEquals(parseArgs(["--name=a=b", "-n=5"], options), { name: "a=b", n: "5", _: [] });
  assertEquals(parseArgs(["--name", "-1", "-n5"], options), { 1: true, name: "", n: "5", _: [] });
});

Deno.test("parseArgs() does not use an empty argument as the value of an option", () => {
  assertEquals(parseArgs(["--name", ""], { string: ["name"] }), { name: "", _: [""] });
});

Deno.test("parseArgs() reads boolean options, which are false by default", () => {
  const options = { boolean: ["on", "off", "third"] } as const;
  assertEquals(parseArgs(["--on", "x", "--off=false"], options), {
    on: true,
    off: false,
    third: false,
    _: ["x"],
  });
  assertEquals(parseArgs(["--on", "false", "--off", "true", "--third=x"], options), {
    on: false,
    off: true,
    third: true,
    _: [],
  });
});

Deno.test("parseArgs() reads several short options in one argument", () => {
  assertEquals(parseArgs(["-abc", "x", "-vh"], { boolean: ["v", "h"] }), {
    a: true,
    b: true,
    c: "x",
    v: true,
    h: true,
    _: [],
  });
});

Deno.test("parseArgs() keeps the last value, or all values of a collected option", () => {
  const options = { string: ["one", "many", "none"], collect: ["many", "none"] } as const;
  const args = ["--one", "1", "--many", "1", "--one=2", "--many=2"];
  assertEquals(parseArgs(args, options), { one: "2", many: ["1", "2"], none: [], _: [] });
});

Deno.test("parseArgs() fills in defaults for missing options", () => {
  const options = {
    string: ["a", "b"],
    boolean: ["c"],
    default: { a: "x", b: "y", c: true, d: 4 },
  } as const;
  assertEquals(parseArgs(["--a", "1"], options), { a: "1", b: "y", c: true, d: 4, _: [] });
});

Deno.test("parseArgs() sets every name of an option", () => {
  const options = {
    boolean: ["help"],
    string: ["name"],
    default: { name: "x" },
    alias: { help: "h", name: ["n", "called"] },
  } as const;
  assertEquals(parseArgs(["-h"], options), {
    help: true,
    h: true,
    name: "x",
    n: "x",
    called: "x",
    _: [],
  });
  assertEquals(parseArgs(["--called", "5"], options), {
    help: false,
    h: false,
    name: "5",
    n: "5",
    called: "5",
    _: [],
  });
});

Deno.test("parseArgs() negates only options that are declared negatable", () => {
  const options = {
    boolean: ["colour", "sound"],
    negatable: ["colour"],
    default: { colour: true },
  } as const;
  assertEquals(parseArgs(["--no-colour"], options), { colour: false, sound: false, _: [] });
  assertEquals(parseArgs(["--no-sound"], options), {
    colour: true,
    sound: false,
    "no-sound": true,
    _: [],
  });
});

Deno.test("parseArgs() calls unknown() for undeclared options and arguments", () => {
  const calls: unknown[][] = [];
  const result = parseArgs(["--a", "1", "--b", "2", "-c", "--d=e", "file"], {
    string: ["a"],
    unknown: (...call) => {
      calls.push(call);
      return false;
    },
  });
  assertEquals(calls, [["--b", "b", "2"], ["-c", "c", true], ["--d=e", "d", "e"], ["file"]]);
  assertEquals(result, { a: "1", _: [] });
});

Deno.test("parseArgs() keeps everything that unknown() does not reject", () => {
  assertEquals(parseArgs(["--b", "x", "file"], { unknown: () => undefined }), {
    b: "x",
    _: ["file"],
  });
});

Deno.test("parseArgs() stops at the first argument that is not an option with stopEarly", () => {
  assertEquals(parseArgs(["--a", "server", "--b", "2"], { boolean: ["a"], stopEarly: true }), {
    a: true,
    _: ["server", "--b", "2"],
  });
});

Deno.test("parseArgs() keeps everything after -- unchanged", () => {
  assertEquals(parseArgs(["a", "--", "--b", "--", "5"]), { _: ["a", "--b", "--", "5"] });
  assertEquals(parseArgs(["a", "--", "--b", "5"], { "--": true }), {
    _: ["a"],
    "--": ["--b", "5"],
  });
});

Deno.test("parseArgs() converts values that look like numbers, except for string options", () => {
  assertEquals(parseArgs(["--a", "0x10", "--b=1e3", "7", "7a"], { string: ["b"] }), {
    a: 16,
    b: "1e3",
    _: [7, "7a"],
  });
  const { _: rest }: { _: unknown } = parseArgs(["7"], { string: ["_"] });
  assertEquals(rest, ["7"]);
});

Deno.test("parseArgs() sets nothing on a prototype", () => {
  const result = parseArgs(["--__proto__", "x", "--constructor=y"]);
  assertEquals(Object.keys(result), ["_"]);
  assertEquals(Object.getPrototypeOf(result), Object.prototype);
});

Deno.test("parseArgs() has a type for each declared option", () => {
  const flags = parseArgs(["--many", "1", "--level", "x"], {
    string: ["name", "many", "level"],
    boolean: ["on"],
    collect: ["many"],
    default: { level: "info" },
  });
  const name: string | undefined = flags.name;
  const many: string[] = flags.many;
  const on: boolean = flags.on;
  const level: string = flags.level;
  const rest: Array<string | number> = flags._;
  const undeclared: unknown = flags.other;
  // @ts-expect-error: it is undefined if not given
  const wrongName: string = flags.name;
  // @ts-expect-error: collected
  const wrongMany: string = flags.many;
  // @ts-expect-error: not declared
  const wrongOther: string = flags.other;
  assertEquals([name, many, on, level, rest, undeclared], [
    undefined,
    ["1"],
    false,
    "x",
    [],
    undefined,
  ]);
  assertEquals([wrongName, wrongMany, wrongOther], [undefined, ["1"], undefined]);
});
