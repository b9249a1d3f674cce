// What a connection begins with: the handshakes of both sides, and the header of a proxy.

import { assertEquals } from "@std/assert";
import { ProxyHeaderReader } from "../../../src/server/proxy_header.ts";
import { GREETING_MAX } from "../../../src/tunnel/first_frame.ts";
import { HANDSHAKE_TIMEOUT_MS } from "../../../src/tunnel/handshake_machine.ts";
import { describeNotLegacy, recognize } from "../../../src/tunnel/stranger.ts";
import {
  emitGoodbye,
  emitHello,
  encodeFrame,
  FRAME,
  type Goodbye,
  type Hello,
  readHeader,
  REASON,
} from "../../../src/wire/mod.ts";
import { isPrintable } from "../../../src/wire/text.ts";
import type { Random } from "../../soak/random.ts";
import { hold } from "../../soak/violation.ts";
import { Choices } from "../choices.ts";
import type { Parts } from "../parts.ts";
import { type Target, wordsOf } from "../target.ts";

/** The common form of the machines that read the start of a connection. */
export interface StartMachine {
  readonly state: { is: "waiting" | "done" | "failed" };
  readonly dueMs: number;
  takeOutput(): Uint8Array | undefined;
  receive(bytes: Uint8Array, nowMs: number): void;
  close(how?: "closed" | "reset"): void;
  tick(nowMs: number): void;
}

const INPUT_MAX = 3000;
const CUTS = 16;
/** The maximum number of timers of a machine, before and after which it has ended. */
const TICKS = 4;
const SINGLE_MAX = 300;

/** Gives a machine bytes in pieces; returns its result, and what it has sent. */
function drive(
  machine: StartMachine,
  pieces: readonly Uint8Array[],
  end: "closed" | "reset" | "silent",
): { state: unknown; behind: string; sent: Uint8Array[] } {
  const sent: Uint8Array[] = [];
  const take = () => {
    const output = machine.takeOutput();
    if (output !== undefined) sent.push(output);
    hold(machine.takeOutput() === undefined, "A machine sends the same bytes twice");
  };
  take();
  const unread: number[] = [];
  for (const piece of pieces) {
    if (machine.state.is !== "waiting") unread.push(...piece);
    else machine.receive(piece, 0);
    take();
  }
  if (machine.state.is === "waiting" && end !== "silent") machine.close(end);
  for (let ticks = 0; machine.state.is === "waiting"; ticks++) {
    const { dueMs } = machine;
    hold(ticks < TICKS, "A machine does not end");
    hold(dueMs <= HANDSHAKE_TIMEOUT_MS, () => `A machine waits until ${dueMs}`);
    machine.tick(dueMs);
    take();
  }
  take();
  hold(machine.dueMs === Infinity, "A machine that has ended is due again");
  const { state } = machine;
  // Nothing that comes later may change the result.
  machine.receive(Uint8Array.of(0, 0x10, 0), 2 * HANDSHAKE_TIMEOUT_MS);
  machine.tick(3 * HANDSHAKE_TIMEOUT_MS);
  machine.close();
  hold(machine.state === state, "A machine has changed its result");
  hold(machine.takeOutput() === undefined, "A machine sends something after its end");
  return { ...withoutRest(state, unread), sent };
}

/** Joins the bytes that a machine has left over with those that it was not given. */
function withoutRest(state: StartMachine["state"], unread: number[]) {
  const copy = structuredClone(state) as {
    is: string;
    received?: Uint8Array;
    handshake?: { received?: Uint8Array };
  };
  const holder = copy.handshake ?? copy;
  const behind = [...holder.received ?? [], ...unread];
  delete holder.received;
  return { state: copy, behind: copy.is === "done" ? behind.join() : "" };
}

/** Checks a text that goes to the log. */
function checkText(state: unknown): string {
  const { failure, is } = state as { is: string; failure?: { message: string } };
  const message = failure?.message ?? "";
  hold(isPrintable(message), () => `A message is not printable: ${JSON.stringify(message)}`);
  return `${is} ${message.replaceAll(/"(?:[^"\\]|\\.)*"|\d+/g, "N").slice(0, 80)}`;
}

/** Checks that everything which was sent is whole tunnel frames; returns their types. */
function checkSent(sent: readonly Uint8Array[]): number[] {
  const types: number[] = [];
  for (const bytes of sent) {
    for (let at = 0; at < bytes.length;) {
      const header = { type: 0, length: 0 };
      const size = readHeader(bytes, at, bytes.length, header);
      hold(size > 0, "A machine sends a faulty frame");
      types.push(header.type);
      at += size + header.length;
      hold(at <= bytes.length, "A machine sends an incomplete frame");
    }
  }
  return types;
}

/**
 * Makes a target for a machine that reads the start of a connection.
 *
 * @param name The name of the target
 * @param make Makes a machine; the time is 0
 * @param starts Starts of connections to change
 * @param allowed The types of tunnel frames that it may send
 */
