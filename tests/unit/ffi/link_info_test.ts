// The bytes here are the kernel's answers on x86-64, without some attributes.

import { assertEquals } from "@std/assert";
import {
  getLink,
  parseInterfaceCondition,
  parseLinkKind,
  readInterfaceCondition,
  readLinkKind,
} from "../../../ffi/link_info.ts";

const MTU = "08000400dc050000";
/** An attribute of 9 bytes, so that 3 bytes of padding follow. */
const QDISC = "090006006e6f6f7000000000";
/** The data of a macvlan: IFLA_MACVLAN_MODE 4, then IFLA_MACVLAN_FLAGS and others. */
const MACVLAN = "3c001200" + "0c000100" + "6d6163766c616e00" + "2c000200" + "0800010004000000" +
  "0600020000000000" + "0800060000000000" + "08000700e8030000" + "08000800e8030000";
const VETH = "14001200" + "09000100" + "7665746800000000" + "04000200";

/** Makes a message with a type and attributes, and with its length in the header. */
function message(attributes: string, type = "1000"): Uint8Array<ArrayBuffer> {
  const header = type + "0000" + "00000000" + "bc460000";
  const ifinfomsg = "00000100050000000210000000000000";
  const bytes = Uint8Array.fromHex("00000000" + header + ifinfomsg + attributes);
  bytes[0] = bytes.length;
  return bytes;
}

/** Makes the macvlan's attribute with some bytes changed. */
function macvlanBut(from: string, to: string): Uint8Array<ArrayBuffer> {
  assertEquals(MACVLAN.split(from).length, 2, from);
  return message(MACVLAN.replace(from, to));
}

Deno.test("getLink() lays out an RTM_GETLINK request", () => {
  assertEquals(
    getLink(0x01020304).toHex(),
    "20000000" + "1200" + "0100" + "00".repeat(8) + "0000000004030201" + "00".repeat(8),
  );
});

Deno.test("parseLinkKind() reads the mode of a macvlan", () => {
  const bridge = { kind: "macvlan", macvlanMode: "bridge" } as const;
  assertEquals(parseLinkKind(message(MACVLAN)), bridge);
  assertEquals(parseLinkKind(message(MTU + QDISC + MACVLAN + MTU)), bridge);
  for (const [number, mode] of Object.entries({ 1: "private", 2: "vepa", 8: "passthru" })) {
    const { macvlanMode } = parseLinkKind(macvlanBut("0100040000", `01000${number}0000`))!;
    assertEquals(macvlanMode, mode);
  }
  assertEquals(parseLinkKind(macvlanBut("0100040000", "0100100000"))!.macvlanMode, "source");
  const macvtap = macvlanBut("6d6163766c616e", "6d616376746170");
  assertEquals(parseLinkKind(macvtap), { ...bridge, kind: "macvtap" });
});

Deno.test("parseLinkKind() recognizes a nested attribute with NLA_F_NESTED", () => {
  assertEquals(parseLinkKind(macvlanBut("3c001200", "3c001280"))!.macvlanMode, "bridge");
});

Deno.test("parseLinkKind() does not read the data of another kind", () => {
  assertEquals(parseLinkKind(message(VETH)), { kind: "veth" });
  const vlan = macvlanBut("0c000100" + "6d6163766c616e00", "09000100" + "766c616e00000000");
  assertEquals(parseLinkKind(vlan), { kind: "vlan" });
});

Deno.test("parseLinkKind() returns undefined when the message has no kind", () => {
  assertEquals(parseLinkKind(message(MTU + QDISC)), undefined);
  assertEquals(parseLinkKind(message("")), undefined);
  assertEquals(parseLinkKind(message("04001200")), undefined);
});

Deno.test("parseLinkKind() returns undefined for an error and for any other message", () => {
  const ENODEV = "edffffff";
  assertEquals(parseLinkKind(message(ENODEV + getLink(9).toHex(), "0200")), undefined);
  assertEquals(parseLinkKind(message(MACVLAN, "1100")), undefined);
});

Deno.test("parseLinkKind() returns a macvlan without a mode when the mode is unknown", () => {
  const unknown = { kind: "macvlan" };
  assertEquals(parseLinkKind(macvlanBut("0100040000", "0100030000")), unknown);
  assertEquals(parseLinkKind(macvlanBut("0800010004", "0700010004")), unknown);
  assertEquals(parseLinkKind(macvlanBut("0800010004", "0800090004")), unknown);
});

