// The tunnel: greeting, and driving it.

export * from "./channel.ts";
export * from "./handshake.ts";
export * from "./handshake_machine.ts";
export type { OutboxLane } from "./outbox.ts";
