// Opening sessions by real discovery, with many hosts at one end and an AC at the other.

import type { InterfaceInfo } from "../../../ffi/interface.ts";
import { libc } from "../../../ffi/libc.ts";
import { POLLIN, PollSet } from "../../../ffi/poll.ts";
import { MSG_DONTWAIT } from "../../../ffi/structs.ts";
import { AcProtocol } from "../../../src/lab/ac_protocol.ts";
import { HostProtocol } from "../../../src/lab/host_protocol.ts";
import { ETH_P_PPP_DISC, findTag, parseDiscovery, TAG } from "../../../src/wire/mod.ts";
import { monotonicNs } from "./clock.ts";
import type { OpenResult } from "./messages.ts";
import { openSocket } from "./packet.ts";
import type { Sessions } from "./sessions.ts";
import type { Shared } from "./shared.ts";

const LARGEST_FRAME = 2048;
const TICK_MS = 20;
const WAIT_MS = 1;
const SERVE_WAIT_MS = 5;

/** The socket with which an end sends and receives discovery frames. */
export class DiscoverySocket {
  readonly #fd: number;
  readonly #poll = new PollSet(1);
  readonly #buffer = new Uint8Array(LARGEST_FRAME);

  constructor(info: InterfaceInfo) {
    this.#fd = openSocket(info, ETH_P_PPP_DISC);
    this.#poll.add(this.#fd, POLLIN);
  }

  wait(ms: number): void {
    this.#poll.wait(ms);
  }

  receive(): Uint8Array | undefined {
    const length = libc.recv(this.#fd, this.#buffer, LARGEST_FRAME, MSG_DONTWAIT);
    return length > 0 ? this.#buffer.slice(0, length) : undefined;
  }

  send(frame: Uint8Array): void {
    libc.send(this.#fd, frame as Uint8Array<ArrayBuffer>, frame.length, MSG_DONTWAIT);
  }

  close(): void {
    libc.close(this.#fd);
  }
}

/** The hosts, which dial at a given rate. */
export class Dialler {
  readonly #sessions: Sessions;
  #dialled = 0;

  constructor(sessions: Sessions) {
    this.#sessions = sessions;
  }

  /** Opens `count` more sessions at `rate` per second, and waits until each host succeeds or gives up. */
  open(socket: DiscoverySocket, count: number, rate: number, patienceMs: number): OpenResult {
    const first = this.#dialled;
    const hosts: HostProtocol[] = [];
    const repeats = new Uint32Array(count);
    const startMs = nowMs();
    let settled = 0;
    let tickMs = startMs + TICK_MS;
    let lastMs = startMs;
    while (settled < count && nowMs() < startMs + patienceMs) {
      for (; hosts.length < count && nowMs() >= startMs + hosts.length * 1000 / rate;) {
        const host = this.#newHost(first + hosts.length);
        socket.send(host.dial(nowMs()));
        hosts.push(host);
      }
      for (let frame; (frame = socket.receive());) {
        const host = hosts[hostOf(frame) - first];
        const wasSettled = host === undefined || isSettled(host);
        const answer = host?.receive(frame, nowMs());
        if (answer) socket.send(answer);
        if (!wasSettled && isSettled(host)) {
          settled++;
          lastMs = nowMs();
        }
      }
      if (nowMs() >= tickMs) {
        hosts.forEach((host, at) => {
          const frame = host.tick(nowMs());
          if (frame) {
            socket.send(frame);
            repeats[at]++;
          }
        });
        settled = hosts.filter(isSettled).length;
        tickMs = nowMs() + TICK_MS;
      }
      socket.wait(WAIT_MS);
    }
    this.#dialled += count;
    for (const host of hosts) {
      if (host.state === "open") this.#sessions.add(host.sessionId, host.offer!.mac);
    }
    const inState = (state: string) => hosts.filter((host) => host.state === state).length;
    return {
      asked: count,
      open: inState("open"),
      openWithoutRepeat: hosts.filter((host, at) => host.state === "open" && repeats[at] === 0)
        .length,
      repeats: repeats.reduce((sum, times) => sum + times, 0),
      refused: inState("refused"),
      failed: count - inState("open") - inState("refused"),
      seconds: (lastMs - startMs) / 1000,
    };
  }

  // All hosts share one address, as behind a switch port that allows only one. Host-Uniq differs.
  #newHost(number: number): HostProtocol {
    const hostUniq = new Uint8Array(4);
    new DataView(hostUniq.buffer).setUint32(0, number);
    return new HostProtocol({ mac: this.#sessions.own, hostUniq });
  }
}

/** The AC, which answers until it is stopped. */
export class Answerer {
  readonly #sessions: Sessions;
  readonly #protocol: AcProtocol;

  constructor(sessions: Sessions) {
    this.#sessions = sessions;
    this.#protocol = new AcProtocol({ mac: sessions.own, name: "bench", data: "count" });
  }

  /** Answers discovery frames until it is stopped, and returns the total number of open sessions. */
  serve(socket: DiscoverySocket, shared: Shared): number {
    while (!shared.stopped) {
      socket.wait(SERVE_WAIT_MS);
      for (let frame; (frame = socket.receive());) {
        for (const answer of this.#protocol.receive(frame, nowMs())) socket.send(answer);
      }
    }
    for (const { sessionId, host } of this.#protocol.sessions.values()) {
      if (this.#sessions.numbers[sessionId] < 0) this.#sessions.add(sessionId, host);
    }
    return this.#sessions.count;
  }
}

function nowMs(): number {
  return monotonicNs() / 1e6;
}

function isSettled(host: HostProtocol): boolean {
  return host.state === "open" || host.state === "refused" || host.state === "failed";
}

function hostOf(frame: Uint8Array): number {
  const packet = parseDiscovery(frame);
  const value = packet && findTag(packet.tags, TAG.HOST_UNIQ)?.value;
  if (value?.length !== 4) return -1;
  return new DataView(value.buffer, value.byteOffset, 4).getUint32(0);
}
