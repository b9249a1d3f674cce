// One end's part of a trial: a synchronous loop that sends frames and reads those that have arrived.

import { monotonicNs, realtime, sleepUntil } from "./clock.ts";
import { CONTROL_FRAME_BYTES, magicOf } from "./frame_format.ts";
import { Generator } from "./generator.ts";
import type { EndResult, TrialOrder } from "./messages.ts";
import type { Sessions } from "./sessions.ts";
import type { Shared } from "./shared.ts";
import type { Sink } from "./sink.ts";

/** Interval at which the sink is read. Its ring holds ten times the frames of an interval. */
const DRAIN_NS = 5_000_000;
/** Time after the last frame was sent, after which a trial ends even if frames are still queued. */
const LONGEST_WAIT_NS = 10_000_000_000;

/** One end of the line. */
export interface End {
  /** 0 at the hosts, 1 at the AC. */
  number: 0 | 1;
  fd: number;
  sessions: Sessions;
  data: Sink;
  control: Sink;
}

/** Runs a trial and returns the result at this end. */
export function runTrial(end: End, shared: Shared, order: TrialOrder): EndResult {
  const magic = magicOf(order.trial);
  const { frameBytes, startNs, firstSession, sessions } = order;
  const endNs = startNs + order.seconds * 1e9;
  const countFromNs = startNs + order.warmupSeconds * 1e9;
  const common = { startNs, endNs, countFromNs, magic, firstSession, sessions };
  const generators = [
    new Generator(end.fd, end.sessions, {
      ...common,
      kind: "data",
      frameBytes,
      rate: order.rate,
      evenly: order.evenly,
    }),
    new Generator(end.fd, end.sessions, {
      ...common,
      kind: "control",
      frameBytes: CONTROL_FRAME_BYTES,
      rate: order.controlRate,
      evenly: true,
    }),
  ];
  const [data, control] = generators;
  end.data.start(magic, frameBytes);
  end.control.start(magic, CONTROL_FRAME_BYTES);

  let drainNs = startNs;
  for (;;) {
    const nowNs = monotonicNs();
    if (nowNs >= drainNs) {
      end.data.drain();
      end.control.drain();
      drainNs = nowNs + DRAIN_NS;
    }
    if (nowNs >= control.nextNs) control.run(nowNs);
    if (nowNs >= data.nextNs) data.run(nowNs);
    const nextNs = Math.min(data.nextNs, control.nextNs);
    if (nextNs === Infinity) break;
    if (nextNs > nowNs) sleepUntil(Math.min(nextNs, drainNs));
  }
  realtime.read();
  shared.end(end.number, {
    sec: realtime.sec,
    nsec: realtime.nsec,
    data: data.total,
    control: control.total,
  });
  receiveRest(end, shared, order);
  return {
    sent: { data: data.result(), control: control.result() },
    received: { data: end.data.result(), control: end.control.result() },
  };
}

/** Receives until all frames have arrived or no more are expected. */
function receiveRest(end: End, shared: Shared, { patienceMs, quietMs }: TrialOrder): void {
  let deadlineNs = Infinity;
  let receivedNs = monotonicNs();
  for (;;) {
    const sent = shared.ended(1 - end.number);
    if (sent !== undefined && deadlineNs === Infinity) {
      deadlineNs = monotonicNs() + LONGEST_WAIT_NS;
      receivedNs = monotonicNs();
      const nsec = sent.nsec + patienceMs * 1e6;
      end.data.setDeadline(sent.sec + Math.floor(nsec / 1e9), nsec % 1e9);
      end.control.setDeadline(sent.sec + Math.floor(nsec / 1e9), nsec % 1e9);
    }
    const received = end.data.drain() + end.control.drain();
    const nowNs = monotonicNs();
    if (received > 0) receivedNs = nowNs;
    if (sent !== undefined) {
      if (end.data.total >= sent.data && end.control.total >= sent.control) return;
      if (nowNs > deadlineNs || nowNs > receivedNs + quietMs * 1e6) return;
    }
    sleepUntil(nowNs + DRAIN_NS);
  }
}
