// The subcommand `status`, which shows the sides that run on this machine, and gives them orders.

import { closest } from "../closest.ts";
import { type Endpoint, parseEndpoint } from "../net/endpoint.ts";
import { ignoresHangup } from "./hangup.ts";
import { CAPTURE_FLAGS, CLOSE_FLAGS, type Flags, PADT_FLAGS, STATUS_FLAGS } from "./flags.ts";
import { isFlag } from "./hint.ts";
import { choice, type Given, integer, path, readFlags, required, UsageError } from "./options.ts";
import { checkPermissions } from "./permissions.ts";
import { askSide, findSides, type FoundSide, lookAt, orderSide } from "./running_sides.ts";
import {
  Blocks,
  JsonLines,
  Screen,
  terminalSize,
  type WatchOutput,
  writeOutput,
} from "./screen.ts";
import { documentOf, jsonLine, type SideDocument } from "./show/document.ts";
import { isHealthy, type Look, titleOf } from "./show/look.ts";
import { render } from "./show/render.ts";
import { colored, plain } from "./show/style.ts";
import { formatCount } from "./show/units.ts";
import { sessionsOf, type SessionView, statusOf, textIn } from "./show/view.ts";
import { readToken } from "./status_flags.ts";

/** The number of rows of a table without `--all`. */
const ROWS = 20;
/** The least width for which a table is fitted. */
const WIDTH_MIN = 40;
const WATCH_EVERY_MS = 1000;
/** The time for which the end waits for a write that has begun. */
const LAST_WRITE_MS = 200;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;
const MAC = /^[\da-f]{2}(:[\da-f]{2}){5}$/i;
const SESSION_ID = /^(0x[\da-f]{1,4}|\d{1,5})$/i;

/** The orders, which follow `status`. */
const ORDERS: Record<string, (args: string[], program: string) => Promise<number>> = {
  close: closeSession,
  padt: sendPadt,
  capture,
};

/** The words that follow `capture`. */
const CAPTURE_ACTIONS = ["start", "stop", "show"];
/** The flags that only the start of a capture has. */
const CAPTURE_START_FLAGS = ["file", "frames", "size-mib"];

/** The sides that the flags choose, and the token for them. */
interface Chosen {
  find(): Promise<FoundSide[]>;
  token: string | undefined;
  /** The interface that was named. */
  interfaceName: string | undefined;
}

/**
 * Runs the subcommand.
 *
 * @param args The command line
 * @param program The name by which the program was called
 * @returns The exit status
 */
export async function status(args: string[], program: string): Promise<number> {
  const order = Object.hasOwn(ORDERS, args[0] ?? "") ? ORDERS[args[0]] : undefined;
  if (order !== undefined) return await order(args.slice(1), program);
  const { words, given } = readWords(STATUS_FLAGS, args, 1);
  const chosen = choose(given, words[0]);
  return given.has("watch")
    ? await watch(chosen, given, program)
    : await glance(chosen, given, program);
}

/** Shows everything once. */
async function glance(chosen: Chosen, given: Given, program: string): Promise<number> {
  const sides = await chosen.find();
  if (given.has("json")) {
    const document = await documentFor(sides, chosen);
    await writeOutput(`${jsonLine(document)}\n`);
    if (sides.length === 0) complain(program, await nothingRuns(chosen, program));
    return document.healthy ? 0 : 1;
  }
  if (sides.length === 0) {
    complain(program, await nothingRuns(chosen, program));
    return 1;
  }
  const look = await lookAtAll(sides, chosen, given);
  await writeOutput(render(look, formOf(given)).map((line) => `${line}\n`).join(""));
  return isHealthy(look) ? 0 : 1;
}

/** Shows everything each second, until a signal comes or nobody sees it any more. */
async function watch(chosen: Chosen, given: Given, program: string): Promise<number> {
  const stop = Promise.withResolvers<void>();
  let isOver = false;
  const end = () => {
    isOver = true;
    stop.resolve();
  };
  // The first listener makes Deno catch SIGHUP too, even if it was ignored.
  const signals = SIGNALS.filter((signal) => signal !== "SIGHUP" || !ignoresHangup());
  for (const signal of signals) Deno.addSignalListener(signal, end);
  using output = outputFor(given);
  try {
    let before: Look | undefined;
    while (!isOver) {
      const startMs = performance.now();
      const block = await Promise.race([nextBlock(chosen, given, program, before), stop.promise]);
      if (block === undefined) break;
      before = block.look;
      const shown = output.show(block.lines);
      if (await Promise.race([shown, stop.promise]) === false) break;
      if (isOver) await Promise.race([shown, delay(LAST_WRITE_MS)]);
      const restMs = Math.max(0, startMs + WATCH_EVERY_MS - performance.now());
      await Promise.race([delay(restMs), stop.promise]);
    }
    return 0;
  } finally {
    for (const signal of signals) Deno.removeSignalListener(signal, end);
  }
}

