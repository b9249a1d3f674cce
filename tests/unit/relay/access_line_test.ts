// The line that the server names to the AC (TR-101).

import { assertEquals } from "@std/assert";
import type { AddedTags } from "../../../src/relay/mod.ts";
import { type AccessLine, accessLineTag, TAG, type Tag } from "../../../src/wire/mod.ts";
import { Dialogue } from "../../support/dialogue.ts";
import {
  AC,
  answer,
  bytes,
  discovery,
  HOST,
  HOST_2,
  hostUniq,
  padi,
  padr,
  SERVER_LINK,
  SERVICE,
  tagsOf,
  token,
} from "../../support/relays.ts";

const UNIQ = hostUniq("h");
const vendor = (id: number, ...value: (number | string)[]): Tag => ({
  type: TAG.VENDOR_SPECIFIC,
  value: bytes(0, 0, id >> 8, id & 0xff, ...value),
});
/** A tag of another vendor. */
const OTHER = vendor(9, "x");
/** Tags of the Broadband Forum from a host: a plain one, one with rates, and an unreadable one. */
const HOSTS = vendor(3561, 1, 2, "me");
const RATES = vendor(3561, 0x81, 4, 0, 0, 1, 0);
const BROKEN = vendor(3561, 1, 200, "me");

function agent(tags: AddedTags, names = ["osaka"]): Dialogue {
  return new Dialogue({ server: { tags, interfaceName: "isp0" }, names });
}

/** Returns the tag that names the line to the AC, which is the last one. */
function lineOf(frame: Uint8Array): Tag | undefined {
  return tagsOf(frame).at(-1);
}

for (
  const [tags, line] of [
    [{ circuitId: "{client} {host} {interface}" }, { circuitId: "osaka 02:00:00:00:00:11 isp0" }],
    [{ remoteId: "{client}" }, { remoteId: "osaka" }],
    [{ circuitId: "a", remoteId: "b" }, { circuitId: "a", remoteId: "b" }],
  ] as [AddedTags, AccessLine][]
) {
  Deno.test(`Relay names the line ${JSON.stringify(line)} in PADI and PADR`, () => {
    const { sought, asked, offer, pads } = agent(tags).dial({ tags: [UNIQ] });
    assertEquals(tagsOf(sought), [SERVICE, token(1), accessLineTag(line)]);
    assertEquals(tagsOf(asked), tagsOf(sought));
    assertEquals([tagsOf(offer), tagsOf(pads)], [[SERVICE, UNIQ], [SERVICE, UNIQ]]);
  });
}

Deno.test("Relay names the line of each client and each host", () => {
  const line = agent({ circuitId: "{client}/{host}" }, ["osaka", "東京"]);
  const circuitId = (host: Uint8Array, at: number) =>
    lineOf(line.host(padi(host, [SERVICE, UNIQ]), at)[0]);
  assertEquals([circuitId(HOST, 0), circuitId(HOST_2, 0), circuitId(HOST, 1)], [
    accessLineTag({ circuitId: "osaka/02:00:00:00:00:11" }),
    accessLineTag({ circuitId: "osaka/02:00:00:00:00:12" }),
    accessLineTag({ circuitId: "??/02:00:00:00:00:11" }),
  ]);
});

for (const own of [HOSTS, RATES, BROKEN]) {
  Deno.test(`Relay replaces a host's own line, ${own.value.subarray(4)}, and keeps other vendors' tags`, () => {
    const [sought] = agent({ circuitId: "a" }).host(
      padi(HOST, [OTHER, own, SERVICE, own, UNIQ, OTHER]),
    );
    const line = accessLineTag({ circuitId: "a" });
    assertEquals(tagsOf(sought), [OTHER, line, SERVICE, token(1), OTHER]);
  });
}

Deno.test("Relay removes the line that the AC returns, but no other vendor's tag", () => {
  const line = agent({ circuitId: "a" });
  const [sought] = line.host(padi(HOST, [SERVICE, UNIQ, HOSTS]));
  const back = [OTHER, token(1), accessLineTag({ circuitId: "a" }), HOSTS, SERVICE];
  const [offer] = line.ac(discovery("PADO", AC, SERVER_LINK, back));
  assertEquals(tagsOf(offer), [OTHER, UNIQ, SERVICE]);
  const [asked] = line.host(padr(offer));
  const [pads] = line.ac(answer(asked, AC, "PADS", { sessionId: 7, tags: [lineOf(sought)!] }));
  assertEquals(tagsOf(pads), [SERVICE, UNIQ]);
});

Deno.test("Relay forwards a host's line in both directions if it names none itself", () => {
  const { sought } = agent({}).dial({ tags: [UNIQ, HOSTS] });
  assertEquals(tagsOf(sought), [SERVICE, token(1), HOSTS]);
  const line = agent({});
  line.host(padi(HOST, [UNIQ]));
  const [offer] = line.ac(discovery("PADO", AC, SERVER_LINK, [token(1), HOSTS]));
  assertEquals(tagsOf(offer), [UNIQ, HOSTS]);
});

Deno.test("Relay names the same line throughout a discovery, even if the client changes its name", () => {
  const line = agent({ circuitId: "{client}" });
  const [sought] = line.host(padi(HOST, [SERVICE, UNIQ]));
  const [offer] = line.ac(answer(sought, AC, "PADO"));
  line.server.relay.peersByTunnel.get(1)!.name = "kyoto";
  const [asked] = line.host(padr(offer));
  assertEquals(tagsOf(asked), tagsOf(sought));
});

Deno.test("Relay answers a PADI that the line makes too long, without naming the line to the host", () => {
  const line = agent({ circuitId: "x".repeat(63), remoteId: "y".repeat(63) });
  const padding = { type: 0x7777, value: new Uint8Array(1350) };
  assertEquals(line.host(padi(HOST, [SERVICE, UNIQ, padding])), []);
  assertEquals(line.client.link.map((frame) => tagsOf(frame).map(({ type }) => type)), [
    [TAG.SERVICE_NAME, TAG.HOST_UNIQ, TAG.GENERIC_ERROR],
  ]);
  assertEquals(line.server.drops, ["frame-too-large"]);
});

Deno.test("Relay adds line and Relay-Session-Id together", () => {
  const { sought, asked, pads } = agent({ hostUniq: bytes("isp"), circuitId: "a" }).dial({
    tags: [],
  });
  const relay = { type: TAG.RELAY_SESSION_ID, value: token(1).value };
  assertEquals(tagsOf(sought), [
    SERVICE,
    hostUniq("isp"),
    relay,
    accessLineTag({ circuitId: "a" }),
  ]);
  assertEquals(tagsOf(asked), tagsOf(sought));
  assertEquals(tagsOf(pads), [SERVICE]);
});
