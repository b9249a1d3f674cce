// The subcommand `discover`, which lists the ACs that answer on an interface, or beyond the tunnel of a client.

import {
  ControlLane,
  type InterfaceInfo,
  LinkSender,
  listInterfaces,
  POLLIN,
  PollSet,
  readInterface,
  readInterfaceCondition,
  type VlanFrame,
  VlanFrames,
} from "../../ffi/mod.ts";
import { heldPlaces } from "../claim/mod.ts";
import { AcSearch, type Found, RANDOM_BYTES, SERVICE_MAX_BYTES } from "../discover/ac_search.ts";
import { shellWord } from "../files/shell_word.ts";
import { downReason } from "../link/down_reason.ts";
import { laneFilter, vlanFilter } from "../link/lane_filter.ts";
import { vlanProblem } from "../link/other_vlans.ts";
import { FOUND } from "../observe/api/discover_routes.ts";
import { faultIn } from "../observe/api/schema.ts";
import { Progress } from "../progress.ts";
import { reasonOf } from "../reason.ts";
import { escapeUnprintable } from "../wire/text.ts";
import { DISCOVER_FLAGS } from "./flags.ts";
import { type Given, integer, interfaceName, readFlags, UsageError } from "./options.ts";
import { findSides, type FoundSide, orderSide } from "./running_sides.ts";
import { terminalSize, writeOutput } from "./screen.ts";
import { acTable } from "./show/acs.ts";
import { colored, plain } from "./show/style.ts";
import { textIn } from "./show/view.ts";

/** The time to wait for answers, in seconds: the usual one, and the longest. */
const WAIT = { usual: 3, most: 10 };
/** The time that a client's answer may take beyond that, in ms. */
const ANSWER_MS = 2000;
const FRAME_MAX = 0xffff;
/** The number of interfaces that an error lists. */
const LISTED = 8;

/** What the command line asks for. */
interface Request {
  service: string | undefined;
  waitMs: number;
}

/** The result of a search, or the reason why there was none. */
type Outcome =
  | {
    found: Found;
    /** The place where it looked, such as `on eth1`. */
    place: string;
    /** What to check if nobody has answered. */
    advice: string;
  }
  | { failure: string };

/**
 * Runs the subcommand.
 *
 * @param args The command line
 * @param program The name by which the program was called
 * @returns The exit status: 0 if an AC offers a session, 1 if not
 */
export async function discover(args: string[], program: string): Promise<number> {
  const given = readFlags(DISCOVER_FLAGS, args);
  const wait = integer(given, "wait", 1, WAIT.most, "seconds") ?? WAIT.usual;
  const request: Request = { service: serviceIn(given), waitMs: wait * 1000 };
  const outcome = given.has("through")
    ? await searchThrough(given, request, program)
    : await searchOn(interfaceIn(given, program), request, program);
  if ("failure" in outcome) return complain(program, outcome.failure);
  const { found, place, advice } = outcome;
  const { acs, sent } = found;
  if (given.has("json")) await writeOutput(`${JSON.stringify(acs, null, 2)}\n`);
  else if (acs.length > 0) await writeOutput(textOf(found));
  if (acs.some(({ offer }) => offer)) return 0;
  if (acs.length > 0) {
    return complain(program, `No AC ${place} offers a session; each answers with an error`);
  }
  const any = request.service === undefined
    ? ""
    : "; or no AC has that service, so try it without --service";
  const missing = `No AC answers ${place}, asked ${sent} times in ${wait} s`;
  return complain(program, `${missing}; ${advice}${any}`);
}

function serviceIn(given: Given): string | undefined {
  const service = given.value("service");
  const { length } = new TextEncoder().encode(service ?? "");
  if (length <= SERVICE_MAX_BYTES) return service;
  throw new UsageError(`--service is ${length} bytes long; the maximum is ${SERVICE_MAX_BYTES}`);
}

/** Returns the interface to ask on, which must exist. */
function interfaceIn(given: Given, program: string): InterfaceInfo {
  const all = listInterfaces();
  const up = all.filter((name) => readInterface(name)?.up);
  const known = up.length > 0 ? up : all;
  if (given.value("interface") === undefined) {
    if (known.length === 0) {
      throw new UsageError("--interface is missing, and this machine has no Ethernet interface");
    }
    const command = `${program} discover --interface ${shellWord(known[0])}`;
    throw new UsageError(`--interface is missing; for example ${command} (${listed(known, up)})`);
  }
  const name = interfaceName(given);
  const link = readInterface(name);
  const fail = (fault: string) =>
    new UsageError(
      `Cannot use --interface "${name}": ${fault}${
        known.length > 0 ? ` (${listed(known, up)})` : ""
      }`,
    );
  if (link === undefined) throw fail("there is no such interface");
  if (!link.isEthernet) throw fail("it is not an Ethernet interface");
  return link;
}

/** Lists interfaces, to follow a semicolon: those that are up, or all if none is. */
function listed(known: readonly string[], up: readonly string[]): string {
  const names = known.slice(0, LISTED).map(textIn).join(", ");
  const more = known.length > LISTED ? ` and ${known.length - LISTED} more` : "";
  return `${up.length > 0 ? "up" : "here, but down"}: ${names}${more}`;
}

