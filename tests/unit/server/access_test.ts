// Tests of what becomes of clients when keys or addresses change.

import { assertEquals } from "@std/assert";
import type { ClientKey } from "../../../src/keys/key.ts";
import { KeyRing } from "../../../src/keys/key_ring.ts";
import { AddressList, EVERYBODY } from "../../../src/net/address_list.ts";
import { addressFault, goneNames, judge, sameLimits } from "../../../src/server/access.ts";

function key(name: string, id: number, more: Partial<ClientKey> = {}): ClientKey {
  const digits = id.toString(16).padStart(32, "0");
  return { name, id: digits, secret: new Uint8Array(32).fill(id), ...more };
}

const list = (...entries: string[]) => AddressList.parse(entries, "--allow");
const osaka = key("osaka", 1);
const second = key("osaka", 2);
const kobe = key("kobe", 3);
const address = "192.0.2.7";

Deno.test("judge() lets a client stay whose key and address are still allowed, with the limits of its line", () => {
  const limited = { ...osaka, maxSessions: 4 };
  const rules = { allow: EVERYBODY, keys: new KeyRing([kobe, limited]) };
  assertEquals(judge({ address, key: osaka }, rules), { is: "stays", key: limited });
  assertEquals(judge({ address }, { allow: list("192.0.2.0/24"), keys: undefined }), {
    is: "stays",
    key: undefined,
  });
});

Deno.test("judge() holds the sessions of a client whose key is gone but not its name", () => {
  const rules = { allow: EVERYBODY, keys: new KeyRing([second, kobe]) };
  const fate = {
    is: "held" as const,
    reason: "its key was removed, and it has another one",
    cause: "key-removed" as const,
  };
  assertEquals(judge({ address, key: osaka }, rules), fate);
});

Deno.test("judge() closes the sessions of a client whose name has no key any more", () => {
  const fate = {
    is: "closed" as const,
    reason: "its key was removed",
    cause: "key-removed" as const,
  };
  for (const keys of [new KeyRing([kobe]), new KeyRing([])]) {
    assertEquals(judge({ address, key: osaka }, { allow: EVERYBODY, keys }), fate);
  }
});

Deno.test("judge() takes a line with the same id but another name or secret for another key", () => {
  const renamed = new KeyRing([{ ...osaka, name: "nara" }]);
  assertEquals(judge({ address, key: osaka }, { allow: EVERYBODY, keys: renamed }).is, "closed");
  const changed = new KeyRing([{ ...osaka, secret: new Uint8Array(32) }]);
  assertEquals(judge({ address, key: osaka }, { allow: EVERYBODY, keys: changed }).is, "held");
});

Deno.test("judge() holds the sessions of a client with a key whose address is no longer allowed", () => {
  const elsewhere = list("198.51.100.0/24");
  const keys = new KeyRing([osaka]);
  assertEquals(judge({ address, key: osaka }, { allow: elsewhere, keys }), {
    is: "held",
    reason: "its address is not on the allow list (--allow)",
    cause: "address-not-allowed",
  });
  const bound = new KeyRing([{ ...osaka, allow: elsewhere }]);
  assertEquals(judge({ address, key: osaka }, { allow: EVERYBODY, keys: bound }), {
    is: "held",
    reason: "its address is not one that its key allows (allow= in the server's key file)",
    cause: "address-not-allowed",
  });
});

Deno.test("judge() closes the sessions of a client without a key whose address is no longer allowed", () => {
  assertEquals(judge({ address }, { allow: list("198.51.100.0/24"), keys: undefined }), {
    is: "closed",
    reason: "its address is no longer on the allow list",
    cause: "address-not-allowed",
  });
});

Deno.test("addressFault() wants the address on both lists", () => {
  const bound = { ...osaka, allow: list("192.0.2.0/24") };
  assertEquals(addressFault(address, bound, EVERYBODY), undefined);
  assertEquals(addressFault("fd00::1", osaka, EVERYBODY), undefined);
  assertEquals(
    addressFault("192.0.3.1", bound, EVERYBODY),
    "is not one that its key allows (allow= in the server's key file)",
  );
  assertEquals(
    addressFault(address, bound, list("10.0.0.0/8")),
    "is not on the allow list (--allow)",
  );
});

Deno.test("goneNames() finds the names that have no key any more", () => {
  const before = new KeyRing([osaka, second, kobe]);
  assertEquals(goneNames(before, new KeyRing([second])), ["kobe"]);
  assertEquals(goneNames(before, new KeyRing([])), ["osaka", "kobe"]);
  assertEquals(goneNames(before, before), []);
});

Deno.test("sameLimits() compares sessions and rates", () => {
  assertEquals(sameLimits(osaka, kobe), true);
  for (const limit of ["maxSessions", "upBps", "downBps"]) {
    assertEquals(sameLimits(osaka, { ...osaka, [limit]: 1000 }), false);
  }
});
