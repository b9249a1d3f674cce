// A repeated PADS, after something else has happened.

import { assertEquals } from "@std/assert";
import { causeTag } from "../../../src/relay/mod.ts";
import {
  AC,
  answer,
  CLIENT_LINK,
  discovery,
  HOST,
  hostUniq,
  JoinedRelays,
  padi,
  padr,
  SERVER_LINK,
  SERVICE,
} from "../../support/relays.ts";

const GRACE_MS = 20_000;

/** A host that has sent its PADR twice, and has got session 1 as the answer to the first one. */
class Twice {
  readonly joined = new JoinedRelays({ graceMs: GRACE_MS });
  /** The second PADS as the server's link gets it. */
  readonly pads: Uint8Array;
  /** The second PADS as the client's tunnel gets it. */
  readonly carried: Uint8Array;
  readonly padr: Uint8Array;

  constructor() {
    const { joined } = this;
    const [sought] = joined.hostSends(padi(HOST, [SERVICE, hostUniq("h")]));
    const [offer] = joined.acSends(answer(sought, AC, "PADO"));
    this.padr = padr(offer);
    const [asked] = joined.hostSends(this.padr);
    joined.hostSends(this.padr);
    this.pads = answer(asked, AC, "PADS", { sessionId: 1 });
    joined.server.takeTunnel();
    joined.acSends(this.pads);
    [{ frame: this.carried }] = joined.server.takeTunnel();
  }

  /** Returns the frames on the client's link for a PADS that was already in the tunnel. */
  carry(): Uint8Array[] {
    const { client, nowMs } = this.joined;
    client.relay.discoveryFromTunnel(1, this.carried.slice(), nowMs);
    return client.takeLink();
  }

  get sessions(): [server: number, client: number] {
    return [this.joined.server.sessions.length, this.joined.client.sessions.length];
  }
}

const hostHangsUp = discovery("PADT", HOST, CLIENT_LINK, [], 1);
const acHangsUp = discovery("PADT", AC, SERVER_LINK, [], 1);

Deno.test("Relay opens no session for the PADS to a repeated PADR if the host has hung up meanwhile", () => {
  const twice = new Twice();
  twice.joined.hostSends(hostHangsUp);
  assertEquals(twice.joined.acSends(twice.pads), []);
  assertEquals(twice.joined.server.takeDrops(), ["unknown-host-uniq"]);
  assertEquals(twice.carry(), []);
  assertEquals(twice.joined.client.takeDrops(), ["unknown-host-uniq"]);
  assertEquals(twice.sessions, [0, 0]);
});

Deno.test("Relay opens no session for the PADS to a repeated PADR if the AC has hung up meanwhile", () => {
  const twice = new Twice();
  twice.joined.acSends(acHangsUp);
  assertEquals(twice.carry(), []);
  assertEquals(twice.joined.acSends(twice.pads), []);
  assertEquals(twice.sessions, [0, 0]);
});

Deno.test("Relay opens no session for the PADS to a repeated PADR if this side has closed the session", () => {
  const twice = new Twice();
  twice.joined.client.relay.closeAll("shutdown");
  twice.joined.settle();
  twice.joined.client.takeLink();
  assertEquals(twice.carry(), []);
  assertEquals(twice.joined.acSends(twice.pads), []);
  assertEquals(twice.sessions, [0, 0]);
});

Deno.test("Relay opens no session for the PADS to a PADR that was repeated after the first PADS", () => {
  const twice = new Twice();
  const [asked] = twice.joined.hostSends(twice.padr);
  twice.joined.hostSends(hostHangsUp);
  twice.joined.acSends(answer(asked, AC, "PADS", { sessionId: 1 }));
  assertEquals(twice.sessions, [0, 0]);
});

Deno.test("Relay opens a session for a host that hangs up and asks again, with the same id", () => {
  const twice = new Twice();
  twice.joined.hostSends(hostHangsUp);
  twice.joined.dial({ sessionId: 1 });
  assertEquals(twice.sessions, [1, 1]);
});

Deno.test("Relay opens a session for a host that dials again before the AC ends its old one", () => {
  const twice = new Twice();
  const [asked] = twice.joined.hostSends(twice.padr);
  twice.joined.acSends(acHangsUp);
  twice.joined.acSends(answer(asked, AC, "PADS", { sessionId: 2 }));
  assertEquals(twice.sessions, [1, 1]);
  assertEquals(twice.joined.client.sessions[0].tunnelId, 2);
});

Deno.test("Relay keeps a session whose PADS is repeated before the client's list, which does not contain it", () => {
  const joined = new JoinedRelays({ graceMs: GRACE_MS });
  const { server, client } = joined;
  const [sought] = joined.hostSends(padi(HOST, [SERVICE, hostUniq("h")]));
  const [offer] = joined.acSends(answer(sought, AC, "PADO"));
  const [asked] = joined.hostSends(padr(offer));
  const pads = answer(asked, AC, "PADS", { sessionId: 1 });
  // The first PADS is lost with the tunnel.
  joined.break();
  server.relay.discoveryFromLink(pads.slice(), joined.nowMs);
  joined.rejoin();
  // Both lists are under way.
  server.relay.discoveryFromLink(pads.slice(), joined.nowMs);
  joined.settle();
  assertEquals(client.takeLink(), [
    answer(padr(offer), CLIENT_LINK, "PADS", { sessionId: 1 }),
  ]);
  assertEquals([server.sessions.length, client.sessions.length], [1, 1]);
  assertEquals(server.closed, []);
});

for (const keyed of [true, false]) {
  const what = keyed ? "closes a session granted to" : "without keys only drops a PADS for";
  Deno.test(`Relay ${what} a host that no longer asks`, () => {
    const joined = new JoinedRelays({ graceMs: GRACE_MS, keyed });
    const { server, client } = joined;
    const [sought] = joined.hostSends(padi(HOST, [SERVICE, hostUniq("h")]));
    const [offer] = joined.acSends(answer(sought, AC, "PADO"));
    const [asked] = joined.hostSends(padr(offer));
    joined.dial({ sessionId: 1 });
    // The server does not get the PADT yet.
    client.relay.discoveryFromLink(hostHangsUp.slice(), joined.nowMs);
    client.takeTunnel();
    server.relay.discoveryFromLink(
      answer(asked, AC, "PADS", { sessionId: 2 }),
      joined.nowMs,
    );
    joined.settle();
    assertEquals(
      client.takeTunnel().map(({ frame }) => frame),
      keyed
        ? [
          discovery("PADT", HOST, AC, [causeTag("unclaimed")], 2),
        ]
        : [],
    );
    assertEquals(client.takeDrops(), ["unknown-host-uniq"]);
  });
}
