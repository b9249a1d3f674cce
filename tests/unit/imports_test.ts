// Tests that imports between the files of src and ffi have no circles, and go from upper folders to lower ones.

import { assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

/** Files at the top of `src` without I/O, which every folder of `src` may import. */
const EVERYWHERE = [
  "src/assert.ts",
  "src/budget.ts",
  "src/closest.ts",
  "src/configuration_error.ts",
  "src/problem.ts",
  "src/reason.ts",
  "src/side.ts",
  "src/tunnel_cause.ts",
];

/**
 * The layers from the bottom up: each folder, and each other file at the top of `src`, with the folders that
 * it may import. docs/ARCHITECTURE.md describes them.
 */
const LAYERS: Record<string, string[]> = {
  "src/std": [],
  "ffi": [],
  "src/wire": [],
  "src/version.ts": [],
  "src/progress.ts": [],
  "src/own_name.ts": ["src/wire"],
  "src/net": ["ffi"],
  "src/files": [],
  "src/keys": ["ffi", "src/files", "src/net", "src/own_name.ts"],
  "src/poll": ["ffi"],
  "src/transport": ["ffi", "src/poll"],
  "src/tunnel": ["ffi", "src/keys", "src/net", "src/transport", "src/wire"],
  "src/discover": ["src/wire"],
  "src/relay": ["src/net", "src/wire"],
  "src/page": [],
  "src/observe": [
    "src/discover",
    "src/files",
    "src/net",
    "src/page",
    "src/relay",
    "src/version.ts",
    "src/wire",
  ],
  "src/link": ["ffi", "src/observe", "src/poll", "src/relay", "src/wire"],
  "src/claim": ["ffi", "src/observe"],
  "src/health": ["ffi"],
  "src/state": ["ffi", "src/files", "src/observe", "src/relay", "src/wire"],
  "src/capture": [
    "ffi",
    "src/files",
    "src/link",
    "src/observe",
    "src/relay",
    "src/tunnel",
    "src/wire",
  ],
  "src/dataplane": [
    "ffi",
    "src/capture",
    "src/discover",
    "src/keys",
    "src/link",
    "src/net",
    "src/observe",
    "src/poll",
    "src/relay",
    "src/state",
    "src/transport",
    "src/tunnel",
    "src/wire",
  ],
  "src/runtime.ts": [
    "ffi",
    "src/capture",
    "src/claim",
    "src/dataplane",
    "src/files",
    "src/health",
    "src/net",
    "src/observe",
    "src/own_name.ts",
    "src/relay",
    "src/state",
    "src/tunnel",
    "src/version.ts",
    "src/wire",
  ],
  "src/running_side.ts": ["src/net", "src/observe", "src/runtime.ts"],
  "src/client": [
    "ffi",
    "src/dataplane",
    "src/keys",
    "src/net",
    "src/observe",
    "src/running_side.ts",
    "src/runtime.ts",
    "src/tunnel",
    "src/wire",
  ],
  "src/server": [
    "ffi",
    "src/keys",
    "src/net",
    "src/observe",
    "src/relay",
    "src/running_side.ts",
    "src/runtime.ts",
    "src/tunnel",
    "src/wire",
  ],
  "src/lab": ["ffi", "src/link", "src/wire"],
  "src/cli": [
    "ffi",
    "src/capture",
    "src/claim",
    "src/client",
    "src/discover",
    "src/files",
    "src/keys",
    "src/lab",
    "src/link",
    "src/net",
    "src/observe",
    "src/own_name.ts",
    "src/progress.ts",
    "src/relay",
    "src/runtime.ts",
    "src/server",
    "src/version.ts",
    "src/wire",
  ],
};

/** The exceptions, which go up, each with its reason. */
const UPWARD: Record<string, string[]> = {
  // Numbers in network byte order are read and written in one place.
  "ffi": ["src/wire/uint16.ts"],
  // Events and status name the state of a link, whose type belongs to the seam. It has no code.
  "src/observe": ["src/link/device.ts"],
};

/** The intended circles: a session knows its peer, and a peer its sessions. */
const CIRCLES = ["src/relay/peer.ts, src/relay/session.ts"];

/** The parts that only decide, without I/O. */
const WITHOUT_IO = [
  "src/cli/show/document.ts",
  "src/cli/show/render.ts",
  "src/cli/show/view.ts",
  "src/client/machine.ts",
  "src/client/server_trouble.ts",
  "src/discover/ac_search.ts",
  "src/health/clock.ts",
  "src/health/descriptors.ts",
  "src/health/memory.ts",
  "src/health/other_programs.ts",
  "src/net/connect_attempt.ts",
  "src/relay/mod.ts",
  "src/server/admission.ts",
  "src/server/client_watch.ts",
  "src/server/door.ts",
  "src/server/proxy_header.ts",
  "src/server/unused_keys.ts",
  "src/tunnel/handshake_machine.ts",
  "src/tunnel/path_quality.ts",
  "src/wire/mod.ts",
];

/** Returns the TypeScript files in a folder and below it, such as `src/wire/mod.ts`. */
function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesIn(`${folder}${name}/`) : name.endsWith(".ts") ? [`${folder}${name}`] : []
  );
}

