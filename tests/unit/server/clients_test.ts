// The clients of a server that have a tunnel, when the keys or the allow list change.

import { assertEquals } from "@std/assert";
import { AddressList, EVERYBODY } from "../../../src/net/address_list.ts";
import { KeyRing } from "../../../src/keys/key_ring.ts";
import { Clients } from "../../../src/server/clients.ts";
import { REASON } from "../../../src/wire/mod.ts";
import { aKey } from "../../support/keys.ts";

type ClientsRuntime = ConstructorParameters<typeof Clients>[0];

/** Makes clients whose worker and log note what they are told. */
function make(): { clients: Clients; told: unknown[][] } {
  const told: unknown[][] = [];
  const note = (name: string) => (...values: unknown[]) => void told.push([name, ...values]);
  const runtime = {
    log: { info: note("info") },
    worker: { limit: note("limit"), end: note("end"), dismiss: note("dismiss") },
  } as unknown as ClientsRuntime;
  return { clients: new Clients(runtime), told };
}

const AT = { name: "osaka", peer: "name:osaka", address: "192.0.2.7" };
const KEY = aKey("osaka");
const KEY_GONE = "its key was removed";

Deno.test("Clients.review() applies changed limits of a key, once", () => {
  const { clients, told } = make();
  clients.add(3, { ...AT, id: 1, key: KEY });
  const rules = { allow: EVERYBODY, keys: new KeyRing([{ ...KEY, maxSessions: 4 }]) };
  clients.review(rules);
  clients.review(rules);
  assertEquals(told, [["limit", 3, { maxSessions: 4, upBps: undefined, downBps: undefined }]]);
});

Deno.test("Clients.review() dismisses a client whose key is gone, once", () => {
  const { clients, told } = make();
  clients.add(3, { ...AT, id: 1, key: KEY });
  const rules = { allow: EVERYBODY, keys: new KeyRing([]) };
  clients.review(rules);
  clients.review(rules);
  assertEquals(told, [
    ["info", "Client is no longer allowed", {
      name: "osaka",
      peer: "192.0.2.7",
      reason: KEY_GONE,
      cause: "key-removed",
    }, { event: "client-not-allowed" }],
    ["dismiss", 3, "name:osaka", KEY_GONE],
  ]);
});

Deno.test("Clients.review() ends the tunnel of a client with another key, and tells it why", () => {
  const { clients, told } = make();
  clients.add(3, { ...AT, id: 1, key: KEY });
  clients.review({ allow: EVERYBODY, keys: new KeyRing([aKey("osaka", 2)]) });
  assertEquals(told[1].slice(0, 2), ["end", 3]);
  assertEquals(told[1].slice(3), ["not-allowed", REASON.NOT_ALLOWED]);
});

Deno.test("Clients.review() leaves out a client whose tunnel has ended", () => {
  const { clients, told } = make();
  clients.add(3, { ...AT, id: 1, key: undefined });
  assertEquals(clients.remove(3)?.id, 1);
  assertEquals(clients.remove(3), undefined);
  clients.review({ allow: AddressList.parse(["198.51.100.7"], "--allow"), keys: undefined });
  assertEquals(told, []);
});