Deno.test("parseLinkKind() returns undefined for a truncated message", () => {
  const whole = message(MTU + MACVLAN);
  for (let length = 0; length < whole.length; length++) {
    assertEquals(parseLinkKind(whole.subarray(0, length)), undefined, `${length} bytes`);
    // The header has the right length here, but the attributes do not.
    const says = whole.slice(0, length);
    if (length > 0) says[0] = length;
    assertEquals(parseLinkKind(says), undefined, `${length} bytes that say so`);
  }
});

Deno.test("parseLinkKind() does not trust any length", () => {
  const whole = message(MTU + MACVLAN);
  for (let at = 0; at < whole.length; at++) {
    for (const value of [0, 1, 3, 4, 5, 0x7f, 0xff]) {
      const bytes = whole.slice();
      bytes[at] = value;
      // Any result will do, as long as it returns and does not throw.
      parseLinkKind(bytes);
    }
  }
});

Deno.test("parseLinkKind() does not read beyond the message", () => {
  const memory = new Uint8Array(1000);
  const bytes = message(MTU + MACVLAN);
  memory.set(bytes, 7);
  assertEquals(parseLinkKind(memory.subarray(7, 7 + bytes.length))!.macvlanMode, "bridge");
  assertEquals(parseLinkKind(memory.subarray(7, 6 + bytes.length)), undefined);
});

Deno.test("readLinkKind() returns undefined for the loopback and for a missing interface", () => {
  assertEquals(readLinkKind(1), undefined);
  for (const index of [0, -1, 2 ** 31 - 1]) assertEquals(readLinkKind(index), undefined);
});

Deno.test("readLinkKind() does not leak descriptors", () => {
  const open = () => [...Deno.readDirSync("/proc/self/fd")].length;
  readLinkKind(1);
  const before = open();
  for (let i = 0; i < 100; i++) readLinkKind(i % 2 ? 1 : 2 ** 31 - 1);
  assertEquals(open(), before);
});

/** The name `eth1.7`, and 5 as the number of the interface itself. */
const NAME = "0b000300" + "657468312e370000";
const ITSELF = "08000500" + "05000000";
const BELOW = "08000500" + "02000000";
const ELSEWHERE = "08002500" + "00000000";

Deno.test("parseInterfaceCondition() reads flags, kind and the other interface", () => {
  const condition = {
    name: "eth1.7",
    isSwitchedOn: false,
    isRunning: false,
    isDormant: false,
    kind: undefined,
    other: undefined,
  };
  assertEquals(parseInterfaceCondition(message(NAME)), condition);
  assertEquals(parseInterfaceCondition(message(NAME + ITSELF)), condition);
  assertEquals(parseInterfaceCondition(message(MTU + NAME + BELOW + VETH)), {
    ...condition,
    kind: "veth",
    other: { index: 2, isHere: true },
  });
  // In another namespace, the number may be the same as here.
  for (const [link, index] of [[BELOW, 2], [ITSELF, 5]] as const) {
    assertEquals(
      parseInterfaceCondition(message(NAME + link + ELSEWHERE))?.other,
      { index, isHere: false },
    );
  }
  const flagged = (flags: string) => {
    const bytes = message(NAME);
    bytes.set(Uint8Array.fromHex(flags), 24);
    const { isSwitchedOn, isRunning, isDormant } = parseInterfaceCondition(bytes)!;
    return [isSwitchedOn, isRunning, isDormant];
  };
  assertEquals(flagged("03100000"), [true, false, false]);
  assertEquals(flagged("43100100"), [true, true, false]);
  assertEquals(flagged("03100300"), [true, false, true]);
  const inState = (state: string) =>
    parseInterfaceCondition(message(NAME + "05001000" + state))?.isDormant;
  assertEquals(["05000000", "06000000", "02000000"].map(inState), [true, false, false]);
});

Deno.test("parseInterfaceCondition() returns undefined for another, a nameless or a truncated message", () => {
  const whole = message(NAME + BELOW);
  assertEquals(parseInterfaceCondition(message(BELOW)), undefined);
  assertEquals(parseInterfaceCondition(message(NAME, "0200")), undefined);
  for (let length = 0; length < whole.length; length++) {
    assertEquals(parseInterfaceCondition(whole.subarray(0, length)), undefined, `${length} bytes`);
  }
});

Deno.test("readInterfaceCondition() reads the loopback, and returns undefined for a missing interface", () => {
  const { name, kind, other } = readInterfaceCondition(1)!;
  assertEquals([name, kind, other], ["lo", undefined, undefined]);
  for (const index of [0, -1, 2 ** 31 - 1]) assertEquals(readInterfaceCondition(index), undefined);
});
