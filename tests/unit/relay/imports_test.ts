// The imports between the files of src/relay.

import { assertEquals } from "@std/assert";

const RELAY = new URL("../../../src/relay/", import.meta.url);
/** A session and the peer that it belongs to know each other. */
const PAIR = ["peer.ts", "session.ts"];

/** The names of the files in a folder and in those below it, such as `discovery/client.ts`. */
function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, RELAY))].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesIn(`${folder}${name}/`) : [`${folder}${name}`]
  );
}

/** The files of src/relay that a file imports or exports from, for their types too. */
function importsOf(file: string): string[] {
  const text = Deno.readTextFileSync(new URL(file, RELAY));
  return [...text.matchAll(/^(?:import|export|\}) ?[^"]*?from "(\.[^"]+)";$/gm)]
    .map(([, path]) => new URL(path, new URL(file, RELAY)).href)
    .filter((href) => href.startsWith(RELAY.href))
    .map((href) => href.slice(RELAY.href.length));
}

Deno.test("No file of src/relay imports itself by way of others, but for a session and its peer", () => {
  const files = filesIn("").sort();
  const imports = new Map(files.map((file) => [file, importsOf(file)]));
  const circles: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) return void circles.push(path.slice(at).sort());
    if (done.has(file)) return;
    for (const next of imports.get(file)!) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  assertEquals(imports.get("relay.ts")!.includes("discovery/context.ts"), true);
  assertEquals(circles, [PAIR]);
});
