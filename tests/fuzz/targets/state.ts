// The files of a state directory, which a power failure, a full disk or an editor can have damaged.

import { assertEquals } from "@std/assert";
import { ConfigurationError } from "../../../src/configuration_error.ts";
import { encodeHeader, parseHeader } from "../../../src/state/header.ts";
import { StateDir, type StateDirOptions } from "../../../src/state/mod.ts";
import { Replay } from "../../../src/state/replay.ts";
import {
  type Change,
  encodeAway,
  encodeBack,
  encodeClose,
  encodeDelivered,
  encodeOpen,
  encodeReset,
  encodeUndelivered,
  parseLine,
} from "../../../src/state/session_record.ts";
import {
  encodeSign,
  parseSign,
  SIGN_BYTES,
  silenceSince,
} from "../../../src/state/sign_of_life.ts";
import { padt } from "../../../src/relay/padt.ts";
import type { Random } from "../../soak/random.ts";
import { hold } from "../../soak/violation.ts";
import { mac } from "../frames.ts";
import { joinWords, type Target, wordsOf } from "../target.ts";

const INPUT_MAX = 2000;
const NOW_MS = Date.UTC(2025, 0, 2);

const RECORD = {
  peer: "00112233",
  name: "tokyo",
  nearMac: mac(0xa1),
  farMac: mac(0x11),
  shownMac: mac(0xc0),
  tunnelId: 7,
  linkId: 8,
  openedAtMs: NOW_MS - 1000,
};
const PADT = padt(mac(0xa1), mac(0xc0), 7);
const HEADER = { side: "server", interface: "eth1", through: 0, lastSerial: 9 } as const;
const SIGN = { boot: "b", sinceBootMs: 5, clockMs: NOW_MS, wallMs: NOW_MS };

const LINES = [
  encodeHeader(HEADER),
  encodeHeader({ ...HEADER, side: "client", through: 1 }),
  `{"version":2}\n`,
  encodeOpen({ ...RECORD, serial: 1 }),
  encodeOpen({ ...RECORD, serial: 2, tunnelId: 9, linkId: 9 }),
  encodeOpen({ ...RECORD, serial: 3, peer: "" }),
  encodeOpen({ ...RECORD, serial: Number.MAX_SAFE_INTEGER }),
  encodeClose(1),
  encodeUndelivered(PADT),
  encodeDelivered(PADT),
  encodeAway(RECORD.peer, NOW_MS - 500),
  encodeBack(RECORD.peer),
  encodeReset("begin"),
  encodeReset("end"),
  encodeSign(SIGN),
  `${"ab".repeat(16)}\n`,
  "\n",
  "{}\n",
  "null\n",
  `{"__proto__":1}\n`,
];
const WORDS = ['"', "{", "}", "[", ":", ",", "1e999", "-1", "null", "\\ud800", "T00:00:00.000Z"];

/** Writes a change as a line again. */
function encode(change: Change): string {
  switch (change.type) {
    case "open":
      return encodeOpen(change.record);
    case "close":
      return encodeClose(change.serial);
    case "undelivered":
      return encodeUndelivered(change.frame);
    case "delivered":
      return encodeDelivered(Uint8Array.fromHex(change.key));
    case "away":
      return encodeAway(change.peer, change.sinceMs);
    case "back":
      return encodeBack(change.peer);
    case "reset":
      return encodeReset(change.part);
  }
}

