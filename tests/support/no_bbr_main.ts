// pppoe-proxy as on a kernel without bbr: a request for bbr is replaced by one for a congestion control
// that does not exist.

const IPPROTO_TCP = 6;
const TCP_CONGESTION = 13;

type Setsockopt = (
  fd: number,
  level: number,
  name: number,
  value: Uint8Array,
  length: number,
) => number;

const { dlopen } = Deno;
Deno.dlopen = ((path: string, symbols: Deno.ForeignLibraryInterface) => {
  const library = dlopen(path, symbols);
  if (!("setsockopt" in symbols)) return library;
  const { setsockopt } = library.symbols as unknown as { setsockopt: Setsockopt };
  const none = new TextEncoder().encode("none-such");
  const without: Setsockopt = (fd, level, name, value, length) =>
    level === IPPROTO_TCP && name === TCP_CONGESTION && new TextDecoder().decode(value) === "bbr"
      ? setsockopt(fd, level, name, none, none.length)
      : setsockopt(fd, level, name, value, length);
  return { ...library, symbols: { ...library.symbols, setsockopt: without } };
}) as typeof Deno.dlopen;

await import("../../main.ts");
