// A TCP connection to the server, by whichever of its addresses answers first in turn.

import { lookup } from "node:dns/promises";
import { reasonOf } from "../reason.ts";
import { type Endpoint, formatEndpoint } from "./endpoint.ts";

/** How long one address has to answer. */
const ATTEMPT_MS = 10_000;

/**
 * Connects to each address of a host in turn, until one answers.
 *
 * @param endpoint Where to; a name is looked up each time.
 * @param signal Ends the attempt.
 * @returns The connection.
 * @throws {Error} If none answered, with the reason of the last.
 */
export async function connect(endpoint: Endpoint, signal: AbortSignal): Promise<Deno.TcpConn> {
  const { hostname, port } = endpoint;
  let addresses: { address: string }[];
  try {
    addresses = await within(lookup(hostname, { all: true }), signal, () => {});
  } catch (error) {
    throw new Error(`Cannot find ${hostname}: ${reasonOf(error)}`, { cause: error });
  }
  let last: unknown = new Error("it has no address");
  for (const { address } of addresses) {
    try {
      const conn = Deno.connect({ hostname: address, port, transport: "tcp" });
      return await within(conn, signal, (late) => late.close());
    } catch (error) {
      signal.throwIfAborted();
      last = error;
    }
  }
  throw new Error(`Cannot connect to ${formatEndpoint(endpoint)}: ${reasonOf(last)}`, {
    cause: last,
  });
}

/** The promise's value; what comes after the time or the signal is given to `late`. */
async function within<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  late: (value: T) => void,
): Promise<T> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  const timer = setTimeout(() => reject(new Error("no answer in 10 s")), ATTEMPT_MS);
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
