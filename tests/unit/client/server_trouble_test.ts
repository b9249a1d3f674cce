// Tests of the problem of a client without a tunnel.

import { assertEquals, assertMatch } from "@std/assert";
import type { ClientFailure } from "../../../src/client/messages.ts";
import {
  describeTrouble,
  LOST_MS,
  NO_ANSWER_MS,
  RENEW_MS,
  ServerWatch,
  type Trouble,
} from "../../../src/client/server_trouble.ts";
import { KEYED_WORDS_ABOUT, WORDS_ABOUT } from "../../../src/tunnel/stranger.ts";
import { describeGoodbye, REASON } from "../../../src/wire/mod.ts";

const A = { hostname: "a.example", port: 8000 };
const B = { hostname: "b.example", port: 8000 };

function aTrouble(over: Partial<Trouble> = {}): Trouble {
  return { sinceMs: 0, lost: undefined, failures: new Map(), isRival: false, ...over };
}

function failed(...failures: ClientFailure[]): Trouble {
  const servers = [A, B];
  return aTrouble({
    failures: new Map(failures.map((failure, at) => [at, { server: servers[at], failure }])),
  });
}

const refused = (reason: string): ClientFailure => ({ step: "connect", reason });
const greeted = (reason: string): ClientFailure => ({ step: "greet", reason });

