// The options of a data plane that tests rarely change.

import { CHANNEL_SIZES } from "../../src/tunnel/channel.ts";

/** Options that close no session or tunnel of a peer that answers. */
export const PLANE_DEFAULTS = {
  idleMs: 0,
  deadMs: 0,
  graceMs: 0,
  pingMs: 5000,
  tunnelDeadMs: 15_000,
  debug: false,
  ...CHANNEL_SIZES,
} as const;
