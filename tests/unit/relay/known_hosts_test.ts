// The bounded list of hosts that have had a session.

import { assertEquals } from "@std/assert";
import { KNOWN_HOSTS, KnownHosts } from "../../../src/relay/known_hosts.ts";

const host = (n: number) => Uint8Array.of(2, 0, 0, n >>> 16, n >>> 8, n);

Deno.test("KnownHosts knows each host of each client that was noted", () => {
  const hosts = new KnownHosts();
  hosts.add("a", host(1));
  hosts.add("a", host(1));
  assertEquals(hosts.size, 1);
  assertEquals(
    [hosts.has("a", host(1)), hosts.has("a", host(2)), hosts.has("b", host(1))],
    [true, false, false],
  );
});

Deno.test("KnownHosts is bounded, and the client with the most hosts loses its oldest one", () => {
  const hosts = new KnownHosts();
  hosts.add("good", host(1));
  for (let n = 0; n < KNOWN_HOSTS; n++) hosts.add(n % 3 === 0 ? "b" : "a", host(n));
  assertEquals(hosts.size, KNOWN_HOSTS);
  assertEquals([hosts.has("good", host(1)), hosts.has("a", host(1))], [true, false]);
  // A host whose session has just begun or ended counts as new.
  hosts.add("a", host(2));
  hosts.add("b", host(KNOWN_HOSTS));
  assertEquals(
    [2, 4].map((n) => hosts.has("a", host(n))),
    [true, false],
  );
  assertEquals([hosts.size, hosts.has("b", host(0))], [KNOWN_HOSTS, true]);
});
