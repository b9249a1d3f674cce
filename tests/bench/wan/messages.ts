// The messages between the main thread and the machine in the middle.

import { FATES } from "./schedule.ts";
import type { WanOptions } from "./schedule.ts";

/** The configuration of the machine in the middle. */
export interface WanOrder {
  /** Path of its namespace. */
  namespace: string;
  /** Its interfaces towards the client and towards the server. */
  interfaces: [string, string];
  options: WanOptions;
  /** Shared memory with the counters and the word that stops it. */
  shared: SharedArrayBuffer;
}

/** A report that the machine runs, does not run, or has ended. */
export type WanReply = "started" | "ended" | { error: string };

/** Index of the word that stops the machine. */
export const STOP_AT = 2 * FATES.length;
/** Size of the shared memory. */
export const SHARED_BYTES = 4 * (STOP_AT + 1);