function outputFor(given: Given): WatchOutput {
  if (given.has("json")) return new JsonLines();
  return terminalSize() === undefined ? new Blocks() : new Screen();
}

/** Makes the lines that a watch shows next. */
async function nextBlock(
  chosen: Chosen,
  given: Given,
  program: string,
  before: Look | undefined,
): Promise<{ lines: string[]; look: Look | undefined }> {
  const sides = await chosen.find();
  if (given.has("json")) {
    return { lines: [jsonLine(await documentFor(sides, chosen))], look: undefined };
  }
  const look = await lookAtAll(sides, chosen, given);
  const form = { ...formOf(given), before };
  const time = new Date(look.clockMs).toTimeString().slice(0, 8);
  const title = form.style("quiet", `${program} status at ${time}, Ctrl-C ends`);
  const lines = sides.length === 0 ? [await nothingRuns(chosen, program)] : render(look, form);
  return { lines: [title, "", ...lines], look };
}

async function lookAtAll(
  sides: readonly FoundSide[],
  { token }: Chosen,
  given: Given,
): Promise<Look> {
  const sessions = given.has("all") ? Infinity : ROWS;
  const views = await Promise.all(sides.map((side) => lookAt(side, { sessions, token })));
  return { clockMs: Date.now(), atMs: performance.now(), sides: views };
}

function formOf(given: Given) {
  const size = terminalSize();
  return {
    width: size === undefined ? Infinity : Math.max(WIDTH_MIN, size.columns),
    style: size === undefined || Deno.noColor ? plain : colored,
    rows: given.has("all") ? Infinity : ROWS,
  };
}

async function documentFor(sides: readonly FoundSide[], { token }: Chosen) {
  return documentOf(
    await Promise.all(sides.map(async (side): Promise<SideDocument> => {
      const answer = await askSide(side, "/api/status", token);
      const value = "value" in answer ? answer.value : undefined;
      const view = statusOf(value);
      const failure = "failure" in answer
        ? answer.failure
        : view === undefined
        ? `what answers at ${answer.address} is not a pppoe-proxy`
        : null;
      return {
        side: side.side ?? view?.side ?? null,
        interface: side.interface ?? view?.interface ?? null,
        name: side.name ?? null,
        pid: side.pid ?? null,
        address: answer.address ?? null,
        failure,
        status: view === undefined ? null : value,
      };
    })),
  );
}

/** Explains that there is no side, and what to do. */
async function nothingRuns({ interfaceName }: Chosen, program: string): Promise<string> {
  const others = interfaceName === undefined ? [] : await findSides();
  if (interfaceName !== undefined && others.length > 0) {
    const order = closest(interfaceName, Object.keys(ORDERS));
    const hint = order === undefined ? "" : ` (did you mean status ${order}?)`;
    return `Nothing runs on ${textIn(interfaceName)}${hint}; what runs is the ${
      others.map(titleOfFound).join(", the ")
    }`;
  }
  const on = textIn(interfaceName ?? "eth1");
  return `Nothing runs here, in this network namespace; start it, for example with ${program} client ` +
    `--interface ${on} --connect 192.0.2.1:8000, or ${program} server --interface ${on} --listen 0.0.0.0:8000`;
}

