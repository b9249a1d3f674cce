// Problems that begin and end, as real processes report them: in the log, the status and the health.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { testUnless, whyNot } from "../support/skip.ts";
import { withSites } from "../support/sites.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");

testUnless(
  skipped,
  "Both sides say that the server's interface is down, until it is up again",
  () =>
    withSites({}, async (sites) => {
      const { client, server, net, serverNamespace: namespace, serverInterface: name } = sites;
      await client.untilHealth(200);
      await net.ip(namespace, "link", "set", name, "down");
      await client.untilHealth(503);
      const health = await client.get("/healthz");
      assertMatch(health.body, /^not ok\nfar-link-down: The interface of server .* is down, .*\n$/);
      assertEquals((await client.status()).problems.map(({ id }) => id), ["far-link-down"]);
      await client.untilLine(/WARN {2}The interface of server .* is down.*problem=far-link-down/);
      const own = await server.get("/healthz");
      assertEquals(own.status, 503);
      assertMatch(
        own.body,
        /^not ok\nlink-down: Interface \S+ is down: switched off by the admin.*\n$/,
      );
      await net.up({ namespace, name });
      await client.untilHealth(200);
      assertEquals((await client.get("/healthz")).body, "ok\n");
      await client.untilLine(/INFO {2}Solved: The interface of server .* is down/);
      await server.untilHealth(200);
      assertEquals((await server.status()).problems, []);
    }),
);

testUnless(
  skipped,
  "A server names each client whose interface is down, and does its job",
  () =>
    withSites({ clients: 2 }, async (sites) => {
      const { server, net } = sites;
      const [{ clientNamespace }] = sites.sites;
      await net.ip(clientNamespace, "link", "set", sites.clientInterface, "down");
      const { problems } = await server.untilStatus(
        "it knows that a client's link is down",
        ({ problems }) => problems.length > 0,
      );
      assertEquals(problems.map(({ id, blocks }) => [id, blocks]), [["far-link-down", false]]);
      const { status, body } = await server.get("/healthz");
      assertEquals(status, 200);
      assert(body.startsWith("ok\nfar-link-down: The interface of client "), body);
    }),
);
