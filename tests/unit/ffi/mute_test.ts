import { assert, assertEquals, assertRejects } from "@std/assert";
import { findSocket, muteSocket, POLLIN, PollSet } from "../../../ffi/mod.ts";

async function pair(): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const accepted = listener.accept();
  const near = await Deno.connect({ hostname: "127.0.0.1", port });
  const far = await accepted;
  listener.close();
  return [near, far];
}

function descriptor(conn: Deno.TcpConn): number {
  return findSocket(conn.localAddr as Deno.NetAddr, conn.remoteAddr as Deno.NetAddr);
}

Deno.test("muteSocket() hides arriving data from the event loop, but not from other readers", async () => {
  const [near, far] = await pair();
  const fd = descriptor(near);
  let read = false;
  const reading = near.read(new Uint8Array(16)).then(() => read = true);
  muteSocket(fd);

  await far.write(Uint8Array.of(1));
  const set = new PollSet(1);
  set.add(fd, POLLIN);
  assertEquals(await set.waitAsync(5000), 1);
  // A round trip on another socket shows that the event loop has run several times since.
  const [asker, answerer] = await pair();
  for (let turn = 0; turn < 3; turn++) {
    await asker.write(Uint8Array.of(2));
    await answerer.read(new Uint8Array(16));
  }
  assert(!read, "the muted read was not woken");

  near.close();
  await assertRejects(() => reading, Deno.errors.Interrupted);
  for (const conn of [far, asker, answerer]) conn.close();
});

Deno.test("muteSocket() does not affect closing the socket", async () => {
  const [near, far] = await pair();
  muteSocket(descriptor(near));
  near.close();
  assertEquals(await far.read(new Uint8Array(16)), null);
  far.close();
});

Deno.test("muteSocket() changes nothing for a descriptor that no event loop watches", async () => {
  const [near, far] = await pair();
  muteSocket(0x7fff_ffff);
  await far.write(Uint8Array.of(1));
  assertEquals(await near.read(new Uint8Array(16)), 1);
  near.close();
  far.close();
});
