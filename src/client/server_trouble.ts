// The problem of a client without a tunnel, in words: the reason of the last attempt, and what to do about it.
// No I/O.

import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import type { Problem } from "../problem.ts";
import { REASON } from "../wire/mod.ts";
import { nameInText } from "../wire/text.ts";
import type { ClientFailure } from "./messages.ts";

/** The time for which a lost tunnel may be away before that is a problem, in ms. */
export const LOST_MS = 2000;
/** The time after which the first attempt is a problem although it has not failed yet, in ms. */
export const NO_ANSWER_MS = 5000;
/** The time between two reasons that are told of one problem, in ms. */
export const RENEW_MS = 10_000;

/** The end of a tunnel whose server was silent for so long that it is known to be away. */
const SILENT = /^nothing heard for/;

/** The reasons why a client has no tunnel. */
export interface Trouble {
  /** The time since which it has none. */
  readonly sinceMs: number;
  /** The end of the last tunnel; undefined if there was none. */
  lost: { server: Endpoint; reason: string; goodbye: number | undefined } | undefined;
  /** The last failure at each server that was tried since, by its place in the list. */
  readonly failures: Map<number, { server: Endpoint; failure: ClientFailure }>;
  /** True if another program is connected as this client. */
  isRival: boolean;
}

/** The problems that a lack of a tunnel can be. */
type TunnelProblemId = "no-server" | "server-refuses";

/** A reason in words, with the kind of the problem that it is. */
interface Explanation {
  id: TunnelProblemId;
  what: string;
  advice: string;
}

/**
 * Returns the time from which a trouble is a problem: at once if each server has failed and there was no tunnel
 * before, otherwise after a few seconds.
 *
 * @param trouble The trouble
 * @param servers The number of servers
 * @returns The time
 */
export function troubleDueMs({ sinceMs, lost, failures }: Trouble, servers: number): number {
  if (lost !== undefined) return SILENT.test(lost.reason) ? sinceMs : sinceMs + LOST_MS;
  return failures.size >= servers ? sinceMs : sinceMs + NO_ANSWER_MS;
}

/**
 * Describes a trouble.
 *
 * @param trouble The trouble
 * @param servers The servers
 * @returns The problem
 */
export function describeTrouble(trouble: Trouble, servers: readonly Endpoint[]): Problem {
  const { id, what, advice } = explain(trouble, servers);
  return { id, subject: "", what, advice, blocks: true };
}

function explain(trouble: Trouble, servers: readonly Endpoint[]): Explanation {
  const others = servers.length - 1;
  const also = others === 0
    ? ""
    : others === 1
    ? ", nor to the other server"
    : ", nor to the others";
  const { id, what, advice } = chosen(trouble, servers);
  return { id, what: what.replace("{others}", also), advice };
}

function chosen(
  { lost, failures, isRival }: Trouble,
  servers: readonly Endpoint[],
): Explanation {
  const [first] = servers;
  if (isRival) return inWords(lost?.server ?? first, RIVAL);
  const found = [...failures.values()]
    .map(({ server, failure }) => explainFailure(server, failure));
  // Somebody who is told about a refusal can do something about it. Otherwise the first failure counts.
  const refusal = found.find(({ id }) => id === "server-refuses");
  if (found.length > 0) return refusal ?? found[0];
  if (lost !== undefined) return explainLoss(lost);
  return inWords(first, {
    id: "no-server",
    what: `${NO_TUNNEL}, which has not answered yet`,
    advice: isName(first) ? `${UNREACHABLE}, and that this machine's DNS works` : UNREACHABLE,
  });
}

function isName({ hostname }: Endpoint): boolean {
  return /[a-z]/i.test(hostname) && !hostname.includes(":");
}

/** The words for a trouble; `{server}` stands for the address of the server, `{others}` for the others. */
type Words = Explanation;

const NO_TUNNEL = "There is no tunnel to server {server}{others}";
const UNREACHABLE =
  "check that the server's machine is up, that the address in --connect is right, " +
  "and that no firewall on the way drops the packets";

const RIVAL: Words = {
  id: "server-refuses",
  what: "Server {server} replaces this client's tunnel by another one, again and again",
  advice: "another program connects as this client: give each client a key of its own (keygen), " +
    "and its own --state-dir instead of a copy",
};