function machineTarget(
  name: string,
  make: (choices: Choices) => StartMachine,
  starts: readonly Uint8Array[],
  allowed: readonly number[],
): Target {
  return {
    name,
    maxBytes: INPUT_MAX,
    words: starts,
    generate(random: Random) {
      const parts = [random.bytes(CUTS + 2), random.pick(starts)];
      if (random.chance(0.5)) parts.push(random.pick(starts));
      if (random.chance(0.1)) parts.push(new Uint8Array(GREETING_MAX + random.below(40)));
      return Uint8Array.from(parts.flatMap((part) => [...part]));
    },
    run(input) {
      const choices = new Choices(input);
      const kind = choices.take(1);
      const end = choices.pick(["closed", "reset", "silent"] as const);
      const cuts = new Choices(choices.take(CUTS));
      const bytes = choices.rest;
      const runWith = (pieces: readonly Uint8Array[]) => {
        return drive(make(new Choices(kind)), pieces, end);
      };
      const whole = runWith(bytes.length === 0 ? [] : [bytes]);
      assertEquals(runWith(cuts.pieces(bytes)), whole, "The result depends on the cuts");
      if (bytes.length <= SINGLE_MAX) {
        const singles = Array.from(bytes, (byte) => Uint8Array.of(byte));
        assertEquals(runWith(singles), whole, "The result depends on the cuts");
      }
      const types = checkSent(whole.sent);
      for (const type of types) hold(allowed.includes(type), () => `A machine sends ${type}`);
      return `${checkText(whole.state)} ${types} ${end}`;
    },
  };
}

const SECRET = new Uint8Array(16).fill(3);
const HELLO: Hello = { version: 1, features: 1, name: "tokyo", software: "fuzz" };
const STARTS: readonly Uint8Array[] = [
  encodeFrame(FRAME.HELLO, emitHello(HELLO)),
  encodeFrame(FRAME.HELLO, emitHello({ ...HELLO, version: 7, resumeSecret: SECRET })),
  encodeFrame(FRAME.WELCOME, emitHello({ ...HELLO, linkDown: true })),
  encodeFrame(FRAME.WELCOME, emitHello({ ...HELLO, version: 0 })),
  encodeFrame(FRAME.GOODBYE, emitGoodbye({ reason: REASON.FULL, text: "come back later" })),
  encodeFrame(FRAME.PING, new Uint8Array(0)),
  encodeFrame(FRAME.SESSION, new Uint8Array(60)),
  encodeFrame(0x0d0a, new Uint8Array(3)),
  ...wordsOf(
    "SSH-2.0-OpenSSH_9.2\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/1.1 400 Bad Request\r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    "220 mail ESMTP\r\n",
    "+OK ready\r\n",
    "RFB 003.008\n",
    "\u00e9\u202e",
  ),
  Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3),
  Uint8Array.of(0xff, 0xfd, 0x18),
];

const REFUSAL: Goodbye = { reason: REASON.NOT_ALLOWED, text: "not today" };

/** Makes the target for the server's part of a handshake. */
export function serverHandshake({ serverHandshake: make }: Parts): Target {
  return machineTarget(
    "server-handshake",
    (choices) => {
      const refuses = choices.oneIn(4);
      return make(HELLO, 0, () => refuses ? REFUSAL : undefined);
    },
    STARTS,
    [FRAME.WELCOME, FRAME.GOODBYE],
  );
}

/** Makes the target for the client's part of a handshake. */
export function clientHandshake({ clientHandshake: make }: Parts): Target {
  return machineTarget(
    "client-handshake",
    () => make({ ...HELLO, resumeSecret: SECRET }, 0),
    STARTS,
    [FRAME.HELLO, FRAME.PING, 0x0d0a],
  );
}

const V2 = [0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const PROXY_STARTS: readonly Uint8Array[] = [
  Uint8Array.of(...V2, 0x21, 0x11, 0, 12, 192, 0, 2, 1, 192, 0, 2, 2, 0x1f, 0x40, 0, 1),
  Uint8Array.of(...V2, 0x21, 0x21, 0, 36, ...new Uint8Array(36).fill(0x20)),
  Uint8Array.of(...V2, 0x21, 0x21, 0, 40, ...new Uint8Array(10), 0xff, 0xff, ...new Uint8Array(28)),
  Uint8Array.of(...V2, 0x20, 0, 0, 0),
  Uint8Array.of(...V2, 0x21, 0x31, 0, 216, ...new Uint8Array(216)),
  Uint8Array.of(...V2, 0x21, 0x11, 0x0f, 0xf0, ...new Uint8Array(40)),
  ...STARTS,
];

/** Makes the target for the header of a proxy. */
export function proxyHeader(): Target {
  return machineTarget(
    "proxy-header",
    (choices) => new ProxyHeaderReader("192.0.2.9", 0, !choices.oneIn(2)),
    PROXY_STARTS,
    [FRAME.GOODBYE],
  );
}

/** Makes the target that recognizes other programs by their first bytes. */
export function strangers(): Target {
  return {
    name: "strangers",
    maxBytes: 600,
    words: STARTS,
    generate: (random: Random) => random.pick(STARTS).slice(),
    run(bytes) {
      const whole = recognize(bytes, true);
      hold((whole === undefined) === (bytes.length === 0), "Some bytes show nothing at all");
      if (whole === undefined) return "";
      const reason = describeNotLegacy(whole) ?? "";
      hold(isPrintable(reason + whole.said), "A reason is not printable");
      for (let length = 0; length <= bytes.length; length++) {
        const early = recognize(bytes.subarray(0, length), false);
        if (early === undefined) continue;
        const later = recognize(bytes, false);
        assertEquals(later, early, `${length} bytes show something else than all of them`);
        break;
      }
      return `${whole.kind} ${recognize(bytes, false)?.kind}`;
    },
  };
}
