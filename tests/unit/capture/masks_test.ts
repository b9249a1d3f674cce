// Secrets in captured frames, and what may be seen beside them.

import { assertEquals } from "@std/assert";
import { maskSecrets } from "../../../src/capture/masks.ts";
import { emitSession, PPP_PROTOCOL } from "../../../src/wire/mod.ts";

const HEADER = {
  destination: Uint8Array.of(2, 0, 0, 0, 0, 1),
  source: Uint8Array.of(2, 0, 0, 0, 0, 2),
  sessionId: 0x11,
};
const encoder = new TextEncoder();

/** Returns a packet in the format of LCP, as text with `.` for each zero. */
function packet(code: number, ...parts: (string | number)[]): Uint8Array {
  const data = parts.flatMap((part) =>
    typeof part === "number" ? [part] : [...encoder.encode(part)]
  );
  return Uint8Array.of(code, 7, 0, 4 + data.length, ...data);
}

/** Masks a packet in a session frame; returns what is left of it. */
function masked(protocol: number, payload: Uint8Array, behind: Uint8Array = new Uint8Array()) {
  const frame = emitSession({ ...HEADER, protocol, payload });
  const memory = new Uint8Array(5 + frame.length + behind.length + 3).fill(0xee);
  memory.set(frame, 5);
  memory.set(behind, 5 + frame.length);
  maskSecrets(memory, 5, frame.length + behind.length);
  assertEquals(memory.subarray(0, 5), new Uint8Array(5).fill(0xee));
  assertEquals(memory.subarray(-3), new Uint8Array(3).fill(0xee));
  assertEquals(memory.subarray(5, 27), frame.subarray(0, 22), "the headers stay");
  return memory.slice(27, -3);
}

const ZEROS = (count: number) => "\0".repeat(count);
const MD5 = "0123456789abcdef";
/** The values of MS-CHAP-V2: a challenge of the host, zeros, the response and flags. */
const MS = "q".repeat(49);