/** Closes a session. */
async function closeSession(args: string[], program: string): Promise<number> {
  const { words, given } = readWords(CLOSE_FLAGS, args, 2);
  const id = sessionId(words[0], "close 0x0011");
  const filter = {
    id,
    ...optional("host", macOf(given, "host")),
    ...optional("ac", macOf(given, "ac")),
    ...optional("tunnel", given.value("tunnel")),
  };
  const chosen = choose(given, words[1]);
  const sides = await chosen.find();
  if (sides.length === 0) return complain(program, await nothingRuns(chosen, program));
  const query = new URLSearchParams({ ...filter, limit: "2" });
  const failures: string[] = [];
  const matches: { side: FoundSide; session: SessionView; total: number }[] = [];
  await Promise.all(sides.map(async (side) => {
    const answer = await askSide(side, `/api/sessions?${query}`, chosen.token);
    const page = "value" in answer ? sessionsOf(answer.value) : undefined;
    if ("failure" in answer) failures.push(`the ${titleOfFound(side)}: ${answer.failure}`);
    for (const session of page?.sessions ?? []) {
      matches.push({ side, session, total: page?.total ?? 0 });
    }
  }));
  const [first] = matches;
  if (first === undefined) {
    const why = failures.length === 0 ? "" : `; not asked: ${failures.join(", ")}`;
    return complain(program, `There is no session ${id} here; status --all lists them${why}`);
  }
  const isOne = matches.every(({ session: { host, ac }, total }) =>
    total === 1 && host === first.session.host && ac === first.session.ac
  );
  if (!isOne) {
    const hosts = matches.map(({ side, session: { host, ac, tunnel } }) =>
      `--host ${host} --ac ${ac} --tunnel ${tunnel} at the ${titleOfFound(side)}`
    );
    return complain(
      program,
      `Several sessions have the id ${id}; say which, such as ${hosts.join(", or ")}`,
    );
  }
  const { side, session: { host, ac } } = first;
  const result = await orderSide(side, "/api/sessions/close", filter, chosen.token);
  if ("failure" in result) {
    return complain(program, `Cannot close session ${id}: ${result.failure}`);
  }
  await writeOutput(
    `Closed session ${first.session.id} of host ${host} with AC ${ac}, at the ${
      titleOfFound(side)
    }\n`,
  );
  return 0;
}

/** Sends an AC a PADT for a session that nobody here has. */
async function sendPadt(args: string[], program: string): Promise<number> {
  const { words, given } = readWords(PADT_FLAGS, args, 2);
  const id = sessionId(words[0], "padt 0x0011 --ac 02:00:00:00:00:ac");
  required(given, "ac", "02:00:00:00:00:ac");
  const ac = macOf(given, "ac")!;
  const content = { id, ac, ...optional("host", macOf(given, "host")) };
  const chosen = choose(given, words[1]);
  const found = await chosen.find();
  const sides = found.filter(({ side }) => side !== "client");
  if (found.length === 0) return complain(program, await nothingRuns(chosen, program));
  if (sides.length !== 1) {
    return complain(
      program,
      sides.length === 0
        ? "Only a server can send it, because the AC is on its link; run this on the server's machine"
        : `Several servers run here; name the interface of one, such as status padt ${id} ${
          sides[0].interface
        } --ac ${ac}`,
    );
  }
  const result = await orderSide(sides[0], "/api/padt", content, chosen.token);
  if ("failure" in result) return complain(program, `Cannot send the PADT: ${result.failure}`);
  const sent = result.value as { id?: unknown; ac?: unknown; host?: unknown };
  await writeOutput(
    `Sent a PADT for session ${textIn(sent.id)} from ${textIn(sent.host)} to AC ${
      textIn(sent.ac)
    }\n`,
  );
  return 0;
}

/** Begins or ends a capture, or describes the one that is under way. */
async function capture(args: string[], program: string): Promise<number> {
  const { words: [action, interfaceName], given } = readWords(CAPTURE_FLAGS, args, 2);
  if (!CAPTURE_ACTIONS.includes(action)) {
    throw new UsageError(`Give start, stop or show after capture, not "${action ?? ""}"`);
  }
  const superfluous = CAPTURE_START_FLAGS.find((flag) => given.value(flag) !== undefined);
  if (action !== "start" && superfluous !== undefined) {
    throw new UsageError(`--${superfluous} is for capture start only; leave it out`);
  }
  const content = {
    action,
    file: given.value("file"),
    frames: choice(given, "frames", ["discovery", "control", "all"]),
    sizeMib: integer(given, "size-mib", 1, 65_536),
  };
  const chosen = choose(given, interfaceName);
  const sides = await chosen.find();
  if (sides.length === 0) return complain(program, await nothingRuns(chosen, program));
  if (sides.length > 1 && action === "start") {
    const titles = sides.map(titleOfFound).join(", the ");
    return complain(
      program,
      `Several sides run here, the ${titles}; name the interface of one, such as status capture ` +
        `start ${sides[0].interface}, or its --socket`,
    );
  }
  let status = 0;
  for (const side of sides) {
    const result = action === "show"
      ? await askSide(side, "/api/capture", chosen.token)
      : await orderSide(side, "/api/capture", content, chosen.token);
    const title = titleOfFound(side);
    if ("failure" in result) {
      status = complain(program, `Cannot ${action} a capture at the ${title}: ${result.failure}`);
    } else {
      const { text, failure } = captureOf(result.value);
      await writeOutput(`${title}: ${text}\n`);
      if (failure !== undefined) status = complain(program, `Cannot write it: ${failure}`);
    }
  }
  return status;
}

