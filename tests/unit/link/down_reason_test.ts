// The reasons why an interface is down.

import { assertEquals } from "@std/assert";
import type { InterfaceCondition } from "../../../ffi/mod.ts";
import { downReason } from "../../../src/link/down_reason.ts";

function link(name: string, condition: Partial<InterfaceCondition> = {}): InterfaceCondition {
  return {
    name,
    isSwitchedOn: true,
    isRunning: false,
    isDormant: false,
    kind: undefined,
    other: undefined,
    ...condition,
  };
}

const OFF = { isSwitchedOn: false };
const HERE = { other: { index: 2, isHere: true } };
const ELSEWHERE = { other: { index: 2, isHere: false } };
const PLUG = "check the cable, and the device at its other end";

const CASES: [
  what: string,
  InterfaceCondition,
  InterfaceCondition | undefined,
  string | undefined,
][] = [
  [
    "a card that is switched off",
    link("eth1", OFF),
    undefined,
    "switched off by the administrator: ip link set eth1 up",
  ],
  ["a card without a cable", link("eth1"), undefined, `without a carrier: ${PLUG}`],
  ["a card that is up", link("eth1", { isRunning: true }), undefined, undefined],
  [
    "a card before 802.1X",
    link("eth1", { isDormant: true }),
    undefined,
    "without a carrier that it may use: it waits for 802.1X or Wi-Fi, so check the supplicant",
  ],
  [
    "a VLAN that is switched off above a card that is up",
    link("eth1.7", { ...OFF, ...HERE, kind: "vlan" }),
    link("eth1", { isRunning: true }),
    "switched off by the administrator: ip link set eth1.7 up",
  ],
  [
    "a VLAN that is switched off together with its card",
    link("eth1.7", { ...OFF, ...HERE, kind: "vlan" }),
    link("eth1", OFF),
    "switched off by the administrator, and so is eth1 below it: " +
    "ip link set eth1 up && ip link set eth1.7 up",
  ],
  [
    "a macvlan on a card that is switched off",
    link("mv0", { ...HERE, kind: "macvlan" }),
    link("eth1", OFF),
    "without a carrier, because eth1 below it was switched off by the administrator: " +
    "ip link set eth1 up",
  ],
  [
    "a macvlan on a card without a cable",
    link("mv0", { ...HERE, kind: "macvlan" }),
    link("eth1"),
    `without a carrier, because eth1 below it has none: ${PLUG}`,
  ],
  [
    "a macvlan on a card of another namespace",
    link("mv0", { ...ELSEWHERE, kind: "macvlan" }),
    undefined,
    "without a carrier, because the interface below it, in another network namespace, is down",
  ],
  [
    "a veth whose other end is switched off",
    link("veth0", { ...HERE, kind: "veth" }),
    link("veth1", OFF),
    "without a carrier, because the other end of the veth pair is down: ip link set veth1 up",
  ],
  [
    "a veth whose other end is in another namespace",
    link("veth0", { ...ELSEWHERE, kind: "veth" }),
    undefined,
    "without a carrier, because the other end of the veth pair is down: " +
    "switch it on, in its own network namespace",
  ],
  [
    "a veth that is switched off, like its other end",
    link("veth0", { ...OFF, ...HERE, kind: "veth" }),
    link("veth1", OFF),
    "switched off by the administrator: ip link set veth0 up",
  ],
  [
    "a bridge without a port",
    link("br0", { kind: "bridge" }),
    undefined,
    "without a carrier, because it has no port that is up: see ip -br link show master br0",
  ],
  [
    "a tap that no program has open",
    link("tap0", { kind: "tun" }),
    undefined,
    "without a carrier: no program has the tap open, so start the one that uses it, " +
    "such as a virtual machine",
  ],
  [
    "a macvlan on a veth whose other end is in another namespace",
    link("mv0", { ...HERE, kind: "macvlan" }),
    link("veth0", { ...ELSEWHERE, kind: "veth" }),
    "without a carrier, because veth0 below it has none, because the other end of the veth pair is " +
    "down: switch it on, in its own network namespace",
  ],
  [
    "a VLAN on a bridge without a port",
    link("br0.7", { ...HERE, kind: "vlan" }),
    link("br0", { kind: "bridge" }),
    "without a carrier, because br0 below it has none, because it has no port that is up: " +
    "see ip -br link show master br0",
  ],
  [
    "a macvlan on a card before 802.1X",
    link("mv0", { ...HERE, kind: "macvlan" }),
    link("eth1", { isDormant: true }),
    "without a carrier, because eth1 below it has none that it may use: it waits for 802.1X or " +
    "Wi-Fi, so check the supplicant",
  ],
];

for (const [what, condition, other, reason] of CASES) {
  Deno.test(`downReason() explains ${what}`, () => {
    assertEquals(downReason(condition, () => other), reason);
  });
}
