// The data worker: runs the data plane's loop, and returns to its event loop when it is told to.
//
// The main thread counts each message in shared memory, then signals the eventfd that ends the wait.
// Messages arrive through the event loop only, so the worker stays there until it has handled as many
// as were counted.

import { monotonicMs, setTimerSlack } from "../../ffi/mod.ts";
import { ConfigurationError } from "../configuration_error.ts";
import { reasonOf } from "../reason.ts";
import { Counters } from "./counters.ts";
import { DataPlane } from "./data_plane.ts";
import type { FromWorker, ToWorker } from "./messages.ts";

/** No wait is longer: the process could not end while a thread waits in a system call. */
const WAIT_MS = 1000;
/** The data plane's shortest waits are of a hundred microseconds. */
const TIMER_SLACK_NS = 1000;

/** The part of a worker's global scope that is used. */
interface Scope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(messages: FromWorker[]): void;
  close(): void;
}

const scope = self as unknown as Scope;
let plane: DataPlane | undefined;
let posted: Int32Array = new Int32Array(1);
let handled = 0;
let caughtUp = () => {};

scope.onmessage = ({ data: message }) => {
  handled++;
  if (message.type === "start") start(message);
  else if (plane !== undefined) guarded(plane, () => plane!.handle(message));
  if (handled >= Atomics.load(posted, 0)) caughtUp();
};

function start(message: Extract<ToWorker, { type: "start" }>): void {
  setTimerSlack(TIMER_SLACK_NS);
  posted = new Int32Array(message.posted);
  try {
    plane = new DataPlane(message.options, new Counters(message.counters), {
      post: (messages) => scope.postMessage(messages),
      now: monotonicMs,
    }, message.wakeFd);
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

async function run(plane: DataPlane): Promise<void> {
  while (!plane.stopped) {
    if (handled < Atomics.load(posted, 0)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      caughtUp = resolve;
      await promise;
      caughtUp = () => {};
    } else guarded(plane, () => plane.step(WAIT_MS));
  }
  // First, so that the main thread, which then ends this one, does not take what is open with it.
  plane.dispose();
  scope.postMessage([{ type: "stopped" }]);
  scope.close();
}

// A fault of ours ends the program, but not without a word to each session's stations.
function guarded(plane: DataPlane, act: () => void): void {
  try {
    act();
  } catch (error) {
    try {
      // What can be taken up by the next run is better left than closed.
      plane.handle({ type: "stop", keep: true });
      plane.dispose();
    } catch {
      // What was to be told has been, as far as it could.
    }
    throw error;
  }
}
