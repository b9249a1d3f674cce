// What the main thread and the machine in the middle say to each other.
import { FATES } from "./schedule.ts";
import type { WanOptions } from "./schedule.ts";

/** Where the machine in the middle is, and what it does. */
export interface WanOrder {
  /** Path of its namespace. */
  namespace: string;
  /** Its two interfaces: the client's side, the server's side. */
  interfaces: [string, string];
  options: WanOptions;
  /** Its counters, and the word that ends it. */
  shared: SharedArrayBuffer;
}

/** That it runs, or why it does not; and that it has ended. */
export type WanReply = "started" | "ended" | { error: string };

/** Where the word is that ends it. */
export const STOP_AT = 2 * FATES.length;
/** How large the memory is. */
export const SHARED_BYTES = 4 * (STOP_AT + 1);
