// Stand-in for the exports of @std/assert in use, on node:assert, node:util and es-toolkit.

export * from "./assert.ts";
export * from "./assertion_error.ts";
export * from "./equals.ts";
export * from "./order.ts";
export * from "./strings.ts";
export * from "./throws.ts";
export * from "./types.ts";
