// What the kernel and other programs of this machine answer: netlink messages, tables of /proc, statistics.

import { parseInterfaceCondition, parseLinkKind } from "../../../ffi/link_info.ts";
import { attribute } from "../../../ffi/netlink.ts";
import { parseRoute } from "../../../ffi/route.ts";
import { parseListenerUser } from "../../../ffi/unix_diag.ts";
import { heldPlaces, packetUsers, parseIntroduction } from "../../../src/claim/holder.ts";
import { ignoresHangup, parseStat } from "../../../src/cli/hangup.ts";
import { hasInterface } from "../../../src/link/other_vlans.ts";
import { type PathSample, PathWatch } from "../../../src/transport/path_watch.ts";
import type { Random } from "../../soak/random.ts";
import { hold } from "../../soak/violation.ts";
import { Choices } from "../choices.ts";
import { joinWords, type Target, wordsOf } from "../target.ts";

const hex = (digits: string) => Uint8Array.fromHex(digits);
const SOCKET = "pppoe-proxy/client/eth1";

/** Answers of Linux on x86-64: routes, a macvlan, and a listening local socket. */
const ANSWERS: readonly Uint8Array[] = [
  hex(
    "7000000018000000000000005b11000002200000fe0000010002000008000f00fe000000080001000808080808000400" +
      "0400000008000700c000020208000500c0000201080019000000000024000c000300000029b82300000000000000000000" +
      "000000000000000000000000000000",
  ),
  hex(
    "6800000018000000000000005b11000002200000fe0000020002008008000f00fe000000080001007f00000108000400" +
      "01000000080007007f000001080019000000000024000c0002000000aeba230000000000000000000000000000000000000000" +
      "0000000000",
  ),
  hex(
    "5c0000001000000000000000bc460000000001000500000002100000000000000b000300657468312e37000008000500" +
      "020000003c0012000c0001006d6163766c616e002c0002000800010004000000060002000000000008000600000000000800" +
      "0700e803000008000800e8030000",
  ),
  Uint8Array.of(
    ...[0x48, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 10, 0, 1, 0, 0, 0, 0, 0, 0, 0],
    ...[0, 0, 0, 0, 28, 0, 0, 0, 0, ...new TextEncoder().encode(SOCKET)],
    ...[8, 0, 7, 0, 0xe8, 3, 0, 0],
  ),
];

/** Makes the target for the answers of the kernel over netlink. */
export function netlinkAnswers(): Target {
  return {
    name: "netlink-answers",
    maxBytes: 600,
    words: ANSWERS.map((answer) => answer.subarray(32)),
    generate: (random: Random) => random.pick(ANSWERS).slice(),
    run(bytes) {
      const outcome = [
        Object.values(parseRoute(bytes) ?? {}).map(Boolean),
        Object.values(parseLinkKind(bytes) ?? {}).map((value) => value.length),
        Object.values(parseInterfaceCondition(bytes) ?? {}).map(Boolean),
        parseListenerUser(bytes, SOCKET) !== undefined,
      ];
      for (let type = 0; type < 20; type++) {
        const found = attribute(bytes, type);
        hold((found?.length ?? 0) <= bytes.length, "An attribute is longer than its message");
      }
      return outcome.join(" ");
    },
  };
}

const INTRODUCTION = JSON.stringify({
  program: "pppoe-proxy",
  side: "client",
  interface: "eth1",
  version: "1.2.3",
  pid: 5,
  name: "tokyo",
  status: null,
  started: "2025-01-01T00:00:00.000Z",
  stopping: false,
});
const TABLES = [
  "Num       RefCount Protocol Flags    Type St Inode Path\n",
  `0000000000000000: 00000002 00000000 00010000 0001 01 123456 @${SOCKET}\n`,
  "0000000000000000: 00000003 00000000 00000000 0001 03  99 @pppoe-proxy/server/x\n",
  "ffff8880 3      3    8863   2     1 0      1000   4242\n",
  "VLAN Dev name    | VLAN ID\n",
  "eth1.7           | 7  | eth1\n",
  "Name:\tx\nSigIgn:\t0000000000000001\n",
  "4242 (a) b) S 1 4242 4242 34816 4242 4194304 1 0 0 0 0 0 0 0 20 0 1 0 987654 0 0\n",
  `${INTRODUCTION}\n`,
  INTRODUCTION,
];
const FIELDS = [
  "0",
  "00010000",
  "-1",
  "9".repeat(30),
  ")",
  "(",
  "|",
  "@",
  "null",
  "eth1",
  "\ufffd",
];

/** Makes the target for tables of /proc, and for what another process says about itself. */
export function procTexts(): Target {
  return {
    name: "proc-texts",
    maxBytes: 1500,
    words: wordsOf(...TABLES, ...FIELDS),
    generate: (random: Random) => joinWords(random, TABLES, [""], 4),
    run(input) {
      const text = new TextDecoder().decode(input);
      const places = heldPlaces(text);
      const users = packetUsers(1, text);
      for (const uid of users) hold(Number.isInteger(uid), () => `A user is ${uid}`);
      const stat = parseStat(text);
      const said = parseIntroduction(input);
      hold(said === undefined || typeof said.name === "string", "A name is no text");
      const outcome = [
        Math.min(3, places.length),
        Math.min(2, users.size),
        hasInterface(text, "eth1", 7),
        ignoresHangup(text),
        stat && [stat.hasTerminal, Number.isNaN(stat.pid), Number.isNaN(stat.parent)],
        said && said.side,
      ];
      return outcome.join(" ");
    },
  };
}

const SAMPLE_FIELDS: readonly (keyof PathSample)[] = [
  "unacked",
  "sacked",
  "bytesAcked",
  "segments",
  "retransmits",
  "timeouts",
  "bytesReceived",
  "bareAcks",
  "mss",
  "window",
];

/** Makes the target for the statistics of a connection, of which the counts may go anywhere. */
export function tcpStatistics(): Target {
  return {
    name: "tcp-statistics",
    maxBytes: 400,
    generate: (random: Random) => random.bytes(random.between(4, 300)),
    run(input) {
      const choices = new Choices(input);
      const watch = new PathWatch(choices.uint16());
      watch.probes = !choices.oneIn(4);
      const sample = Object.fromEntries(SAMPLE_FIELDS.map((field) => [field, 1])) as
        & PathSample
        & Record<string, number>;
      const seen = new Set<number>();
      for (let nowMs = 0; !choices.done; nowMs += choices.byte() * 20) {
        const field = choices.pick(SAMPLE_FIELDS);
        const by = choices.byte();
        const isWrapped = by === 255;
        sample[field] = isWrapped ? 0xffffffff : (sample[field] + (by % 16)) % 2 ** 32;
        if (by % 5 === 0) sample.timeouts++;
        const verdict = watch.check({ ...sample }, nowMs);
        hold([0, 1, 2].includes(verdict), () => `The result is ${verdict}`);
        seen.add(verdict);
        if (choices.oneIn(32)) watch.restart(nowMs);
      }
      return [...seen].sort().join();
    },
  };
}
