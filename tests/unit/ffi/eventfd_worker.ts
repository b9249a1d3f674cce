// Waits for one event without the event loop, and signals another.

import { signalEventFd } from "../../../ffi/eventfd.ts";
import { POLLIN, PollSet } from "../../../ffi/poll.ts";

// The type checker assumes that this scope is a window, not a worker.
const scope = self as unknown as Worker;

scope.addEventListener("message", ({ data }) => {
  const set = new PollSet(1);
  set.add(data.wait, POLLIN);
  if (set.wait(10_000) === 1) signalEventFd(data.answer);
});
