// The stream of a tunnel, cut in any way: the frames and the end are the same, whatever the cuts.

import { assertEquals } from "@std/assert";
import { Pinned } from "../../../ffi/mod.ts";
import { MemoryDescriptors } from "../../../src/poll/memory.ts";
import { MemoryTransport } from "../../../src/transport/memory.ts";
import { Channel } from "../../../src/tunnel/channel.ts";
import { LARGEST_FRAME } from "../../../src/tunnel/frame_queue.ts";
import { FOUND, NONE } from "../../../src/tunnel/frame_reader.ts";
import { ReadBuffers } from "../../../src/tunnel/read_buffers.ts";
import { encodeFrame, FRAME, MAX_PAYLOAD, writeHeader } from "../../../src/wire/mod.ts";
import type { Random } from "../../soak/random.ts";
import { hold } from "../../soak/violation.ts";
import { Choices } from "../choices.ts";
import type { Parts } from "../parts.ts";
import type { Target } from "../target.ts";
import { randomTunnelFrame } from "./wire.ts";

const READ_BYTES = 4096;
const SIZES = { queueBytes: 16 * 1024, batchBytes: 8 * 1024, readBytes: READ_BYTES };
const INPUT_MAX = 3000;
/** The number of bytes up to which a stream is also cut at every byte. */
const SINGLE_MAX = 600;
const CUTS_MAX = 24;
/** Marks a place in a generated stream where a long payload is filled in. */
const LONG = 0x4c4f;

/** The content of a stream. */
interface Content {
  /** A type, a length and a sum for each frame. */
  frames: string[];
  /** What follows them: an incomplete frame, or a faulty header. */
  end: string;
}

/** Reads a stream as docs/PROTOCOL.md describes it, in the simplest way. */
function read(stream: Uint8Array): Content {
  const frames: string[] = [];
  for (let at = 0;;) {
    let length = 0;
    let size = 2;
    for (let shift = 0;; shift += 7, size++) {
      if (size === 5) return { frames, end: "faulty" };
      const byte = stream[at + size];
      if (byte === undefined) return { frames, end: "incomplete" };
      length += (byte % 128) * 2 ** shift;
      if (byte < 128) break;
    }
    if (length > MAX_PAYLOAD) return { frames, end: "faulty" };
    const payload = stream.subarray(at + size + 1, at + size + 1 + length);
    if (payload.length < length) return { frames, end: "incomplete" };
    frames.push(describe(stream[at] * 256 + stream[at + 1], payload));
    at += size + 1 + length;
  }
}

function describe(type: number, payload: Uint8Array): string {
  let sum = 0;
  for (const byte of payload) sum = (Math.imul(sum, 31) + byte) | 0;
  return `${type} ${payload.length} ${sum}`;
}

/** Returns a transport whose reads give these pieces, one each, as far as there is room. */
function transportOf(pieces: readonly Uint8Array[]): MemoryTransport {
  const [near, far] = MemoryTransport.pair(new MemoryDescriptors(), {
    now: () => 0,
    roomBytes: Infinity,
  });
  let at = 0;
  // The transport gives at most one piece per read, since the next one is sent only then.
  const receive = near.receive.bind(near);
  near.receive = (into) => {
    const count = receive(into);
    if (count !== -1 || at === pieces.length) return count;
    const piece = pieces[at++];
    far.add(new Pinned(piece.slice()), 0, piece.length);
    far.send();
    return receive(into);
  };
  return near;
}

/** Reads a stream in pieces, of which the first was received with the greeting. */
function readInPieces({ frameReader }: Parts, [first, ...pieces]: Uint8Array[]): Content {
  const received = first ?? new Uint8Array(0);
  const reader = frameReader(new ReadBuffers(READ_BYTES), received);
  const transport = transportOf(pieces);
  // What was received first, or the start of a frame, is kept in memory of up to twice its size.
  const room = Math.max(LARGEST_FRAME + READ_BYTES, 2 * Math.max(received.length, LARGEST_FRAME));
  const frames: string[] = [];
  for (;;) {
    let found: number;
    while ((found = reader.next()) === FOUND) {
      const { type, offset, length } = reader;
      frames.push(describe(type, reader.memory.bytes.subarray(offset, offset + length)));
    }
    if (found !== NONE) return { frames, end: "faulty" };
    reader.compact();
    hold(reader.memory.bytes.length <= room, "The reader's buffer has grown");
    if (reader.read(transport) < 0) return { frames, end: "incomplete" };
  }
}

