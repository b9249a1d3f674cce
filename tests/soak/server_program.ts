// A server as a process in a schedule.

import type { Endpoint } from "../../src/net/endpoint.ts";
import type { Hello } from "../../src/wire/mod.ts";
import type { MemoryPlaneOptions } from "../support/memory/plane.ts";
import { MemoryServer } from "../support/memory/server.ts";
import type { AccessConcentrator } from "./access_concentrator.ts";
import { Program, type Run } from "./program.ts";
import type { Segment } from "./segment.ts";
import { hold } from "./violation.ts";
import type { World } from "./world.ts";

/** A server, with the program's own admission. */
export class ServerProgram extends Program {
  readonly acs: AccessConcentrator[] = [];
  readonly endpoint: Endpoint;

  constructor(world: World, name: string, segment: Segment, linkMac: Uint8Array) {
    super(world, "server", name, segment, linkMac);
    this.endpoint = { hostname: name.replace(" ", "-"), port: 8000 };
  }

  protected override makeRun(options: Omit<MemoryPlaneOptions, "heard">, hello: Hello): Run {
    const { world } = this;
    return new MemoryServer({
      ...options,
      host: this.endpoint.hostname,
      hello,
      handshake: world.faults.serverHandshake,
      channel: world.faults.channel,
      heard: (message) => this.heard(message),
      enters: (id, end, key, name) => {
        const client = world.clients.find((client) => client.name === name);
        hold(client !== undefined, `${this.name} was greeted by an unknown client`);
        this.joined(id, end, key, client);
      },
    });
  }
}
