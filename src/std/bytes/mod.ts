// Stand-in for the exports of @std/bytes in use, on node:buffer.

export * from "./concat.ts";
export * from "./equals.ts";
