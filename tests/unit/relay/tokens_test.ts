import { assert, assertEquals } from "@std/assert";
import { passesOf, TOKEN_BYTES, Tokens } from "../../../src/relay/mod.ts";
import { parseDiscovery } from "../../../src/wire/mod.ts";
import {
  AC,
  answer,
  discovery,
  HOST,
  hostUniq,
  padi,
  RecordedRelay,
  SERVER_LINK,
  token,
} from "../../support/relays.ts";

const SECRET = new Uint8Array(16).fill(7);

Deno.test("Tokens.next() makes a new token each time, and continues after the highest counter", () => {
  const tokens = new Tokens(SECRET, 0xffffffff);
  const made = [tokens.next(0), tokens.next(0), tokens.next(0)];
  assertEquals(made.map(({ length }) => length), [TOKEN_BYTES, TOKEN_BYTES, TOKEN_BYTES]);
  assertEquals(new Set(made.map(String)).size, 3);
});

Deno.test("Tokens.made() recognizes tokens with the same secret, and no other bytes", () => {
  const made = new Tokens(SECRET, 1).next(0);
  assert(new Tokens(SECRET, 500).made(made));
  assert(!new Tokens(new Uint8Array(16), 1).made(made));
  assert(!new Tokens(SECRET, 1).made(made.subarray(1)));
  // The mark does not tell who made the token.
  for (let at = 0; at < 8; at++) {
    assert(!new Tokens(SECRET, 1).made(made.with(at, made[at] ^ 1)), `byte ${at}`);
  }
});

Deno.test("passesOf() recognizes the tokens of any server, and the number of servers that each had passed", () => {
  for (const secret of [SECRET, new Uint8Array(16)]) {
    const tokens = new Tokens(secret, 0xfffffffe);
    for (const passes of [0, 1, 2, 3, 0]) {
      const token = tokens.next(passes);
      assertEquals(passesOf(token), passes);
      for (let at = 0; at < TOKEN_BYTES; at++) {
        assertEquals(passesOf(token.with(at, token[at] ^ 0x80)), undefined, `byte ${at}`);
      }
      assertEquals(passesOf(token.subarray(1)), undefined);
      assertEquals(passesOf(Uint8Array.of(...token, 0)), undefined);
    }
  }
  assertEquals(passesOf(new Uint8Array(0)), undefined);
  assertEquals(passesOf(new Uint8Array(TOKEN_BYTES)), undefined);
});

/** Makes a server, and the PADR that an earlier run with the same secret has sent to the AC. */
function restarted(mac: "own" | "transparent", secret = SECRET) {
  const asked = new RecordedRelay({ side: "server", mac, tokens: new Tokens(SECRET, 1) });
  asked.relay.addTunnel(1, { key: "key", name: "osaka" }, 0);
  asked.relay.discoveryFromTunnel(1, padi(HOST, [hostUniq("h")]), 0);
  asked.relay.discoveryFromLink(answer(asked.takeLink()[0], AC, "PADO"), 0);
  asked.relay.discoveryFromTunnel(1, discovery("PADR", HOST, AC, [hostUniq("h")]), 0);
  const [request] = asked.takeLink();
  const server = new RecordedRelay({ side: "server", mac, tokens: new Tokens(secret, 99) });
  return { server, request };
}

for (const mac of ["own", "transparent"] as const) {
  Deno.test(`Relay closes a session that an earlier run has asked for, with --mac ${mac}`, () => {
    const { server, request } = restarted(mac);
    const pads = answer(request, AC, "PADS", { sessionId: 5 });
    server.relay.discoveryFromLink(pads.slice(), 0);
    const shown = mac === "own" ? SERVER_LINK : HOST;
    assertEquals(server.link, [discovery("PADT", shown, AC, [], 5)]);
    assertEquals(server.drops, ["unknown-host-uniq"]);
    // A refusal or an offer opens no session.
    server.relay.discoveryFromLink(answer(request, AC, "PADS"), 0);
    server.relay.discoveryFromLink(answer(request, AC, "PADO"), 0);
    assertEquals(server.link.length, 1);
  });
}

Deno.test("Relay ignores a PADS that answers somebody else on the link", () => {
  const { server, request } = restarted("own", new Uint8Array(16));
  server.relay.discoveryFromLink(answer(request, AC, "PADS", { sessionId: 5 }), 0);
  assertEquals(server.link, []);
  const pads = discovery("PADS", AC, SERVER_LINK, [token(1)], 5);
  server.relay.discoveryFromLink(pads, 0);
  assertEquals(server.link, []);
});

Deno.test("Relay closes a session that a forgotten client has asked for", () => {
  const server = new RecordedRelay({ side: "server", graceMs: 0, tokens: new Tokens(SECRET, 1) });
  server.relay.addTunnel(1, { key: "key", name: "osaka" }, 0);
  server.relay.discoveryFromTunnel(1, padi(HOST, [hostUniq("h")]), 0);
  server.relay.discoveryFromLink(answer(server.link[0], AC, "PADO"), 0);
  server.relay.discoveryFromTunnel(1, discovery("PADR", HOST, AC, [hostUniq("h")]), 0);
  const [, request] = server.takeLink();
  server.relay.removeTunnel(1, "tunnel-lost", 0);
  server.relay.discoveryFromLink(answer(request, AC, "PADS", { sessionId: 6 }), 0);
  assertEquals(server.link, [discovery("PADT", SERVER_LINK, AC, [], 6)]);
});

Deno.test("Relay keeps the made-up address of a host when its client changes its name", () => {
  const server = new RecordedRelay({ side: "server", mac: "per-host", graceMs: 1000 });
  const { relay } = server;
  relay.addTunnel(1, { key: "key", name: "osaka" }, 0);
  relay.discoveryFromTunnel(1, padi(HOST, [hostUniq("h")]), 0);
  relay.discoveryFromLink(answer(server.link[0], AC, "PADO"), 0);
  relay.addTunnel(2, { key: "key", name: "tokyo" }, 0);
  relay.discoveryFromTunnel(2, discovery("PADR", HOST, AC, [hostUniq("h")]), 0);
  const [sought, asked] = server.link.map((frame) => parseDiscovery(frame)!.source);
  assertEquals(asked, sought);
  relay.discoveryFromLink(answer(server.link[1], AC, "PADS", { sessionId: 5 }), 0);
  assertEquals(server.sessions.map(({ shownMac }) => shownMac), [sought]);
});
