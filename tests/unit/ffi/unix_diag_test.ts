import { assert, assertEquals } from "@std/assert";
import { attribute } from "../../../ffi/netlink.ts";
import { LITTLE_ENDIAN } from "../../../ffi/structs.ts";
import { getListener, listenerUser, parseListenerUser } from "../../../ffi/unix_diag.ts";
import { testUnless, whyNot } from "../../support/skip.ts";

/** Makes an answer about a local socket: the header, `struct unix_diag_msg`, and attributes. */
function answer(state: number, attributes: [type: number, payload: Uint8Array][]): Uint8Array {
  const view = new DataView(new ArrayBuffer(256));
  view.setUint16(4, 20, LITTLE_ENDIAN);
  view.setUint8(16, 1);
  view.setUint8(18, state);
  let at = 32;
  for (const [type, payload] of attributes) {
    view.setUint16(at, 4 + payload.length, LITTLE_ENDIAN);
    view.setUint16(at + 2, type, LITTLE_ENDIAN);
    new Uint8Array(view.buffer, at + 4).set(payload);
    at += (4 + payload.length + 3) & ~3;
  }
  view.setUint32(0, at, LITTLE_ENDIAN);
  return new Uint8Array(view.buffer, 0, at);
}

const NAME = new TextEncoder().encode("\0pppoe-proxy/client/eth1");
const USER = new Uint8Array(Uint32Array.of(1000).buffer);

Deno.test("parseListenerUser() returns the user of a listening socket with the name", () => {
  const name = "pppoe-proxy/client/eth1";
  const message = answer(10, [[0, NAME], [7, USER]]);
  assertEquals(attribute(message.subarray(32), 7), USER);
  assertEquals(parseListenerUser(message, name), 1000);
  assertEquals(parseListenerUser(message, "pppoe-proxy/client/eth2"), undefined);
  assertEquals(parseListenerUser(answer(1, [[0, NAME], [7, USER]]), name), undefined);
  // A file's name.
  assertEquals(parseListenerUser(answer(10, [[0, NAME.subarray(1)], [7, USER]]), name), undefined);
  // A kernel that does not tell, an error, and an incomplete message.
  assertEquals(parseListenerUser(answer(10, [[0, NAME]]), name), undefined);
  const error = message.slice();
  error[4] = error[5] = 2;
  for (const bytes of [error, message.subarray(0, 40), message.subarray(0, 9)]) {
    assertEquals(parseListenerUser(bytes, name), undefined);
  }
});

testUnless(whyNot("linux"), "listenerUser() returns the user of a socket of this machine", () => {
  const name = `test-${Deno.pid}-owned`;
  const listener = Deno.listen({ transport: "unix", path: `\0${name}` });
  const line = Deno.readTextFileSync("/proc/thread-self/net/unix").split("\n")
    .find((line) => line.endsWith(` @${name}`));
  assert(line !== undefined);
  const inode = Number(line.split(/\s+/)[6]);
  assertEquals(listenerUser(inode, name), Deno.uid());
  assertEquals(listenerUser(inode, `${name}-2`), undefined);
  listener.close();
  assertEquals(listenerUser(inode, name), undefined);
  assertEquals(getListener(inode).length, 40);
});