/** Describes a capture, as a side has it. */
function captureOf(value: unknown): { text: string; failure?: string } {
  const { capture } = (value ?? {}) as { capture?: Record<string, unknown> | null };
  if (capture === null || capture === undefined) return { text: "no capture" };
  const count = (number: unknown) => formatCount(typeof number === "number" ? number : 0);
  const { file, frames, captured, leftOut, failure } = capture;
  const text = `${textIn(file)} (${textIn(frames)}), ${count(captured)} frames, ` +
    `${count(leftOut)} left out`;
  return { text, ...failure === undefined ? {} : { failure: textIn(failure) } };
}

function titleOfFound(side: FoundSide): string {
  const [address] = side.addresses;
  const at = address === undefined ? undefined : "path" in address ? address.path : "the given URL";
  return titleOf({ ...side, address: at });
}

/** Separates the words of a command line from its flags. */
function readWords(flags: Flags, args: string[], most: number): { words: string[]; given: Given } {
  const words: string[] = [];
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at];
    const name = /^--([^=]+)$/.exec(arg)?.[1] ?? "";
    if (Object.hasOwn(flags, name) && flags[name].value !== undefined) {
      rest.push(arg, ...args.slice(++at, at + 1));
    } else if (arg === "" || isFlag(arg) || words.length === most) rest.push(arg);
    else words.push(arg);
  }
  const order = most === 1 && rest.some((word) => !isFlag(word))
    ? closest(words[0] ?? "", Object.keys(ORDERS))
    : undefined;
  if (order !== undefined) {
    throw new UsageError(`Unknown order ${words[0]} (did you mean ${order}?)`);
  }
  return { words, given: readFlags(flags, rest) };
}

/** Reads the flags that choose the sides. */
function choose(given: Given, interfaceName: string | undefined): Chosen {
  const [url, socket] = [given.value("url"), path(given, "socket")];
  const tokenFile = path(given, "token-file");
  const named = [
    ...interfaceName === undefined ? [] : ["INTERFACE"],
    ...url === undefined ? [] : ["--url"],
    ...socket === undefined ? [] : ["--socket"],
  ];
  if (named.length > 1) throw new UsageError(`Give only one of ${named.join(" and ")}`);
  checkPermissions({ secrets: [tokenFile] }, "status");
  const token = tokenFile === undefined ? undefined : readToken(tokenFile);
  const address = url !== undefined
    ? endpointOf(url)
    : socket !== undefined
    ? { path: socket.replace(/^unix:/, "") }
    : undefined;
  const find = address === undefined
    ? () => findSides(interfaceName)
    : () => Promise.resolve([sideOnlyAt(address)]);
  return { find, token, interfaceName };
}

function sideOnlyAt(address: FoundSide["addresses"][number]): FoundSide {
  return {
    side: undefined,
    interface: undefined,
    name: undefined,
    pid: undefined,
    uid: undefined,
    stopping: false,
    failure: undefined,
    addresses: [address],
    isTrusted: true,
  };
}

function endpointOf(url: string): Endpoint {
  const fail = (reason: string) => new UsageError(`Cannot read --url: ${reason}`);
  const [, scheme, rest = ""] = /^(?:([a-z]+):\/\/)?(.*?)\/*$/i.exec(url) ?? [];
  if (scheme?.toLowerCase() === "https") {
    throw fail("the status is not served by https; forward its port with ssh -L instead");
  }
  if (scheme !== undefined && scheme.toLowerCase() !== "http") {
    throw fail(`"${url}" does not begin with http://`);
  }
  let endpoint: Endpoint;
  try {
    endpoint = parseEndpoint(rest, "127.0.0.1:9000");
  } catch (error) {
    throw fail(`${(error as Error).message}; give http://127.0.0.1:9000, for example`);
  }
  if (scheme === undefined) throw fail(`did you mean http://${rest}?`);
  return endpoint;
}

function sessionId(word: string | undefined, example: string): string {
  if (word === undefined) throw new UsageError(`ID is missing; for example status ${example}`);
  if (SESSION_ID.test(word)) return word;
  throw new UsageError(`ID must be a session id such as 0x0011, not "${word}"`);
}

function macOf(given: Given, flag: string): string | undefined {
  const value = given.value(flag);
  if (value === undefined || MAC.test(value)) return value?.toLowerCase();
  throw new UsageError(`--${flag} must be an address such as 02:00:00:00:00:11, not "${value}"`);
}

function optional<K extends string>(key: K, value: string | undefined): { [key in K]?: string } {
  return value === undefined ? {} : { [key]: value } as { [key in K]?: string };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Writes a line on standard error, and returns the exit status of a failure. */
function complain(program: string, message: string): number {
  Deno.stderr.writeSync(new TextEncoder().encode(`${program}: ${message}\n`));
  return 1;
}
