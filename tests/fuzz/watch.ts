// Watches the thread that fuzzes, which an input may keep forever.

import { SLOW_MS } from "./fuzzer.ts";
import type { Order, Report, Watched } from "./messages.ts";

/** The time after which an input that is still running is taken not to end. */
const HANG_MS = 10 * SLOW_MS;
const LOOK_EVERY_MS = 200;

/**
 * Lets a thread fuzz.
 *
 * @param order The order
 * @param watched The memory in which the thread notes what is running
 * @param look Called now and then
 * @param hangMs The time after which an input is taken not to end, in ms
 * @returns The thread's report, or a finding if an input does not end
 */
export function carryOut(
  order: Order,
  watched: Watched,
  look: () => void = () => {},
  hangMs = HANG_MS,
): Promise<Report> {
  const { promise, resolve, reject } = Promise.withResolvers<Report>();
  const worker = new Worker(new URL("worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<Report>) => resolve(data);
  worker.onerror = (event) => reject(new Error(event.message));
  worker.postMessage(order);
  let { run } = watched;
  let sinceMs = performance.now();
  const timer = setInterval(() => {
    look();
    if (run !== watched.run || run === 0) {
      run = watched.run;
      sinceMs = performance.now();
    } else if (performance.now() - sinceMs > hangMs) {
      const { target, input } = watched;
      const what = `It does not end in ${hangMs / 1000} s`;
      const finding = { target: order.targets[target], input, what, run: 0 };
      resolve({ type: "finding", finding, wholeInput: input.length, endless: true });
    }
  }, LOOK_EVERY_MS);
  return promise.finally(() => {
    clearInterval(timer);
    worker.terminate();
  });
}
