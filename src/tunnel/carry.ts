// Carries bytes between a connection and a machine, which decides: that of a handshake, or of a PROXY header.

/** The part of a connection that carries bytes. */
export type Carried = Pick<Deno.Conn, "read" | "write">;

/** The states of a machine: it waits until it has a result. */
type MachineState = { is: "waiting" } | { is: "done" } | { is: "failed" };

/** A machine without I/O. Times are in ms, by the clock of `performance.now()`. */
export interface CarriedMachine<S extends MachineState> {
  readonly state: S;
  /** The time at which `tick` is due. */
  readonly dueMs: number;
  /** Takes the bytes to send, once; undefined if there are none. */
  takeOutput(): Uint8Array<ArrayBuffer> | undefined;
  receive(bytes: Uint8Array, nowMs: number): void;
  close(how: "closed" | "reset"): void;
  tick(nowMs: number): void;
}

/** The errors of a connection that the peer has ended without closing it in order. */
const RESET = [Deno.errors.ConnectionReset, Deno.errors.ConnectionAborted, Deno.errors.BrokenPipe];

/** The number of bytes that are read at once. */
const READ_BYTES = 1024;

/**
 * Carries bytes until a machine has a result.
 *
 * @param conn The connection, which the caller closes
 * @param machine The machine
 * @param received Bytes that have been read already
 * @returns The result
 * @throws {Error} If the connection breaks for any other reason than its end by the peer
 */
export async function carry<S extends MachineState>(
  conn: Carried,
  machine: CarriedMachine<S>,
  received: Uint8Array = new Uint8Array(0),
): Promise<Exclude<S, { is: "waiting" }>> {
  const bytes = new Uint8Array(READ_BYTES);
  let reading: Promise<Reading> | undefined;
  if (received.length > 0) machine.receive(received, performance.now());
  while (machine.state.is === "waiting") {
    // Bytes of a peer that is already gone can still be read.
    await tell(conn, machine.takeOutput());
    reading ??= read(conn, bytes);
    const result = await before(machine.dueMs, reading);
    const nowMs = performance.now();
    if (result === "late") machine.tick(Math.max(nowMs, machine.dueMs));
    else {
      reading = undefined;
      if (typeof result === "number") machine.receive(bytes.subarray(0, result), nowMs);
      else machine.close(result);
    }
  }
  const output = machine.takeOutput();
  await (machine.state.is === "failed" ? tell(conn, output) : writeAll(conn, output));
  return machine.state as Exclude<S, { is: "waiting" }>;
}

/** The number of bytes that were read, or how the peer has ended the connection. */
type Reading = number | "closed" | "reset";

async function read(conn: Carried, bytes: Uint8Array): Promise<Reading> {
  try {
    return await conn.read(bytes) ?? "closed";
  } catch (error) {
    if (RESET.some((reset) => error instanceof reset)) return "reset";
    throw error;
  }
}

/** Waits for a limited time. A read that is late continues; it ends when the connection is closed. */
async function before(dueMs: number, reading: Promise<Reading>): Promise<Reading | "late"> {
  reading.catch(() => {});
  const { promise: late, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(() => resolve("late"), Math.max(0, dueMs - performance.now()));
  try {
    return await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Writes to a peer that may be gone. */
async function tell(conn: Carried, bytes: Uint8Array<ArrayBuffer> | undefined): Promise<void> {
  try {
    await writeAll(conn, bytes);
  } catch {
    // The peer is already gone.
  }
}

async function writeAll(conn: Carried, bytes = new Uint8Array(0)): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
