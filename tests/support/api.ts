// An API whose side is made up, served over HTTP.

import { CaptureRefusal } from "../../src/observe/control.ts";
import { apiRoutes } from "../../src/observe/api.ts";
import type { ApiSource } from "../../src/observe/api/source.ts";
import { EventHub } from "../../src/observe/event_hub.ts";
import { createLog } from "../../src/observe/log.ts";
import { serveStatus, type StatusServer } from "../../src/observe/status_server.ts";
import type { Endpoint } from "../../src/net/endpoint.ts";
import type { UnixAddress } from "../../src/net/unix_address.ts";
import { aStatus } from "./status.ts";

/** Makes a side with a made-up status, with the given changes. */
export function aSource(over: Partial<ApiSource> = {}): ApiSource {
  const source: ApiSource = {
    status: () => Promise.resolve(aStatus()),
    summary: async () => {
      const { sessions: _sessions, ...summary } = await source.status();
      return summary;
    },
    sessions: () => Promise.resolve({ sessions: aStatus().sessions, total: 1, next: null }),
    healthy: () => true,
    process: () => ({ startSeconds: 1_700_000_000, usage: undefined }),
    problems: () => [],
    drops: () => aStatus().drops,
    control: () => Promise.resolve({ refused: "unknown-session" }),
    capture: {
      status: () => undefined,
      start: () => Promise.reject(new CaptureRefusal("Cannot capture")),
      stop: () => Promise.resolve(undefined),
    },
    ...over,
  };
  return source;
}

/** A served API for the duration of a test. */
export class ServedApi implements AsyncDisposable {
  readonly lines: string[];
  readonly events: EventHub;
  readonly #server: StatusServer;

  private constructor(lines: string[], events: EventHub, server: StatusServer) {
    this.lines = lines;
    this.events = events;
    this.#server = server;
  }

  /** Serves a side. */
  static async start(
    source: ApiSource = aSource(),
    address: Endpoint | UnixAddress = { hostname: "127.0.0.1", port: 0 },
    token?: string,
  ): Promise<ServedApi> {
    const lines: string[] = [];
    const log = createLog({ level: "info", format: "text", write: (line) => lines.push(line) });
    const events = new EventHub({ summary: () => source.summary(), failed: () => {} });
    const routes = apiRoutes(source, events);
    const server = await serveStatus(address, { routes, token, log });
    return new ServedApi(lines, events, server);
  }

  /** The address. */
  get address(): Endpoint | UnixAddress {
    return this.#server.address;
  }

  /** The address over TCP. */
  get endpoint(): Endpoint {
    const { address } = this.#server;
    if ("path" in address) throw new Error("It is served over a unix socket");
    return address;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.events.close();
    await this.#server.close();
  }
}
