// Sessions with the same id on a host's link: of two ACs, of two servers, and one after the other.

import { assertEquals } from "@std/assert";
import { REST_MS } from "../../../src/relay/discovery/resting_ids.ts";
import { parseDiscovery } from "../../../src/wire/mod.ts";
import { Dialogue, makeEnd } from "../../support/dialogue.ts";
import {
  AC,
  AC_2,
  CLIENT_LINK,
  data,
  discovery,
  HOST,
  HOST_2,
  hostUniq,
  padi,
  SERVER_LINK,
  SERVICE,
} from "../../support/relays.ts";

const idOf = (frame: Uint8Array) => parseDiscovery(frame)!.sessionId;
const TOP = 0xfffe;

for (const sessionId of [1, 7, 0xfffd]) {
  Deno.test(`Relay distinguishes the sessions of two ACs with the id ${sessionId} towards one host`, () => {
    const line = new Dialogue();
    const first = line.dial({ ac: AC, sessionId, tags: [hostUniq("1")] });
    const second = line.dial({ ac: AC_2, sessionId, tags: [hostUniq("2")] });
    assertEquals([idOf(first.pads), idOf(second.pads)], [sessionId, TOP]);
    for (const [ac, linkId] of [[AC, sessionId], [AC_2, TOP]] as const) {
      assertEquals(
        line.hostData(data(HOST, CLIENT_LINK, linkId)),
        data(SERVER_LINK, ac, sessionId),
      );
      assertEquals(line.acData(data(ac, SERVER_LINK, sessionId)), data(CLIENT_LINK, HOST, linkId));
    }
    // A PADT of either station ends only its own session.
    assertEquals(line.ac(discovery("PADT", AC_2, SERVER_LINK, [], sessionId)), [
      discovery("PADT", CLIENT_LINK, HOST, [], TOP),
    ]);
    assertEquals(line.hostData(data(HOST, CLIENT_LINK, TOP)), "unknown-session");
    assertEquals(line.acData(data(AC, SERVER_LINK, sessionId)), data(CLIENT_LINK, HOST, sessionId));
    assertEquals(line.host(discovery("PADT", HOST, CLIENT_LINK, [], sessionId)), [
      discovery("PADT", SERVER_LINK, AC, [], sessionId),
    ]);
    assertEquals(line.acData(data(AC, SERVER_LINK, sessionId)), "unknown-session");
  });
}

Deno.test("Relay forwards a PADT of the host to the AC of the session with that id on the host's link", () => {
  const line = new Dialogue();
  line.dial({ ac: AC, sessionId: 7, tags: [hostUniq("1")] });
  line.dial({ ac: AC_2, sessionId: 7, tags: [hostUniq("2")] });
  assertEquals(line.host(discovery("PADT", HOST, CLIENT_LINK, [], TOP)), [
    discovery("PADT", SERVER_LINK, AC_2, [], 7),
  ]);
  assertEquals(line.hostData(data(HOST, CLIENT_LINK, 7)), data(SERVER_LINK, AC, 7));
});

Deno.test("Relay gives neither 0 nor 0xffff to a session", () => {
  const line = new Dialogue();
  for (const [n, ac] of [AC, AC_2].entries()) {
    const tags = [hostUniq(`${n}`)];
    assertEquals(line.dial({ ac, sessionId: 0, tags }).pads.length > 0, true);
    assertEquals(line.dial({ ac, sessionId: 0xffff, tags }).pads, undefined);
  }
  assertEquals([line.server.relay.sessions.size, line.client.relay.sessions.size], [0, 0]);
  const ids = [AC, AC_2, SERVER_LINK].map((ac, n) =>
    idOf(line.dial({ ac, sessionId: TOP, tags: [hostUniq(`${n}`)] }).pads)
  );
  assertEquals(ids, [TOP, TOP - 1, TOP - 2]);
});

for (const by of ["AC", "host"] as const) {
  Deno.test(`Relay does not reuse an id for another AC for a while after a PADT from the ${by}`, () => {
    const line = new Dialogue();
    line.dial({ ac: AC, sessionId: 7 });
    line.nowMs = 5000;
    if (by === "AC") line.ac(discovery("PADT", AC, SERVER_LINK, [], 7));
    else line.host(discovery("PADT", HOST, CLIENT_LINK, [], 7));
    line.nowMs += REST_MS - 1;
    assertEquals(idOf(line.dial({ ac: AC_2, sessionId: 7, tags: [hostUniq("2")] }).pads), TOP);
    // Frames that the host still sends in the old session reach nobody.
    assertEquals(line.hostData(data(HOST, CLIENT_LINK, 7)), "unknown-session");
    line.ac(discovery("PADT", AC_2, SERVER_LINK, [], 7));
    line.nowMs += 1;
    assertEquals(idOf(line.dial({ ac: AC_2, sessionId: 7, tags: [hostUniq("3")] }).pads), 7);
  });
}