/** Each failure, with its id, a part of what is said, and a part of the advice. */
const FAILURES: [ClientFailure, string, RegExp, RegExp][] = [
  [refused("Connection refused"), "no-server", /a\.example:8000.*refuses the conn/, /start the/],
  [refused("Connection reset by peer"), "no-server", /resets the connection/, /--allow list/],
  [refused("No route to host"), "no-server", /cannot be reached/, /ip route get a\.example/],
  [refused("Network is unreachable"), "no-server", /no route leads/, /this machine's own conn/],
  [refused("no answer in 10 s"), "no-server", /does not answer/, /firewall .* drops/],
  [refused("Bad luck"), "no-server", /cannot connect: Bad luck/, /address in --connect/],
  [
    { step: "resolve", reason: "Name or service not known" },
    "no-server",
    /the name a\.example is not found \(Name or service not known\)/,
    /this machine's DNS/,
  ],
  [
    greeted("The server does not accept the key osaka: is its line in the server's key file?"),
    "server-refuses",
    /does not accept the key osaka/,
    /keygen --rotate/,
  ],
  [
    greeted(
      `Refused: ${
        describeGoodbye({ reason: REASON.NOT_ALLOWED, text: "its address is not one: that" })
      }`,
    ),
    "server-refuses",
    /does not allow this client and says "its address is not one: that"/,
    /key's line .* or --allow must admit/,
  ],
  [
    greeted(
      `Refused: ${describeGoodbye({ reason: REASON.FULL, text: "2 clients (--max-clients)" })}`,
    ),
    "server-refuses",
    /has no room for this client and says "2 clients \(--max-clients\)"/,
    /raise --max-clients/,
  ],
  [
    greeted(`Refused: ${describeGoodbye({ reason: REASON.VERSION, text: "" })}`),
    "server-refuses",
    /another version/,
    /update/,
  ],
  [
    greeted(`Refused: ${describeGoodbye({ reason: REASON.SHUTDOWN, text: "" })}`),
    "no-server",
    /goodbye \(shutdown\)/,
    /look at its log/,
  ],
  [greeted(WORDS_ABOUT.server.ended("closed")), "no-server", /closed .* before it/, /--allow list/],
  [
    greeted(KEYED_WORDS_ABOUT.server.ended("reset")),
    "no-server",
    /reset .* before/,
    /--allow list/,
  ],
  [
    greeted(WORDS_ABOUT.server.stranger({ kind: "ssh", said: '"SSH-2.0: a"' })),
    "no-server",
    /An SSH server answers instead of pppoe-proxy \("SSH-2\.0: a"\)$/,
    /^check the address and port in --connect/,
  ],
  [greeted(WORDS_ABOUT.server.silent), "no-server", /No greeting in time$/, /^the server accepts/],
  [{ step: "link-down", name: "tokyo" }, "no-server", /interface of server tokyo is down/, /cable/],
];

for (const [failure, id, what, advice] of FAILURES) {
  const reason = "reason" in failure ? failure.reason : failure.name;
  Deno.test(`describeTrouble() tells a failed attempt and its mend: ${failure.step}, ${reason}`, () => {
    const problem = describeTrouble(failed(failure), [A]);
    assertEquals(problem.id, id);
    assertEquals(problem.blocks, true);
    assertMatch(problem.what, what);
    assertMatch(problem.advice, advice);
    assertEquals(/[{}]/.test(problem.what + problem.advice), false);
  });
}

Deno.test("describeTrouble() prefers a refusal, and mentions other servers", () => {
  const key = greeted("The server does not accept the key osaka: is its line there?");
  assertEquals(
    describeTrouble(failed(refused("Connection refused"), key), [A, B]).what,
    [
      "Server b.example:8000 does not accept the key osaka",
    ][0],
  );
  const both = failed(refused("Connection refused"), refused("No route to host"));
  assertMatch(
    describeTrouble(both, [A, B]).what,
    /a\.example:8000, nor to the other server, whose/,
  );
});

Deno.test("describeTrouble() tells the end of the last tunnel, and a rival", () => {
  const lost = { server: A, reason: "the peer is silent", goodbye: undefined };
  assertMatch(
    describeTrouble(aTrouble({ lost }), [A]).what,
    /no tunnel to server a\.example:8000, since the last one ended: the peer is silent/,
  );
  const dismissed = { ...lost, goodbye: REASON.NOT_ALLOWED };
  assertEquals(describeTrouble(aTrouble({ lost: dismissed }), [A]).id, "server-refuses");
  const rival = describeTrouble(aTrouble({ lost, isRival: true }), [A]);
  assertEquals(rival.id, "server-refuses");
  assertMatch(rival.what, /replaces this client's tunnel/);
});

/** A watch with what it has told. */
function aWatch(servers = [A]) {
  const told: string[] = [];
  const watch = new ServerWatch(servers, {
    problem: ({ id }) => told.push(`+${id}`),
    solved: (id) => told.push(`-${id}`),
  });
  return { watch, told };
}

Deno.test("ServerWatch tells of a first attempt at once when it has failed, and ends with a tunnel", () => {
  const { watch, told } = aWatch();
  assertEquals(watch.look(aTrouble(), 10), NO_ANSWER_MS);
  const trouble = failed(refused("Connection refused"));
  assertEquals(watch.look(trouble, 20), Infinity);
  watch.look(trouble, 30);
  assertEquals(told, ["+no-server"]);
  watch.look(undefined, 40);
  watch.look(undefined, 50);
  assertEquals(told, ["+no-server", "-no-server"]);
});

Deno.test("ServerWatch waits until all servers have failed, or nothing was heard for a while", () => {
  const { watch, told } = aWatch([A, B]);
  const trouble = failed(refused("Connection refused"));
  assertEquals(watch.look(trouble, 20), NO_ANSWER_MS);
  assertEquals(told, []);
  watch.look(trouble, NO_ANSWER_MS);
  assertEquals(told, ["+no-server"]);
});

Deno.test("ServerWatch says nothing of a lost tunnel that is back within two seconds", () => {
  const { watch, told } = aWatch();
  const lost = { server: A, reason: "gone", goodbye: undefined };
  const trouble = aTrouble({ sinceMs: 100, lost });
  assertEquals(watch.look(trouble, 100), 100 + LOST_MS);
  watch.look(undefined, 1000);
  assertEquals(told, []);
  watch.look(trouble, 100 + LOST_MS);
  assertEquals(told, ["+no-server"]);
});

Deno.test("ServerWatch changes from one problem to the other without a gap", () => {
  const { watch, told } = aWatch();
  watch.look(failed(refused("Connection refused")), 0);
  watch.look(failed(greeted("The server does not accept the key osaka: why?")), 0);
  assertEquals(told, ["+no-server", "+server-refuses", "-no-server"]);
});

Deno.test("ServerWatch tells another reason only after a while", () => {
  const { watch, told } = aWatch();
  watch.look(failed(refused("Connection refused")), 0);
  assertEquals(watch.look(failed(refused("No route to host")), 1), RENEW_MS);
  watch.look(failed(refused("Connection refused")), 2);
  assertEquals(told, ["+no-server"]);
  watch.look(failed(refused("No route to host")), RENEW_MS);
  assertEquals(told, ["+no-server", "+no-server"]);
});

Deno.test("ServerWatch tells the first reason at once, also after it has told that nothing answers yet", () => {
  const { watch, told } = aWatch();
  const silent = aTrouble();
  assertMatch(describeTrouble(silent, [A]).advice, /that this machine's DNS works$/);
  watch.look(silent, NO_ANSWER_MS);
  watch.look(failed(refused("No route to host")), NO_ANSWER_MS + 1);
  assertEquals(told, ["+no-server", "+no-server"]);
});
