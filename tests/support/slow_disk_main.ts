// pppoe-proxy itself, on a disk that takes no sign of life in the state directory until SIGHUP.

const { utime } = Deno;
const released = Promise.withResolvers<void>();
Deno.addSignalListener("SIGHUP", () => released.resolve());
Deno.utime = async (...args: Parameters<typeof utime>) => {
  await released.promise;
  await utime(...args);
};

await import("../../main.ts");
