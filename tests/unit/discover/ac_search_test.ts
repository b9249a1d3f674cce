// Tests of the search for ACs: its PADIs, and what it makes of answers.

import { assertEquals } from "@std/assert";
import { AcSearch, type FoundAc, RANDOM_BYTES } from "../../../src/discover/ac_search.ts";
import {
  CODE,
  type DiscoveryPacket,
  emitDiscovery,
  findTag,
  maxPayloadTag,
  parseDiscovery,
  parseMac,
  printFrame,
  TAG,
  type Tag,
  textTag,
} from "../../../src/wire/mod.ts";

const ME = parseMac("02:00:00:00:00:01");
const AC = parseMac("02:00:00:00:ac:01");
const OTHER_AC = parseMac("02:00:00:00:ac:02");
const RANDOM = new Uint8Array(RANDOM_BYTES).fill(0x5a);
const bytes = (text: string) => new TextEncoder().encode(text);

function searchFor(service?: string): AcSearch {
  return new AcSearch({ mac: ME, service, waitMs: 3000, random: RANDOM }, 0);
}

/** A search whose first PADI was sent at the start. */
function begun(): AcSearch {
  const search = searchFor();
  search.padi(0);
  return search;
}

const hostUniq = (number = 0): Tag => ({
  type: TAG.HOST_UNIQ,
  value: Uint8Array.of(...RANDOM, number),
});

function answer(tags: Tag[], more: Partial<DiscoveryPacket> = {}): Uint8Array {
  return emitDiscovery({
    destination: ME,
    source: AC,
    code: CODE.PADO,
    sessionId: 0,
    tags,
    ...more,
  });
}

const named = (name: string, ...tags: Tag[]) => answer([textTag(TAG.AC_NAME, name), ...tags]);

/** Returns the only AC that was found. */
function only(search: AcSearch): FoundAc {
  const { acs } = search.found();
  assertEquals(acs.length, 1);
  return acs[0];
}

Deno.test("A search sends three PADIs over its time, each with a Host-Uniq of its own, and then ends", () => {
  const search = searchFor("internet");
  const sent: [number, string | undefined][] = [];
  for (let nowMs = 0; nowMs <= 3500; nowMs += 250) {
    const padi = search.padi(nowMs);
    if (padi !== undefined) sent.push([nowMs, printFrame(padi)]);
    assertEquals(search.isOver(nowMs), nowMs >= 3000);
  }
  const padi = (number: string) =>
    "PADI sid=0x0000 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff " +
    `Service-Name="internet" Host-Uniq=0x5a5a5a5a5a5a5a5a${number}`;
  assertEquals(sent, [[0, padi("00")], [1000, padi("01")], [2000, padi("02")]]);
  assertEquals(search.found().sent, 3);
});

Deno.test("An AC is described with its name, services, tags and shortest delay", () => {
  const search = begun();
  const tags = [
    textTag(TAG.SERVICE_NAME, "internet"),
    textTag(TAG.SERVICE_NAME, "voip"),
    textTag(TAG.SERVICE_NAME, "internet"),
    { type: TAG.AC_COOKIE, value: bytes("cookie") },
    { type: TAG.RELAY_SESSION_ID, value: bytes("relay") },
    { type: TAG.VENDOR_SPECIFIC, value: bytes("vendor") },
    maxPayloadTag(1500),
  ];
  assertEquals(search.take(named("ac-1", hostUniq(0), ...tags), 7), true);
  search.padi(1000);
  assertEquals(search.take(named("ac-1", hostUniq(1), ...tags), 1002.3456), true);
  assertEquals(only(search), {
    name: "ac-1",
    mac: "02:00:00:00:ac:01",
    offer: true,
    services: ["internet", "voip"],
    delayMs: 2.35,
    cookie: true,
    relaySessionId: true,
    maxPayload: 1500,
    hostUniq: true,
    errors: [],
    otherTags: ["Vendor-Specific"],
  });
});

Deno.test("The delay of a late answer counts from the PADI to which it belongs", () => {
  const search = begun();
  search.padi(1000);
  search.take(named("ac-1", hostUniq(0)), 1500);
  assertEquals(only(search).delayMs, 1500);
});

