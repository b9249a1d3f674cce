// The relay: decides which session or discovery owns each frame. Frames and the time come in; no I/O.

export * from "./cause.ts";
export * from "./dials/counts.ts";
export type { HistogramValues } from "./dials/histogram.ts";
export type { DialFailure } from "./dials/watch.ts";
export { FATE, type Fate } from "./control_budget.ts";
export * from "./discovery/added_tags.ts";
export * from "./discovery/line_template.ts";
export * from "./discovery/tokens.ts";
export * from "./drop.ts";
export * from "./drop_meaning.ts";
export * from "./echo.ts";
export * from "./limits.ts";
export * from "./options.ts";
export * from "./peer.ts";
export * from "./relay.ts";
export * from "./restore.ts";
export * from "./session.ts";
export * from "./session_table.ts";
export * from "./token_buckets.ts";
