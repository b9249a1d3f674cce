// The handshake with a pre-shared key, between both sides with somebody in the middle who changes bytes, and
// of each side with anything at all.

import { assertEquals } from "@std/assert";
import { openssl, TlsContext } from "../../../ffi/mod.ts";
import type { ClientKey } from "../../../src/keys/key.ts";
import { HANDSHAKE_TIMEOUT_MS } from "../../../src/tunnel/handshake_machine.ts";
import { ClientTlsHandshake, ServerTlsHandshake } from "../../../src/tunnel/tls_handshake.ts";
import type { Hello } from "../../../src/wire/mod.ts";
import { isPrintable } from "../../../src/wire/text.ts";
import { readUint16 } from "../../../src/wire/uint16.ts";
import type { Random } from "../../soak/random.ts";
import { hold } from "../../soak/violation.ts";
import { Choices } from "../choices.ts";
import type { Target } from "../target.ts";

type Machine = ClientTlsHandshake | ServerTlsHandshake;

const INPUT_MAX = 1500;
const MOST_ROUNDS = 40;
const TICKS = 6;
const RECORD_HLEN = 5;
/** The types of records: change of cipher, alert, handshake, data (RFC 8446, section 5.1). */
const RECORDS = [20, 21, 22, 23];
const HELLO: Hello = { version: 1, features: 1, name: "tokyo", software: "fuzz" };
const WELCOME: Hello = { ...HELLO, name: "osaka" };
const KEY = { name: "office", id: "0a".repeat(16), secret: new Uint8Array(32).fill(1) };
const OTHER = { name: "home", id: "0b".repeat(16), secret: new Uint8Array(32).fill(2) };
/** The keys that a client may have, the first two of which are right. */
const CLIENT_KEYS: readonly ClientKey[] = [
  KEY,
  OTHER,
  { ...KEY, secret: OTHER.secret },
  { ...KEY, id: "0c".repeat(16) },
];
const RIGHT = 2;
/** The start of a connection of TLS, and of others. */
const STARTS = [
  Uint8Array.of(0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3),
  Uint8Array.of(0x15, 3, 3, 0, 2, 2, 40),
  Uint8Array.of(0x17, 3, 3, 0xff, 0xff),
  Uint8Array.of(0, 0x10, 0),
  new TextEncoder().encode("GET / HTTP/1.1\r\n"),
];

/** Changes bytes on their way; returns them in pieces. */
function tamper(bytes: Uint8Array, choices: Choices): Uint8Array[] {
  const at = bytes.length === 0 ? 0 : choices.uint16() % bytes.length;
  let changed: Uint8Array = bytes.slice();
  switch (choices.below(12)) {
    case 1:
      changed[at] ^= 1 << choices.below(8);
      break;
    case 2:
      changed = changed.slice(0, at);
      break;
    case 3:
      changed = Uint8Array.from([
        ...changed.subarray(0, at),
        ...choices.take(8),
        ...changed.subarray(at),
      ]);
      break;
    case 4:
      changed = Uint8Array.from([...changed, ...changed]);
      break;
    case 5:
      changed = Uint8Array.from([...changed.subarray(0, at), ...changed.subarray(at + 1)]);
      break;
    case 6:
      changed = choices.take(choices.below(60));
  }
  return choices.oneIn(4) ? choices.pieces(changed) : [changed];
}

/** Checks that a side has sent nothing but whole records of TLS; returns their types. */
function checkSent(bytes: Uint8Array): Set<number> {
  const types = new Set<number>();
  for (let at = 0; at < bytes.length;) {
    hold(RECORDS.includes(bytes[at]), () => `Something other than TLS is sent: ${bytes.toHex()}`);
    types.add(bytes[at]);
    at += RECORD_HLEN + readUint16(bytes, at + 3);
    hold(at <= bytes.length, "An incomplete record is sent");
  }
  return types;
}