Deno.test("ACs with one address, as behind a proxy, are told apart by their names", () => {
  const search = begun();
  for (const name of ["ac-1", "ac-2"]) search.take(named(name, hostUniq()), 1);
  search.take(answer([hostUniq(), textTag(TAG.AC_NAME, "ac-1")], { source: OTHER_AC }), 2);
  assertEquals(search.found().acs.map(({ name, mac }) => `${name} ${mac}`), [
    "ac-1 02:00:00:00:ac:01",
    "ac-2 02:00:00:00:ac:01",
    "ac-1 02:00:00:00:ac:02",
  ]);
});

Deno.test("An answer with an error is no offer, and the AC's text is kept", () => {
  const search = begun();
  const error = textTag(TAG.SERVICE_NAME_ERROR, "no such service");
  for (let copy = 0; copy < 2; copy++) search.take(named("ac-1", hostUniq(), error), 1);
  const { offer, errors } = only(search);
  assertEquals(offer, false);
  assertEquals(errors, [{ tag: "Service-Name-Error", text: "no such service" }]);
  // A later offer counts.
  search.take(named("ac-1", hostUniq(), textTag(TAG.SERVICE_NAME, "")), 1);
  assertEquals(only(search).offer, true);
  assertEquals(only(search).services, [""]);
});

Deno.test("An agent may refuse a PADI with a PADS", () => {
  const search = begun();
  const tags = [hostUniq(), textTag(TAG.GENERIC_ERROR, "too many")];
  assertEquals(search.take(answer(tags, { code: CODE.PADS }), 1), true);
  assertEquals(only(search).errors, [{ tag: "Generic-Error", text: "too many" }]);
  assertEquals(search.take(answer(tags, { code: CODE.PADS, sessionId: 1 }), 1), false);
});

Deno.test("An AC that returns no Host-Uniq is found, and said to do so", () => {
  const search = begun();
  assertEquals(search.take(named("ac-1"), 4), true);
  assertEquals(only(search).hostUniq, false);
});

Deno.test("Frames that are no answers to this search are left alone", () => {
  const search = begun();
  const other = { type: TAG.HOST_UNIQ, value: bytes("somebody") };
  const frames = [
    named("ac-1", other),
    named("ac-1", hostUniq(1)),
    named("ac-1", { type: TAG.HOST_UNIQ, value: RANDOM }),
    named("ac-1", { type: TAG.HOST_UNIQ, value: new Uint8Array(0) }),
    answer([hostUniq()], { destination: AC }),
    answer([hostUniq()], { source: parseMac("03:00:00:00:00:01") }),
    answer([hostUniq()], { code: CODE.PADI }),
    answer([hostUniq()], { code: CODE.PADT }),
    answer([hostUniq()]).subarray(0, 30),
    new Uint8Array(0),
  ];
  assertEquals(frames.map((frame) => search.take(frame, 1)), frames.map(() => false));
  assertEquals(search.found(), { acs: [], sent: 1, others: 4, leftOut: 0 });
});

Deno.test("Before its first PADI, a search takes no answer", () => {
  const search = searchFor();
  assertEquals(search.take(named("ac-1", hostUniq()), 0), false);
  assertEquals(search.take(named("ac-1"), 0), false);
});

Deno.test("What ACs send is limited, and their texts are on one line", () => {
  const search = begun();
  const names = Array.from({ length: 100 }, (_, number) => `service ${number}`);
  const errors = names.map((name) => textTag(TAG.GENERIC_ERROR, name));
  search.take(named("\x1b[31m\nac\u202e", hostUniq(), ...errors), 1);
  search.take(
    named(
      "\x1b[31m\nac\u202e",
      hostUniq(),
      ...names.map((name) => textTag(TAG.SERVICE_NAME, name)),
    ),
    1,
  );
  const ac = only(search);
  assertEquals(ac.name, "\ufffd[31m\ufffdac\ufffd");
  assertEquals([ac.services.length, ac.errors.length], [64, 8]);
  search.take(named("x".repeat(1000), hostUniq()), 1);
  assertEquals(search.found().acs[1].name, "x".repeat(256));
  for (let number = 0; number < 100; number++) search.take(named(`${number}`, hostUniq()), 1);
  const found = search.found();
  assertEquals([found.acs.length, found.leftOut], [64, 38]);
});

Deno.test("A PADI has the name of the service in UTF-8", () => {
  const padi = searchFor("größe").padi(0)!;
  assertEquals(findTag(parseDiscovery(padi)!.tags, TAG.SERVICE_NAME)?.value, bytes("größe"));
});
