// Tests of the compiled programs in an empty environment: without PATH, home and Deno.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { httpGet, LabNet, SITE } from "../../src/lab/mod.ts";
import { PAGE_FILES } from "../../src/page/files.ts";
import { hasProgram, testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
/** The version of Deno that $DENORT_BIN must match. */
const DENORT_DENO = "deno@2.6.8";
const VERSION = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`)).version;

const denort = Deno.env.get("DENORT_BIN");
const reason = whyNot("linux") ?? await whyNoCompiler();

/** Returns the reason why `deno compile` cannot get its runtime here; undefined if it can. */
async function whyNoCompiler(): Promise<string | undefined> {
  if (denort) return hasProgram("npx") ? undefined : "DENORT_BIN is set, but there is no npx";
  const file = `denort-${Deno.build.target}.zip`;
  try {
    const response = await fetch(`https://dl.deno.land/release/v${Deno.version.deno}/${file}`, {
      method: "HEAD",
      signal: AbortSignal.timeout(5000),
    });
    return response.ok ? undefined : "DENORT_BIN is not set, and there is no denort to download";
  } catch {
    return "DENORT_BIN is not set, and denort cannot be downloaded";
  }
}

interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

async function run(path: string, args: string[], options?: Deno.CommandOptions): Promise<Result> {
  const { code, stdout, stderr } = await new Deno.Command(path, { args, ...options }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs a compiled program with an empty environment, outside of the source folder. */
async function runCompiled(program: string, ...args: string[]): Promise<Result> {
  const path = program.startsWith("/") ? program : `${ROOT}dist/${program}`;
  return await run(path, args, { clearEnv: true, cwd: "/" });
}

/** Makes a folder with links to compiled programs. */
async function linked(links: Record<string, string>) {
  const folder = await Deno.makeTempDir();
  for (const [link, program] of Object.entries(links)) {
    await Deno.symlink(`${ROOT}dist/${program}`, `${folder}/${link}`);
  }
  return {
    path: (link: string) => `${folder}/${link}`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Asserts that a compiled side has all files of the page in it. */
async function assertPage(program: string, flags: string[]): Promise<void> {
  await using net = new LabNet("page");
  const namespace = await net.namespace("side");
  await net.veth({ namespace, name: "lan0" }, { namespace, name: "lan1" });
  const { hostname, port } = SITE.status;
  const own = [...flags, "--interface", "lan0", "--status", `${hostname}:${port}`];
  const args = ["netns", "exec", namespace, `${ROOT}dist/${program}`, ...own];
  const child = new Deno.Command("ip", { args, cwd: "/", stdout: "null", stderr: "null" }).spawn();
  try {
    for (const { path } of PAGE_FILES) {
      const { status, body } = await until(
        `${program} answers`,
        () => httpGet(net.path(namespace), SITE.status, path).catch(() => undefined),
      );
      const file = path === "/" ? "/page/page.html" : path;
      assertEquals([status, body], [200, await Deno.readTextFile(`${ROOT}src${file}`)], path);
    }
  } finally {
    child.kill("SIGTERM");
    await child.status;
  }
}

testUnless(reason, "deno task compile makes programs that need nothing else", async (t) => {
  const compiled = denort
    ? await run("npx", ["-y", DENORT_DENO, "task", "compile"], { cwd: ROOT })
    : await run(Deno.execPath(), ["task", "compile"], { cwd: ROOT });
  assertEquals(compiled.code, 0, compiled.stdout + compiled.stderr);

  const cases: [program: string, args: string[], expected: string][] = [
    ["pppoe-proxy", ["--version"], `pppoe-proxy ${VERSION}\n`],
    ["pppoe-proxy", ["server", "--help"], "Usage: pppoe-proxy server "],
    ["pppoe-proxy-server", ["--version"], `pppoe-proxy ${VERSION}\n`],
    ["pppoe-proxy-server", ["--help"], "Usage: pppoe-proxy-server --interface "],
    ["pppoe-proxy-server", ["help"], "\n  pppoe-proxy-server --interface eth1 --listen "],
    ["pppoe-proxy-client", ["--version"], `pppoe-proxy ${VERSION}\n`],
    ["pppoe-proxy-client", ["client", "-h"], "Usage: pppoe-proxy-client --interface "],
  ];
  // A link is called by its own name, and a program for one side knows its side by whatever name.
  await using links = await linked({
    "pppoe-proxy-client": "pppoe-proxy",
    "dialler": "pppoe-proxy-client",
  });
  cases.push(
    [links.path("pppoe-proxy-client"), ["--help"], "Usage: pppoe-proxy-client --interface "],
    [links.path("dialler"), ["--help"], "Usage: dialler --interface "],
  );
  for (const [program, args, expected] of cases) {
    await t.step(`${program} ${args.join(" ")}`, async () => {
      const { code, stdout, stderr } = await runCompiled(program, ...args);
      assertEquals(code, 0, stderr);
      assertStringIncludes(stdout, expected);
    });
  }

  const mistakes: [program: string, args: string[], line: string][] = [
    [
      "pppoe-proxy-server",
      [],
      "pppoe-proxy-server: --interface is missing; for example --interface eth1; " +
      "see pppoe-proxy-server --help\n",
    ],
    [
      "pppoe-proxy-client",
      ["--alow", "::1"],
      "pppoe-proxy-client: Unknown flag --alow (did you mean --allow, a flag of the server?); " +
      "see pppoe-proxy-client --help\n",
    ],
    [
      "pppoe-proxy-server",
      ["client"],
      "pppoe-proxy-server: Cannot run client: this program is only the server; " +
      "use pppoe-proxy client\n",
    ],
  ];
  for (const [program, args, line] of mistakes) {
    await t.step(`${program} ${args.join(" ")}, which is a mistake`, async () => {
      const { code, stdout, stderr } = await runCompiled(program, ...args);
      assertEquals([stderr, stdout, code], [line, "", 2]);
    });
  }

  const directory = links.path("keys");
  await t.step(
    "pppoe-proxy keygen makes keys, and each program of a side reads its own",
    async () => {
      const made = await runCompiled("pppoe-proxy", "keygen", "osaka", "--dir", directory);
      assertEquals(made.code, 0, made.stderr);
      for (
        const [program, file, ...flags] of [
          ["pppoe-proxy-server", "server.keys", "--listen", "127.0.0.1:0"],
          ["pppoe-proxy-client", "osaka.key", "--connect", "127.0.0.1:1"],
        ]
      ) {
        const keyFile = `${directory}/${file}`;
        const args = ["--interface", "eth-none", ...flags, "--key-file", keyFile];
        // Nothing but the interface is missing.
        assertStringIncludes(
          (await runCompiled(program, ...args)).stderr,
          "ERROR Cannot capture on eth-none",
        );
        await Deno.chmod(keyFile, 0o644);
        const { code, stderr } = await runCompiled(program, ...args);
        assertEquals(code, 2);
        assertStringIncludes(stderr, `Cannot use ${keyFile}: others can read it`);
      }
    },
  );

  const noNamespaces = whyNot("root", "iproute2", "namespaces");
  for (
    const [program, ...flags] of [
      ["pppoe-proxy", "client", "--connect", "127.0.0.1:1"],
      ["pppoe-proxy-client", "--connect", "127.0.0.1:1"],
      ["pppoe-proxy-server", "--listen", "127.0.0.1:0"],
    ]
  ) {
    await t.step({
      name: `${program} serves the page${noNamespaces ? ` (skipped: ${noNamespaces})` : ""}`,
      ignore: noNamespaces !== undefined,
      fn: () => assertPage(program, flags),
    });
  }

  const noDemo = whyNot("root", "iproute2", "namespaces");
  await t.step({
    name: `pppoe-proxy demo --json${noDemo ? ` (skipped: ${noDemo})` : ""}`,
    ignore: noDemo !== undefined,
    fn: async () => {
      const { code, stdout, stderr } = await runCompiled("pppoe-proxy", "demo", "--json");
      assertEquals(code, 0, stdout + stderr);
      const outcome = JSON.parse(stdout);
      assert(outcome.ok, stdout);
    },
  });
});
