// The tunnel: making the connection, greeting, and driving it.

export * from "./channel.ts";
export * from "./connect.ts";
export * from "./endpoint.ts";
export * from "./handshake.ts";
