// `pppoe-proxy demo` as a user runs it, with a real server, client and tunnel.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { testUnless, whyNot } from "../support/skip.ts";

const skipped = whyNot("linux", "root", "namespaces", "iproute2");
const MAIN = new URL("../../main.ts", import.meta.url).href;

function spawn(...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", MAIN, "demo", ...args],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await spawn(...args).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/** Returns the namespaces of the demo with a process id. */
async function namespacesOf(pid: number): Promise<string[]> {
  const { stdout } = await new Deno.Command("ip", { args: ["netns", "list"] }).output();
  const names = new TextDecoder().decode(stdout).split("\n");
  return names.filter((name) => name.startsWith(`pppoe-proxy-demo-${pid}-`));
}

testUnless(skipped, "demo() prints one JSON object with --json when everything works", async () => {
  const { code, stdout, stderr } = await run("--json", "--sessions", "4", "--frames", "300");
  assertEquals(stderr, "");
  assertEquals(code, 0);
  const { timings, bytes, ...report } = JSON.parse(stdout);
  assertEquals(report, {
    ok: true,
    sessions: { asked: 4, opened: 4, closed: 4 },
    frames: { sent: 1200, returned: 1200, lost: 0, corrupted: 0 },
    discovery: { padi: 4, pado: 4, padr: 4, pads: 4, padt: 4 },
  });
  assert(bytes.sent > 0);
  assertEquals(bytes.returned, bytes.sent);
  assert(timings.rttMs.p50 > 0);
  assert(timings.tunnelUpMs < timings.totalMs);
});

testUnless(
  skipped,
  "demo() prints each frame on both segments, and leaves no namespace behind",
  async () => {
    const child = spawn("--sessions", "2", "--frames", "10");
    const { code, stdout } = await child.output();
    const text = new TextDecoder().decode(stdout);
    assertEquals(code, 0, text);
    for (const code of ["PADI", "PADO", "PADR", "PADS", "PADT"]) {
      assert(new RegExp(`host [→←] ${code} `).test(text), text);
      assert(new RegExp(`AC [→←] ${code} `).test(text), text);
    }
    assertStringIncludes(text, "All is well.");
    assertEquals(await namespacesOf(child.pid), []);
  },
);

testUnless(skipped, "demo() removes everything when it is told to end", async () => {
  const child = spawn("--keep", "--sessions", "1", "--frames", "10");
  const decoder = child.stdout.pipeThrough(new TextDecoderStream());
  let text = "";
  for await (const part of decoder) {
    text += part;
    // This is the last of the suggested commands, so the demo is running now.
    if (!text.includes("pppoe-discovery")) continue;
    assertEquals((await namespacesOf(child.pid)).length, 4);
    child.kill("SIGTERM");
    break;
  }
  await child.stderr.cancel();
  assertEquals((await child.status).code, 0, text);
  assertEquals(await namespacesOf(child.pid), []);
});

testUnless(skipped, "demo() exits with 2 when a flag is wrong", async () => {
  const { code, stderr } = await run("--frames", "many");
  assertEquals(code, 2);
  assertStringIncludes(stderr, "--frames must be a whole number");
});
