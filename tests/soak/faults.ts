// The parts of the program that a schedule runs: the real ones, or some with a planted fault.

import type { ClientMachine, ClientMachineOptions } from "../../src/client/machine.ts";
import { Relay, type RelayOptions, type RelayPorts } from "../../src/relay/mod.ts";
import type { Channel } from "../../src/tunnel/channel.ts";
import type { ClientHandshake, ServerHandshake } from "../../src/tunnel/handshake_machine.ts";

/** Factories of parts. Where one is missing, the program's own part is used. */
export interface Faults {
  relay(options: RelayOptions, ports: RelayPorts): Relay;
  machine?(options: ClientMachineOptions): ClientMachine;
  channel?(...parameters: ConstructorParameters<typeof Channel>): Channel;
  clientHandshake?(...parameters: ConstructorParameters<typeof ClientHandshake>): ClientHandshake;
  serverHandshake?(...parameters: ConstructorParameters<typeof ServerHandshake>): ServerHandshake;
}

/** No fault at all. */
export const NO_FAULTS: Faults = { relay: (options, ports) => new Relay(options, ports) };
