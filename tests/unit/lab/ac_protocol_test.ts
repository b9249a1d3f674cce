import { assertEquals, assertExists, assertNotEquals, assertThrows } from "@std/assert";
import { type AcOptions, AcProtocol } from "../../../src/lab/ac_protocol.ts";
import { makeEchoRequest } from "../../../src/lab/lcp.ts";
import { makePayload } from "../../../src/lab/payload.ts";
import {
  CODE,
  type DiscoveryPacket,
  emitDiscovery,
  emitSession,
  ETH_BROADCAST,
  findTag,
  LCP_CODE,
  parseDiscovery,
  parseLcp,
  parseMac,
  parseSession,
  PPP_PROTOCOL,
  TAG,
  type Tag,
  textTag,
} from "../../../src/wire/mod.ts";

const AC = parseMac("00:00:5e:00:53:a1");
const HOST = parseMac("00:00:5e:00:53:01");
const OTHER_HOST = parseMac("00:00:5e:00:53:02");
const anyService = textTag(TAG.SERVICE_NAME, "");

function ac(options: Partial<AcOptions> = {}): AcProtocol {
  return new AcProtocol({ mac: AC, name: "bras1", ...options });
}

function hostUniq(value: number): Tag {
  return { type: TAG.HOST_UNIQ, value: new Uint8Array([value]) };
}

function padi(tags: Tag[] = [anyService], source = HOST): Uint8Array {
  return emitDiscovery({ destination: ETH_BROADCAST, source, code: CODE.PADI, sessionId: 0, tags });
}

function padr(tags: Tag[], source = HOST, destination = AC): Uint8Array {
  return emitDiscovery({ destination, source, code: CODE.PADR, sessionId: 0, tags });
}

function padt(sessionId: number, source = HOST): Uint8Array {
  return emitDiscovery({ destination: AC, source, code: CODE.PADT, sessionId, tags: [] });
}

function data(sessionId: number, payload: Uint8Array, source = HOST): Uint8Array {
  return emitSession({ destination: AC, source, sessionId, protocol: PPP_PROTOCOL.IPV4, payload });
}

function only(frames: Uint8Array[]): DiscoveryPacket {
  assertEquals(frames.length, 1);
  const packet = parseDiscovery(frames[0]);
  assertExists(packet);
  return packet;
}

function open(on: AcProtocol, tags: Tag[] = [anyService], source = HOST): DiscoveryPacket {
  const pado = only(on.receive(padi(tags, source), 0));
  const cookie = findTag(pado.tags, TAG.AC_COOKIE);
  return only(on.receive(padr(cookie ? [...tags, cookie] : tags, source), 1));
}

Deno.test("AcProtocol.receive() answers a PADI with a PADO that returns Host-Uniq and Relay-Session-Id", () => {
  const relay = { type: TAG.RELAY_SESSION_ID, value: new Uint8Array([5, 6]) };
  const pado = only(
    ac({ cookie: "none", services: ["internet", "tv"] }).receive(
      padi([anyService, hostUniq(1), relay]),
      0,
    ),
  );
  assertEquals(pado.code, CODE.PADO);
  assertEquals(pado.source, AC);
  assertEquals(pado.destination, HOST);
  assertEquals(pado.tags, [
    textTag(TAG.AC_NAME, "bras1"),
    anyService,
    textTag(TAG.SERVICE_NAME, "internet"),
    textTag(TAG.SERVICE_NAME, "tv"),
    hostUniq(1),
    relay,
  ]);
});

Deno.test("AcProtocol.receive() does not answer a PADI for an unknown service or without Service-Name", () => {
  assertEquals(ac().receive(padi([textTag(TAG.SERVICE_NAME, "gold")]), 0), []);
  assertEquals(ac().receive(padi([]), 0), []);
});

