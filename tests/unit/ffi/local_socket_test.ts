import { assert, assertEquals } from "@std/assert";
import { LocalSocket } from "../../../ffi/local_socket.ts";

/** Listens under an abstract name that no other test uses. */
function listen(name: string) {
  const unique = `test-${Deno.pid}-${name}`;
  return { name: unique, listener: Deno.listen({ transport: "unix", path: `\0${unique}` }) };
}

function connect(name: string): LocalSocket {
  const socket = LocalSocket.connect(name);
  assert(socket instanceof LocalSocket, `${socket}`);
  return socket;
}

Deno.test("LocalSocket.connect() tells the process and its user before it has accepted", () => {
  const { name, listener } = listen("who");
  const socket = connect(name);
  assertEquals([socket.pid, socket.uid], [Deno.pid, Deno.uid()]);
  socket.close();
  socket.close();
  listener.close();
});

Deno.test("LocalSocket.connect() returns `refused` if nobody listens", () => {
  assertEquals(LocalSocket.connect(`test-${Deno.pid}-nobody`), "refused");
});

Deno.test("LocalSocket.read() returns what was sent before the other end closed", async () => {
  const { name, listener } = listen("sends");
  const socket = connect(name);
  using conn = await listener.accept();
  const reading = socket.read(100, 10_000);
  await conn.write(new TextEncoder().encode("one "));
  await conn.write(new TextEncoder().encode("two"));
  await conn.closeWrite();
  assertEquals(new TextDecoder().decode(await reading), "one two");
  socket.close();
  listener.close();
});

Deno.test("LocalSocket.read() is bounded in bytes and in time", async () => {
  const { name, listener } = listen("bounds");
  const socket = connect(name);
  using conn = await listener.accept();
  await conn.write(new TextEncoder().encode("too long"));
  assertEquals(new TextDecoder().decode(await socket.read(3, 10_000)), "too");
  assertEquals(new TextDecoder().decode(await socket.read(100, 20)), " long");
  socket.close();
  listener.close();
});
