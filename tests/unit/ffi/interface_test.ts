import { assert, assertEquals } from "@std/assert";
import { InterfaceWatch, listInterfaces, readInterface } from "../../../ffi/interface.ts";

Deno.test("readInterface() reads the loopback", () => {
  const info = readInterface("lo");
  assert(info !== undefined);
  assertEquals([info.name, info.index, info.isEthernet], ["lo", 1, false]);
  assertEquals(info.mac, new Uint8Array(6));
  assert(info.mtu >= 1500);
});

Deno.test("readInterface() returns undefined when there is no such interface", () => {
  assertEquals(readInterface("eth-none"), undefined);
  assertEquals(readInterface(""), undefined);
});

Deno.test("readInterface() returns undefined when the name is too long for an interface", () => {
  assertEquals(readInterface("lo" + "o".repeat(14)), undefined);
  assertEquals(readInterface("ü".repeat(8)), undefined);
});

Deno.test("readInterface() does not leak descriptors", () => {
  const open = () => [...Deno.readDirSync("/proc/self/fd")].length;
  readInterface("lo");
  const before = open();
  for (let i = 0; i < 100; i++) readInterface(i % 2 ? "lo" : "eth-none");
  assertEquals(open(), before);
});

Deno.test("listInterfaces() omits interfaces that are not Ethernet", () => {
  assertEquals(listInterfaces().includes("lo"), false);
});

Deno.test("InterfaceWatch closes its descriptor once", () => {
  const watch = new InterfaceWatch();
  assert(watch.fd >= 0);
  watch.close();
  watch.close();
  assertEquals(watch.fd, -1);
  assertEquals(watch.drain(), false);
});