Deno.test("AcProtocol.receive() opens a session with the next id", () => {
  const bras = ac({ firstSessionId: 0x100 });
  assertEquals(open(bras).sessionId, 0x100);
  assertEquals(open(bras, [anyService, hostUniq(2)]).sessionId, 0x101);
  assertEquals([...bras.sessions.keys()], [0x100, 0x101]);
  assertEquals(bras.sessions.get(0x101)?.hostUniq, new Uint8Array([2]));
});

Deno.test("AcProtocol.receive() chooses the lowest free id if asked to", () => {
  const bras = ac({ sessionIds: "lowest" });
  for (const n of [1, 2, 3]) assertEquals(open(bras, [anyService, hostUniq(n)]).sessionId, n);
  bras.receive(padt(2), 5);
  assertEquals(open(bras, [anyService, hostUniq(4)]).sessionId, 2);
});

Deno.test("AcProtocol.receive() continues with 1 after the last session id", () => {
  const bras = ac({ firstSessionId: 0xfffe });
  assertEquals(open(bras, [anyService, hostUniq(1)]).sessionId, 0xfffe);
  assertEquals(open(bras, [anyService, hostUniq(2)]).sessionId, 1);
});

Deno.test("AcProtocol.receive() repeats the PADS for a repeated PADR", () => {
  const bras = ac({ cookie: "none" });
  bras.receive(padi(), 0);
  const first = bras.receive(padr([anyService]), 1);
  assertEquals(bras.receive(padr([anyService]), 2), first);
  assertEquals(bras.sessions.size, 1);
});

Deno.test("AcProtocol.receive() opens another session when the host starts over with a PADI", () => {
  const bras = ac();
  assertEquals(open(bras).sessionId, 1);
  assertEquals(open(bras).sessionId, 2);
});

Deno.test("AcProtocol.receive() does not answer a PADR whose source MAC or Relay-Session-Id differs from the PADI's", () => {
  const bras = ac();
  const relay = { type: TAG.RELAY_SESSION_ID, value: new Uint8Array([5, 6]) };
  const pado = only(bras.receive(padi([anyService, relay]), 0));
  const cookie = findTag(pado.tags, TAG.AC_COOKIE);
  assertExists(cookie);
  assertEquals(bras.receive(padr([anyService, relay, cookie], OTHER_HOST), 1), []);
  assertEquals(bras.receive(padr([anyService, cookie]), 1), []);
  assertEquals(bras.receive(padr([anyService, relay]), 1), []);
  assertEquals(bras.strays.cookie, 3);
  assertNotEquals(only(bras.receive(padr([anyService, relay, cookie]), 1)).sessionId, 0);
});

Deno.test("AcProtocol.receive() ignores a PADR to another AC", () => {
  const bras = ac({ cookie: "none" });
  bras.receive(padi(), 0);
  assertEquals(bras.receive(padr([anyService], HOST, OTHER_HOST), 1), []);
  assertEquals(bras.sessions.size, 0);
});

Deno.test("AcProtocol.receive() refuses with session id 0 and the error tag", () => {
  const bras = ac({ refusal: { tag: TAG.AC_SYSTEM_ERROR, text: "full" } });
  const pads = open(bras, [anyService, hostUniq(1)]);
  assertEquals(pads.code, CODE.PADS);
  assertEquals(pads.sessionId, 0);
  assertEquals(pads.tags, [anyService, textTag(TAG.AC_SYSTEM_ERROR, "full"), hostUniq(1)]);
  assertEquals(bras.sessions.size, 0);
});

Deno.test("AcProtocol.receive() refuses a PADR for an unknown service with Service-Name-Error", () => {
  const bras = ac({ cookie: "none" });
  const pads = only(bras.receive(padr([textTag(TAG.SERVICE_NAME, "gold")]), 1));
  assertEquals(pads.sessionId, 0);
  assertExists(findTag(pads.tags, TAG.SERVICE_NAME_ERROR));
});