const CASES: [name: string, protocol: number, before: Uint8Array, after: Uint8Array][] = [
  [
    "the password of PAP, and neither its length nor the name",
    PPP_PROTOCOL.PAP,
    packet(1, 5, "alice", 7, "hunter2"),
    packet(1, 5, "alice", 7, ZEROS(7)),
  ],
  ["nothing of a PAP without a password", PPP_PROTOCOL.PAP, packet(1, 0, 0), packet(1, 0, 0)],
  [
    "no message of PAP",
    PPP_PROTOCOL.PAP,
    packet(3, 9, "bad login"),
    packet(3, 9, "bad login"),
  ],
  [
    "all data of a protocol that may authenticate, and is not known (SPAP)",
    0xc027,
    packet(1, 5, "alice", 7, "hunter2"),
    packet(1, ZEROS(14)),
  ],
  [
    "no data of a network protocol that is not known",
    0x80c1,
    packet(1, "anything"),
    packet(1, "anything"),
  ],
  ["no link quality report", PPP_PROTOCOL.LQR, packet(1, "counts"), packet(1, "counts")],
  [
    "all data of a PAP whose name is too long for it",
    PPP_PROTOCOL.PAP,
    packet(1, 200, "alice", 7, "hunter2"),
    packet(1, 0, ZEROS(13)),
  ],
  [
    "all data of a PAP with another code",
    PPP_PROTOCOL.PAP,
    packet(9, "hunter2"),
    packet(9, ZEROS(7)),
  ],
  [
    "no challenge of CHAP",
    PPP_PROTOCOL.CHAP,
    packet(1, 16, MD5, "bras"),
    packet(1, 16, MD5, "bras"),
  ],
  [
    "the response of CHAP, but not the name",
    PPP_PROTOCOL.CHAP,
    packet(2, 16, MD5, "alice"),
    packet(2, 16, ZEROS(16), "alice"),
  ],
  [
    "the response of MS-CHAP-V2, but not the name",
    PPP_PROTOCOL.CHAP,
    packet(2, 49, MS, "alice"),
    packet(2, 49, ZEROS(49), "alice"),
  ],
  [
    "all data of a response that is longer than its packet",
    PPP_PROTOCOL.CHAP,
    packet(2, 250, MS, "alice"),
    packet(2, 0, ZEROS(54)),
  ],
  [
    "the proof of the AC in MS-CHAP-V2",
    PPP_PROTOCOL.CHAP,
    packet(3, "S=0123456789ABCDEF"),
    packet(3, "S=", ZEROS(16)),
  ],
  ["no other success", PPP_PROTOCOL.CHAP, packet(3, "Welcome"), packet(3, "Welcome")],
  [
    "no failure",
    PPP_PROTOCOL.CHAP,
    packet(4, "E=691 R=1 V=3"),
    packet(4, "E=691 R=1 V=3"),
  ],
  [
    "all data of a change of a password (MS-CHAP)",
    PPP_PROTOCOL.CHAP,
    packet(7, "q".repeat(60)),
    packet(7, ZEROS(60)),
  ],
  [
    "no identity of EAP",
    PPP_PROTOCOL.EAP,
    packet(2, 1, "alice"),
    packet(2, 1, "alice"),
  ],
  [
    "the response of EAP, but not its type",
    PPP_PROTOCOL.EAP,
    packet(2, 4, 16, MD5),
    packet(2, 4, ZEROS(17)),
  ],
  [
    "a password in EAP (GTC)",
    PPP_PROTOCOL.EAP,
    packet(2, 6, "hunter2"),
    packet(2, 6, ZEROS(7)),
  ],
  ["no success of EAP", PPP_PROTOCOL.EAP, packet(3), packet(3)],
  [
    "a password in a rejected packet of PAP",
    PPP_PROTOCOL.LCP,
    packet(8, 0xc0, 0x23, 1, 7, 0, 18, 5, "alice", 7, "hunter2"),
    packet(8, 0xc0, 0x23, 1, 7, 0, 18, 5, "alice", 7, ZEROS(7)),
  ],
  [
    "nothing of LCP",
    PPP_PROTOCOL.LCP,
    packet(1, 5, 6, 1, 2, 3, 4),
    packet(1, 5, 6, 1, 2, 3, 4),
  ],
  ["nothing of data", PPP_PROTOCOL.IPV4, packet(1, "hunter2"), packet(1, "hunter2")],
];
for (const [what, protocol, before, after] of CASES) {
  Deno.test(`maskSecrets() overwrites ${what}`, () => {
    assertEquals(masked(protocol, before), after);
  });
}

Deno.test("maskSecrets() overwrites what is behind a packet of authentication", () => {
  const request = packet(1, 5, "alice", 7, "hunter2");
  const behind = encoder.encode("hunter2");
  const rest = masked(PPP_PROTOCOL.PAP, request, behind);
  assertEquals(rest.subarray(request.length), new Uint8Array(7));
});

Deno.test("maskSecrets() overwrites the data of a packet that is cut off, at every length", () => {
  const request = packet(1, 5, "alice", 7, "hunter2");
  const frame = emitSession({ ...HEADER, protocol: PPP_PROTOCOL.PAP, payload: request });
  for (let length = 0; length < frame.length; length++) {
    const memory = frame.slice();
    maskSecrets(memory, 0, length);
    assertEquals(memory.subarray(length), frame.subarray(length));
    assertEquals(memory.subarray(0, Math.min(26, length)), frame.subarray(0, Math.min(26, length)));
    const text = new TextDecoder().decode(memory.subarray(0, length));
    assertEquals(/[hunter2]{3}/.test(text.slice(26)), false, text);
  }
});

Deno.test("maskSecrets() overwrites a rejection within rejections", () => {
  const inner = packet(8, 0xc0, 0x23, 1, 7, 0, 18, 5, "alice", 7, "hunter2");
  const middle = packet(8, 0xc0, 0x21, ...inner);
  const outer = packet(8, 0xc0, 0x21, ...middle);
  const rest = new TextDecoder().decode(masked(PPP_PROTOCOL.LCP, outer));
  assertEquals(rest.includes("hunter2"), false);
});
