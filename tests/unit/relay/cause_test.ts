// The cause of a session's end, which is the same at both sides, and the tag that carries it.

import { assertEquals } from "@std/assert";
import {
  type Cause,
  causeFrom,
  causeTag,
  describeEnd,
  isCauseTag,
  SESSION_CAUSES,
} from "../../../src/relay/mod.ts";
import {
  emitLcp,
  emitSession,
  LCP_CODE,
  PPP_PROTOCOL,
  TAG,
  type Tag,
  textTag,
} from "../../../src/wire/mod.ts";
import {
  AC,
  answer,
  CLIENT_LINK,
  discovery,
  HOST,
  HOST_2,
  type JoinedOptions,
  JoinedRelays,
  mac,
  padi,
  padr,
  SERVER_LINK,
  shownMacOfAc,
  shownMacOfHost,
  tagsOf,
} from "../../support/relays.ts";

const SIDES = ["server", "client"] as const;
const TRANSPARENT: JoinedOptions = { server: "transparent", clients: ["transparent"] };

/** A way to end session 1 of HOST, which both sides have. */
interface Ending {
  cause: Cause;
  /** The way, if several lead to one cause. */
  how?: string;
  options?: JoinedOptions;
  /** The sides that learn the cause from their peer. */
  told?: readonly ("server" | "client")[];
  act(joined: JoinedRelays): void;
}

/** Lets both stations send and answer echoes, then only one, until the other one counts as dead. */
function fallSilent(joined: JoinedRelays, silent: "host" | "ac", detecting: "server" | "client") {
  const echo = (from: "host" | "ac", code: number, nowMs: number) => {
    const payload = emitLcp({ code, identifier: 1, data: new Uint8Array(4) });
    const [source, destination] = from === "host" ? [HOST, CLIENT_LINK] : [AC, SERVER_LINK];
    const lcp = { sessionId: 1, protocol: PPP_PROTOCOL.LCP, payload };
    joined.nowMs = nowMs;
    const frame = emitSession({ source, destination, ...lcp });
    if (from === "host") joined.hostData(frame);
    else joined.acData(frame);
  };
  const other = silent === "host" ? "ac" : "host";
  echo(other, LCP_CODE.ECHO_REQUEST, 0);
  echo(silent, LCP_CODE.ECHO_REPLY, 0);
  for (let nowMs = 1000; nowMs <= 40_000; nowMs += 1000) {
    echo(other, LCP_CODE.ECHO_REQUEST, nowMs);
    joined[detecting].relay.tick(nowMs);
  }
}

const ENDINGS: Ending[] = [
  {
    cause: "host-padt",
    act: (joined) => void joined.hostSends(discovery("PADT", HOST, CLIENT_LINK, [], 1)),
  },
  {
    cause: "ac-padt",
    act: (joined) => void joined.acSends(discovery("PADT", AC, SERVER_LINK, [], 1)),
  },
  ...SIDES.flatMap((side): Ending[] => {
    const far = side === "server" ? "client" : "server";
    const by = { how: `seen by the ${side}`, told: [far] as const };
    return [
      { ...by, cause: "shutdown", act: (joined) => joined[side].relay.closeAll("shutdown") },
      {
        ...by,
        cause: "idle",
        options: { idleMs: 60_000 },
        act: (joined) => joined[side].relay.tick(60_000),
      },
      {
        ...by,
        cause: "mac-changed",
        act: (joined) => joined[side].relay.setLinkMac(mac(0x77)),
      },
      ...(["host", "ac"] as const).map((silent): Ending => ({
        ...by,
        cause: `${silent}-silent`,
        options: { deadMs: 30_000 },
        act: (joined) => fallSilent(joined, silent, side),
      })),
    ];
  }),
  ...SIDES.map((side): Ending => ({
    cause: "closed-by-operator",
    how: `at the ${side}`,
    told: [side === "server" ? "client" : "server"],
    act: (joined) => {
      const { relay } = joined[side];
      const [session] = relay.sessions;
      relay.close(session, "closed-by-operator", { link: true, tunnel: true });
    },
  })),
  {
    cause: "moved",
    told: ["server"],
    act: ({ client }) => client.relay.closePeer("server", 1, "moved"),
  },
  {
    cause: "not-allowed",
    told: ["client"],
    act: ({ server }) => server.relay.closePeer(undefined, 1, "not-allowed"),
  },
  {
    cause: "id-reused",
    how: "by another client's host",
    options: { clients: ["own", "own"] },
    told: ["client"],
    act: (joined) => void joined.dial({ client: joined.clients[1], sessionId: 1 }),
  },
  {
    cause: "id-reused",
    how: "by the same host",
    act: (joined) => void joined.dial({ sessionId: 1, uniq: [] }),
  },
  {
    cause: "ac-has-address",
    options: TRANSPARENT,
    told: ["client"],
    act: (joined) => void joined.dial({ host: HOST_2, ac: HOST, sessionId: 2 }),
  },
  {
    cause: "host-has-address",
    options: { server: "transparent", clients: ["transparent", "own"], graceMs: 20_000 },
    told: ["client"],
    act(joined) {
      joined.break();
      const { relay } = joined.server;
      const ids = { tunnelId: 2, linkId: 2 };
      const peer = relay.peersByTunnel.get(2)!;
      relay.open({ peer, nearMac: AC, farMac: HOST, shownMac: HOST, ...ids }, 0);
      joined.rejoin();
    },
  },
  { cause: "tunnel-lost", options: { graceMs: 0 }, act: (joined) => joined.break() },
  {
    cause: "peer-lost",
    options: { graceMs: 20_000 },
    act(joined) {
      joined.break();
      for (const { relay } of [joined.server, joined.client]) relay.expireHeld(20_000);
    },
  },
];

