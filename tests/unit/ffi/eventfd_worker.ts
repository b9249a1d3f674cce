// Waits for one eventfd without its event loop, and signals another.
import { signalEventFd } from "../../../ffi/eventfd.ts";
import { POLLIN, PollSet } from "../../../ffi/poll.ts";

// The scope of a worker, which the checker takes for a window.
const scope = self as unknown as Worker;

scope.addEventListener("message", ({ data }) => {
  const set = new PollSet(1);
  set.add(data.wait, POLLIN);
  if (set.wait(10_000) === 1) signalEventFd(data.answer);
});
