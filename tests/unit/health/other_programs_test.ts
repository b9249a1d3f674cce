// Tests of the search for other PPPoE programs.

import { assertEquals } from "@std/assert";
import {
  hasPppoeSession,
  LOOKS,
  OtherPrograms,
  pppoeSockets,
} from "../../../src/health/other_programs.ts";
import type { Side } from "../../../src/side.ts";

const HEADER = "sk               RefCnt Type Proto  Iface R Rmem   User   Inode";
const packet = (...lines: string[]) => [HEADER, ...lines, ""].join("\n");
const socket = (inode: number, protocol = "8863", index = 3) =>
  `00000000a1b2c3d4 3      3    ${protocol}   ${index}     1 0      0      ${inode}`;
const PPPOE = "Id       Address              Device\n00001100 02:00:00:00:00:ac     eth1\n";

Deno.test("pppoeSockets() finds the sockets of PPPoE on one interface", () => {
  const text = packet(
    socket(11),
    socket(12, "8864"),
    socket(13, "0003"),
    socket(14, "8863", 4),
    "00000000a1b2c3d4 3      3    8863   3",
    "",
    "nonsense",
  );
  assertEquals(pppoeSockets(text, 3), [11, 12]);
  assertEquals(pppoeSockets("", 3), []);
});

Deno.test("hasPppoeSession() finds the sessions of the kernel on one interface", () => {
  assertEquals(hasPppoeSession(PPPOE, "eth1"), true);
  assertEquals(hasPppoeSession(PPPOE, "eth2"), false);
  assertEquals(hasPppoeSession("", "eth1"), false);
});

/** Looks several times at a list, and returns the problem at the end and the number of lists of own sockets. */
function looks(side: Side, text: string, { times = LOOKS, pppoe = "", own = [1, 2] } = {}) {
  const programs = new OtherPrograms(side);
  let asked = 0;
  let id: string | undefined;
  for (let n = 0; n < times; n++) {
    id = programs.look({
      packet: text,
      pppoe,
      interface: { name: "eth1", index: 3 },
      ownInodes: () => {
        asked++;
        return new Set(own);
      },
    })?.id;
  }
  return [id, asked];
}

Deno.test("OtherPrograms tells sockets of this process from those of others, and reads its own list once", () => {
  const own = packet(socket(1), socket(2, "8864"));
  const both = packet(socket(1), socket(2, "8864"), socket(9));
  for (const side of ["server", "client"] as const) assertEquals(looks(side, own), [undefined, 1]);
  assertEquals(looks("client", both), ["local-pppd", 1]);
  assertEquals(looks("server", both), ["other-pppoe", 1]);
});

Deno.test("OtherPrograms does not mind a socket that is soon closed", () => {
  assertEquals(looks("server", packet(socket(9)), { times: LOOKS - 1 })[0], undefined);
});

Deno.test("OtherPrograms finds a pppd that has a session beside a client, which is no problem beside a server", () => {
  const both = packet(socket(9));
  assertEquals(looks("client", packet(), { pppoe: PPPOE, times: 1 })[0], "local-pppd");
  assertEquals(looks("server", both, { pppoe: PPPOE })[0], undefined);
});

Deno.test("OtherPrograms ends when the other program is gone, and without the lists", () => {
  const programs = new OtherPrograms("server");
  const now = {
    pppoe: undefined,
    interface: { name: "eth1", index: 3 },
    ownInodes: () => new Set<number>(),
  };
  for (let n = 0; n < LOOKS; n++) programs.look({ ...now, packet: packet(socket(9)) });
  assertEquals(programs.look({ ...now, packet: packet() }), undefined);
  assertEquals(programs.look({ ...now, packet: undefined }), undefined);
});
