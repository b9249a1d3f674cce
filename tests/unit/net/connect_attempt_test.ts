// Connecting to a host, without I/O.

import { assertEquals } from "@std/assert";
import {
  ConnectAttempt,
  type ConnectCommand,
  type ConnectFailure,
  describeConnectFailure,
} from "../../../src/net/connect_attempt.ts";
import { KnownAddresses } from "../../../src/net/known_addresses.ts";

const SERVER = { hostname: "vpn.example", port: 8000 };
const [A, B, C] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
const START_MS = 5000;

/** An attempt with a clock that the test sets. Commands are shown as text, such as `connect 192.0.2.1`. */
class Bench {
  readonly attempt: ConnectAttempt;
  nowMs = START_MS;
  #commands: ConnectCommand[] = [];
  #ids = 0;
  /** The ids of the connections, by their addresses. */
  readonly #byAddress = new Map<string, number>();

  constructor(known = new KnownAddresses(), checks = true) {
    this.attempt = new ConnectAttempt(SERVER, known, {
      command: (command) => {
        this.#commands.push(command);
        if (command.type === "connect") this.#byAddress.set(command.address.hostname, command.id);
      },
      newId: () => ++this.#ids,
      checks,
    }, this.nowMs);
  }

  /** Makes an attempt whose lookup has found these addresses. */
  static resolved(...addresses: string[]): Bench {
    const bench = new Bench();
    bench.take();
    bench.resolved(...addresses);
    return bench;
  }

  /** Makes an attempt that knows these addresses from an earlier lookup. */
  static knowing(...addresses: string[]): Bench {
    const known = new KnownAddresses();
    known.found(addresses);
    const bench = new Bench(known);
    assertEquals(bench.take(), ["resolve vpn.example"]);
    return bench;
  }