/** The words for failures of a connection, by what the system says. */
const CONNECT_WORDS: readonly { reason: RegExp; what: string; advice: string }[] = [
  {
    reason: /refused/i,
    what: "whose machine refuses the connection",
    advice: "start the server there, and check that its --listen has the address and port in " +
      "--connect; a firewall may refuse as well",
  },
  {
    reason: /reset by peer/i,
    what: "which resets the connection",
    advice:
      "add this machine's address to the server's --allow list; a firewall or a proxy on the " +
      "way may reset as well",
  },
  {
    reason: /no route/i,
    what: "whose machine cannot be reached",
    advice:
      "check that the server's machine is up, the address in --connect, and the routes on the " +
      "way (ip route get ADDRESS); a firewall may say so as well",
  },
  {
    reason: /unreachable/i,
    what: "because no route leads there",
    advice:
      "check this machine's own connection, its addresses and its routes (ip route get ADDRESS)",
  },
  {
    reason: /no answer|timed out/i,
    what: "which does not answer",
    advice: UNREACHABLE,
  },
];

/** The words for the codes of a goodbye with which a server refuses. */
const GOODBYE_WORDS: Readonly<Record<string, { what: string; advice: string } | undefined>> = {
  "not allowed": {
    what: "does not allow this client",
    advice:
      "the key's line in the server's key file (its addresses, or whether it is still there), " +
      "or --allow must admit this client",
  },
  "full": {
    what: "has no room for this client",
    advice:
      "raise --max-clients or --max-clients-per-address at the server, or its limit of open " +
      "files (ulimit -n)",
  },
  "version": {
    what: "speaks another version of the protocol",
    advice: "update the side with the older pppoe-proxy",
  },
  "protocol": {
    what: "does not understand this client",
    advice: "run the same version of pppoe-proxy on both sides",
  },
  "replaced": { what: RIVAL.what, advice: RIVAL.advice },
};

const CODES = new Map<number, string>([
  [REASON.NOT_ALLOWED, "not allowed"],
  [REASON.FULL, "full"],
  [REASON.VERSION, "version"],
  [REASON.PROTOCOL, "protocol"],
]);

/** The message of a handshake that ended in a goodbye. */
const REFUSED = /^Refused: goodbye \(([^)]+)\)(?:: (.*))?$/s;
/** The message of a handshake in which the server does not know the key. */
const BAD_KEY = /^The server does not accept the key ([^:]+):/;
/** The message of a handshake that the server has ended before it said anything. */
const ENDED = /^The server (closed|reset) the connection without (?:a greeting|an answer)/;

function explainFailure(server: Endpoint, failure: ClientFailure): Explanation {
  switch (failure.step) {
    case "resolve":
    case "lookup":
      return inWords(server, {
        id: "no-server",
        what: `${NO_TUNNEL}, because the name ${server.hostname} is not found (${failure.reason})`,
        advice: "check the name in --connect and this machine's DNS (getent hosts " +
          `${server.hostname}), or give an IP address`,
      });
    case "connect": {
      const { reason } = failure;
      const words = CONNECT_WORDS.find((words) => words.reason.test(reason)) ??
        { what: `because it cannot connect: ${reason}`, advice: UNREACHABLE };
      return inWords(server, {
        id: "no-server",
        what: `${NO_TUNNEL}, ${words.what}`,
        advice: words.advice.replace("ADDRESS", server.hostname),
      });
    }
    case "greet":
      return inWords(server, explainGreeting(failure.reason));
    case "hand-over":
      return inWords(server, {
        id: "no-server",
        what: `${NO_TUNNEL}: ${failure.reason}`,
        advice: "it is tried again; if it lasts, look at the log for an earlier error",
      });
    case "link-down":
      return inWords(server, {
        id: "no-server",
        what: `${NO_TUNNEL}, because the interface of server ${nameInText(failure.name)} is down`,
        advice: "check the cable there, and the log or the status of that side, which tells why",
      });
  }
}

