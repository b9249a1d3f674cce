// Reading capture files, with a reader of our own and with tshark.

import { assertEquals } from "@std/assert";
import { readUint16 } from "../../src/wire/uint16.ts";

/** A frame in a capture. */
export interface CapturedFrame {
  /** The name of the interface. */
  on: string;
  /** `in` if the interface has received the frame, `out` if it has sent it. */
  direction: "in" | "out";
  comment: string;
  bytes: Uint8Array;
  /** The length of the frame on the wire. */
  wireLength: number;
  atMs: number;
  /** The number of frames that are missing before this one. */
  missing: number;
}

/** What a capture file contains. */
export interface CaptureContent {
  /** The options of the section header, as texts by their codes. */
  section: Record<number, string>;
  frames: CapturedFrame[];
  /** The counters of each interface at the end. */
  statistics: { written: number; leftOut: number }[];
}

const decoder = new TextDecoder();

/** Reads the blocks of a capture, and asserts that each of them is well-formed. */
export function readCapture(bytes: Uint8Array): CaptureContent {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const names: string[] = [];
  const content: CaptureContent = { section: {}, frames: [], statistics: [] };
  for (let at = 0; at < bytes.length;) {
    const type = view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    assertEquals(length % 4, 0);
    assertEquals(view.getUint32(at + length - 4, true), length);
    const end = at + length - 4;
    const options = (from: number) => readOptions(bytes, view, from, end);
    const text = (value: Uint8Array | undefined) => decoder.decode(value);
    switch (type) {
      case 0x0a0d0d0a: {
        assertEquals(view.getUint32(at + 8, true), 0x1a2b3c4d);
        content.section = Object.fromEntries(
          [...options(at + 24)].map(([code, value]) => [code, text(value)]),
        );
        break;
      }
      case 1:
        assertEquals(view.getUint16(at + 8, true), 1);
        names.push(text(options(at + 16).get(2)));
        break;
      case 5: {
        const of = options(at + 20);
        const number = (code: number) =>
          Number(new BigUint64Array(of.get(code)!.slice().buffer)[0]);
        content.statistics.push({ written: number(8), leftOut: number(7) });
        break;
      }
      case 6: {
        const captured = view.getUint32(at + 20, true);
        const of = options(at + 28 + ((captured + 3) & ~3));
        const missing = of.get(4);
        const us = view.getUint32(at + 12, true) * 2 ** 32 + view.getUint32(at + 16, true);
        content.frames.push({
          on: names[view.getUint32(at + 8, true)],
          direction: (of.get(2)![0] & 3) === 1 ? "in" : "out",
          comment: text(of.get(1)),
          bytes: bytes.slice(at + 28, at + 28 + captured),
          wireLength: view.getUint32(at + 24, true),
          atMs: us / 1000,
          missing: missing === undefined
            ? 0
            : Number(new BigUint64Array(missing.slice().buffer)[0]),
        });
        break;
      }
      default:
        throw new Error(`Unexpected block ${type}`);
    }
    at += length;
  }
  return content;
}

function readOptions(
  bytes: Uint8Array,
  view: DataView,
  from: number,
  end: number,
): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  for (let at = from; at < end;) {
    const code = view.getUint16(at, true);
    const length = view.getUint16(at + 2, true);
    if (code === 0) {
      assertEquals([length, at + 4], [0, end]);
      break;
    }
    options.set(code, bytes.subarray(at + 4, at + 4 + length));
    at += 4 + ((length + 3) & ~3);
  }
  return options;
}

/** The number of frames with each interface, direction and comment, such as `eth1 in: from link`. */
export function summary(frames: readonly CapturedFrame[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { on, direction, comment } of frames) {
    const line = `${on} ${direction}: ${comment}`;
    counts[line] = (counts[line] ?? 0) + 1;
  }
  return counts;
}

/** Returns the frames whose EtherType is that of discovery, or of sessions. */
export function ofKind(
  frames: readonly CapturedFrame[],
  kind: "discovery" | "session",
): CapturedFrame[] {
  const type = kind === "discovery" ? 0x8863 : 0x8864;
  return frames.filter(({ bytes }) => readUint16(bytes, 12) === type);
}

/** Lets tshark read a file; returns the fields of each frame. */
export async function tshark(file: string, fields: string[]): Promise<Record<string, string>[]> {
  const { success, stdout, stderr } = await new Deno.Command("tshark", {
    args: [
      ...["-r", file, "-n", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=;"],
      ...fields.flatMap((field) => ["-e", field]),
    ],
  }).output();
  if (!success) throw new Error(`Cannot run tshark: ${decoder.decode(stderr)}`);
  const text = decoder.decode(stdout).replace(/\n$/, "");
  return text === ""
    ? []
    : text.split("\n").map((line) =>
      Object.fromEntries(line.split("\t").map((value, at) => [fields[at], value]))
    );
}