Deno.test("AcProtocol.receive() sends the given number of copies of each answer", () => {
  const frames = ac({ copies: 3 }).receive(padi(), 0);
  assertEquals(frames.length, 3);
  assertEquals(frames[2], frames[0]);
});

Deno.test("AcProtocol.receive() ignores the chosen packets", () => {
  assertEquals(ac({ ignore: ({ code }) => code === CODE.PADI }).receive(padi(), 0), []);
});

Deno.test("AcProtocol.receive() adds the extra tags to PADO and PADS", () => {
  const extra = textTag(TAG.MOTM, "hello");
  const bras = ac({ extraTags: [extra] });
  assertEquals(findTag(only(bras.receive(padi(), 0)).tags, TAG.MOTM), extra);
  assertEquals(findTag(open(bras).tags, TAG.MOTM), extra);
});

Deno.test("AcProtocol.receive() echoes a data frame and checks its payload", () => {
  const bras = ac();
  const { sessionId } = open(bras);
  const payload = makePayload(sessionId, 1, 50);
  const [answer] = bras.receive(data(sessionId, payload), 2);
  assertEquals(parseSession(answer), {
    destination: HOST,
    source: AC,
    sessionId,
    protocol: PPP_PROTOCOL.IPV4,
    payload,
  });
  payload[20] ^= 1;
  bras.receive(data(sessionId, payload), 2);
  const session = bras.sessions.get(sessionId);
  assertEquals(session?.framesIn, 2);
  assertEquals(session?.bytesIn, 100);
  assertEquals(session?.framesOut, 2);
  assertEquals(session?.corrupted, 1);
});

Deno.test("AcProtocol.receive() only counts data frames if asked to", () => {
  const bras = ac({ data: "count" });
  const { sessionId } = open(bras);
  assertEquals(bras.receive(data(sessionId, makePayload(1, 1, 50)), 2), []);
  assertEquals(bras.sessions.get(sessionId)?.framesIn, 1);
});

Deno.test("AcProtocol.receive() rejects session frames of another session or host", () => {
  const bras = ac();
  const { sessionId } = open(bras);
  assertEquals(bras.receive(data(sessionId + 1, makePayload(1, 1, 50)), 2), []);
  assertEquals(bras.receive(data(sessionId, makePayload(1, 1, 50), OTHER_HOST), 2), []);
  assertEquals(bras.strays.session, 2);
});

Deno.test("AcProtocol.receive() answers an LCP Echo-Request with its identifier", () => {
  const bras = ac();
  const { sessionId } = open(bras);
  const [answer] = bras.receive(
    emitSession({
      destination: AC,
      source: HOST,
      sessionId,
      protocol: PPP_PROTOCOL.LCP,
      payload: makeEchoRequest(42),
    }),
    2,
  );
  const lcp = parseLcp(parseSession(answer)!.payload);
  assertEquals(lcp?.code, LCP_CODE.ECHO_REPLY);
  assertEquals(lcp?.identifier, 42);
});

Deno.test("AcProtocol.receive() closes a session only on a PADT from its host", () => {
  const bras = ac();
  const { sessionId } = open(bras);
  bras.receive(padt(sessionId, OTHER_HOST), 2);
  assertEquals(bras.sessions.size, 1);
  assertEquals(bras.strays.padt, 1);
  bras.receive(padt(sessionId), 2);
  assertEquals(bras.sessions.size, 0);
  assertEquals(bras.closed[0].closedBy, "host");
});

Deno.test("AcProtocol.hangUp() makes a PADT for the host, and only while the session is open", () => {
  const bras = ac();
  const { sessionId } = open(bras);
  const packet = parseDiscovery(bras.hangUp(sessionId));
  assertEquals(packet?.code, CODE.PADT);
  assertEquals(packet?.sessionId, sessionId);
  assertEquals(packet?.destination, HOST);
  assertEquals(bras.closed[0].closedBy, "ac");
  assertThrows(() => bras.hangUp(sessionId), Error, `Cannot find session ${sessionId}`);
});
