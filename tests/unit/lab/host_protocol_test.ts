import { assert, assertEquals, assertExists } from "@std/assert";
import { type HostOptions, HostProtocol } from "../../../src/lab/host_protocol.ts";
import {
  CODE,
  type DiscoveryPacket,
  emitDiscovery,
  ETH_BROADCAST,
  findTag,
  parseDiscovery,
  parseMac,
  TAG,
  type Tag,
  textTag,
} from "../../../src/wire/mod.ts";

const HOST = parseMac("00:00:5e:00:53:01");
const AC = parseMac("00:00:5e:00:53:a1");
const OTHER_AC = parseMac("00:00:5e:00:53:a2");
const HOST_UNIQ = new Uint8Array([0xde, 0xad]);
const hostUniqTag = { type: TAG.HOST_UNIQ, value: HOST_UNIQ };
const cookie = { type: TAG.AC_COOKIE, value: new Uint8Array([1, 2, 3]) };
const relaySessionId = { type: TAG.RELAY_SESSION_ID, value: new Uint8Array([9]) };

function host(options: Partial<HostOptions> = {}): HostProtocol {
  return new HostProtocol({ mac: HOST, hostUniq: HOST_UNIQ, ...options });
}

function fromAc(code: number, tags: Tag[], more: Partial<DiscoveryPacket> = {}): Uint8Array {
  return emitDiscovery({ destination: HOST, source: AC, code, sessionId: 0, tags, ...more });
}

function pado(more: Tag[] = [hostUniqTag], source = AC): Uint8Array {
  const tags = [textTag(TAG.AC_NAME, "bras1"), textTag(TAG.SERVICE_NAME, ""), ...more];
  return fromAc(CODE.PADO, tags, { source });
}

function parsed(frame: Uint8Array | undefined): DiscoveryPacket {
  assertExists(frame);
  const packet = parseDiscovery(frame);
  assertExists(packet);
  return packet;
}

function openHost(): HostProtocol {
  const open = host();
  open.dial(0);
  open.receive(pado(), 1);
  open.receive(fromAc(CODE.PADS, [hostUniqTag], { sessionId: 7 }), 2);
  assertEquals(open.state, "open");
  return open;
}

Deno.test("HostProtocol.dial() broadcasts a PADI with Service-Name, Host-Uniq and the extra tags", () => {
  const extra = textTag(TAG.VENDOR_SPECIFIC, "extra");
  const padi = parsed(host({ serviceName: "gold", extraTags: [extra] }).dial(0));
  assertEquals(padi.code, CODE.PADI);
  assertEquals(padi.destination, ETH_BROADCAST);
  assertEquals(padi.source, HOST);
  assertEquals(padi.sessionId, 0);
  assertEquals(padi.tags, [textTag(TAG.SERVICE_NAME, "gold"), hostUniqTag, extra]);
});

Deno.test("HostProtocol.dial() sends no Host-Uniq if none is given", () => {
  const padi = parsed(host({ hostUniq: undefined }).dial(0));
  assertEquals(findTag(padi.tags, TAG.HOST_UNIQ), undefined);
});

Deno.test("HostProtocol.dial() sends a Host-Uniq of 0 and of 200 bytes unchanged", () => {
  for (const length of [0, 200]) {
    const hostUniq = new Uint8Array(length).fill(0xee);
    assertEquals(findTag(parsed(host({ hostUniq }).dial(0)).tags, TAG.HOST_UNIQ)?.value, hostUniq);
  }
});

Deno.test("HostProtocol.receive() answers a PADO with a PADR that returns AC-Cookie and Relay-Session-Id", () => {
  const dialling = host();
  dialling.dial(0);
  const padr = parsed(dialling.receive(pado([hostUniqTag, cookie, relaySessionId]), 5));
  assertEquals(padr.code, CODE.PADR);
  assertEquals(padr.destination, AC);
  assertEquals(padr.tags, [textTag(TAG.SERVICE_NAME, ""), hostUniqTag, cookie, relaySessionId]);
  assertEquals(dialling.state, "requesting");
});

Deno.test("HostProtocol.receive() ignores a PADO whose Host-Uniq differs, is missing or was not asked for", () => {
  const other = { type: TAG.HOST_UNIQ, value: new Uint8Array([1]) };
  for (
    const [options, tags] of [
      [{}, [other]],
      [{}, []],
      [{ hostUniq: undefined }, [hostUniqTag]],
    ] as [Partial<HostOptions>, Tag[]][]
  ) {
    const dialling = host(options);
    dialling.dial(0);
    assertEquals(dialling.receive(pado(tags), 1), undefined);
    assertEquals(dialling.state, "discovering");
    assertEquals(dialling.mismatches, 1);
  }
});

Deno.test("HostProtocol.receive() ignores a PADO to another MAC address", () => {
  const dialling = host();
  dialling.dial(0);
  const tags = [textTag(TAG.AC_NAME, "bras1"), textTag(TAG.SERVICE_NAME, ""), hostUniqTag];
  dialling.receive(fromAc(CODE.PADO, tags, { destination: OTHER_AC }), 1);
  assertEquals(dialling.offers, []);
});

