// PPP-Max-Payload between host and AC, in which no side promises more than its link can carry.

import { assertEquals } from "@std/assert";
import { findTag, maxPayloadTag, readMaxPayload, TAG } from "../../../src/wire/mod.ts";
import { Dialogue } from "../../support/dialogue.ts";
import {
  AC,
  answer,
  CLIENT_LINK,
  discovery,
  HOST,
  hostUniq,
  padi,
  SERVICE,
  tagsOf,
} from "../../support/relays.ts";

const UNIQ = hostUniq("h");

function promised(frame: Uint8Array): number | undefined {
  const tag = findTag(tagsOf(frame), TAG.PPP_MAX_PAYLOAD);
  return tag && readMaxPayload(tag);
}

/** Returns the values that arrive in PADI, PADR, PADO and PADS, if hosts and ACs send `host` and `ac`. */
function promises(line: Dialogue, host?: number, ac?: number): (number | undefined)[] {
  const wanted = host === undefined ? [] : [maxPayloadTag(host)];
  const given = ac === undefined ? [] : [maxPayloadTag(ac)];
  const [sought] = line.host(padi(HOST, [SERVICE, UNIQ, ...wanted]));
  const [offer] = line.ac(answer(sought, AC, "PADO", { tags: given }));
  const [asked] = line.host(discovery("PADR", HOST, CLIENT_LINK, [SERVICE, UNIQ, ...wanted]));
  const [pads] = line.ac(answer(asked, AC, "PADS", { sessionId: 1, tags: given }));
  return [sought, asked, offer, pads].map(promised);
}

for (
  const [client, server, said, heard] of [
    [1500, 1500, 1500, 1492],
    [1508, 1500, 1500, 1492],
    [1500, 1508, 1500, 1492],
    [1508, 1508, 1500, 1500],
    [9000, 9000, 1500, 1500],
    [1400, 1500, 1500, 1392],
    [1500, 1400, 1492, 1392],
    [undefined, undefined, 1500, 1500],
  ]
) {
  Deno.test(`Relay turns a PPP-Max-Payload of ${said} into ${heard} between MTUs of ${client} and ${server}`, () => {
    const line = new Dialogue({ client: { linkMtu: client }, server: { linkMtu: server } });
    assertEquals(promises(line, said, said), [heard, heard, heard, heard]);
  });
}

Deno.test("Relay adds no PPP-Max-Payload", () => {
  const line = new Dialogue({ client: { linkMtu: 1400 }, server: { linkMtu: 1400 } });
  assertEquals(promises(line, undefined, undefined), [undefined, undefined, undefined, undefined]);
});

Deno.test("Relay lowers PPP-Max-Payload in place, and changes no other byte", () => {
  const line = new Dialogue({ client: { linkMtu: 1400 } });
  const around = (bytes: number) => [SERVICE, maxPayloadTag(bytes), UNIQ];
  const [sought] = line.host(padi(HOST, around(1500)));
  const [offer] = line.ac(answer(sought, AC, "PADO", { tags: [maxPayloadTag(1500)] }));
  assertEquals(tagsOf(sought)[1], maxPayloadTag(1392));
  assertEquals(offer, discovery("PADO", CLIENT_LINK, HOST, [SERVICE, UNIQ, maxPayloadTag(1392)]));
});

Deno.test("Relay.setLinkMtu() changes later promises", () => {
  const line = new Dialogue({ client: { linkMtu: 1500 }, server: { linkMtu: 1500 } });
  line.client.relay.setLinkMtu(1508);
  line.server.relay.setLinkMtu(1508);
  assertEquals(promises(line, 1500, 1500), [1500, 1500, 1500, 1500]);
  line.server.relay.setLinkMtu(1400);
  assertEquals(promises(line, 1500, 1500), [1392, 1392, 1392, 1392]);
});
