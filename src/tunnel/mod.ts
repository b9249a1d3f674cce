// The tunnel: its handshake, and the channel that follows it.

export * from "./channel.ts";
export * from "./handshake.ts";
export * from "./handshake_machine.ts";
export type { FrameOwner, FrameTap, Tally } from "./flight.ts";
export type { OutboxLane } from "./outbox.ts";