/** Sends PADIs on an interface, and gathers the answers. */
async function searchOn(
  link: InterfaceInfo,
  request: Request,
  program: string,
): Promise<Outcome> {
  const { name, mac } = link;
  const down = downFault(link);
  if (down !== undefined) return { failure: down };
  try {
    using sockets = new DisposableStack();
    const filter = laneFilter("control");
    const lane = ControlLane.open({ interface: link, filter, promiscuous: false });
    sockets.defer(() => lane.close());
    const vlans = VlanFrames.open({ interface: link, filter: vlanFilter() });
    sockets.defer(() => vlans.close());
    using progress = new Progress();
    progress.show(`Waiting for ACs on ${name}`);
    const sender = new LinkSender(lane.fd);
    const received = new Uint8Array(FRAME_MAX);
    const set = new PollSet(1);
    set.add(lane.fd, POLLIN);
    const random = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES));
    const search = new AcSearch({ mac, ...request, random }, performance.now());
    while (!search.isOver(performance.now())) {
      const padi = search.padi(performance.now());
      if (padi !== undefined && !sender.send(padi)) {
        return { failure: downFault(readInterface(name)) ?? `${name} takes no frames` };
      }
      await set.waitAsync(Math.max(0, Math.ceil(search.dueMs - performance.now())));
      for (let length; (length = lane.receive(received)) !== 0;) {
        if (length < 0) return { failure: downFault(readInterface(name)) ?? `${name} went down` };
        if (length <= FRAME_MAX) search.take(received.subarray(0, length), performance.now());
      }
    }
    const vlan = vlans.count() > 0 ? vlans.take() : undefined;
    return { found: search.found(), place: `on ${name}`, advice: adviceFor(name, vlan, program) };
  } catch (error) {
    return { failure: reasonOf(error) };
  }
}

/** Explains why no frame can be sent on an interface; undefined if it is up. */
function downFault(link: InterfaceInfo | undefined): string | undefined {
  if (link === undefined) return "The interface is gone";
  if (link.up) return undefined;
  const condition = readInterfaceCondition(link.index);
  const reason = condition && downReason(condition, readInterfaceCondition);
  return `${link.name} is down${reason === undefined ? "" : `, ${reason}`}`;
}

function textOf({ acs, leftOut }: Found): string {
  const style = terminalSize() === undefined || Deno.noColor ? plain : colored;
  const more = leftOut === 0 ? [] : [`There are more ACs, which sent ${leftOut} answers`];
  return [...acTable(acs, style), ...more].map((line) => `${line}\n`).join("");
}

/** Says what to check if no AC answers on an interface. */
function adviceFor(name: string, vlan: VlanFrame | undefined, program: string): string {
  if (vlan !== undefined) {
    const { what, advice } = vlanProblem(name, vlan, true);
    return `${what}; ${advice}`;
  }
  if (runsClient(name)) {
    return `a client runs on ${name}, which does not hear this machine's own PADIs; ` +
      `to ask through its tunnel: ${program} discover --through --interface ${shellWord(name)}`;
  }
  return `check if ${name} is the interface towards the AC, the cable and the port at its other end, and ` +
    `whether the line needs a VLAN (then ask on an interface such as ${name}.7)`;
}

/** Has a running client ask through its tunnel. */
async function searchThrough(given: Given, request: Request, program: string): Promise<Outcome> {
  const name = given.value("interface") === undefined ? undefined : interfaceName(given);
  const on = name === undefined ? "" : ` on ${name}`;
  let sides: FoundSide[];
  try {
    sides = await findSides(name);
  } catch (error) {
    return { failure: `Cannot find the client: ${reasonOf(error)}` };
  }
  const clients = sides.filter(({ side }) => side === "client");
  const [client] = clients;
  if (client === undefined) {
    const server = sides.find(({ side }) => side === "server")?.interface;
    const own = server === undefined
      ? ""
      : `; the server on ${server} has its ACs there: ${program} discover --interface ${
        shellWord(server)
      }`;
    return { failure: `No client runs here${on}, in this network namespace${own}` };
  }
  if (clients.length > 1) {
    const names = clients.slice(0, LISTED).map(({ interface: one }) => one).join(", ");
    throw new UsageError(
      `Several clients run here; name the interface of one: --interface ${
        shellWord(client.interface ?? "eth1")
      } (they are on ${names})`,
    );
  }
  const title = `the client on ${client.interface}`;
  using progress = new Progress();
  progress.show(`Waiting for ACs beyond ${title}`);
  const { service, waitMs } = request;
  const content = { waitMs, ...service === undefined ? {} : { service } };
  // Over TCP it would need a token.
  const sockets = client.addresses.filter((address) => "path" in address);
  const asked = sockets.length > 0 ? { ...client, addresses: sockets } : client;
  const result = await orderSide(asked, "/api/discover", content, undefined, waitMs + ANSWER_MS);
  if ("failure" in result) return { failure: `Cannot ask through ${title}: ${result.failure}` };
  if (faultIn(FOUND, result.value) !== undefined) {
    return { failure: `Cannot read the answer of ${title}; is it of another version?` };
  }
  return {
    found: result.value as Found,
    place: `beyond the tunnel of ${title}`,
    advice:
      `look on the server's machine: ${program} status, or ${program} discover --interface IF`,
  };
}

function runsClient(name: string): boolean {
  try {
    return heldPlaces().some((place) => place.side === "client" && place.interface === name);
  } catch {
    // There is no /proc.
    return false;
  }
}

/** Writes a line on standard error, and returns the exit status of a failure. */
function complain(program: string, message: string): number {
  Deno.stderr.writeSync(new TextEncoder().encode(`${program}: ${escapeUnprintable(message)}\n`));
  return 1;
}
