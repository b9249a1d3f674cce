import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Diverted, DIVERTED_MAX } from "../../../src/link/device.ts";
import { laneFilter, vlanFilter } from "../../../src/link/lane_filter.ts";
import { isControlProtocol, readProtocol } from "../../../src/wire/ppp.ts";
import { type Packet, runFilter } from "./bpf.ts";

const DISCOVERY = 0x8863;
const SESSION = 0x8864;
const OTHERHOST = 3;

function packet(etherType: number, body: number[] = [], known: Partial<Packet> = {}): Packet {
  const bytes = new Uint8Array(14 + body.length);
  new DataView(bytes.buffer).setUint16(12, etherType);
  bytes.set(body, 14);
  return { bytes, packetType: 0, ...known };
}

function session(protocol: number, known: Partial<Packet> = {}): Packet {
  const header = [0x11, 0, 0, 1, 0, 2];
  return packet(SESSION, [...header, protocol >> 8, protocol & 0xff], known);
}

function lanes(packet: Packet, acceptOtherHosts = false): string {
  const taken = (["control", "data"] as const).filter((lane) => {
    const accepted = runFilter(laneFilter(lane, acceptOtherHosts), packet);
    assertEquals(accepted === 0 || accepted >= packet.bytes.length, true);
    return accepted > 0;
  });
  return taken.join(" and ");
}

Deno.test("laneFilter() puts discovery into the control lane", () => {
  assertEquals(lanes(packet(DISCOVERY, [0x11, 0x09, 0, 0, 0, 0])), "control");
  assertEquals(lanes(packet(DISCOVERY)), "control");
});

Deno.test("laneFilter() puts session frames into a lane by their PPP protocol", () => {
  assertEquals(lanes(session(0x0021)), "data");
  assertEquals(lanes(session(0x0057)), "data");
  assertEquals(lanes(session(0x7fff)), "data");
  assertEquals(lanes(session(0x8000)), "control");
  assertEquals(lanes(session(0x8021)), "control");
  assertEquals(lanes(session(0xc021)), "control");
  assertEquals(lanes(session(0xfeff)), "control");
});

Deno.test("laneFilter() puts session frames with a compressed PPP protocol into the data lane", () => {
  for (const protocol of [0x2145, 0x5760, 0xfd80, 0xfdc0, 0xffff]) {
    assertEquals(lanes(session(protocol)), "data");
  }
});

Deno.test("laneFilter() agrees with isControlProtocol() for every PPP protocol", () => {
  const filters = (["control", "data"] as const).map((lane) => laneFilter(lane));
  for (let value = 0; value <= 0xffff; value++) {
    const frame = session(value);
    const [control, data] = filters.map((filter) => runFilter(filter, frame) > 0);
    const protocol = readProtocol(frame.bytes);
    assertEquals(isControlProtocol(value), isControlProtocol(protocol), `0x${value.toString(16)}`);
    assertEquals([control, data], [isControlProtocol(value), !isControlProtocol(value)]);
  }
});

Deno.test("laneFilter() does not mistake padding for a PPP protocol", () => {
  for (const length of [0, 1]) {
    const padded = [0x11, 0, 0, 1, 0, length, 0xc0, 0x21, ...new Array(38).fill(0xff)];
    assertEquals(lanes(packet(SESSION, padded)), "data");
  }
});

Deno.test("laneFilter() puts session frames that end before the protocol into the data lane", () => {
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
  assertEquals(lanes({ bytes: new Uint8Array(13), packetType: 0 }), "");
});

Deno.test("laneFilter() drops frames with a VLAN tag, promiscuous or not", () => {
  for (const acceptOtherHosts of [false, true]) {
    for (const vlanTag of [1, 7, 0xfff, 0xe007]) {
      assertEquals(lanes(packet(DISCOVERY, [], { vlanTag }), acceptOtherHosts), "");
      assertEquals(lanes(session(0x0021, { vlanTag }), acceptOtherHosts), "");
      assertEquals(lanes(session(0xc021, { vlanTag }), acceptOtherHosts), "");
    }
  }
});

