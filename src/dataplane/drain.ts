// The end of all tunnels when the program stops.

import { POLLIN, POLLOUT, PollSet } from "../../ffi/mod.ts";
import type { Channel } from "../tunnel/channel.ts";

/** How long all of it may take. */
const GOODBYE_MS = 1000;
/** No wait is longer, so that a process that is to end at once can. */
const WAIT_MS = 50;

/**
 * Sends what is queued, says goodbye, and waits for the peers to close. A socket that is closed with
 * bytes unread is reset, which would take the PADTs before the goodbye with it.
 *
 * @param channels The tunnels; each may be closed afterwards.
 * @param reason The code of `REASON` to say.
 * @param now A clock that only goes forward, in ms.
 */
export function drainTunnels(channels: Channel[], reason: number, now: () => number): void {
  const poll = new PollSet(channels.length);
  for (const channel of channels) channel.queueGoodbye(reason, "");
  const deadlineMs = now() + GOODBYE_MS;
  const shut = new Set<Channel>();
  for (;;) {
    poll.clear();
    const waiting = new Map<Channel, number>();
    for (const channel of channels) {
      channel.flush(now());
      if (!channel.blocked && !shut.has(channel)) {
        channel.shutdown();
        shut.add(channel);
      }
      if (channel.ended !== undefined) continue;
      waiting.set(channel, poll.add(channel.fd, channel.blocked ? POLLIN | POLLOUT : POLLIN));
    }
    const leftMs = Math.ceil(deadlineMs - now());
    if (waiting.size === 0 || leftMs <= 0) return;
    if (poll.wait(Math.min(leftMs, WAIT_MS)) < 0) return;
    for (const [channel, index] of waiting) {
      if (poll.ready(index) & POLLOUT) channel.unblock();
      if (poll.ready(index) & ~POLLOUT) channel.discard();
    }
  }
}