Deno.test("Relay lets the same AC reuse an id, and another host have it", () => {
  const line = new Dialogue();
  line.dial({ ac: AC, sessionId: 7 });
  line.ac(discovery("PADT", AC, SERVER_LINK, [], 7));
  assertEquals(idOf(line.dial({ ac: AC_2, host: HOST_2, sessionId: 7 }).pads), 7);
  assertEquals(idOf(line.dial({ ac: AC, sessionId: 7, tags: [hostUniq("2")] }).pads), 7);
  assertEquals(line.hostData(data(HOST, CLIENT_LINK, 7)), data(SERVER_LINK, AC, 7));
});

Deno.test("Relay lets a translated id rest", () => {
  const line = new Dialogue();
  line.dial({ ac: AC, sessionId: 7, tags: [hostUniq("1")] });
  line.dial({ ac: AC_2, sessionId: 7, tags: [hostUniq("2")] });
  line.ac(discovery("PADT", AC_2, SERVER_LINK, [], 7));
  const ac = SERVER_LINK.with(5, 0xa3);
  assertEquals(idOf(line.dial({ ac, sessionId: 7, tags: [hostUniq("3")] }).pads), TOP - 1);
  // The AC of the id may use it again.
  assertEquals(idOf(line.dial({ ac: AC_2, sessionId: 7, tags: [hostUniq("4")] }).pads), TOP);
});

Deno.test("Relay lets no id rest if each AC is shown with its own address", () => {
  const line = new Dialogue({ client: { mac: "transparent" } });
  line.dial({ ac: AC, sessionId: 7 });
  line.ac(discovery("PADT", AC, SERVER_LINK, [], 7));
  assertEquals(idOf(line.dial({ ac: AC_2, sessionId: 7, tags: [hostUniq("2")] }).pads), 7);
});

Deno.test("Relay distinguishes sessions with the same AC and id that two servers give to one host", () => {
  const sent: { tunnel: number; frame: Uint8Array }[] = [];
  const { relay, link } = makeEnd(
    { side: "client", linkMac: CLIENT_LINK, graceMs: 60_000 },
    (tunnel, frame) => sent.push({ tunnel, frame }),
  );
  const dial = (tunnel: number, uniq: string) => {
    const tags = [SERVICE, hostUniq(uniq)];
    relay.discoveryFromLink(padi(HOST, tags), 0);
    relay.discoveryFromTunnel(tunnel, discovery("PADO", AC, HOST, tags), 0);
    relay.discoveryFromLink(discovery("PADR", HOST, CLIENT_LINK, tags), 0);
    relay.discoveryFromTunnel(tunnel, discovery("PADS", AC, HOST, tags, 7), 0);
    return idOf(link.at(-1)!);
  };
  relay.addTunnel(1, { key: "a", name: "a" }, 0);
  assertEquals(dial(1, "1"), 7);
  // The session through the first server is held meanwhile.
  relay.removeTunnel(1, "tunnel-lost", 0);
  relay.addTunnel(2, { key: "b", name: "b" }, 0);
  assertEquals(dial(2, "2"), TOP);
  const down = data(AC, HOST, 7);
  const owner = relay.sessionFromTunnel(2, down, 0, 0);
  assertEquals(typeof owner === "object" && owner.peer.key, "b");
  assertEquals(down, data(CLIENT_LINK, HOST, TOP));
  // The first server returns through another tunnel.
  relay.removeTunnel(2, "tunnel-lost", 0);
  relay.addTunnel(3, { key: "a", name: "a" }, 0);
  const again = data(AC, HOST, 7);
  const first = relay.sessionFromTunnel(3, again, 0, 0);
  assertEquals(typeof first === "object" && first.peer.key, "a");
  assertEquals(again, data(CLIENT_LINK, HOST, 7));
  sent.length = link.length = 0;
  relay.discoveryFromLink(discovery("PADT", HOST, CLIENT_LINK, [], 7), 0);
  assertEquals(sent, [{ tunnel: 3, frame: discovery("PADT", HOST, AC, [], 7) }]);
  assertEquals([...relay.sessions].map(({ linkId }) => linkId), [TOP]);
});

Deno.test("Relay lets an id rest for the other server when the grace time of the first one is over", () => {
  const { relay, link } = makeEnd(
    { side: "client", linkMac: CLIENT_LINK, graceMs: 1000 },
    () => {},
  );
  const dial = (tunnel: number, uniq: string, nowMs: number) => {
    const tags = [SERVICE, hostUniq(uniq)];
    relay.discoveryFromLink(padi(HOST, tags), nowMs);
    relay.discoveryFromTunnel(tunnel, discovery("PADO", AC, HOST, tags), nowMs);
    relay.discoveryFromLink(discovery("PADR", HOST, CLIENT_LINK, tags), nowMs);
    relay.discoveryFromTunnel(tunnel, discovery("PADS", AC, HOST, tags, 7), nowMs);
    return idOf(link.at(-1)!);
  };
  relay.addTunnel(1, { key: "a", name: "a" }, 0);
  dial(1, "1", 0);
  relay.removeTunnel(1, "tunnel-lost", 0);
  relay.addTunnel(2, { key: "b", name: "b" }, 0);
  relay.tick(1000);
  assertEquals(relay.sessions.size, 0);
  assertEquals(dial(2, "2", 1000 + REST_MS - 1), TOP);
});
