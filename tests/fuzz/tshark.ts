// Compares how this program reads frames with how tshark, Wireshark's program for terminals, does.

import {
  CODE,
  ETH_P_PPP_DISC,
  ETH_P_PPP_SES,
  FAULT_SHORT,
  FAULT_VERSION,
  frameLength,
  parseDiscovery,
  PPPOE,
  readCode,
  readEtherType,
  readSessionId,
  TAG,
} from "../../src/wire/mod.ts";
import { readUint16 } from "../../src/wire/uint16.ts";
import { Random } from "../soak/random.ts";
import { hasProgram } from "../support/skip.ts";
import { randomDiscovery, randomSession } from "./frames.ts";
import { mutate } from "./mutate.ts";

/** The number of the sequence of a seed. */
const SEQUENCE = 0x7368;
const FRAME_MAX = 1500;
const MAGIC = 0xa1b2c3d4;
const LINKTYPE_ETHERNET = 1;
const TAG_HLEN = 4;
const FIELDS = [
  "frame.number",
  "pppoe.code",
  "pppoe.session_id",
  "pppoe.payload_length",
  "pppoed.tag",
  "pppoed.tag_length",
  "_ws.malformed",
];

/** The result of a comparison. */
export interface Comparison {
  /** The differences that have no explanation, one line each. */
  differences: string[];
  /** The numbers of frames for which the two differ, by the reason. */
  explained: Map<string, number>;
}

/** Returns why there can be no comparison; undefined if there can. */
export function missingTshark(): string | undefined {
  return hasProgram("tshark") ? undefined : "tshark is not installed";
}

/** Makes frames of PPPoE, many of them damaged. */
function makeFrames(seed: number, count: number): Uint8Array[] {
  const random = new Random(seed, SEQUENCE);
  const frames: Uint8Array[] = [];
  while (frames.length < count) {
    let frame = random.chance(0.8) ? randomDiscovery(random) : randomSession(random);
    if (random.chance(0.5)) {
      const others = { words: [], input: () => frames[random.below(frames.length)] ?? frame };
      frame = mutate(frame, random, others, FRAME_MAX);
    }
    const type = frame.length < PPPOE.verType[0] ? 0 : readEtherType(frame);
    if (type === ETH_P_PPP_DISC || type === ETH_P_PPP_SES) frames.push(frame);
  }
  return frames;
}

/** Makes a capture file. */
function capture(frames: readonly Uint8Array[]): Uint8Array {
  const total = frames.reduce((sum, { length }) => sum + 16 + length, 24);
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC);
  view.setUint16(4, 2);
  view.setUint16(6, 4);
  view.setUint32(16, 0xffff);
  view.setUint32(20, LINKTYPE_ETHERNET);
  let at = 24;
  for (const frame of frames) {
    view.setUint32(at + 8, frame.length);
    view.setUint32(at + 12, frame.length);
    bytes.set(frame, at + 16);
    at += 16 + frame.length;
  }
  return bytes;
}