Deno.test("HostProtocol.receive() ignores a PADO without AC-Name or without the requested service", () => {
  const dialling = host({ serviceName: "gold" });
  dialling.dial(0);
  dialling.receive(pado(), 1);
  dialling.receive(fromAc(CODE.PADO, [textTag(TAG.SERVICE_NAME, "gold"), hostUniqTag]), 1);
  assertEquals(dialling.offers, []);
});

Deno.test("HostProtocol.tick() accepts one of the collected offers after offerWaitMs", () => {
  const dialling = host({ offerWaitMs: 50, choose: (offers) => offers[1] });
  dialling.dial(0);
  assertEquals(dialling.receive(pado(), 10), undefined);
  dialling.receive(pado(), 11);
  dialling.receive(pado([hostUniqTag], OTHER_AC), 20);
  assertEquals(dialling.offers.length, 2);
  assertEquals(dialling.tick(59), undefined);
  assertEquals(parsed(dialling.tick(60)).destination, OTHER_AC);
});

Deno.test("HostProtocol.tick() repeats the PADI after 1, 2 and 4 s, then gives up", () => {
  const dialling = host({ attempts: 3 });
  const padi = dialling.dial(0);
  assertEquals(dialling.tick(999), undefined);
  assertEquals(dialling.tick(1000), padi);
  assertEquals(dialling.tick(2999), undefined);
  assertEquals(dialling.tick(3000), padi);
  assertEquals(dialling.tick(7000), undefined);
  assertEquals(dialling.state, "failed");
  assertEquals(dialling.deadlineMs, Infinity);
});

Deno.test("HostProtocol.tick() repeats the PADR when no PADS arrives", () => {
  const dialling = host();
  dialling.dial(0);
  const padr = dialling.receive(pado(), 100);
  assertEquals(dialling.tick(1100), padr);
});

Deno.test("HostProtocol.receive() opens the session with the PADS, and a repeat changes nothing", () => {
  const open = openHost();
  assertEquals(open.sessionId, 7);
  open.receive(fromAc(CODE.PADS, [hostUniqTag], { sessionId: 8 }), 3);
  assertEquals(open.sessionId, 7);
  assertEquals(open.deadlineMs, Infinity);
});

Deno.test("HostProtocol.receive() treats a PADS with an error tag or session id 0 as a refusal", () => {
  const error = textTag(TAG.AC_SYSTEM_ERROR, "full");
  for (
    const [tags, sessionId, refusal] of [
      [[hostUniqTag, error], 0, { tag: TAG.AC_SYSTEM_ERROR, text: "full" }],
      [[hostUniqTag, error], 9, { tag: TAG.AC_SYSTEM_ERROR, text: "full" }],
      [[hostUniqTag], 0, { tag: 0, text: "session id 0" }],
    ] as [Tag[], number, unknown][]
  ) {
    const dialling = host();
    dialling.dial(0);
    dialling.receive(pado(), 1);
    dialling.receive(fromAc(CODE.PADS, tags, { sessionId }), 2);
    assertEquals(dialling.state, "refused");
    assertEquals(dialling.refusal, refusal);
  }
});

Deno.test("HostProtocol.receive() remembers a PADO with an error and keeps waiting", () => {
  const dialling = host();
  dialling.dial(0);
  dialling.receive(fromAc(CODE.PADO, [hostUniqTag, textTag(TAG.GENERIC_ERROR, "too long")]), 1);
  assertEquals(dialling.state, "discovering");
  assertEquals(dialling.refusal?.text, "too long");
});

Deno.test("HostProtocol.hangUp() makes a PADT with the session's id, once", () => {
  const open = openHost();
  const padt = parsed(open.hangUp());
  assertEquals(padt.code, CODE.PADT);
  assertEquals(padt.destination, AC);
  assertEquals(padt.sessionId, 7);
  assertEquals(open.closedBy, "host");
  assertEquals(open.hangUp(), undefined);
});

Deno.test("HostProtocol.receive() closes only on a PADT of its session", () => {
  const open = openHost();
  open.receive(fromAc(CODE.PADT, [], { sessionId: 8 }), 3);
  open.receive(fromAc(CODE.PADT, [], { sessionId: 7, source: OTHER_AC }), 3);
  open.receive(fromAc(CODE.PADT, [], { sessionId: 7, destination: OTHER_AC }), 3);
  assertEquals(open.state, "open");
  open.receive(fromAc(CODE.PADT, [], { sessionId: 7 }), 3);
  assertEquals(open.state, "closed");
  assertEquals(open.closedBy, "ac");
});

Deno.test("HostProtocol.dial() starts over after a session", () => {
  const again = openHost();
  again.hangUp();
  const padi = parsed(again.dial(10));
  assertEquals(padi.code, CODE.PADI);
  assertEquals(again.closedBy, undefined);
  assert(!findTag(padi.tags, TAG.AC_COOKIE));
});
