// Stand-in for the exports of @std/cli in use, on node:util.

export * from "./parse_args.ts";