function textOf(file: string): string {
  return Deno.readTextFileSync(new URL(file, ROOT));
}

/** Returns the text of a file without comment lines. */
function codeOf(file: string): string {
  return textOf(file).replaceAll(/^ *(?:\/\/|\/?\*).*$/gm, "");
}

/** Returns the files from which a file imports or exports, including types and dynamic imports. */
function importsOf(file: string): string[] {
  const text = textOf(file);
  const patterns = [
    /^(?:import|export|\}) ?[^"]*?from "(\.[^"]+)"/gm,
    /^import "(\.[^"]+)"/gm,
    /\bimport\(\s*"(\.[^"]+)"/g,
  ];
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)])
    .map(([, path]) => new URL(path, new URL(file, ROOT)).href.slice(ROOT.href.length));
}

const FILES = [...filesIn("src/"), ...filesIn("ffi/")].sort();
const IMPORTS = new Map(FILES.map((file) => [file, importsOf(file)]));

/** Returns the shortest chain of imports from a file to another, including both; undefined if there is none. */
function wayTo(from: string, isGoal: (file: string) => boolean): string[] | undefined {
  const ways: string[][] = [[from]];
  const seen = new Set<string>();
  for (const way of ways) {
    for (const next of IMPORTS.get(way.at(-1)!) ?? []) {
      if (isGoal(next)) return [...way, next];
      if (seen.has(next)) continue;
      seen.add(next);
      ways.push([...way, next]);
    }
  }
  return undefined;
}

/** Returns the layer of a file: its folder, or the file itself at the top of `src`. */
function layerOf(file: string): string {
  const [top, folder, ...rest] = file.split("/");
  return top === "src" ? rest.length > 0 ? `${top}/${folder}` : file : top;
}

Deno.test("importsOf() finds imports of values, of types, from barrels and over several lines", () => {
  const names = (file: string) => IMPORTS.get(file)!;
  assertEquals(names("src/tunnel/channel.ts").includes("src/tunnel/outbox.ts"), true);
  assertEquals(names("src/relay/relay.ts").includes("src/relay/discovery/context.ts"), true);
  assertEquals(names("src/relay/relay.ts").includes("src/wire/mod.ts"), true);
  assertEquals(names("src/relay/mod.ts").includes("src/relay/relay.ts"), true);
});

Deno.test("Every imported file exists", () => {
  const others = FILES.flatMap(importsOf).filter((file) => !IMPORTS.has(file));
  // The files of the page are imported as text.
  const [ofPage, rest] = [true, false].map((isWanted) =>
    others.filter((file) => file.startsWith("src/page/") === isWanted)
  );
  for (const file of ofPage) textOf(file);
  assertEquals([...new Set(rest)], ["deno.json"]);
});

Deno.test("No file imports itself through others, except for a session and its peer", () => {
  const circles = FILES.filter((file) => !file.startsWith("src/std/")).flatMap((file) => {
    const circle = wayTo(file, (next) => next === file)?.slice(1).sort();
    return circle === undefined ? [] : [circle.join(", ")];
  });
  assertEquals([...new Set(circles)], CIRCLES);
});

Deno.test("Every folder imports only the folders below it that docs/ARCHITECTURE.md allows", () => {
  const upward = FILES.flatMap((file) => {
    const layer = layerOf(file);
    if (EVERYWHERE.includes(layer)) return importsOf(file).map((to) => `${file} > ${to}`);
    const allowed = [layer, ...LAYERS[layer] ?? [], ...layer === "ffi" ? [] : EVERYWHERE];
    return importsOf(file)
      .filter((to) => !allowed.includes(layerOf(to)) && !(UPWARD[layer] ?? []).includes(to))
      .map((to) => `${file} > ${to}`);
  });
  assertEquals(upward, ["src/version.ts > deno.json"]);
});

Deno.test("The table of layers is ordered from the bottom up, and names only existing folders", () => {
  const layers = Object.keys(LAYERS);
  for (const [at, layer] of layers.entries()) {
    assertEquals(LAYERS[layer].filter((below) => !layers.slice(0, at).includes(below)), []);
  }
  const present = new Set(FILES.map(layerOf).filter((layer) => !EVERYWHERE.includes(layer)));
  assertEquals(layers.toSorted(), [...present].sort());
});

Deno.test("The imports of parts without I/O reach no system call, no clock and no timer", () => {
  const outside = /\bDeno\.(?!errors\b)|\bperformance\.|\bset(?:Timeout|Interval)\(/;
  const isOutside = (file: string) => file.startsWith("ffi/") || outside.test(codeOf(file));
  for (const part of WITHOUT_IO) assertEquals(wayTo(part, isOutside), undefined, part);
});

Deno.test("The imports of the data plane reach no socket, no ring and no TCP", () => {
  const made = [
    "src/dataplane/packet_plane.ts",
    "src/link/packet_link.ts",
    "src/transport/tcp.ts",
  ];
  const reaches = made.filter((file) =>
    wayTo("src/dataplane/data_plane.ts", (next) => next === file) !== undefined
  );
  assertEquals(reaches, []);
});
