// The scenario of `demo`: hosts open sessions and exchange data, then one station ends each session.

import { CODE, printFrame, readCode, readSessionId } from "../wire/mod.ts";
import { formatHex } from "../wire/text.ts";
import { SimulatedAc } from "./ac.ts";
import type { ExchangeResult } from "./exchange.ts";
import type { LoggedFrame } from "./frame_log.ts";
import { type HostSession, SimulatedHost } from "./host.ts";
import { patient } from "./patience.ts";
import { PAYLOAD_HLEN } from "./payload.ts";
import type { Station } from "./station.ts";
import type { TwoSites } from "./two_sites.ts";

/** Options of {@linkcode Scenario}. */
export interface ScenarioOptions {
  /** Number of sessions. */
  sessions: number;
  /** Number of data frames per session in each direction. */
  frames: number;
  /** Called with each line of the commentary. */
  print: (line: string) => void;
  /** Takes what is being done at the moment. */
  step?: (text: string) => void;
}

/** The result of a scenario, which `demo --json` prints together with its duration. */
export interface ScenarioReport {
  /** True if every session opened and closed, and every byte came back unchanged. */
  ok: boolean;
  sessions: { asked: number; opened: number; closed: number };
  frames: { sent: number; returned: number; lost: number; corrupted: number };
  /** Payload bytes of those frames. */
  bytes: { sent: number; returned: number };
  /** Discovery frames on the hosts' segment; `padt` counts both directions. */
  discovery: { padi: number; pado: number; padr: number; pads: number; padt: number };
  timings: {
    sessionSetupMs: { p50: number; max: number };
    /** Round-trip times of the frames sent one at a time. */
    rttMs: { p50: number; p99: number };
  };
}

/** Number of frames of all sessions together that are sent one at a time. */
const TIMED_FRAMES = 300;
/** Maximum number of frames of all sessions in flight. A socket's buffer has ample room for them. */
const IN_FLIGHT = 96;
/** Time after which a frame counts as lost. */
const TIMEOUT_MS = patient(1000);
/** Maximum number of hosts whose result is printed. */
const PRINTED_HOSTS = 10;
/** Largest payload in a session, because PPP's MTU is 1492 (RFC 2516, section 7). */
const LARGEST_PAYLOAD = 1492;

interface OpenSession extends HostSession {
  number: number;
  host: SimulatedHost;
  /** The session id on the AC's segment, which need not be the host's. */
  acSessionId: number;
}

/** A run of the scenario on two sites whose tunnel is up. */
export class Scenario {
  readonly #sites: TwoSites;
  readonly #options: ScenarioOptions;
  readonly #ac: SimulatedAc;
  /** Round-trip times of the frames sent one at a time. Other frames wait for each other. */
  readonly #rttMs: number[] = [];

  constructor(sites: TwoSites, options: ScenarioOptions) {
    this.#sites = sites;
    this.#options = options;
    const { ac } = sites;
    this.#ac = new SimulatedAc(ac, { mac: ac.mac, name: "demo-ac", firstSessionId: 0x101 });
  }

