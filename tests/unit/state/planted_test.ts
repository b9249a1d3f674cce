// Tests of a state directory in which somebody else has put files.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ConfigurationError } from "../../../src/configuration_error.ts";
import { Journal } from "../../../src/state/mod.ts";
import { testUnless, whyNot } from "../../support/skip.ts";
import { Fixture, record, serials } from "./fixture.ts";

const NOBODY = 65534;
const asRoot = whyNot("linux", "root");

/** A directory with one session, as after a kill, and a file of another program beside it. */
async function withVictim(
  test: (fixture: Fixture, dir: string, victim: string) => Promise<void>,
): Promise<void> {
  await using fixture = new Fixture();
  const state = await fixture.open();
  await state.alive();
  const journal = Journal.open(state.path, state.segment, { full: () => {}, failed: () => {} });
  journal.opened(record(1));
  journal.close();
  const dir = await fixture.copy();
  const victim = `${fixture.root}/victim`;
  Deno.writeTextFileSync(victim, "precious\n", { mode: 0o644 });
  Deno.utimeSync(victim, 1_000_000_000, 1_000_000_000);
  await test(fixture, dir, victim);
  assertEquals(Deno.readTextFileSync(victim), "precious\n");
  const { mode, mtime } = Deno.statSync(victim);
  assertEquals([mode! & 0o777, mtime], [0o644, new Date(1_000_000_000_000)]);
}

const PLANTS: Record<string, (target: string, name: string) => void> = {
  "a link": (target, name) => Deno.symlinkSync(target, name),
  "a dangling link": (target, name) => Deno.symlinkSync(`${target}-none`, name),
  "a hard link": (target, name) => Deno.linkSync(target, name),
};

for (const [kind, plant] of Object.entries(PLANTS)) {
  for (const name of ["sessions.jsonl.new", "identity.new", "changes.2.jsonl"]) {
    Deno.test(`StateDir leaves the target of ${kind} alone that is planted as ${name}`, () =>
      withVictim(async (fixture, dir, victim) => {
        plant(victim, `${dir}/${name}`);
        const state = await fixture.open({}, dir);
        assertEquals(serials(state), [1]);
        // The same while it runs.
        await Deno.remove(`${dir}/${name}`).catch(() => {});
        plant(victim, `${dir}/${name}`);
        await state.alive();
        await fixture.tick();
        await state.close();
        assert(!Deno.readTextFileSync(`${dir}/sessions.jsonl`).includes("precious"));
      }));
  }

  for (const name of ["sessions.jsonl", "identity", "changes.1.jsonl"]) {
    Deno.test(`StateDir sets ${kind} aside that is planted as ${name}`, () =>
      withVictim(async (fixture, dir, victim) => {
        await Deno.remove(`${dir}/${name}`);
        plant(victim, `${dir}/${name}`);
        const state = await fixture.open({}, dir);
        await state.close();
        assertEquals(fixture.warnings.length, 1);
        assertStringIncludes(fixture.warnings[0], `the file is kept as ${name}.damaged-1`);
        if (kind !== "a hard link") {
          assertStringIncludes(fixture.warnings[0], `${dir}/${name}: it is a symbolic link; `);
        }
        // A new file has taken its place.
        if (!name.startsWith("changes")) assert(Deno.lstatSync(`${dir}/${name}`).isFile);
      }));
  }

  Deno.test(`StateDir.open() refuses ${kind} as lock, and leaves its target alone`, () =>
    withVictim(async (fixture, dir, victim) => {
      await Deno.remove(`${dir}/lock`);
      plant(victim, `${dir}/lock`);
      const fault = kind === "a hard link" ? "it is a hard link" : "it is a symbolic link";
      await assertRejects(
        () => fixture.open({}, dir),
        ConfigurationError,
        `Cannot use ${dir}/lock: ${fault}; remove it`,
      );
      assertEquals(fixture.names(fixture.root).includes("victim-none"), false);
    }));

  Deno.test(`StateDir gives no sign of life in ${kind} that has replaced its lock`, () =>
    withVictim(async (fixture, dir, victim) => {
      const state = await fixture.open({}, dir);
      await state.alive();
      await Deno.remove(`${dir}/lock`);
      plant(victim, `${dir}/lock`);
      await fixture.tick();
      assertEquals(fixture.warnings.length, 1);
      assertStringIncludes(fixture.warnings[0], `Cannot give a sign of life in ${dir}: `);
    }));
}

Deno.test("StateDir is not kept waiting by a pipe", () =>
  withVictim(async (fixture, dir) => {
    for (const name of ["sessions.jsonl", "identity", "changes.3.jsonl"]) {
      await Deno.remove(`${dir}/${name}`).catch(() => {});
      const made = await new Deno.Command("mkfifo", { args: [`${dir}/${name}`] }).output();
      assert(made.success);
    }
    const state = await fixture.open({}, dir);
    assertEquals(serials(state), [1]);
    assertEquals(fixture.warnings.length, 3);
  }));

testUnless(
  asRoot,
  "StateDir does not use the files of another user",
  () =>
    withVictim(async (fixture, dir) => {
      for (const name of ["sessions.jsonl", "identity", "changes.1.jsonl"]) {
        Deno.chownSync(`${dir}/${name}`, NOBODY, null);
      }
      const state = await fixture.open({}, dir);
      assertEquals(serials(state), []);
      assertEquals(fixture.warnings.length, 3);
      for (const warning of fixture.warnings) {
        assertStringIncludes(warning, "it belongs to uid 65534");
      }
    }),
);

testUnless(asRoot, "StateDir.open() refuses the directory of another user", async () => {
  await using fixture = new Fixture();
  Deno.mkdirSync(fixture.path);
  Deno.chownSync(fixture.path, NOBODY, null);
  await assertRejects(
    () => fixture.open(),
    ConfigurationError,
    `Cannot use ${fixture.path}: it belongs to uid 65534, not to the user of this program; ` +
      `run chown 0 ${fixture.path}`,
  );
});

for (const mode of [0o777, 0o770, 0o707, 0o1777]) {
  Deno.test(`StateDir.open() warns of a directory with mode ${mode.toString(8)}`, async () => {
    await using fixture = new Fixture();
    Deno.mkdirSync(fixture.path);
    Deno.chmodSync(fixture.path, mode);
    await fixture.open();
    assertEquals(fixture.warnings, [
      `Other users can replace the files in ${fixture.path}, and so take over or end sessions: ` +
      `run chmod go-w ${fixture.path}`,
    ]);
  });
}

Deno.test("StateDir.open() warns of an identity that others can read", async () => {
  await using fixture = new Fixture();
  await (await fixture.open()).close();
  Deno.chmodSync(`${fixture.path}/identity`, 0o644);
  await fixture.open();
  assertEquals(fixture.warnings, [
    `Other users can read or change the secret in ${fixture.path}/identity: ` +
    `run chmod 600 ${fixture.path}/identity`,
  ]);
});
