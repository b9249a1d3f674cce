// The reasons why real interfaces are down.

import { assertEquals } from "@std/assert";
import { inNamespace } from "../../ffi/mod.ts";
import { PacketLink } from "../../src/link/packet_link.ts";
import { TestNet } from "../support/namespaces.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const noNet = whyNot("linux", "root", "iproute2", "namespaces");

testUnless(noNet, "PacketLink.explainDown() knows the administrator from a carrier", async () => {
  await using net = await TestNet.make("down");
  const [here, there] = [await net.namespace("here"), await net.namespace("there")];
  await net.veth({ namespace: here, name: "lan0" }, { namespace: there, name: "lan0" });
  await net.macvlan({ namespace: here, name: "mv0" }, "lan0", "bridge");
  const reasonOf = (name: string) =>
    inNamespace(net.path(here), () => {
      const link = new PacketLink(name, { promiscuous: false });
      try {
        return [link.state, link.explainDown()];
      } finally {
        link.dispose();
      }
    });
  /** Waits until the kernel has passed on the carrier, which it does on another thread. */
  const untilState = (name: string, state: string) =>
    until(`${name} is ${state}`, () => reasonOf(name)[0] === state);
  await untilState("mv0", "up");
  assertEquals(reasonOf("lan0"), ["up", undefined]);

  await net.ip(there, "link", "set", "lan0", "down");
  await untilState("mv0", "down");
  assertEquals(reasonOf("lan0"), [
    "down",
    "without a carrier, because the other end of the veth pair is down: " +
    "switch it on, in its own network namespace",
  ]);
  assertEquals(reasonOf("mv0"), [
    "down",
    "without a carrier, because lan0 below it has none, " +
    "because the other end of the veth pair is down: switch it on, in its own network namespace",
  ]);

  await net.ip(here, "link", "set", "lan0", "down");
  assertEquals(reasonOf("lan0"), [
    "down",
    "switched off by the administrator: ip link set lan0 up",
  ]);
  assertEquals(reasonOf("mv0"), [
    "down",
    "without a carrier, because lan0 below it was switched off by the administrator: " +
    "ip link set lan0 up",
  ]);
  await net.ip(here, "link", "set", "mv0", "down");
  assertEquals(reasonOf("mv0"), [
    "down",
    "switched off by the administrator, and so is lan0 below it: " +
    "ip link set lan0 up && ip link set mv0 up",
  ]);
});
