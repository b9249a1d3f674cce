// What is true in a schedule, whatever the relays believe: who asked for which session, who got it, who
// sent what in it.
//
// Truth travels in the frames. A host puts a number into its PADI and PADR that says which dial they are
// of, an AC one into its PADS that says which session it grants, and each session frame has one that says
// which letter it is. No relay looks at any of them.

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

/** One session, as the AC gave it. */
export interface Grant {
  readonly number: number;
  readonly ac: AccessConcentrator;
  readonly id: number;
  /** What asked for it. */
  readonly dial: Dial;
  readonly openedMs: number;
  /** When its PADS last went through the relay of each side; undefined while it has not. */
  seenMs: { server?: number; client?: number };
  /** A PADT for it has left the relay towards its station of that side, or the station sent one. */
  told: { server?: boolean; client?: boolean };
  /** Why nobody can be blamed for a station of that side that has not heard of its end. */
  excuse: { server?: string; client?: string };
  /** The host has taken it. */
  established: boolean;
}

/** One session frame, or one PADT on its last way. */
export interface Letter {
  readonly number: number;
  /** The session that it was sent in. */
  readonly grant: Grant;
  readonly from: "host" | "ac";
  readonly sentMs: number;
  /** The station at the other end has it. */
  arrived: boolean;
  /** A station could not be told from another one, so it may come out where the header says. */
  excused: boolean;
}

const VENDOR = [0, 0, 0xff, 0xf0] as const;
const KIND = { dial: 1, grant: 2 } as const;
const NUMBER_BYTES = 4;
const MAGIC_BYTES = 4;

/** All of it. */
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

  /** A letter of a station to whoever is at the other end of its session. */
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

  /** The letter that a session frame is; undefined for one that no station has sent. */
  letterOf(frame: Uint8Array): Letter | undefined {
    const packet = parseSession(frame);
    if (packet === undefined) return undefined;
    const data = packet.protocol === PPP_PROTOCOL.LCP
      ? parseLcp(packet.payload)?.data.subarray(MAGIC_BYTES)
      : packet.payload;
    return data?.length === NUMBER_BYTES ? this.letters[readUint32(data)] : undefined;
  }
}

/** What a host tags its PADI and PADR with. */
export function dialTag({ number }: Dial): Tag {
  return numberTag(KIND.dial, number);
}

/** What an AC tags its PADS with. */
export function grantTag({ number }: Grant): Tag {
  return numberTag(KIND.grant, number);
}

/** A session frame's addresses and id. */
export interface Header {
  destination: Uint8Array;
  source: Uint8Array;
  sessionId: number;
}

/** A letter as a data frame. */
export function dataFrame(header: Header, { number }: Pick<Letter, "number">): Uint8Array {
  return emitSession({ ...header, protocol: PPP_PROTOCOL.IPV4, payload: uint32(number) });
}

/** A letter as an LCP Echo-Request or its answer. */
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

// Others may have put a tag of a vendor in front.
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