  /** Runs the scenario. */
  async run(): Promise<ScenarioReport> {
    const { frames, sessions: asked, print } = this.#options;
    const sessions = await this.#open();
    print("");
    const exchanges = await this.#exchangeData(sessions);
    print("");
    let closed = 0;
    for (const session of sessions) {
      if (!await this.#hangUp(session)) break;
      closed++;
    }
    const total = (
      field: "sent" | "returned" | "lost" | "corrupted" | "bytesSent" | "bytesReturned",
    ) => exchanges.reduce((sum, exchange) => sum + exchange[field], 0);
    const rttMs = sorted(this.#rttMs);
    const setupMs = sorted(sessions.map((session) => session.setupMs));
    const complete = sessions.length === asked && closed === asked;
    const { log } = this.#sites.host;
    return {
      ok: complete && total("returned") === asked * frames && total("corrupted") === 0,
      sessions: { asked, opened: sessions.length, closed },
      frames: {
        sent: total("sent"),
        returned: total("returned"),
        lost: total("lost"),
        corrupted: total("corrupted"),
      },
      bytes: { sent: total("bytesSent"), returned: total("bytesReturned") },
      discovery: {
        padi: log.count("out", CODE.PADI),
        pado: log.count("in", CODE.PADO),
        padr: log.count("out", CODE.PADR),
        pads: log.count("in", CODE.PADS),
        padt: log.count("out", CODE.PADT) + log.count("in", CODE.PADT),
      },
      timings: {
        sessionSetupMs: { p50: quantile(setupMs, 0.5), max: quantile(setupMs, 1) },
        rttMs: { p50: quantile(rttMs, 0.5), p99: quantile(rttMs, 0.99) },
      },
    };
  }

  /** Opens one more session, which stays open. */
  async stayOnline(): Promise<SimulatedHost> {
    const host = this.#host(1);
    await host.dial();
    return host;
  }

  #host(number: number): SimulatedHost {
    const mac = new Uint8Array([2, 0, 0, 0, number >>> 8, number]);
    const hostUniq = new Uint8Array([0xc0, 0xde, number >>> 8, number]);
    return new SimulatedHost(this.#sites.host, { mac, hostUniq, retryMs: patient(500) });
  }

  async #open(): Promise<OpenSession[]> {
    const { sessions: asked, print } = this.#options;
    const open: OpenSession[] = [];
    for (let number = 1; number <= asked; number++) {
      this.#step(`Opening session ${number} of ${asked}`);
      const host = this.#host(number);
      const first = number === 1;
      if (first) print("Host 1 opens a session. Each frame is shown on both segments:");
      try {
        const session = await this.#traced(first, () => host.dial());
        const acSessionId = [...this.#ac.sessions.keys()].at(-1)!;
        open.push({ ...session, number, host, acSessionId });
        if (number <= PRINTED_HOSTS) {
          const { sessionId, setupMs } = session;
          print(
            `Host ${number} is online: session ${formatHex(sessionId, 4)} after ${
              setupMs.toFixed(1)
            } ms`,
          );
        }
      } catch (error) {
        print(`Host ${number} is not online: ${(error as Error).message}`);
        host.close();
        // The next hosts would fail too, each after its own timeout.
        break;
      }
    }
    if (asked > PRINTED_HOSTS) print(`${open.length} of ${asked} hosts are online`);
    return open;
  }

  /** Sends data, first one frame at a time to measure the round trip, then on all sessions at once. */
  async #exchangeData(sessions: OpenSession[]): Promise<ExchangeResult[]> {
    const { frames, sessions: asked, print } = this.#options;
    const timed = Math.min(frames, Math.ceil(TIMED_FRAMES / asked));
    print(`Data: ${frames} frames per session to the AC, which sends each frame back.`);
    const results: ExchangeResult[] = [];
    for (const { host, number } of sessions) {
      this.#step(`Sending frames one at a time, session ${number} of ${asked}`);
      const result = await host.exchange({
        frames: timed,
        window: 1,
        payloadLength,
        timeoutMs: TIMEOUT_MS,
      });
      this.#rttMs.push(...result.rttMs);
      results.push(result);
      if (result.returned < timed) break;
    }
    const rtt = quantile(sorted(this.#rttMs), 0.5);
    print(`  one at a time, ${timed} per session: median round trip ${rtt} ms`);
    this.#step(`Sending frames on ${sessions.length} sessions at once`);
    const startMs = performance.now();
    const window = Math.max(1, Math.floor(IN_FLIGHT / asked));
    const rest = { frames: frames - timed, window, payloadLength, timeoutMs: TIMEOUT_MS };
    results.push(...await Promise.all(sessions.map(({ host }) => host.exchange(rest))));
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    print(`  all sessions at once, the other ${rest.frames} per session: ${seconds} s`);
    return results;
  }

  /**
   * Ends a session: if its number is odd, the host hangs up; if it is even, the AC does.
   *
   * @returns True if the other station received the PADT
   */
  async #hangUp({ host, number, acSessionId }: OpenSession): Promise<boolean> {
    const { print } = this.#options;
    const byHost = number % 2 === 1;
    this.#step(`Closing session ${number} of ${this.#options.sessions}`);
    if (number <= 2) {
      print(byHost ? `Host ${number} hangs up:` : `The AC hangs up on host ${number}:`);
    }
    try {
      await this.#traced(number <= 2, async () => {
        if (byHost) {
          const received = this.#sites.ac.log.waitFor((frame) =>
            frame.direction === "in" && readCode(frame.bytes) === CODE.PADT &&
            readSessionId(frame.bytes) === acSessionId
          );
          host.hangUp();
          await received;
        } else {
          this.#ac.hangUp(acSessionId);
          await host.closed();
        }
      });
      return !this.#ac.sessions.has(acSessionId);
    } catch (error) {
      print(
        `Host ${number} and the AC disagree on whether the session is closed: ${
          (error as Error).message
        }`,
      );
      return false;
    } finally {
      host.close();
    }
  }

  #step(text: string): void {
    this.#options.step?.(text);
  }

  /** Prints each frame on both segments while `act` runs. */
  async #traced<T>(wanted: boolean, act: () => Promise<T>): Promise<T> {
    const { host, ac } = this.#sites;
    if (!wanted) return await act();
    this.#trace(host, "host");
    this.#trace(ac, "  AC");
    try {
      return await act();
    } finally {
      host.log.onFrame = ac.log.onFrame = undefined;
    }
  }

  #trace(station: Station, name: string): void {
    station.log.onFrame = ({ direction, bytes }: LoggedFrame) =>
      this.#options.print(`  ${name} ${direction === "out" ? "→" : "←"} ${printFrame(bytes)}`);
  }
}

/**
 * Chooses the length of a payload. Takes every possible length, short and long ones mixed, because 11
 * and the number of lengths have no common factor.
 */
function payloadLength(number: number): number {
  return PAYLOAD_HLEN + (number * 11 + 700) % (LARGEST_PAYLOAD - PAYLOAD_HLEN + 1);
}

function sorted(values: number[]): number[] {
  return values.sort((a, b) => a - b);
}

/** Returns the value below which a share of the values lies, or 0 if there are none. */
function quantile(ascending: number[], share: number): number {
  const at = Math.max(0, Math.ceil(ascending.length * share) - 1);
  return Math.round((ascending[at] ?? 0) * 1000) / 1000;
}
