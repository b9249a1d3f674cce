// The listener of a server, on loopback.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Listener } from "../../../src/server/listener.ts";

const ANY = { hostname: "127.0.0.1", port: 0 };

Deno.test("Listener.accept() hands over connections until close(), which may be called again", async () => {
  const listener = new Listener(ANY);
  const accepted: [Deno.TcpConn, boolean][] = [];
  const arrived = Promise.withResolvers<void>();
  const finished = listener.accept({
    accepted: (...connection) => {
      accepted.push(connection);
      arrived.resolve();
    },
    failed: (error) => arrived.reject(error),
    preferred: () => [],
  });
  using client = await Deno.connect(listener.address);
  await arrived.promise;
  listener.close();
  listener.close();
  await finished;
  const [[conn, resets]] = accepted;
  conn.close();
  assertEquals([accepted.length, resets], [1, false]);
  assertEquals(await client.read(new Uint8Array(1)), null);
});

Deno.test("Listener names the address that it cannot listen on", () => {
  const listener = new Listener(ANY);
  const { port } = listener.address;
  assert(port > 0);
  assertThrows(
    () => new Listener({ ...ANY, port }),
    Error,
    `Cannot listen on 127.0.0.1:${port}: `,
  );
  listener.close();
});
