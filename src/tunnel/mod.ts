// The tunnel: greeting, and driving it.

export * from "./channel.ts";
export * from "./handshake.ts";
