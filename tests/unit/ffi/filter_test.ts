import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { laneFilter } from "../../../ffi/filter.ts";
import { isControlProtocol, readProtocol } from "../../../src/wire/ppp.ts";
import { type Packet, runFilter } from "./bpf.ts";

const DISCOVERY = 0x8863;
const SESSION = 0x8864;
const OTHERHOST = 3;

function packet(etherType: number, body: number[] = [], known: Partial<Packet> = {}): Packet {
  const bytes = new Uint8Array(14 + body.length);
  new DataView(bytes.buffer).setUint16(12, etherType);
  bytes.set(body, 14);
  return { bytes, packetType: 0, vlanTag: false, ...known };
}

function session(protocol: number, known: Partial<Packet> = {}): Packet {
  const header = [0x11, 0, 0, 1, 0, 2];
  return packet(SESSION, [...header, protocol >> 8, protocol & 0xff], known);
}

function lanes(packet: Packet, acceptOtherHosts = false): string {
  const taken = (["control", "data"] as const).filter((lane) => {
    const accepted = runFilter(laneFilter({ lane, acceptOtherHosts }), packet);
    assertEquals(accepted === 0 || accepted >= packet.bytes.length, true);
    return accepted > 0;
  });
  return taken.join(" and ");
}

Deno.test("laneFilter() gives discovery to the control lane", () => {
  assertEquals(lanes(packet(DISCOVERY, [0x11, 0x09, 0, 0, 0, 0])), "control");
  assertEquals(lanes(packet(DISCOVERY)), "control");
});

Deno.test("laneFilter() gives session frames to a lane by their PPP protocol", () => {
  assertEquals(lanes(session(0x0021)), "data");
  assertEquals(lanes(session(0x0057)), "data");
  assertEquals(lanes(session(0x7fff)), "data");
  assertEquals(lanes(session(0x8000)), "control");
  assertEquals(lanes(session(0x8021)), "control");
  assertEquals(lanes(session(0xc021)), "control");
  assertEquals(lanes(session(0xfeff)), "control");
});

Deno.test("laneFilter() gives session frames with a PPP protocol of one byte to the data lane", () => {
  for (const protocol of [0x2145, 0x5760, 0xfd80, 0xfdc0, 0xffff]) {
    assertEquals(lanes(session(protocol)), "data");
  }
});

Deno.test("laneFilter() splits every value of the PPP protocol as isControlProtocol() does", () => {
  const filters = (["control", "data"] as const).map((lane) =>
    laneFilter({ lane, acceptOtherHosts: false })
  );
  for (let value = 0; value <= 0xffff; value++) {
    const frame = session(value);
    const [control, data] = filters.map((filter) => runFilter(filter, frame) > 0);
    const protocol = readProtocol(frame.bytes);
    assertEquals(isControlProtocol(value), isControlProtocol(protocol), `0x${value.toString(16)}`);
    assertEquals([control, data], [isControlProtocol(value), !isControlProtocol(value)]);
  }
});

Deno.test("laneFilter() does not take padding for a PPP protocol", () => {
  for (const length of [0, 1]) {
    const padded = [0x11, 0, 0, 1, 0, length, 0xc0, 0x21, ...new Array(38).fill(0xff)];
    assertEquals(lanes(packet(SESSION, padded)), "data");
  }
});

Deno.test("laneFilter() gives session frames to the data lane when cut before the protocol", () => {
  for (let length = 0; length < 8; length++) {
    assertEquals(lanes(packet(SESSION, new Array(length).fill(0xff))), "data");
  }
});

Deno.test("laneFilter() drops every other EtherType", () => {
  for (const etherType of [0x0800, 0x0806, 0x86dd, 0x8100, 0x88a8, 0x8862, 0x8865, 0, 0xffff]) {
    assertEquals(lanes(packet(etherType, [0x11, 0, 0, 1, 0, 2, 0xc0, 0x21]), true), "");
  }
});

Deno.test("laneFilter() drops a frame that is too short for an EtherType", () => {
  assertEquals(lanes({ bytes: new Uint8Array(13), packetType: 0, vlanTag: false }), "");
});

Deno.test("laneFilter() drops a frame with a VLAN tag, promiscuous or not", () => {
  for (const acceptOtherHosts of [false, true]) {
    assertEquals(lanes(packet(DISCOVERY, [], { vlanTag: true }), acceptOtherHosts), "");
    assertEquals(lanes(session(0x0021, { vlanTag: true }), acceptOtherHosts), "");
    assertEquals(lanes(session(0xc021, { vlanTag: true }), acceptOtherHosts), "");
  }
});

Deno.test("laneFilter() takes other hosts' frames only when told to", () => {
  const others = { packetType: OTHERHOST };
  assertEquals(lanes(packet(DISCOVERY, [], others), false), "");
  assertEquals(lanes(session(0x0021, others), false), "");
  assertEquals(lanes(packet(DISCOVERY, [], others), true), "control");
  assertEquals(lanes(session(0x0021, others), true), "data");
});

Deno.test("laneFilter() puts every PPPoE frame into exactly one lane", () => {
  const body = fc.array(fc.nat(255), { maxLength: 40 });
  const etherType = fc.oneof(fc.constantFrom(DISCOVERY, SESSION), fc.nat(0xffff));
  const known = fc.record({ packetType: fc.nat(3), vlanTag: fc.boolean() });
  fc.assert(fc.property(etherType, body, known, fc.boolean(), (etherType, body, known, others) => {
    const hasProtocol = body.length >= 8 && (body[4] > 0 || body[5] >= 2);
    const control = etherType === DISCOVERY ||
      (hasProtocol && body[6] >= 0x80 && body[6] % 2 === 0);
    const pppoe = etherType === DISCOVERY || etherType === SESSION;
    const wanted = pppoe && !known.vlanTag && (others || known.packetType !== OTHERHOST);
    const lane = wanted ? (control ? "control" : "data") : "";
    assertEquals(lanes(packet(etherType, body, known), others), lane);
  }));
});
