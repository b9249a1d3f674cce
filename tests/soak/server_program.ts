// A server: takes every client that says hello.

import type { AccessConcentrator } from "./access_concentrator.ts";
import { ClientProgram } from "./client_program.ts";
import { Program } from "./program.ts";
import type { Segment } from "./segment.ts";
import type { End, Message } from "./tunnel.ts";
import { hold } from "./violation.ts";
import type { World } from "./world.ts";

/** One of them. */
export class ServerProgram extends Program {
  readonly acs: AccessConcentrator[] = [];

  constructor(world: World, name: string, segment: Segment, linkMac: Uint8Array) {
    super(world, "server", name, segment, linkMac);
  }

  override receive(end: End, message: Message): void {
    switch (message.type) {
      case "hello":
        return this.#greet(end);
      case "goodbye":
        return this.dropTunnel(end);
      default:
        this.fromTunnel(end, message);
    }
  }

  override lost(end: End): void {
    this.dropTunnel(end);
  }

  protected override started(): void {}

  #greet(end: End): void {
    const client = end.peer.program;
    hold(client instanceof ClientProgram, "hello from a server");
    // Refused.
    if (!this.running) return end.close("orderly");
    end.send({ type: "welcome" });
    this.addTunnel(end, client.key, client.name);
  }
}
