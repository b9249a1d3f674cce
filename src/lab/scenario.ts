// What `demo` plays: sessions opened, data both ways, each hung up by one side; and what came of it.
import { CODE, printFrame, readCode, readSessionId } from "../wire/mod.ts";
import { SimulatedAc } from "./ac.ts";
import type { ExchangeResult } from "./exchange.ts";
import type { LoggedFrame } from "./frame_log.ts";
import { type HostSession, SimulatedHost } from "./host.ts";
import { patient } from "./patience.ts";
import { PAYLOAD_HLEN } from "./payload.ts";
import type { Station } from "./station.ts";
import type { TwoSites } from "./two_sites.ts";

/** How much to play. */
export interface ScenarioOptions {
  sessions: number;
  /** Data frames for each session, each way. */
  frames: number;
  /** Told what happens, line by line, as it happens. */
  tell: (line: string) => void;
}

/** What `demo --json` prints, but for the time that the whole takes. */
export interface ScenarioReport {
  /** Whether every session came up and ended, and every byte came back right. */
  ok: boolean;
  sessions: { asked: number; opened: number; closed: number };
  frames: { sent: number; returned: number; lost: number; corrupted: number };
  /** Payload bytes of those frames. */
  bytes: { sent: number; returned: number };
  /** Discovery frames as the hosts saw them; `padt` counts both directions. */
  discovery: { padi: number; pado: number; padr: number; pads: number; padt: number };
  timings: {
    sessionSetupMs: { p50: number; max: number };
    /** Of frames sent one at a time. */
    rttMs: { p50: number; p99: number };
  };
}

/** How many frames, of all sessions together, are sent one at a time. */
const TIMED_FRAMES = 300;
/** How many frames may be under way at once, of all sessions together: what a socket's buffer holds easily. */
const UNDER_WAY = 96;
/** After that long a frame is lost. */
const TIMEOUT_MS = patient(1000);
/** How many hosts are told of one by one. */
const TOLD_HOSTS = 10;
/** The largest payload in a session: RFC 2516, section 7, gives PPP an MTU of 1492. */
const LARGEST_PAYLOAD = 1492;

interface OpenSession extends HostSession {
  number: number;
  host: SimulatedHost;
  /** The session id on the AC's segment, which need not be the host's. */
  acSessionId: number;
}

/** One performance on two sites whose tunnel is up. */
export class Scenario {
  readonly #sites: TwoSites;
  readonly #options: ScenarioOptions;
  readonly #ac: SimulatedAc;
  /** Of the frames that were sent one at a time: others wait for each other. */
  readonly #rttMs: number[] = [];

  constructor(sites: TwoSites, options: ScenarioOptions) {
    this.#sites = sites;
    this.#options = options;
    const { ac } = sites;
    this.#ac = new SimulatedAc(ac, { mac: ac.mac, name: "demo-ac", firstSessionId: 0x101 });
  }

  /** Plays it. */
  async play(): Promise<ScenarioReport> {
    const { frames, sessions: asked, tell } = this.#options;
    const sessions = await this.#open();
    tell("");
    const exchanges = await this.#exchangeData(sessions);
    tell("");
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

  /** A host that comes online once more and stays there. */
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
    const { sessions: asked, tell } = this.#options;
    const open: OpenSession[] = [];
    for (let number = 1; number <= asked; number++) {
      const host = this.#host(number);
      const first = number === 1;
      if (first) tell("Host 1 opens a session. Each frame is shown on both segments:");
      try {
        const session = await this.#traced(first, () => host.dial());
        const acSessionId = [...this.#ac.sessions.keys()].at(-1)!;
        open.push({ ...session, number, host, acSessionId });
        if (number <= TOLD_HOSTS) {
          const { sessionId, setupMs } = session;
          tell(
            `Host ${number} is online: session ${hex(sessionId)} after ${setupMs.toFixed(1)} ms`,
          );
        }
      } catch (error) {
        tell(`Host ${number} is not online: ${(error as Error).message}`);
        host.close();
        // The next ones would fare no better, and each would take its time.
        break;
      }
    }
    if (asked > TOLD_HOSTS) tell(`Of ${asked} hosts, ${open.length} are online`);
    return open;
  }

  /** Data both ways, first one frame at a time to know the round trip, then all sessions at once. */
  async #exchangeData(sessions: OpenSession[]): Promise<ExchangeResult[]> {
    const { frames, sessions: asked, tell } = this.#options;
    const timed = Math.min(frames, Math.ceil(TIMED_FRAMES / asked));
    tell(`Data: ${frames} frames for each session to the AC, which sends each of them back.`);
    const results: ExchangeResult[] = [];
    for (const { host } of sessions) {
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
    tell(`  one at a time, ${timed} of each: median round trip ${rtt} ms`);
    const startMs = performance.now();
    const window = Math.max(1, Math.floor(UNDER_WAY / asked));
    const rest = { frames: frames - timed, window, payloadLength, timeoutMs: TIMEOUT_MS };
    results.push(...await Promise.all(sessions.map(({ host }) => host.exchange(rest))));
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    tell(`  all sessions at once, the other ${rest.frames} of each: ${seconds} s`);
    return results;
  }

  /** Hangs up in turn from the host's side and from the AC's. Whether the other side heard of it. */
  async #hangUp({ host, number, acSessionId }: OpenSession): Promise<boolean> {
    const { tell } = this.#options;
    const byHost = number % 2 === 1;
    if (number <= 2) {
      tell(byHost ? `Host ${number} hangs up:` : `The AC hangs up on host ${number}:`);
    }
    try {
      await this.#traced(number <= 2, async () => {
        if (byHost) {
          const heard = this.#sites.ac.log.waitFor((frame) =>
            frame.direction === "in" && readCode(frame.bytes) === CODE.PADT &&
            readSessionId(frame.bytes) === acSessionId
          );
          host.hangUp();
          await heard;
        } else {
          this.#ac.hangUp(acSessionId);
          await host.closed();
        }
      });
      return !this.#ac.sessions.has(acSessionId);
    } catch (error) {
      tell(
        `Host ${number} and the AC do not agree that the session is over: ${
          (error as Error).message
        }`,
      );
      return false;
    } finally {
      host.close();
    }
  }

  /** Tells of each frame on both segments while `act` goes on. */
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
      this.#options.tell(`  ${name} ${direction === "out" ? "→" : "←"} ${printFrame(bytes)}`);
  }
}

// All lengths that there are, large and small in turn: 11 has no factor in common with their number.
function payloadLength(number: number): number {
  return PAYLOAD_HLEN + (number * 11 + 700) % (LARGEST_PAYLOAD - PAYLOAD_HLEN + 1);
}

function hex(sessionId: number): string {
  return `0x${sessionId.toString(16).padStart(4, "0")}`;
}

function sorted(values: number[]): number[] {
  return values.sort((a, b) => a - b);
}

/** The value below which that share of them lies; 0 when there are none. */
function quantile(ascending: number[], share: number): number {
  const at = Math.max(0, Math.ceil(ascending.length * share) - 1);
  return Math.round((ascending[at] ?? 0) * 1000) / 1000;
}
