// Connecting to the server.

import { assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../../src/net/connect.ts";
import { testUnless } from "../../support/skip.ts";
import { canListen } from "../../support/tcp_pair.ts";

const noIPv6 = canListen("::1") ? undefined : "no IPv6 here";

async function assertConnects(listen: string, hostname = listen): Promise<void> {
  using listener = Deno.listen({ hostname: listen, port: 0 });
  const { port } = listener.addr;
  const [client, server] = await Promise.all([
    connect({ hostname, port }, new AbortController().signal),
    listener.accept(),
  ]);
  assertEquals(client.localAddr, server.remoteAddr);
  client.close();
  server.close();
}

/** Returns a loopback port on which no program listens. */
function closedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test("connect() connects to an IPv4 address", () => assertConnects("127.0.0.1"));

testUnless(noIPv6, "connect() connects to an IPv6 address", () => assertConnects("::1"));

Deno.test("connect() connects to a name, by any address that answers", () =>
  assertConnects("127.0.0.1", "localhost"));

Deno.test("connect() rejects with the reason why it cannot connect", async () => {
  const port = closedPort();
  const { message } = await assertRejects(
    () => connect({ hostname: "127.0.0.1", port }, new AbortController().signal),
    Error,
  );
  assertEquals(message, `Cannot connect to 127.0.0.1:${port}: Connection refused`);
});

Deno.test("connect() rejects if there is no such name", async () => {
  // The label is too long (RFC 1035, section 2.3.4), so no name server is queried.
  const hostname = `${"x".repeat(64)}.invalid`;
  const { message } = await assertRejects(
    () => connect({ hostname, port: 8000 }, new AbortController().signal),
    Error,
  );
  assertEquals(message, `Cannot find ${hostname}: no such name`);
});

Deno.test("connect() does not connect if it is already aborted", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await assertRejects(() =>
    connect({ hostname: "127.0.0.1", port: listener.addr.port }, AbortSignal.abort())
  );
});

Deno.test("connect() ends when it is aborted meanwhile", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const abort = new AbortController();
  const connecting = connect({ hostname: "127.0.0.1", port: listener.addr.port }, abort.signal);
  abort.abort();
  await assertRejects(() => connecting);
});