Deno.test("laneFilter() treats a frame with a priority tag like an untagged one", () => {
  for (const acceptOtherHosts of [false, true]) {
    for (const vlanTag of [0, 0x1000, 0xe000, 0xf000]) {
      assertEquals(lanes(packet(DISCOVERY, [], { vlanTag }), acceptOtherHosts), "control");
      assertEquals(lanes(session(0x0021, { vlanTag }), acceptOtherHosts), "data");
      assertEquals(lanes(session(0xc021, { vlanTag }), acceptOtherHosts), "control");
    }
  }
  assertEquals(lanes(session(0x0021, { vlanTag: 0, packetType: OTHERHOST })), "");
});

/** Returns true if the filter counts a frame as a VLAN frame. */
function isOfVlan(packet: Packet, acceptOtherHosts = false): boolean {
  const accepted = runFilter(vlanFilter(acceptOtherHosts), packet);
  assertEquals(accepted === 0 || accepted === 24, true, "the head of it is enough");
  return accepted > 0;
}

const Q = 0x8100;
const AD = 0x88a8;
const tag = (
  protocol: number,
  tci: number,
) => [tci >> 8, tci & 0xff, protocol >> 8, protocol & 0xff];

Deno.test("vlanFilter() counts PPPoE frames whose VLAN tag the kernel removed", () => {
  for (const etherType of [DISCOVERY, SESSION]) {
    for (const vlanTag of [1, 7, 0xfff, 0xe007]) {
      assertEquals(isOfVlan(packet(etherType, [0x11], { vlanTag })), true);
    }
    assertEquals(isOfVlan(packet(etherType, [0x11])), false);
    assertEquals(isOfVlan(packet(etherType, [0x11], { vlanTag: 0xe000 })), false);
  }
});

Deno.test("vlanFilter() counts PPPoE frames with one or two further tags", () => {
  for (const outer of [undefined, 0, 7]) {
    for (const protocol of [Q, AD]) {
      const one = packet(protocol, tag(SESSION, 7), { vlanTag: outer });
      assertEquals(isOfVlan(one), true);
      const two = packet(protocol, [...tag(Q, 0), ...tag(DISCOVERY, 9)], { vlanTag: outer });
      assertEquals(isOfVlan(two), true);
    }
  }
});

Deno.test("vlanFilter() counts no other frames", () => {
  for (const vlanTag of [undefined, 0, 7]) {
    for (const etherType of [0x0800, 0x0806, 0x86dd, 0x8862, 0x8865]) {
      assertEquals(isOfVlan(packet(etherType, [0x11], { vlanTag })), false);
      assertEquals(isOfVlan(packet(Q, tag(etherType, 7), { vlanTag })), false);
      const two = packet(AD, [...tag(Q, 7), ...tag(etherType, 9)], { vlanTag });
      assertEquals(isOfVlan(two), false);
    }
    for (let length = 0; length < 4; length++) {
      assertEquals(isOfVlan(packet(Q, new Array(length).fill(0x88), { vlanTag })), false);
    }
  }
});

Deno.test("vlanFilter() counts frames to other stations only if asked to", () => {
  for (const acceptOtherHosts of [false, true]) {
    const others = { packetType: OTHERHOST };
    const off = packet(SESSION, [0x11], { ...others, vlanTag: 7 });
    assertEquals(isOfVlan(off, acceptOtherHosts), acceptOtherHosts);
    assertEquals(isOfVlan(packet(Q, tag(SESSION, 7), others), acceptOtherHosts), acceptOtherHosts);
  }
});

/** Returns the lanes of a link that take a frame, while control frames of some stations are diverted. */
function lanesOfLink(packet: Packet, diverted: Diverted[] = []): string {
  const taken = (["opening", "session-control", "data"] as const).filter((lane) =>
    runFilter(laneFilter(lane, true, diverted), packet) > 0
  );
  return taken.join(" and ");
}

Deno.test("laneFilter() separates the frames that open sessions from other control frames", () => {
  for (const code of [0x09, 0x07, 0x19]) {
    assertEquals(lanesOfLink(packet(DISCOVERY, [0x11, code, 0, 0, 0, 0])), "opening");
  }
  for (const code of [0x65, 0xa7, 0xd3, 0xd4, 0x0a, 0xff]) {
    assertEquals(lanesOfLink(packet(DISCOVERY, [0x11, code, 0, 0, 0, 0])), "session-control");
  }
  for (const body of [[], [0x11]]) {
    assertEquals(lanesOfLink(packet(DISCOVERY, body)), "session-control");
  }
  assertEquals(lanesOfLink(session(0xc021)), "session-control");
  assertEquals(lanesOfLink(session(0x0021)), "data");
});

