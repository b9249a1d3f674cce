// The parts of the program that targets use: its own, or some with a planted fault.

import { parseConfig } from "../../src/cli/config_file.ts";
import { Relay } from "../../src/relay/mod.ts";
import { FrameReader } from "../../src/tunnel/frame_reader.ts";
import { ClientHandshake, ServerHandshake } from "../../src/tunnel/handshake_machine.ts";
import { parseDiscovery } from "../../src/wire/mod.ts";

/** The parts that a planted fault can replace. */
export interface Parts {
  parseDiscovery: typeof parseDiscovery;
  parseConfig: typeof parseConfig;
  frameReader(...parameters: ConstructorParameters<typeof FrameReader>): FrameReader;
  relay(...parameters: ConstructorParameters<typeof Relay>): Relay;
  clientHandshake(...parameters: ConstructorParameters<typeof ClientHandshake>): ClientHandshake;
  serverHandshake(...parameters: ConstructorParameters<typeof ServerHandshake>): ServerHandshake;
}

/** The program's own parts. */
export const OWN_PARTS: Parts = {
  parseDiscovery,
  parseConfig,
  frameReader: (...parameters) => new FrameReader(...parameters),
  relay: (...parameters) => new Relay(...parameters),
  clientHandshake: (...parameters) => new ClientHandshake(...parameters),
  serverHandshake: (...parameters) => new ServerHandshake(...parameters),
};
