// The true facts of a schedule, whatever the relays believe: the host that asked for each session, the AC
// that granted it, and the frames that were sent in it.
//
// The facts travel in the frames. A host puts the number of its dial into PADI and PADR, an AC puts the
// number of the granted session into its PADS, and each session frame carries the number of its letter. No
// relay looks at these numbers.

import {
  emitLcp,
  emitSession,
  LCP_CODE,
  parseLcp,
  parseSession,
  PPP_PROTOCOL,
  TAG,
  type Tag,
} from "../../src/wire/mod.ts";
import type { AccessConcentrator } from "./access_concentrator.ts";
import type { Host } from "./host.ts";

/** One attempt of a host to get a session. */
export interface Dial {
  readonly number: number;
  readonly host: Host;
}

/** One session, as the AC granted it. */
export interface Grant {
  readonly number: number;
  readonly ac: AccessConcentrator;
  readonly id: number;
  /** The dial that asked for it. */
  readonly dial: Dial;
  readonly openedMs: number;
  /** The time at which its PADS first passed the relay of each side; undefined before that. */
  seenMs: { server?: number; client?: number };
  /** True for a side once its relay has sent the station a PADT, or the station has sent one. */
  told: { server?: boolean; client?: boolean };
  /** The reason why nobody is to blame if the station of a side does not hear of the session's end. */
  excuse: { server?: string; client?: string };
  /** True once the host has accepted it. */
  established: boolean;
}

/** One session frame, or one PADT on its way from a relay to a station. */
export interface Letter {
  readonly number: number;
  /** The session that it was sent in. */
  readonly grant: Grant;
  readonly from: "host" | "ac";
  readonly sentMs: number;
  /** True once the station at the other end has it. */
  arrived: boolean;
  /** True if its station could not be told apart from another one, so that it may arrive wherever its header says. */
  excused: boolean;
}

const VENDOR = [0, 0, 0xff, 0xf0] as const;
const KIND = { dial: 1, grant: 2 } as const;
const NUMBER_BYTES = 4;
const MAGIC_BYTES = 4;

/** The dials, grants and letters of a schedule, by number. */
export class Truth {
  readonly dials: Dial[] = [];
  readonly grants: Grant[] = [];
  readonly letters: Letter[] = [];

  dial(host: Host): Dial {
    const dial = { number: this.dials.length, host };
    this.dials.push(dial);
    return dial;
  }

  grant(ac: AccessConcentrator, id: number, dial: Dial, openedMs: number): Grant {
    const grant: Grant = {
      number: this.grants.length,
      ac,
      id,
      dial,
      openedMs,
      seenMs: {},
      told: {},
      excuse: {},
      established: false,
    };
    this.grants.push(grant);
    return grant;
  }

  /** Makes a letter from a station to the other end of its session. */
  letter(grant: Grant, from: "host" | "ac", nowMs: number): Letter {
    const { length: number } = this.letters;
    const letter = { number, grant, from, sentMs: nowMs, arrived: false, excused: false };
    this.letters.push(letter);
    return letter;
  }

  dialOf(tags: Tag[]): Dial | undefined {
    return this.dials[readNumber(tags, KIND.dial) ?? -1];
  }

  grantOf(tags: Tag[]): Grant | undefined {
    return this.grants[readNumber(tags, KIND.grant) ?? -1];
  }

  /** Returns the letter in a session frame; undefined if no station has sent it. */
  letterOf(frame: Uint8Array): Letter | undefined {
    const packet = parseSession(frame);
    if (packet === undefined) return undefined;
    const data = packet.protocol === PPP_PROTOCOL.LCP
      ? parseLcp(packet.payload)?.data.subarray(MAGIC_BYTES)
      : packet.payload;
    return data?.length === NUMBER_BYTES ? this.letters[readUint32(data)] : undefined;
  }
}

/** Makes the tag that a host adds to its PADI and PADR. */
export function dialTag({ number }: Dial): Tag {
  return numberTag(KIND.dial, number);
}

/** Makes the tag that an AC adds to its PADS. */
export function grantTag({ number }: Grant): Tag {
  return numberTag(KIND.grant, number);
}

/** The addresses and the id of a session frame. */
export interface Header {
  destination: Uint8Array;
  source: Uint8Array;
  sessionId: number;
}

/** Encodes a letter as a data frame. */
export function dataFrame(header: Header, { number }: Pick<Letter, "number">): Uint8Array {
  return emitSession({ ...header, protocol: PPP_PROTOCOL.IPV4, payload: uint32(number) });
}

/** Encodes a letter as an LCP Echo-Request or Echo-Reply. */
export function echoFrame(
  header: Header,
  code: "ECHO_REQUEST" | "ECHO_REPLY",
  { number }: Letter,
): Uint8Array {
  const data = Uint8Array.of(...new Uint8Array(MAGIC_BYTES), ...uint32(number));
  const payload = emitLcp({ code: LCP_CODE[code], identifier: number & 0xff, data });
  return emitSession({ ...header, protocol: PPP_PROTOCOL.LCP, payload });
}

function numberTag(kind: number, number: number): Tag {
  return { type: TAG.VENDOR_SPECIFIC, value: Uint8Array.of(...VENDOR, kind, ...uint32(number)) };
}

// Others may have added a vendor's tag in front.
function readNumber(tags: Tag[], kind: number): number | undefined {
  const head = [...VENDOR, kind];
  const ours = tags.find(({ type, value }) =>
    type === TAG.VENDOR_SPECIFIC && value.length === head.length + NUMBER_BYTES &&
    head.every((byte, at) => value[at] === byte)
  );
  return ours && readUint32(ours.value.subarray(head.length));
}

function uint32(number: number): Uint8Array {
  return Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number);
}

function readUint32(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}
