// Parts of the program with one planted fault each, to test that a soak finds it.

import {
  type Cause,
  DROP,
  NO_ECHO,
  Peer,
  Relay,
  type RelayOptions,
  type RelayPorts,
} from "../../src/relay/mod.ts";
import type { Session } from "../../src/relay/mod.ts";
import type { Greeting } from "../../src/relay/peers.ts";
import { CODE, FRAME, readCode, readSessionId } from "../../src/wire/mod.ts";
import { ClientMachine } from "../../src/client/machine.ts";
import type { ClientEvent } from "../../src/client/messages.ts";
import { AGAIN, type Transport } from "../../src/transport/transport.ts";
import { Channel } from "../../src/tunnel/channel.ts";
import {
  ClientHandshake,
  type HandshakeState,
  ServerHandshake,
} from "../../src/tunnel/handshake_machine.ts";
import { type Faults, NO_FAULTS } from "./faults.ts";

type MakeRelay = Faults["relay"];

/** Faults of relays. Each one makes a factory for the relays of one schedule. */
const RELAYS: Record<string, () => MakeRelay> = {
  "gives a held session to a client with another key": () => {
    class Faulty extends Relay {
      override addTunnel(tunnel: number, greeting: Greeting, nowMs: number): number {
        const held = [...this.sessions].find(({ peer }) => peer.held);
        const key = greeting.key && (held?.peer.key ?? greeting.key);
        return super.addTunnel(tunnel, { ...greeting, key }, nowMs);
      }
    }
    return (options, ports) => new (at("server", options, Faulty))(options, ports);
  },

  "names problems of dials without a tunnel": () => {
    class Faulty extends Relay {
      constructor(options: RelayOptions, ports: RelayPorts) {
        super(options, ports);
        this.dials.tunnelLost = () => {};
      }
    }
    return (options, ports) => new Faulty(options, ports);
  },

  "forgets the PADT at the end of the grace time": () => {
    class Faulty extends Relay {
      override expireHeld(nowMs: number): void {
        const held = [...this.sessions].filter(({ peer }) => peer.held);
        for (const session of held) {
          if (nowMs - session.peer.heldSinceMs < this.options.graceMs) continue;
          this.close(session, "peer-lost", { link: false, tunnel: false });
        }
        super.expireHeld(nowMs);
      }
    }
    return (options, ports) => new Faulty(options, ports);
  },

  "leaves a session with its old tunnel at a takeover": () => {
    class Faulty extends Relay {
      override addTunnel(tunnel: number, greeting: Greeting, nowMs: number): number {
        const replaced = super.addTunnel(tunnel, greeting, nowMs);
        const left = [...this.sessions].find((session) => session.tunnel === tunnel);
        if (replaced === 0 || left === undefined) return replaced;
        const peer = new Peer(greeting.key, greeting.name, nowMs);
        peer.tunnel = replaced;
        this.sessions.close(left);
        this.sessions.open({ ...left, peer }, nowMs, left.serial);
        return replaced;
      }
    }
    return (options, ports) => new Faulty(options, ports);
  },

  "restores a session that was closed": () => {
    // The sessions left in a journal that lacks a line, by the link address of its program.
    const closed = new Map<string, { session: Session; peer: Peer }>();
    class Faulty extends Relay {
      #restored = false;
      override restore(...[session, peer, nowMs]: Parameters<Relay["restore"]>): Session {
        const restored = super.restore(session, peer, nowMs);
        const last = closed.get(`${this.options.linkMac}`);
        if (this.#restored || last?.peer.key === undefined) return restored;
        this.#restored = true;
        const { key, name } = last.peer;
        super.restore({ ...last.session }, { ...peer, key, name }, nowMs);
        return restored;
      }
    }
    return (options, ports) =>
      new Faulty(options, {
        ...ports,
        closed(session, end) {
          closed.set(`${options.linkMac}`, { session, peer: session.peer });
          ports.closed(session, end);
        },
      });
  },

  "closes sessions with their tunnel instead of holding them": () => {
    class Faulty extends Relay {
      override removeTunnel(tunnel: number, cause: Cause, nowMs: number): void {
        const sessions = [...this.sessions].filter((session) => session.tunnel === tunnel);
        super.removeTunnel(tunnel, cause, nowMs);
        for (const session of sessions) {
          this.close(session, cause, { link: true, tunnel: false });
        }
      }
    }
    return (options, ports) => new Faulty(options, ports);
  },

  "ignores the other side's list of sessions": () => {
    class Faulty extends Relay {
      override listFromTunnel(): boolean {
        return true;
      }
    }
    return (options, ports) => new (at("client", options, Faulty))(options, ports);
  },

  "closes sessions that were granted after the list was sent": () => {
    class Faulty extends Relay {
      override listFromTunnel(tunnel: number, payload: Uint8Array, nowMs: number): boolean {
        for (const session of this.sessions) {
          if (session.tunnel === tunnel) session.state = "unconfirmed";
        }
        return super.listFromTunnel(tunnel, payload, nowMs);
      }
    }
    return (options, ports) => new (at("server", options, Faulty))(options, ports);
  },

  "never ends the grace time": () => {
    class Faulty extends Relay {
      override expireHeld(nowMs: number): void {
        for (const { peer } of this.sessions) if (peer.held) peer.heldSinceMs = nowMs;
        super.expireHeld(nowMs);
      }
    }
    return (options, ports) => new Faulty(options, ports);
  },

  "starts the grace time again at each restart": () => {
    class Faulty extends Relay {
      override restore(...[session, peer, nowMs]: Parameters<Relay["restore"]>): Session {
        return super.restore(session, { ...peer, heldSinceMs: nowMs }, nowMs);
      }
    }
    return (options, ports) => new Faulty(options, ports);
  },

  "accepts a client's frames for another client's session": () => {
    class Faulty extends Relay {
      override sessionFromTunnel(
        tunnel: number,
        frame: Uint8Array,
        offset: number,
        nowMs: number,
      ): Session | number {
        let found = super.sessionFromTunnel(tunnel, frame, offset, nowMs);
        for (const other of this.peersByTunnel.keys()) {
          if (typeof found === "number") {
            found = super.sessionFromTunnel(other, frame, offset, nowMs);
          }
        }
        return found;
      }
    }
    return (options, ports) => new (at("server", options, Faulty))(options, ports);
  },

  "identifies a session on the link by its id alone": () => {
    class Faulty extends Relay {
      override sessionFromLink(frame: Uint8Array, offset: number, nowMs: number): Session | number {
        const id = readSessionId(frame, offset);
        const session = [...this.sessions].find(({ linkId }) => linkId === id);
        if (session === undefined) return DROP["unknown-session"];
        session.heardFromLink(nowMs, NO_ECHO);
        session.rewriteForTunnel(frame, offset);
        return session;
      }
    }
    return (options, ports) => new Faulty(options, ports);
  },

  "sends a PADS to a client that did not ask": () => (options, ports) => {
    const relay: Relay = new Relay(options, {
      ...ports,
      toTunnel(tunnel, frame) {
        const others = [...relay.peersByTunnel.keys()].filter((other) => other !== tunnel);
        const stray = readCode(frame) === CODE.PADS && others.length > 0;
        ports.toTunnel(stray ? others[0] : tunnel, frame);
      },
    });
    return relay;
  },

  "does not forward an AC's PADT to the tunnel": () => (options, ports) =>
    new Relay(options, {
      ...ports,
      toTunnel(tunnel, frame) {
        const kept = options.side === "server" && readCode(frame) === CODE.PADT;
        if (!kept) ports.toTunnel(tunnel, frame);
      },
    }),
};

/** Faults of client machines, channels and handshakes. */
const OTHERS: Record<string, Omit<Faults, "relay">> = {
  "a client machine that forgets which server holds its sessions": {
    machine: (options) =>
      new (class extends ClientMachine {
        override handle(event: ClientEvent, nowMs: number): void {
          if (event.type !== "held") super.handle(event, nowMs);
        }
      })(options),
  },

  "a client machine that does not notice a broken tunnel": {
    machine: (options) =>
      new (class extends ClientMachine {
        override handle(event: ClientEvent, nowMs: number): void {
          const broke = event.type === "tunnel-down" && event.goodbye === undefined;
          if (!broke) super.handle(event, nowMs);
        }
      })(options),
  },

  "a client machine whose timer never fires": {
    machine: (options) =>
      new (class extends ClientMachine {
        override get dueMs(): number {
          return this.state === "waiting" ? Infinity : super.dueMs;
        }
      })(options),
  },

  "a channel that never pings, and so never gives up a silent peer": {
    channel: (...parameters) =>
      new (class extends Channel {
        override keepalive(): void {}
      })(...parameters),
  },

  "a channel that accepts a PADT and forgets it": {
    channel: (...parameters) =>
      new (class extends Channel {
        override queue(...parameters: Parameters<Channel["queue"]>): boolean {
          const [type, , , lane] = parameters;
          return (type === FRAME.DISCOVERY && lane === "last") || super.queue(...parameters);
        }
      })(...parameters),
  },

  "a channel that does not count the frames that are lost with its tunnel": {
    channel: (...parameters) =>
      new (class extends Channel {
        override get queuedSession(): number {
          return this.ended === undefined ? super.queuedSession : 0;
        }
        override get queuedDiscovery(): number {
          return this.ended === undefined ? super.queuedDiscovery : 0;
        }
      })(...parameters),
  },

  "a channel that counts a frame that was sent in part as carried": {
    channel: (...parameters) =>
      new (class extends Channel {
        override get queuedSession(): number {
          return Math.max(0, super.queuedSession - (this.blocked ? 1 : 0));
        }
      })(...parameters),
  },

  "a channel that forgets the rest of a partial write": {
    channel: ({ transport, ...tunnel }, ...parameters) => {
      const careless: Transport = Object.create(transport, {
        bytes: { get: () => transport.bytes },
        send: {
          value: () => {
            const offered = transport.bytes;
            return transport.send() > 0 ? offered : AGAIN;
          },
        },
      });
      for (
        const name of [
          "receive",
          "add",
          "limitUnsent",
          "limitUnread",
          "refresh",
          "shutdown",
          "status",
          "unacknowledgedBytes",
        ] as const
      ) {
        Object.defineProperty(careless, name, { value: transport[name].bind(transport) });
      }
      Object.defineProperty(careless, "failure", { get: () => transport.failure });
      Object.defineProperty(careless, "fd", { get: () => transport.fd });
      return new Channel({ ...tunnel, transport: careless }, ...parameters);
    },
  },

  "a handshake that takes all clients for the same one": {
    serverHandshake: (...parameters) =>
      new (class extends ServerHandshake {
        override get state(): HandshakeState {
          const state = super.state;
          if (state.is !== "done") return state;
          const { peer, received } = state.handshake;
          const resumeSecret = peer.resumeSecret && new Uint8Array(16);
          return { is: "done", handshake: { peer: { ...peer, resumeSecret }, received } };
        }
      })(...parameters),
  },

  "a handshake that shows a different secret each time": {
    clientHandshake: ({ resumeSecret, ...hello }, nowMs, ...parameters) => {
      const other = resumeSecret?.map((byte, at) => byte ^ (Math.floor(nowMs) >>> (8 * (at % 4))));
      return new ClientHandshake({ ...hello, resumeSecret: other }, nowMs, ...parameters);
    },
  },

  "a handshake that forgets the bytes behind the welcome": {
    clientHandshake: (...parameters) =>
      new (class extends ClientHandshake {
        override get state(): HandshakeState {
          const state = super.state;
          if (state.is !== "done") return state;
          return {
            is: "done",
            handshake: { ...state.handshake, received: new Uint8Array(0) },
          };
        }
      })(...parameters),
  },
};

/** All faults, each with a function that makes the parts of one schedule. */
export const PLANTED: Record<string, () => Faults> = {
  ...Object.fromEntries(
    Object.entries(RELAYS).map(([name, makeRelay]) => [
      `a relay that ${name}`,
      () => ({ ...NO_FAULTS, relay: makeRelay() }),
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(OTHERS).map(([name, faults]) => [name, () => ({ ...NO_FAULTS, ...faults })]),
  ),
};

// Returns the faulty relay for one side, and the real one for the other.
function at(
  side: RelayOptions["side"],
  options: RelayOptions,
  faulty: new (options: RelayOptions, ports: RelayPorts) => Relay,
): new (options: RelayOptions, ports: RelayPorts) => Relay {
  return options.side === side ? faulty : Relay;
}