/** Makes the target for the lines of a base and of segments. */
export function stateLines(): Target {
  return {
    name: "state-lines",
    maxBytes: INPUT_MAX,
    words: wordsOf(...LINES, ...WORDS),
    generate: (random: Random) => joinWords(random, LINES, [""], 6),
    run(input) {
      const text = new TextDecoder().decode(input);
      const replay = new Replay();
      const kinds: string[] = [];
      for (const line of text.split("\n")) {
        const change = parseLine(line);
        const header = parseHeader(line);
        if (header !== undefined && "side" in header) {
          assertEquals(parseHeader(encodeHeader(header).trimEnd()), header);
        }
        if (change !== undefined) {
          assertEquals(parseLine(encode(change).trimEnd()), change);
          replay.apply(change);
        }
        kinds.push(change?.type ?? (header ? Object.keys(header)[0] : "-"));
      }
      hold(replay.sessions.size <= kinds.length, "There are more sessions than lines");
      for (const serial of replay.sessions.keys()) {
        hold(serial <= replay.lastSerial, "A session has a number that counts as unused");
      }
      for (const changedMs of [NOW_MS, 0, NOW_MS + 5000]) {
        const sign = parseSign(text, changedMs);
        const silentMs = silenceSince(sign, changedMs, NOW_MS, {
          boot: "b",
          sinceBootMs: () => 1000,
        });
        hold(!Number.isNaN(silentMs), "The time since the last sign is no number");
        if (sign !== undefined) {
          hold(encodeSign(sign).length >= SIGN_BYTES, "A sign is too short");
          kinds.push("sign");
        }
      }
      return kinds.map((kind, at) => `${kinds[at - 1]} > ${kind}`);
    },
  };
}

/** The files of a directory, in the order of their texts in an input, which a zero byte separates. */
const FILES = ["sessions.jsonl", "changes.1.jsonl", "changes.2.jsonl", "identity", "lock"];

/** Makes the target for whole directories. */
export function stateDir(): Target {
  let root: string | undefined;
  let refusals = 0;
  const options: StateDirOptions = {
    side: "server",
    interfaceName: "eth1",
    log: { warning: () => refusals++ },
    now: () => NOW_MS,
    everySecond: () => () => {},
  };
  return {
    name: "state-dir",
    share: 2,
    maxBytes: INPUT_MAX,
    words: [...wordsOf(...LINES, ...WORDS), Uint8Array.of(0)],
    generate: (random: Random) => joinWords(random, LINES, ["", "", "\0"], 12),
    async run(input) {
      root ??= makeRoot();
      const path = `${root}/state`;
      Deno.mkdirSync(path, { mode: 0o700 });
      try {
        for (const [at, file] of splitAtZeros(input).entries()) {
          Deno.writeFileSync(`${path}/${FILES[at]}`, file, { mode: 0o600 });
        }
        refusals = 0;
        let dir: StateDir;
        try {
          dir = await StateDir.open(path, options);
        } catch (error) {
          if (!(error instanceof ConfigurationError)) throw error;
          return `refused: ${error.message.replaceAll(/\/\S+|\d+/g, "N").slice(0, 60)}`;
        }
        const { identity, sessions, undelivered, nextSerial, silentMs } = dir;
        hold(identity.length === 16, "The identity has another length");
        hold(
          Number.isSafeInteger(nextSerial),
          () => `The next session has the number ${nextSerial}`,
        );
        hold(!Number.isNaN(silentMs), "The time since the last sign is no number");
        await dir.close();
        const warnings = refusals;
        const again = await StateDir.open(path, options);
        assertEquals(again.sessions, sessions, "The sessions have changed");
        assertEquals(again.undelivered, undelivered, "The PADTs have changed");
        assertEquals(again.identity, identity, "The identity has changed");
        assertEquals(again.nextSerial, nextSerial, "The next session's number has changed");
        await again.close();
        hold(refusals === warnings, "A directory that was repaired is damaged again");
        return `${Math.min(3, sessions.length)} ${undelivered.length} ${dir.away.size} ${warnings}`;
      } finally {
        Deno.removeSync(path, { recursive: true });
      }
    },
    dispose() {
      if (root !== undefined) Deno.removeSync(root, { recursive: true });
      root = undefined;
    },
  };
}

/** Makes a directory, in memory if possible, since waiting for a disk shows nothing. */
function makeRoot(): string {
  const prefix = "fuzz-state-";
  try {
    return Deno.makeTempDirSync({ dir: "/dev/shm", prefix });
  } catch {
    return Deno.makeTempDirSync({ prefix });
  }
}

/** Splits bytes into as many parts as there are files. */
function splitAtZeros(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let at = 0;
  while (parts.length < FILES.length) {
    const end = bytes.indexOf(0, at);
    if (end < 0) return [...parts, bytes.subarray(at)];
    parts.push(bytes.subarray(at, end));
    at = end + 1;
  }
  return parts;
}
