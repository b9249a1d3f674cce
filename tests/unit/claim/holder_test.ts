import { assertEquals } from "@std/assert";
import {
  askHolder,
  heldPlaces,
  packetUsers,
  parseIntroduction,
  socketName,
} from "../../../src/claim/holder.ts";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

Deno.test("socketName() is made of the side and the interface", () => {
  assertEquals(socketName({ side: "client", interface: "eth1" }), "pppoe-proxy/client/eth1");
  assertEquals(socketName({ side: "server", interface: "br0.7" }), "pppoe-proxy/server/br0.7");
});

Deno.test("socketName() is undefined for what cannot be the name of an interface", () => {
  for (const name of ["", "a b", "a/b", "a\0b", "sixteen-letters-", "日本語日本語"]) {
    assertEquals(socketName({ side: "client", interface: name }), undefined, name);
  }
});

Deno.test("heldPlaces() takes only listening sockets with a name of this program", () => {
  const table = `Num       RefCount Protocol Flags    Type St Inode Path
00000000164b746a: 00000002 00000000 00010000 0001 01 5472855 @pppoe-proxy/client/eth1
00000000d073aa1b: 00000003 00000000 00000000 0001 03 5472882 @pppoe-proxy/client/eth2
00000000d073aa1c: 00000003 00000000 00000000 0001 03 5472883
000000007f000001: 00000002 00000000 00010000 0001 01 31 @pppoe-proxy/server/br0.7
000000007f000002: 00000002 00000000 00010000 0001 01 32 @pppoe-proxy/relay/eth1
000000007f000003: 00000002 00000000 00010000 0001 01 33 /run/@pppoe-proxy/client/eth3
`;
  assertEquals(heldPlaces(table), [
    { side: "client", interface: "eth1" },
    { side: "server", interface: "br0.7" },
  ]);
  assertEquals(heldPlaces(""), []);
});

Deno.test("packetUsers() returns the users of packet sockets on one interface", () => {
  const table = `sk               RefCnt Type Proto  Iface R Rmem   User   Inode
00000000a5b0c1d2 3      3    8863   7     1 0      0      41881
00000000a5b0c1d3 3      3    8864   7     1 0      106    41882
00000000a5b0c1d4 3      3    0003   1200  1 0      1000   41883
00000000a5b0c1d5 3      3    0003   17    1 0      1001   41884
`;
  assertEquals(packetUsers(7, table), new Set([0, 106]));
  assertEquals(packetUsers(1200, table), new Set([1000]));
  assertEquals(packetUsers(1, table), new Set());
});

Deno.test("parseIntroduction() takes one line of JSON, and nothing else", () => {
  const line = {
    program: "pppoe-proxy",
    version: "0.1.0",
    pid: 7,
    side: "client",
    interface: "eth1",
    name: "branch",
    status: null,
    started: "2026-01-02T03:04:05.678Z",
    stopping: false,
  };
  const text = JSON.stringify(line);
  assertEquals(parseIntroduction(bytes(`${text}\n`))?.name, "branch");
  // An older version has no local socket.
  assertEquals(parseIntroduction(bytes(text))?.socket, null);
  const socket = "/run/pppoe-proxy/client-eth1-7.sock";
  assertEquals(parseIntroduction(bytes(JSON.stringify({ ...line, socket })))?.socket, socket);
  // A later version can add something.
  assertEquals(parseIntroduction(bytes(JSON.stringify({ ...line, more: 1 })))?.pid, 7);
  const wrong = ["", "null", "7", "[]", text.slice(0, -1), text + text, "\xff\xfe"];
  const changed = [{ pid: "7" }, { side: "both" }, { name: 7 }, { status: 1 }, { program: "" }];
  wrong.push(...changed.map((change) => JSON.stringify({ ...line, ...change })));
  for (const other of wrong) assertEquals(parseIntroduction(bytes(other)), undefined, other);
});

Deno.test("askHolder() returns undefined if nobody holds the place", async () => {
  assertEquals(await askHolder({ side: "client", interface: "eth-none" }, 1000), undefined);
  assertEquals(await askHolder({ side: "client", interface: "a/b" }, 1000), undefined);
});
