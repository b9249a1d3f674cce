/**
 * pppoe-proxy as a library: the PPPoE codecs, packet sockets, the tunnel, and both modes.
 *
 * @module
 */

export * from "./src/wire/mod.ts";
export * from "./ffi/mod.ts";
export { Client, type ClientOptions } from "./src/client.ts";
export { Server, type ServerOptions } from "./src/server.ts";
