// Connecting to a host over TCP, at the first of its addresses that answers.

import { lookup } from "node:dns/promises";
import { reasonOf } from "../reason.ts";
import { ConnectAttempt, describeConnectFailure } from "./connect_attempt.ts";
import type { Endpoint } from "./endpoint.ts";

/**
 * Connects to each address of a host in turn, until one answers.
 *
 * @param endpoint The host; a name is looked up each time
 * @param signal Ends the attempt
 * @returns The connection
 * @throws {Error} If none answers, with the reason of the last failure
 */
export async function connect(endpoint: Endpoint, signal: AbortSignal): Promise<Deno.TcpConn> {
  const attempt = new ConnectAttempt(endpoint, performance.now());
  let cause: unknown;
  for (;;) {
    const { step, dueMs } = attempt;
    if (step.is === "failed") {
      throw new Error(describeConnectFailure(endpoint, step.failure), { cause });
    }
    try {
      if (step.is === "connect") {
        const conn = Deno.connect({ ...step.address, transport: "tcp" });
        return await before(dueMs, conn, signal, (late) => late.close());
      }
      const addresses = await before(dueMs, lookUp(endpoint.hostname), signal, () => {});
      attempt.resolved(addresses, performance.now());
    } catch (error) {
      signal.throwIfAborted();
      cause = error;
      if (error === LATE) attempt.tick(dueMs);
      else attempt.failed(reasonOf(error), performance.now());
    }
  }
}

/**
 * Looks up a name.
 *
 * @param hostname A name or an IP address
 * @returns The IP addresses, in the order of the system's preference
 * @throws {Error} If the name is unknown, or no resolver answers
 */
export async function lookUp(hostname: string): Promise<string[]> {
  const found = await lookup(hostname, { all: true });
  return found.map(({ address }) => address);
}

const LATE = new Error("late");

/** Returns the promise's value. Passes a value that arrives after the deadline or the signal to `late`. */
async function before<T>(
  dueMs: number,
  promise: Promise<T>,
  signal: AbortSignal,
  late: (value: T) => void,
): Promise<T> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  const timer = setTimeout(() => reject(LATE), dueMs - performance.now());
  signal.addEventListener("abort", abort, { once: true });
  let settled = false;
  promise.then((value) => settled && late(value), () => {});
  try {
    signal.throwIfAborted();
    return await Promise.race([promise, ended]);
  } finally {
    settled = true;
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}