/** Lets tshark read frames; returns the fields of each. */
async function dissect(frames: readonly Uint8Array[]): Promise<Map<string, string>[]> {
  const file = Deno.makeTempFileSync({ suffix: ".pcap" });
  try {
    Deno.writeFileSync(file, capture(frames));
    const fields = FIELDS.flatMap((field) => ["-e", field]);
    const { success, stdout, stderr } = await new Deno.Command("tshark", {
      args: [
        ...["-r", file, "-n", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,"],
        ...["-o", "pppoed.show_tags_and_lengths:TRUE", ...fields],
      ],
    }).output();
    if (!success) throw new Error(`Cannot run tshark: ${new TextDecoder().decode(stderr)}`);
    const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
    return lines.map((line) => new Map(line.split("\t").map((value, at) => [FIELDS[at], value])));
  } finally {
    Deno.removeSync(file);
  }
}

/** A frame as one of the two reads it. */
interface Reading {
  header: string;
  /** The types and lengths of the tags. */
  tags: { type: number; length: number }[];
}

/** Returns what this program reads. */
function ours(frame: Uint8Array): Reading {
  const tags = readEtherType(frame) === ETH_P_PPP_DISC ? parseDiscovery(frame)?.tags ?? [] : [];
  const length = readUint16(frame, PPPOE.length[0]);
  return {
    header: `code ${readCode(frame)} id ${readSessionId(frame)} length ${length}`,
    tags: tags.map(({ type, value }) => ({ type, length: value.length })),
  };
}

/** Returns what tshark reads. */
function theirs(fields: Map<string, string>): Reading {
  const numbers = (field: string) =>
    (fields.get(field) ?? "").split(",").filter(Boolean).map(Number);
  const lengths = numbers("pppoed.tag_length");
  const all = numbers("pppoed.tag").map((type, at) => ({ type, length: lengths[at] }));
  // This program does not count the end of the list as a tag.
  const end = all.findIndex(({ type }) => type === TAG.END_OF_LIST);
  const [[code], [id], [length]] = ["code", "session_id", "payload_length"]
    .map((field) => numbers(`pppoe.${field}`));
  return {
    header: `code ${code} id ${id} length ${length}`,
    tags: end < 0 ? all : all.slice(0, end),
  };
}

function print({ header, tags }: Reading): string {
  return `${header} ${tags.map(({ type, length }) => `${type.toString(16)}:${length}`).join(" ")}`;
}

/**
 * Explains why the two read a frame differently, in words that follow a number of frames.
 *
 * @param frame The frame
 * @param they The frame as tshark reads it
 * @param isMalformed True if tshark takes it for malformed
 * @returns The explanation; undefined if they should read it in the same way
 */
function explanation(
  frame: Uint8Array,
  they: Reading,
  isMalformed: boolean,
): string | undefined {
  const length = frameLength(frame, 0, frame.length);
  if (length === FAULT_SHORT) return "are shorter than the headers";
  if (ours(frame).header !== they.header) return undefined;
  if (length === FAULT_VERSION) return "have another version, which tshark does not check";
  if (length < 0) return "are shorter than they say, of which tshark reads what is there";
  if (readEtherType(frame) !== ETH_P_PPP_DISC) return undefined;
  const packet = parseDiscovery(frame);
  const needed = they.tags.reduce((sum, tag) => sum + TAG_HLEN + tag.length, 0);
  const left = length - PPPOE.payload - needed;
  const isBeyond = isMalformed || left < 0;
  const isRest = left > 0 && left < TAG_HLEN;
  if (readCode(frame) === CODE.PADT && packet?.tags.length === 0 && (isBeyond || isRest)) {
    return "are PADTs with any bytes in place of tags";
  }
  if (packet === undefined) {
    if (isRest) return "end with too few bytes for a tag, which tshark ignores";
    return isBeyond ? "have a tag beyond the end, which tshark shows" : undefined;
  }
  const isStart = they.tags.every(({ type, length }, at) =>
    packet.tags[at]?.type === type && packet.tags[at].value.length === length
  );
  return isStart && isMalformed
    ? "have a value that tshark cannot read, after which it stops"
    : undefined;
}

/**
 * Compares how frames are read.
 *
 * @param seed The seed of the frames
 * @param count The number of frames
 * @returns The differences
 */
export async function compareWithTshark(seed: number, count: number): Promise<Comparison> {
  const frames = makeFrames(seed, count);
  const dissected = await dissect(frames);
  const differences: string[] = [];
  const explained = new Map<string, number>();
  for (const [at, frame] of frames.entries()) {
    const fields = dissected[at];
    const [we, they] = [ours(frame), theirs(fields)];
    // What a session frame carries does not matter to this program.
    const isDiscovery = readEtherType(frame) === ETH_P_PPP_DISC;
    const isMalformed = isDiscovery && fields.get("_ws.malformed") !== "";
    const isReadable = !isDiscovery || parseDiscovery(frame) !== undefined;
    const isSame = print(we) === print(they);
    if (isSame && isReadable !== isMalformed) continue;
    const reason = explanation(frame, they, isMalformed);
    if (reason === undefined) {
      const told = `  this program: ${print(we)}\n  tshark: ${print(they)}`;
      differences.push(`Frame ${at}, ${frame.toHex()}:\n${told}`);
    } else explained.set(reason, (explained.get(reason) ?? 0) + 1);
  }
  return { differences, explained };
}
