// pppoe-proxy on a slow disk: the sign of life in the state directory is not written until SIGWINCH.

const { utime } = Deno;
const released = Promise.withResolvers<void>();
Deno.addSignalListener("SIGWINCH", () => released.resolve());
Deno.utime = async (...args: Parameters<typeof utime>) => {
  await released.promise;
  await utime(...args);
};

await import("../../main.ts");
