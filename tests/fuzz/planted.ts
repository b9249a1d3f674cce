// Parts of the program with one planted fault each, to test that the fuzzer finds it.

import { UsageError } from "../../src/cli/options.ts";
import { type Drop, DROP_REASONS, Relay, type Session } from "../../src/relay/mod.ts";
import { FrameReader } from "../../src/tunnel/frame_reader.ts";
import { ClientHandshake, ServerHandshake } from "../../src/tunnel/handshake_machine.ts";
import {
  discoveryLength,
  ETHERNET,
  parseDiscovery,
  PPPOE,
  readSessionId,
  type Tag,
} from "../../src/wire/mod.ts";
import { readUint16 } from "../../src/wire/uint16.ts";
import { OWN_PARTS, type Parts } from "./parts.ts";

/** A planted fault. */
export interface Planted {
  /** The targets that can find it. */
  targets: string[];
  /** Makes the parts with the fault. */
  plant(): Parts;
}

/** A drop that no counter has. */
const NO_REASON = DROP_REASONS.length;
const PLANES = ["server-plane", "client-plane"];

/** A fault by which an input takes forever, so that only another thread can find it. */
export const ENDLESS = "a parser that does not end";

/** All faults. */
export const PLANTED: Readonly<Record<string, Planted>> = {
  "a parser that trusts the length of a tag": {
    targets: ["discovery-frames"],
    plant: () => ({
      ...OWN_PARTS,
      parseDiscovery(frame) {
        const packet = parseDiscovery(frame);
        const end = discoveryLength(frame, 0, frame.length);
        if (end < 0) return packet;
        const tags: Tag[] = [];
        for (let at: number = PPPOE.payload; at + 4 <= end;) {
          const type = readUint16(frame, at);
          if (type === 0) break;
          const next = at + 4 + readUint16(frame, at + 2);
          tags.push({ type, value: frame.subarray(at + 4, next) });
          at = next;
        }
        const header = packet ?? parseDiscovery(frame.slice(0, PPPOE.payload).fill(0, 18));
        return header && { ...header, tags };
      },
    }),
  },

  "a parser that takes a frame's padding for tags": {
    targets: ["discovery-frames"],
    plant: () => ({
      ...OWN_PARTS,
      parseDiscovery(frame) {
        const copy = frame.slice();
        const length = frame.length - PPPOE.payload;
        if (length >= 0) copy.set([length >> 8, length], PPPOE.length[0]);
        return parseDiscovery(copy) && parseDiscovery(copy);
      },
    }),
  },

  [ENDLESS]: {
    targets: ["discovery-frames"],
    plant: () => ({
      ...OWN_PARTS,
      parseDiscovery(frame) {
        const packet = parseDiscovery(frame);
        while (packet?.tags.length === 3);
        return packet;
      },
    }),
  },

  "a reader that loses a byte where the stream is cut": {
    targets: ["tunnel-stream"],
    plant: () => ({
      ...OWN_PARTS,
      frameReader: (...parameters) =>
        new (class extends FrameReader {
          override compact(): void {
            const left = this.unread;
            if (left.length === 4) left.copyWithin(1, 0, 3);
            super.compact();
          }
        })(...parameters),
    }),
  },

  "a reader that takes a frame before its last byte has come": {
    targets: ["tunnel-stream"],
    plant: () => ({
      ...OWN_PARTS,
      frameReader: (...parameters) =>
        new (class extends FrameReader {
          override next(): number {
            const left = this.unread;
            const isShort = left.length > 3 && left[2] === left.length - 2;
            if (!isShort) return super.next();
            left[2]--;
            return super.next();
          }
        })(...parameters),
    }),
  },

  "a handshake that fails at a piece of one byte": {
    targets: ["server-handshake"],
    plant: () => ({
      ...OWN_PARTS,
      serverHandshake: (...parameters) =>
        new (class extends ServerHandshake {
          override receive(bytes: Uint8Array, nowMs: number): void {
            super.receive(
              bytes.length === 1 && bytes[0] === 0x59 ? new Uint8Array(1) : bytes,
              nowMs,
            );
          }
        })(...parameters),
    }),
  },

  "a handshake that never ends when the server is silent": {
    targets: ["client-handshake"],
    plant: () => ({
      ...OWN_PARTS,
      clientHandshake: (...parameters) =>
        new (class extends ClientHandshake {
          override tick(nowMs: number): void {
            if (!this.isSilent) super.tick(nowMs);
          }
        })(...parameters),
    }),
  },

  "a relay that passes a frame on that has another source address": {
    targets: PLANES,
    plant: () => ({
      ...OWN_PARTS,
      relay: (...parameters) =>
        new (class extends Relay {
          override sessionFromTunnel(
            ...[tunnel, frame, offset, nowMs]: Parameters<Relay["sessionFromTunnel"]>
          ): Session | Drop {
            const found = super.sessionFromTunnel(tunnel, frame, offset, nowMs);
            const id = readSessionId(frame, offset);
            const owner = [...this.sessions].find((session) =>
              session.tunnelId === id && session.tunnel === tunnel
            );
            if (typeof found !== "number" || owner === undefined) return found;
            frame.set(owner.farMac, offset + ETHERNET.source[0]);
            return super.sessionFromTunnel(tunnel, frame, offset, nowMs);
          }
        })(...parameters),
    }),
  },

  "a relay that forgets the source address that its link may see": {
    targets: PLANES,
    plant: () => ({
      ...OWN_PARTS,
      relay: (options, ports) =>
        new Relay(options, {
          ...ports,
          toLink(frame) {
            const last = frame[ETHERNET.source[0] + 5];
            if (last === 0xc0) frame[ETHERNET.source[0] + 5] = 0x11;
            ports.toLink(frame);
          },
        }),
    }),
  },

  "a relay that drops a frame without counting it": {
    targets: PLANES,
    plant: () => ({
      ...OWN_PARTS,
      relay: (...parameters) =>
        new (class extends Relay {
          override sessionFromTunnel(
            ...all: Parameters<Relay["sessionFromTunnel"]>
          ): Session | Drop {
            const found = super.sessionFromTunnel(...all);
            return typeof found === "number" ? NO_REASON : found;
          }
        })(...parameters),
    }),
  },

  "a configuration file that a blank in a value breaks": {
    targets: ["config-file"],
    plant: () => ({
      ...OWN_PARTS,
      parseConfig(flags, text, name) {
        const given = OWN_PARTS.parseConfig(flags, text, name);
        if (given.value("interface")?.includes(" ")) throw new TypeError("Cannot read it");
        if (text === "") throw new UsageError("Cannot read it: it is empty");
        return given;
      },
    }),
  },
};