Deno.test("laneFilter() puts control frames of diverted stations into the data lane", () => {
  const mac = Uint8Array.of(2, 0, 0, 1, 2, 3);
  const from = (source: Uint8Array, sessionId: number, protocol = 0xc021) => {
    const frame = session(protocol);
    frame.bytes.set(source, 6);
    frame.bytes.set([sessionId >> 8, sessionId & 0xff], 16);
    return frame;
  };
  const host: Diverted = { mac, sessionId: undefined };
  const one: Diverted = { mac, sessionId: 0x0107 };
  const other = Uint8Array.of(2, 0, 0, 1, 2, 4);
  assertEquals(lanesOfLink(from(mac, 5), [host]), "data");
  assertEquals(lanesOfLink(from(other, 5), [host]), "session-control");
  assertEquals(lanesOfLink(from(Uint8Array.of(2, 1, 0, 1, 2, 3), 5), [host]), "session-control");
  assertEquals(lanesOfLink(from(mac, 0x0107), [one]), "data");
  assertEquals(lanesOfLink(from(mac, 0x0108), [one]), "session-control");
  assertEquals(lanesOfLink(from(mac, 0x0107, 0x0021), [one]), "data");
  // A PADT never waits behind data.
  const padt = packet(DISCOVERY, [0x11, 0xa7, 0, 5, 0, 0]);
  padt.bytes.set(mac, 6);
  assertEquals(lanesOfLink(padt, [host]), "session-control");
  // The longest program still works.
  const many = Array.from({ length: DIVERTED_MAX }, (_, n) => ({
    mac: Uint8Array.of(2, 0, 0, 1, 2, n),
    sessionId: n + 1,
  }));
  for (const { mac, sessionId } of many) {
    assertEquals(lanesOfLink(from(mac, sessionId), many), "data");
    assertEquals(lanesOfLink(from(mac, 100), many), "session-control");
    assertEquals(lanesOfLink(from(mac, 100, 0x0021), many), "data");
  }
});

Deno.test("vlanFilter() counts no frame that a lane receives", () => {
  const etherType = fc.constantFrom(DISCOVERY, SESSION, Q, AD, 0x0800);
  const body = fc.array(fc.oneof(fc.constantFrom(0x81, 0x88, 0x63, 0x64, 0), fc.nat(255)), {
    maxLength: 20,
  });
  const vlanTag = fc.option(fc.nat(0xffff), { nil: undefined });
  const known = fc.record({ packetType: fc.nat(3), vlanTag });
  fc.assert(fc.property(etherType, body, known, fc.boolean(), (etherType, body, known, others) => {
    const frame = packet(etherType, body, known);
    if (lanes(frame, others) !== "") assertEquals(isOfVlan(frame, others), false);
  }));
});

Deno.test("laneFilter() accepts frames to other stations only if asked to", () => {
  const others = { packetType: OTHERHOST };
  assertEquals(lanes(packet(DISCOVERY, [], others), false), "");
  assertEquals(lanes(session(0x0021, others), false), "");
  assertEquals(lanes(packet(DISCOVERY, [], others), true), "control");
  assertEquals(lanes(session(0x0021, others), true), "data");
});

Deno.test("laneFilter() puts every PPPoE frame into exactly one lane", () => {
  const body = fc.array(fc.nat(255), { maxLength: 40 });
  const etherType = fc.oneof(fc.constantFrom(DISCOVERY, SESSION), fc.nat(0xffff));
  const vlanTag = fc.oneof(fc.constantFrom(undefined, 0, 0xe000), fc.nat(0xffff));
  const known = fc.record({ packetType: fc.nat(3), vlanTag });
  fc.assert(fc.property(etherType, body, known, fc.boolean(), (etherType, body, known, others) => {
    const hasProtocol = body.length >= 8 && (body[4] > 0 || body[5] >= 2);
    const control = etherType === DISCOVERY ||
      (hasProtocol && body[6] >= 0x80 && body[6] % 2 === 0);
    const pppoe = etherType === DISCOVERY || etherType === SESSION;
    const ofVlan = ((known.vlanTag ?? 0) & 0xfff) !== 0;
    const wanted = pppoe && !ofVlan && (others || known.packetType !== OTHERHOST);
    const lane = wanted ? (control ? "control" : "data") : "";
    assertEquals(lanes(packet(etherType, body, known), others), lane);
  }));
});