for (const { cause, how, options, told = [], act } of ENDINGS) {
  Deno.test(`Both relays report the same cause: ${cause}${how === undefined ? "" : `, ${how}`}`, () => {
    const joined = new JoinedRelays(options);
    joined.dial({ sessionId: 1 });
    const firsts = SIDES.map((side) => joined[side].sessions[0]);
    act(joined);
    joined.settle();
    for (const [index, side] of SIDES.entries()) {
      const [{ session, end }, ...more] = joined[side].closed;
      assertEquals([session, more.length], [firsts[index], 0], side);
      assertEquals([end.cause, end.byPeer ?? false], [cause, told.includes(side)], side);
    }
    // No station sees the tag.
    for (const frame of [...joined.client.link, ...joined.server.link]) {
      assertEquals(tagsOf(frame).some(isCauseTag), false);
    }
  });
}

Deno.test("Each relay reports its own cause if there was no tunnel", () => {
  const joined = new JoinedRelays({ graceMs: 20_000 });
  joined.dial({ sessionId: 1 });
  joined.break();
  joined.client.relay.closeAll("shutdown");
  joined.rejoin();
  joined.settle();
  assertEquals([joined.client.causes, joined.server.causes], [["shutdown"], ["ended-while-away"]]);
});

Deno.test("Relay at the server learns that its client's host was not waiting for a session", () => {
  const joined = new JoinedRelays();
  const [sought] = joined.hostSends(padi(HOST));
  const [offer] = joined.acSends(answer(sought, AC, "PADO"));
  const [asked] = joined.hostSends(padr(offer));
  // The client has forgotten the discovery meanwhile.
  joined.nowMs = 61_000;
  joined.client.relay.tick(joined.nowMs);
  joined.acSends(answer(asked, AC, "PADS", { sessionId: 1 }));
  assertEquals(joined.server.closed.map(({ end }) => end), [{ cause: "unclaimed", byPeer: true }]);
  assertEquals(joined.server.link, [discovery("PADT", SERVER_LINK, AC, [], 1)]);
});

/** Tags of a station that have the form of a cause, or nearly. */
const FORGED: [what: string, tag: Tag, ours: boolean][] = [
  ["a cause", causeTag("shutdown"), true],
  ["an unknown cause", textTag(TAG.GENERIC_ERROR, "pppoe-proxy: bored"), true],
  ["no cause", textTag(TAG.GENERIC_ERROR, "pppoe-proxy: "), true],
  ["another text", textTag(TAG.GENERIC_ERROR, "pppoe-proxy"), false],
  ["a cause in another tag", { ...causeTag("shutdown"), type: TAG.AC_SYSTEM_ERROR }, false],
];