/** Ends a handshake that still waits; returns its outcome. */
function finish(machine: Machine, choices: Choices): string {
  if (machine.state.is === "waiting" && choices.oneIn(2)) machine.close();
  for (let ticks = 0; machine.state.is === "waiting"; ticks++) {
    hold(ticks < TICKS, "A handshake does not end");
    hold(machine.dueMs <= HANDSHAKE_TIMEOUT_MS, "A handshake waits for too long");
    machine.tick(machine.dueMs);
  }
  const output = machine.takeOutput();
  if (output !== undefined) checkSent(output);
  hold(machine.dueMs === Infinity, "A handshake that has ended is due again");
  const { state } = machine;
  machine.receive(Uint8Array.of(0x16, 3, 1), 0);
  machine.close("reset");
  hold(machine.state === state, "A handshake has changed its result");
  if (state.is !== "failed") return state.is;
  const { message } = state.failure;
  hold(isPrintable(message), () => `A message is not printable: ${JSON.stringify(message)}`);
  return message.replaceAll(/"(?:[^"\\]|\\.)*"|[\da-f]{8,}/g, "N").slice(0, 70);
}

/** Makes the target for handshakes with keys. */
export function tlsHandshakes(): Target {
  let contexts: { client: TlsContext; server: TlsContext } | undefined;
  const open = () => {
    openssl();
    return { client: new TlsContext("client"), server: new TlsContext("server") };
  };
  return {
    name: "tls-handshakes",
    share: 2,
    maxBytes: INPUT_MAX,
    words: STARTS,
    generate(random: Random) {
      const start = random.chance(0.3) ? random.pick(STARTS) : new Uint8Array(0);
      return Uint8Array.from([...random.bytes(random.between(4, 60)), ...start]);
    },
    run(input) {
      const { client: near, server: far } = contexts ??= open();
      const choices = new Choices(input);
      const which = choices.oneIn(2) ? choices.below(CLIENT_KEYS.length) : 0;
      const keys = { find: (id: string) => [KEY, OTHER].find((key) => key.id === id) };
      using client = new ClientTlsHandshake(near, CLIENT_KEYS[which], HELLO, 0);
      using server = new ServerTlsHandshake(far, keys, () => WELCOME, 0);
      const alone = choices.below(6);
      const sent = new Set<string>();
      const move = (from: Machine, to: Machine, isTampered: boolean) => {
        const bytes = from.takeOutput();
        if (bytes === undefined) return;
        for (const type of checkSent(bytes)) sent.add(`${from === client ? "c" : "s"}${type}`);
        const pieces = isTampered && choices.oneIn(3) ? tamper(bytes, choices) : [bytes];
        for (const piece of pieces) to.receive(piece, 0);
      };
      if (alone >= 4) {
        const one = alone === 4 ? client : server;
        one.takeOutput();
        const bytes = choices.rest;
        for (const piece of new Choices(bytes.subarray(0, 4)).pieces(bytes)) one.receive(piece, 0);
      } else {
        for (let rounds = 0; rounds < MOST_ROUNDS; rounds++) {
          move(client, server, alone !== 0);
          move(server, client, alone !== 0);
        }
      }
      const outcomes = [finish(client, choices), finish(server, choices)];
      const name = CLIENT_KEYS[which].name;
      if (client.state.is === "done") {
        hold(which < RIGHT, "A client without the key has got in");
        assertEquals(client.state.handshake.peer, WELCOME);
      }
      if (server.state.is === "done") {
        hold(which < RIGHT, "A server has let a client in without the key");
        assertEquals(server.state.handshake.peer, { ...HELLO, name });
      }
      if (alone === 0 && which < RIGHT) assertEquals(outcomes, ["done", "done"]);
      return [`client ${outcomes[0]}`, `server ${outcomes[1]}`, [...sent].join()];
    },
    dispose() {
      contexts?.client[Symbol.dispose]();
      contexts?.server[Symbol.dispose]();
      contexts = undefined;
    },
  };
}