/** Reads a stream with a channel; returns the frames that it leaves to its caller, and its end. */
function readByChannel([first, ...pieces]: Uint8Array[], legacy: boolean): Content {
  const transport = transportOf(pieces);
  const received = first ?? new Uint8Array(0);
  const channel = new Channel({ id: 1, transport, legacy, received }, 0, SIZES);
  const frames: string[] = [];
  do {
    while (channel.nextFrame(0)) {
      const { type, offset, length, received: { bytes } } = channel;
      frames.push(describe(type, bytes.subarray(offset, offset + length)));
    }
    if (channel.ended !== undefined) break;
    channel.compact();
  } while (channel.receive(0));
  return { frames, end: `${channel.ended} ${channel.endedReason} ${channel.goodbye}` };
}

/** Cuts a stream into reads of at most so many bytes. */
function cut(stream: Uint8Array, length: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < stream.length; at += length) pieces.push(stream.subarray(at, at + length));
  return pieces;
}

/** Makes the stream of an input: its bytes, with long payloads where it says so. */
function streamOf(choices: Choices): Uint8Array {
  const bytes = choices.rest;
  const at = bytes.findIndex((byte, at) => byte === LONG >> 8 && bytes[at + 1] === (LONG & 0xff));
  if (at < 0) return bytes;
  const length = MAX_PAYLOAD - (bytes[at + 2] ?? 0);
  const header = new Uint8Array(8);
  const size = writeHeader(header, 0, FRAME.SESSION, length);
  const stream = new Uint8Array(bytes.length + size + length);
  stream.set(bytes.subarray(0, at));
  stream.set(header.subarray(0, size), at);
  stream.fill(0x5a, at + size, at + size + length);
  stream.set(bytes.subarray(at), at + size + length);
  return stream;
}

/** Makes the target for the reader of a tunnel's stream, and for the channel around it. */
export function tunnelStream(parts: Parts): Target {
  return {
    name: "tunnel-stream",
    share: 2,
    maxBytes: INPUT_MAX,
    words: [encodeFrame(FRAME.PING, new Uint8Array(0)), Uint8Array.of(0, 3, 0xff, 0xff, 0x03)],
    generate(random: Random) {
      const parts = [random.bytes(CUTS_MAX + 1)];
      for (let left = random.below(8); left > 0; left--) parts.push(randomTunnelFrame(random));
      if (random.chance(0.1)) {
        parts.splice(random.between(1, parts.length), 0, Uint8Array.of(LONG >> 8, LONG, 3));
      }
      return Uint8Array.from(parts.flatMap((part) => [...part]));
    },
    run(input) {
      const choices = new Choices(input);
      const legacy = choices.oneIn(8);
      const cuts = new Choices(choices.take(CUTS_MAX));
      const stream = streamOf(choices);
      const pieces = cuts.pieces(stream);
      const content = read(stream);
      assertEquals(readInPieces(parts, [new Uint8Array(0), ...cut(stream, READ_BYTES)]), content);
      assertEquals(readInPieces(parts, pieces), content);
      const whole = readByChannel([stream], legacy);
      assertEquals(readByChannel(pieces, legacy), whole);
      if (stream.length <= SINGLE_MAX) {
        const singles = cut(stream, 1);
        assertEquals(readInPieces(parts, singles), content);
        assertEquals(readByChannel(singles, legacy), whole);
      }
      const types = new Set(content.frames.map((frame) => frame.split(" ")[0]));
      return `${[...types].slice(0, 3)} ${content.end} ${whole.end.slice(0, 24)} ${legacy}`;
    },
  };
}