for (const [what, tag, ours] of FORGED) {
  for (const from of ["host", "ac"] as const) {
    Deno.test(`Relay accepts no cause from a station: a PADT of the ${from} with ${what}`, () => {
      const joined = new JoinedRelays();
      joined.dial({ sessionId: 1 });
      joined.client.takeTunnel();
      joined.server.takeTunnel();
      const bye = textTag(TAG.GENERIC_ERROR, "bye");
      const kept = ours ? [bye] : [tag, bye];
      if (from === "host") {
        assertEquals(joined.hostSends(discovery("PADT", HOST, CLIENT_LINK, [tag, bye], 1)), [
          discovery("PADT", SERVER_LINK, AC, kept, 1),
        ]);
      } else {
        assertEquals(joined.acSends(discovery("PADT", AC, SERVER_LINK, [tag, bye], 1)), [
          discovery("PADT", CLIENT_LINK, HOST, kept, 1),
        ]);
      }
      const near = from === "host" ? joined.client : joined.server;
      const padt = from === "host"
        ? discovery("PADT", HOST, AC, kept, 1)
        : discovery("PADT", AC, HOST, kept, 1);
      assertEquals(near.tunnel.map(({ frame }) => frame), [padt]);
      for (const side of SIDES) {
        assertEquals(joined[side].closed.map(({ end }) => end), [{ cause: `${from}-padt` }]);
      }
    });
  }
}

for (const name of ["bored", "", "host-padt", "peer-lost", "shutdown "]) {
  Deno.test(`Relay treats a PADT with the cause "${name}" like a station's`, () => {
    const joined = new JoinedRelays();
    joined.dial({ sessionId: 1 });
    const tag = textTag(TAG.GENERIC_ERROR, `pppoe-proxy: ${name}`);
    joined.server.relay.discoveryFromTunnel(1, discovery("PADT", HOST, AC, [tag], 1), 0);
    assertEquals(joined.server.closed.map(({ end }) => end), [{ cause: "host-padt" }]);
    assertEquals(joined.server.link, [
      discovery("PADT", shownMacOfHost("own", HOST), AC, [], 1),
    ]);
  });
}

Deno.test("Relay names the cause in the PADT for the tunnel, but not in the one for its own link", () => {
  const joined = new JoinedRelays();
  joined.dial({ sessionId: 1 });
  joined.client.takeTunnel();
  joined.client.relay.closeAll("shutdown");
  assertEquals(joined.client.tunnel.map(({ frame }) => frame), [
    discovery("PADT", HOST, AC, [textTag(TAG.GENERIC_ERROR, "pppoe-proxy: shutdown")], 1),
  ]);
  assertEquals(joined.client.link, [discovery("PADT", shownMacOfAc("own", AC), HOST, [], 1)]);
});

Deno.test("describeEnd() has one text for each cause", () => {
  const texts = SESSION_CAUSES.map((cause) => describeEnd({ cause }));
  assertEquals(new Set(texts).size, SESSION_CAUSES.length);
  assertEquals(
    describeEnd({ cause: "shutdown", byPeer: true }),
    "shutdown, as reported by the peer",
  );
  assertEquals(
    describeEnd({ cause: "ac-silent", detail: "180 s" }),
    "the AC answered LCP echo before, but not for the last 180 s",
  );
  assertEquals(
    describeEnd({ cause: "host-silent", byPeer: true }),
    "the host answered LCP echo before, but not any more, as reported by the peer",
  );
});

Deno.test("causeFrom() reads what causeTag() writes, for the causes that a peer may tell", () => {
  const told = SESSION_CAUSES.filter((cause) => causeFrom([causeTag(cause)]) === cause);
  assertEquals(told, [
    "host-silent",
    "ac-silent",
    "idle",
    "shutdown",
    "closed-by-operator",
    "moved",
    "not-allowed",
    "mac-changed",
    "ac-has-address",
    "host-has-address",
    "id-reused",
    "unclaimed",
    "no-id-left",
  ]);
  assertEquals(SESSION_CAUSES.every((cause) => isCauseTag(causeTag(cause))), true);
  assertEquals(causeFrom([]), undefined);
});
