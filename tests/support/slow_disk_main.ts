// pppoe-proxy on a slow disk: the sign of life in the state directory is not written until SIGWINCH.

import fs from "node:fs";

const { futimes } = fs;
const released = Promise.withResolvers<void>();
Deno.addSignalListener("SIGWINCH", () => released.resolve());
const slow = async (...args: Parameters<typeof futimes>) => {
  await released.promise;
  futimes(...args);
};
Object.assign(fs, { futimes: slow });

await import("../../main.ts");