  /** Takes the commands since the last call. */
  take(): string[] {
    const commands = this.#commands;
    this.#commands = [];
    return commands.map((command) => {
      if (command.type === "resolve") return `resolve ${command.hostname}`;
      if (command.type === "connect") {
        assertEquals(command.address.port, SERVER.port);
        return `connect ${command.address.hostname}`;
      }
      const [name = "lookup"] = [...this.#byAddress].find(([, id]) => id === command.id) ?? [];
      return `${command.type} ${name}`;
    });
  }

  resolved(...addresses: string[]): void {
    this.attempt.resolved(1, addresses, this.nowMs);
  }

  lookupFails(reason: string): void {
    this.attempt.failed(1, reason, this.nowMs);
  }

  connected(address: string): void {
    this.attempt.connected(this.#id(address), this.nowMs);
  }

  checked(address: string, isGood = true): void {
    this.attempt.checked(this.#id(address), isGood, this.nowMs);
  }

  fails(address: string, reason: string): void {
    this.attempt.failed(this.#id(address), reason, this.nowMs);
  }

  /** Lets time pass until the attempt is due; returns the time since the start. */
  due(): number {
    this.nowMs = this.attempt.dueMs;
    this.attempt.tick(this.nowMs);
    return this.nowMs - START_MS;
  }

  /** Returns the address of the result. */
  get won(): string | undefined {
    const { result } = this.attempt;
    if (result === undefined || !("id" in result)) return undefined;
    return [...this.#byAddress].find(([, id]) => id === result.id)?.[0];
  }

  get failure(): ConnectFailure | undefined {
    const { result } = this.attempt;
    return result !== undefined && "failure" in result ? result.failure : undefined;
  }

  #id(address: string): number {
    return this.#byAddress.get(address) ?? -1;
  }
}

Deno.test("ConnectAttempt looks up the name, connects, and checks the connection", () => {
  const bench = new Bench();
  assertEquals(bench.take(), ["resolve vpn.example"]);
  bench.resolved(A);
  assertEquals(bench.take(), [`connect ${A}`]);
  bench.connected(A);
  assertEquals(bench.take(), [`check ${A}`]);
  bench.checked(A);
  assertEquals([bench.take(), bench.won, bench.attempt.dueMs], [[], A, Infinity]);
});

Deno.test("ConnectAttempt without checks is over when an address has answered", () => {
  const bench = new Bench(new KnownAddresses(), false);
  bench.resolved(A, B);
  bench.take();
  assertEquals(bench.due(), 250);
  bench.connected(B);
  assertEquals(bench.take(), [`connect ${B}`, `drop ${A}`]);
  assertEquals(bench.won, B);
});

Deno.test("ConnectAttempt tries the next address after 250 ms, and takes the first that answers", () => {
  const bench = Bench.resolved(A, B, C);
  assertEquals(bench.take(), [`connect ${A}`]);
  assertEquals([bench.due(), bench.take()], [250, [`connect ${B}`]]);
  assertEquals([bench.due(), bench.take()], [500, [`connect ${C}`]]);
  bench.nowMs += 10;
  bench.connected(B);
  assertEquals(bench.take(), [`check ${B}`]);
  bench.checked(B);
  assertEquals([bench.won, bench.take()], [B, [`drop ${A}`, `drop ${C}`]]);
});

Deno.test("ConnectAttempt tries the next address at once when one has failed", () => {
  const bench = Bench.resolved(A, B);
  bench.take();
  bench.fails(A, "Connection refused");
  assertEquals([bench.nowMs, bench.take()], [START_MS, [`connect ${B}`]]);
});

Deno.test("ConnectAttempt goes on to the next address when one connects and says nothing", () => {
  const bench = Bench.resolved(A, B);
  bench.take();
  bench.nowMs += 5;
  bench.connected(A);
  assertEquals(bench.take(), [`check ${A}`]);
  // The check may take half a second before another address is tried.
  assertEquals([bench.due(), bench.take()], [505, [`connect ${B}`]]);
  bench.connected(B);
  assertEquals(bench.take(), [`drop ${A}`, `check ${B}`]);
  bench.checked(B);
  assertEquals([bench.take(), bench.won], [[], B]);
});

Deno.test("ConnectAttempt tries an address whose check was slow once more, as long as the check takes", () => {
  const bench = Bench.resolved(A, B);
  bench.connected(A);
  bench.due();
  bench.connected(B);
  assertEquals(bench.take().slice(-2), [`drop ${A}`, `check ${B}`]);
  assertEquals([bench.due(), bench.take()], [1000, [`connect ${A}`]]);
  bench.connected(A);
  assertEquals(bench.take(), [`drop ${B}`, `check ${A}`]);
  // The second check of each has no limit here, because it has one of its own.
  assertEquals(bench.attempt.dueMs, Infinity);
  bench.nowMs += 4000;
  bench.fails(A, "No greeting in time");
  assertEquals(bench.take(), [`connect ${B}`]);
  bench.connected(B);
  bench.nowMs += 4000;
  bench.checked(B);
  assertEquals(bench.won, B);
});

Deno.test("ConnectAttempt leaves a slow address for the end, also when a lookup is done meanwhile", () => {
  const bench = Bench.knowing(A, B);
  bench.due();
  bench.connected(A);
  bench.nowMs += 500;
  bench.attempt.tick(bench.nowMs);
  bench.connected(B);
  assertEquals(bench.take().slice(-2), [`drop ${A}`, `check ${B}`]);
  bench.resolved(A, B, C);
  bench.fails(B, "No greeting in time");
  assertEquals(bench.take(), [`connect ${C}`]);
  bench.fails(C, "Connection refused");
  assertEquals(bench.take(), [`connect ${A}`]);
  bench.connected(A);
  bench.checked(A);
  assertEquals(bench.won, A);
});

Deno.test("ConnectAttempt gives a check three times as long as the server's last answer took", () => {
  const known = new KnownAddresses();
  known.found([A, B]);
  known.answered(600);
  const bench = new Bench(known);
  bench.resolved(A, B);
  bench.connected(A);
  bench.take();
  assertEquals([bench.due(), bench.take()], [1800, [`connect ${B}`]]);
});

Deno.test("ConnectAttempt.renew() tries again what has failed or is stuck, and continues a check", () => {
  const bench = Bench.resolved(A, B, C);
  bench.fails(A, "Network is unreachable");
  bench.due();
  assertEquals(bench.take(), [`connect ${A}`, `connect ${B}`, `connect ${C}`]);
  bench.nowMs = START_MS + 1100;
  bench.attempt.renew(bench.nowMs);
  // B is stuck, and C is not yet.
  assertEquals(bench.take(), [`drop ${B}`, `connect ${A}`]);
  bench.connected(A);
  assertEquals(bench.take(), [`check ${A}`]);
  for (let change = 0; change < 3; change++) bench.attempt.renew(bench.nowMs);
  bench.checked(A);
  assertEquals(bench.won, A);
});

Deno.test("ConnectAttempt.renew() looks the name up again if that has failed or is stuck", () => {
  const bench = Bench.knowing(A);
  bench.attempt.renew(bench.nowMs);
  assertEquals(bench.take(), []);
  bench.nowMs += 1000;
  bench.attempt.renew(bench.nowMs);
  assertEquals(bench.take().slice(0, 2), ["drop lookup", "resolve vpn.example"]);
});

Deno.test("ConnectAttempt goes on to the next address when a check fails", () => {
  const bench = Bench.resolved(A, B);
  bench.connected(A);
  bench.take();
  bench.fails(A, "The peer closed the connection");
  assertEquals([bench.nowMs, bench.take()], [START_MS, [`connect ${B}`]]);
});

Deno.test("ConnectAttempt greets one address at a time, while the first may still answer", () => {
  const bench = Bench.resolved(A, B);
  bench.due();
  bench.nowMs = START_MS + 400;
  bench.connected(A);
  bench.connected(B);
  assertEquals(bench.take().slice(2), [`check ${A}`]);
  // The path is slow: the check may take twice as long as the connection did.
  bench.nowMs += 2 * 400 - 1;
  bench.attempt.tick(bench.nowMs);
  assertEquals(bench.take(), []);
  assertEquals([bench.due(), bench.take()], [400 + 2 * 400, [`drop ${A}`, `check ${B}`]]);
  // An answer that comes too late does not matter.
  bench.checked(A);
  assertEquals(bench.won, undefined);
});

Deno.test("ConnectAttempt keeps a connection that cannot do its job for the case that none is better", () => {
  const better = Bench.resolved(A, B);
  better.connected(A);
  better.checked(A, false);
  better.connected(B);
  better.checked(B);
  assertEquals(better.won, B);
  assertEquals(better.take().at(-1), `drop ${A}`);

  const worse = Bench.resolved(A, B);
  worse.connected(A);
  worse.checked(A, false);
  worse.fails(B, "Connection refused");
  assertEquals(worse.won, A);

  const slow = Bench.resolved(A, B);
  slow.connected(A);
  slow.checked(A, false);
  assertEquals([slow.won, slow.due(), slow.won], [undefined, 2000, A]);
  assertEquals(slow.take().at(-1), `drop ${B}`);

  const alone = Bench.resolved(A);
  alone.connected(A);
  alone.checked(A, false);
  assertEquals(alone.won, A);
});

Deno.test("ConnectAttempt keeps only the last of several spare connections, which may be to one host", () => {
  const bench = Bench.resolved(A, B);
  for (const address of [A, B]) {
    bench.connected(address);
    bench.checked(address, false);
  }
  assertEquals([bench.won, bench.take().at(-1)], [B, `drop ${A}`]);
});

Deno.test("ConnectAttempt begins with the address that worked last", () => {
  const known = new KnownAddresses();
  for (const round of [1, 2]) {
    const bench = new Bench(known);
    bench.resolved(A, B);
    if (round === 1) bench.fails(A, "No route to host");
    assertEquals(bench.take().at(-1), `connect ${B}`);
    bench.connected(B);
    bench.checked(B);
  }
});

Deno.test("ConnectAttempt tries the last addresses when the lookup fails", () => {
  const bench = Bench.knowing(A);
  bench.lookupFails("no name server answers");
  assertEquals(bench.take(), [`connect ${A}`]);
  assertEquals(bench.attempt.lookupFailure, "no name server answers");
  bench.connected(A);
  bench.checked(A);
  assertEquals(bench.won, A);
});

Deno.test("ConnectAttempt tries the last addresses when the lookup is slow, then the new ones", () => {
  const bench = Bench.knowing(A, B);
  assertEquals([bench.due(), bench.take()], [250, [`connect ${A}`]]);
  bench.resolved(C, A);
  assertEquals([bench.due(), bench.take()], [500, [`connect ${C}`]]);
  bench.connected(C);
  bench.checked(C);
  assertEquals([bench.won, bench.take()], [C, [`check ${C}`, `drop ${A}`]]);
});

Deno.test("ConnectAttempt drops a lookup that is still under way when an address works", () => {
  const bench = Bench.knowing(A);
  bench.due();
  bench.connected(A);
  bench.checked(A);
  assertEquals(bench.take(), [`connect ${A}`, `check ${A}`, "drop lookup"]);
});

Deno.test("ConnectAttempt gives the lookup and each address 10 s", () => {
  const bench = new Bench();
  assertEquals(bench.due(), 10_000);
  assertEquals(bench.failure, { step: "resolve", reason: "no answer in 10 s" });
  assertEquals(bench.take(), ["resolve vpn.example", "drop lookup"]);
  const silent = Bench.resolved(A, B);
  assertEquals([silent.due(), silent.due(), silent.due()], [250, 10_000, 10_250]);
  assertEquals(silent.failure, { step: "connect", reason: "no answer in 10 s" });
});

Deno.test("ConnectAttempt fails with the reasons of all addresses", () => {
  const bench = Bench.resolved(A, B);
  bench.fails(A, "Connection refused");
  bench.connected(B);
  bench.fails(B, "No greeting in time");
  const reason = `${A}: Connection refused; ${B}: No greeting in time`;
  assertEquals(bench.failure, { step: "connect", reason });

  const alone = Bench.resolved(A);
  alone.connected(A);
  alone.fails(A, "No greeting in time");
  assertEquals(alone.failure, { step: "check", reason: "No greeting in time" });

  const many = Bench.resolved(...Array.from({ length: 6 }, (_, at) => `192.0.2.${at}`));
  for (let at = 0; at < 6; at++) many.fails(`192.0.2.${at}`, `no ${at}`);
  const described = [0, 1, 2, 3].map((at) => `192.0.2.${at}: no ${at}`);
  assertEquals(many.failure?.reason, `${described.join("; ")}; 2 more addresses`);

  const known = Bench.knowing(A);
  known.lookupFails("no name server answers");
  known.fails(A, "Connection refused");
  const both = `the lookup failed: no name server answers; ${A}: Connection refused`;
  assertEquals(known.failure, { step: "connect", reason: both });

  assertEquals(Bench.resolved().failure, { step: "resolve", reason: "it has no address" });
});

Deno.test("ConnectAttempt ignores what it has dropped", () => {
  const bench = Bench.resolved(A, B);
  bench.due();
  bench.attempt.drop();
  assertEquals(bench.take().slice(-2), [`drop ${A}`, `drop ${B}`]);
  bench.connected(A);
  bench.fails(B, "late");
  bench.resolved(C);
  assertEquals([bench.take(), bench.attempt.result, bench.attempt.dueMs], [
    [],
    undefined,
    Infinity,
  ]);
});

Deno.test("describeConnectFailure() names the step", () => {
  const describe = (step: ConnectFailure["step"]) =>
    describeConnectFailure(SERVER, { step, reason: "no" });
  assertEquals(describe("resolve"), "Cannot find vpn.example: no");
  assertEquals(describe("connect"), "Cannot connect to vpn.example:8000: no");
  assertEquals(describe("check"), "no");
});