function explainGreeting(message: string): Words {
  const [, code, text] = REFUSED.exec(message) ?? [];
  const words = code === undefined ? undefined : GOODBYE_WORDS[code];
  if (words !== undefined) {
    const said = text === undefined ? "" : ` and says ${text}`;
    const what = words.what.startsWith("Server") ? words.what : `Server {server} ${words.what}`;
    return { id: "server-refuses", what: what + said, advice: words.advice };
  }
  if (code !== undefined) {
    const advice =
      "the server may be stopping, and it is tried again; if it lasts, look at its log";
    return { id: "no-server", what: `${NO_TUNNEL}: ${message}`, advice };
  }
  const [, key] = BAD_KEY.exec(message) ?? [];
  if (key !== undefined) {
    return {
      id: "server-refuses",
      what: `Server {server} does not accept the key ${key}`,
      advice:
        "its line in the server's key file is missing or has another secret: make a new key " +
        "with keygen --rotate, copy it to this client, and reload the server (SIGHUP)",
    };
  }
  const [, how] = ENDED.exec(message) ?? [];
  if (how !== undefined) {
    return {
      id: "no-server",
      what: `${NO_TUNNEL}, which ${how} the connection before it greeted`,
      advice:
        "this machine's address may not be on the server's --allow list; a server with keys " +
        "does so to a client without --key-file, and a proxy that cannot reach its server does too",
    };
  }
  const { what, advice } = withAdvice(message);
  return { id: "no-server", what: `${NO_TUNNEL}: ${what}`, advice };
}

function explainLoss(
  { server, reason, goodbye }: NonNullable<Trouble["lost"]>,
): Explanation {
  const words = goodbye === undefined ? undefined : GOODBYE_WORDS[CODES.get(goodbye) ?? ""];
  if (words !== undefined) {
    const what = `Server {server} ${words.what} (${reason})`;
    return inWords(server, { id: "server-refuses", what, advice: words.advice });
  }
  return inWords(server, {
    id: "no-server",
    what: `${NO_TUNNEL}, since the last one ended: ${reason}`,
    advice: "it is connected again as soon as the server answers; otherwise " + UNREACHABLE,
  });
}

/** Splits a message at its advice, which follows the first colon outside of quotes and parentheses. */
function withAdvice(message: string): { what: string; advice: string } {
  const [, what, advice] = /^((?:"[^"]*"|\([^)]*\)|[^":(])*): (.+)$/s.exec(message) ?? [];
  return what === undefined
    ? { what: message, advice: "look at the log of that server, which may tell more" }
    : { what, advice };
}

function inWords(server: Endpoint, { id, what, advice }: Words): Explanation {
  return { id, what: what.replace("{server}", formatEndpoint(server)), advice };
}

/** Begins and ends the problem of a client without a tunnel. Times are in ms, by a monotonic clock. */
export class ServerWatch {
  readonly #servers: readonly Endpoint[];
  readonly #ports: TroublePorts;
  #shown: Problem | undefined;
  /** The time from which it may have other words. */
  #renewMs = -Infinity;

  /**
   * Makes a watch, which knows of no trouble.
   *
   * @param servers The servers
   * @param ports Takes the problem
   */
  constructor(servers: readonly Endpoint[], ports: TroublePorts) {
    this.#servers = servers;
    this.#ports = ports;
  }

  /**
   * Looks at the present trouble.
   *
   * @param trouble The trouble; undefined if there is a tunnel
   * @param nowMs The time
   * @returns The time of the next look, if nothing happens before; `Infinity` for none
   */
  look(trouble: Trouble | undefined, nowMs: number): number {
    if (trouble === undefined) {
      this.#show(undefined);
      return Infinity;
    }
    const dueMs = troubleDueMs(trouble, this.#servers.length);
    if (nowMs < dueMs) return dueMs;
    const problem = describeTrouble(trouble, this.#servers);
    const shown = this.#shown;
    if (shown?.id === problem.id) {
      if (shown.what === problem.what) return Infinity;
      if (nowMs < this.#renewMs) return this.#renewMs;
    }
    // The first reason that is known comes at once.
    this.#renewMs = trouble.failures.size === 0 ? -Infinity : nowMs + RENEW_MS;
    this.#show(problem);
    return Infinity;
  }

  #show(problem: Problem | undefined): void {
    const shown = this.#shown;
    this.#shown = problem;
    // The new one comes first, so that nothing that it hides is shown for a moment.
    if (problem !== undefined) this.#ports.problem(problem);
    if (shown !== undefined && shown.id !== problem?.id) this.#ports.solved(shown.id);
  }
}

/** The receiver of the problem. */
export interface TroublePorts {
  /** Takes a problem that lasts until it is solved, or new words for it. */
  problem(problem: Problem): void;
  /** Takes the end of a problem. */
  solved(id: Problem["id"]): void;
}
