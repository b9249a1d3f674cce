// The data worker: runs the loop of a data plane on its own thread, and returns to its event loop when the
// main thread has messages for it.
//
// The main thread counts each message in shared memory, then signals the eventfd that ends the wait.
// Messages arrive only through the event loop, so the worker stays there until it has handled as many
// as were counted.

import { monotonicMs, setTimerSlack, TlsConnection } from "../../ffi/mod.ts";
import { ConfigurationError } from "../configuration_error.ts";
import { Counters } from "../observe/counters.ts";
import { reasonOf } from "../reason.ts";
import { KernelTlsTransport } from "../transport/kernel_tls.ts";
import { PathMemory } from "../transport/path_memory.ts";
import { TcpTransport } from "../transport/tcp.ts";
import { TlsBuffers, TlsTransport } from "../transport/tls.ts";
import type { Transport } from "../transport/transport.ts";
import type { DataPlane } from "./data_plane.ts";
import type { FromWorker, PlaneOptions, ToWorker, TunnelHandover } from "./messages.ts";
import { makePacketPlane } from "./packet_plane.ts";

/** The longest wait: the process cannot end while a thread waits in a system call. */
const WAIT_MS = 1000;
/** The timer slack, far below the data plane's shortest wait of 130 µs. */
const TIMER_SLACK_NS = 1000;
/** The part of a worker's global scope that is used here. */
interface Scope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(messages: FromWorker[]): void;
  close(): void;
}

type StartMessage = Extract<ToWorker, { type: "start" }>;

const scope = self as unknown as Scope;
const memory = new PathMemory(monotonicMs);
let plane: DataPlane | undefined;
let options: PlaneOptions | undefined;
let buffers: TlsBuffers | undefined;
let posted: Int32Array = new Int32Array(1);
let handled = 0;
let caughtUp = () => {};

scope.onmessage = ({ data: message }) => {
  handled++;
  if (message.type === "start") start(message);
  else if (plane !== undefined) {
    const running = plane;
    guarded(running, () => handle(running, message));
  }
  if (handled >= Atomics.load(posted, 0)) caughtUp();
};

function start(message: StartMessage): void {
  setTimerSlack(TIMER_SLACK_NS);
  posted = new Int32Array(message.posted);
  options = message.options;
  try {
    plane = makePacketPlane(message.options, {
      counters: new Counters(message.counters),
      wakeFd: message.wakeFd,
      post: (messages) => scope.postMessage(messages),
      now: monotonicMs,
    });
    plane.start();
  } catch (error) {
    scope.postMessage([{
      type: "failed",
      message: reasonOf(error),
      configuration: error instanceof ConfigurationError,
    }]);
    return scope.close();
  }
  run(plane);
}

function handle(plane: DataPlane, message: Exclude<ToWorker, StartMessage>): void {
  switch (message.type) {
    case "tunnel": {
      const { fd: _socket, tls: _tls, ...tunnel } = message.tunnel;
      return plane.addTunnel(tunnel, transportOf(message.tunnel));
    }
    case "snapshot":
      return plane.query(message.request);
    case "totals":
      return plane.queryTotals(message.request);
    case "sessions":
      return plane.querySessions(message.request, message.query);
    case "control":
      return plane.control(message.request, message.control);
    case "reload":
      return plane.reload(message);
    case "capture-start":
      return plane.captureStart(message.capture);
    case "capture-stop":
      return plane.captureStop();
    case "leave":
      return plane.leave(message.id, message.peer);
    case "problems":
      return plane.tellProblems(message.codes);
    case "probe":
      return plane.probe(message.id);
    case "end":
      return plane.end(message.id, message.reason, message.cause, message.code);
    case "dismiss":
      return plane.dismiss(message.id, message.peer, message.reason);
    case "limit":
      return plane.limit(message.id, message.limits);
    case "stop":
      return plane.stop(message.keep);
  }
}

function transportOf({ fd, tls, pathAddress }: TunnelHandover): Transport {
  const path = { address: pathAddress, memory };
  const congestion = options?.congestion;
  if (tls === undefined) return new TcpTransport(fd, congestion, path);
  const connection = TlsConnection.at(tls.address, tls.kernel);
  buffers ??= new TlsBuffers();
  return tls.kernel
    ? new KernelTlsTransport(fd, congestion, path, connection, buffers)
    : new TlsTransport(new TcpTransport(fd, congestion, path), connection, buffers);
}

async function run(plane: DataPlane): Promise<void> {
  while (!plane.stopped) {
    if (handled < Atomics.load(posted, 0)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      caughtUp = resolve;
      await promise;
      caughtUp = () => {};
    } else guarded(plane, () => plane.step(WAIT_MS));
  }
  // Everything must be closed before the message, because the main thread then terminates this one.
  plane.dispose();
  buffers?.[Symbol.dispose]();
  scope.postMessage([{ type: "stopped" }]);
  scope.close();
}

// A fault in this program ends it, but the stations of each session are told first.
function guarded(plane: DataPlane, act: () => void): void {
  try {
    act();
  } catch (error) {
    try {
      // It is better to leave sessions to the next run than to close them.
      plane.stop(true);
      while (!plane.stopped) plane.step(WAIT_MS);
      plane.dispose();
    } catch {
      // The peers and stations have been told as far as possible.
    }
    throw error;
  }
}
