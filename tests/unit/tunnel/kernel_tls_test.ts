// Connections that the kernel is asked to encrypt.

import { assert, assertEquals } from "@std/assert";
import { hasKernelTls, openssl, Pinned, type TlsConnection, TlsContext } from "../../../ffi/mod.ts";
import { KernelTlsTransport } from "../../../src/transport/kernel_tls.ts";
import { TcpTransport } from "../../../src/transport/tcp.ts";
import { TlsBuffers, TlsTransport } from "../../../src/transport/tls.ts";
import { AGAIN, BROKEN, type Transport } from "../../../src/transport/transport.ts";
import { greetClientWithKey, greetServerWithKey } from "../../../src/tunnel/greet_with_key.ts";
import { PROTOCOL_VERSION } from "../../../src/tunnel/handshake.ts";
import { KernelTlsChoice } from "../../../src/tunnel/kernel_tls_choice.ts";
import { aKey, keysOf, writtenKey } from "../../support/keys.ts";
import { testUnless } from "../../support/skip.ts";
import { TcpPair } from "../../support/tcp_pair.ts";
import { until } from "../../support/until.ts";

// The library stays loaded.
openssl();

const BY_KERNEL = { kernel: true } as TlsConnection;
const BY_OPENSSL = { kernel: false } as TlsConnection;

/** Makes the handshake of a connection, and asks the kernel to encrypt both directions. */
async function greet(pair: TcpPair): Promise<{ client: TlsConnection; server: TlsConnection }> {
  using near = new TlsContext("client");
  using far = new TlsContext("server");
  const hello = (name: string) => ({ version: PROTOCOL_VERSION, features: 0, name, software: "" });
  const [server, client] = await Promise.all([
    greetServerWithKey(pair.client, near, aKey("office"), hello("tokyo"), pair.clientFd),
    greetClientWithKey(pair.server, {
      context: far,
      keys: keysOf([writtenKey("office")]),
      welcome: () => hello("osaka"),
      refuse: () => undefined,
      socket: () => pair.serverFd,
    }),
  ]);
  assertEquals([server.peer.name, client.peer.name], ["osaka", "office"]);
  return { client: server.tls, server: client.tls };
}

async function assertCarries(from: Transport, to: Transport, bytes: number): Promise<void> {
  const memory = new Pinned(new Uint8Array(bytes).fill(7));
  const into = new Uint8Array(256 * 1024);
  from.add(memory, 0, bytes);
  assertEquals(from.send(), bytes);
  let count = 0;
  await until("the bytes arrive", () => {
    const part = to.receive(into);
    if (part === AGAIN) return false;
    assert(part > 0, to.failure);
    assert(into.subarray(0, part).every((byte) => byte === 7));
    count += part;
    return count === bytes;
  });
  await until("they are acknowledged", () => from.unacknowledgedBytes() === 0);
}

Deno.test("KernelTlsChoice gives no socket to a kernel that cannot encrypt", async () => {
  await using pair = await TcpPair.make();
  assertEquals(new KernelTlsChoice(false).socketOf(pair.client), undefined);
  assertEquals(new KernelTlsChoice(true).socketOf(pair.client), pair.clientFd);
});

Deno.test("KernelTlsChoice avoids an address after a tunnel by the kernel that has ended soon", async () => {
  await using pair = await TcpPair.make();
  const kernel = new KernelTlsChoice(true);
  const address = "127.0.0.1";
  kernel.up(1, address, BY_OPENSSL, 0);
  kernel.down(1, 10);
  kernel.up(2, address, BY_KERNEL, 0);
  kernel.down(2, 60_000);
  kernel.down(3, 60_000);
  assertEquals(kernel.socketOf(pair.client), pair.clientFd);
  kernel.up(4, "192.0.2.1", BY_KERNEL, 0);
  kernel.down(4, 10);
  assertEquals(kernel.socketOf(pair.client), pair.clientFd);
  kernel.up(5, address, BY_KERNEL, 0);
  kernel.down(5, 59_999);
  assertEquals(kernel.socketOf(pair.client), undefined);
});

testUnless(
  hasKernelTls() ? "the kernel has TLS" : undefined,
  "A handshake that asks a kernel without TLS goes on with OpenSSL",
  async () => {
    await using pair = await TcpPair.make();
    const { client, server } = await greet(pair);
    assertEquals([client.kernel, server.kernel], [false, false]);
    const buffers = new TlsBuffers();
    const near = new TlsTransport(new TcpTransport(pair.clientFd), client, buffers);
    const far = new TlsTransport(new TcpTransport(pair.serverFd), server, buffers);
    await assertCarries(near, far, 100_000);
    await assertCarries(far, near, 5000);
    for (const tls of [client, server]) tls.free();
  },
);

testUnless(
  hasKernelTls() ? undefined : "the kernel has no TLS",
  "KernelTlsTransport carries bytes that the kernel has encrypted, until the key is used up",
  async () => {
    await using pair = await TcpPair.make();
    const { client, server } = await greet(pair);
    assertEquals([client.kernel, server.kernel], [true, true]);
    const buffers = new TlsBuffers();
    const near = new KernelTlsTransport(
      pair.clientFd,
      undefined,
      undefined,
      client,
      buffers,
      150_000,
    );
    const far = new KernelTlsTransport(pair.serverFd, undefined, undefined, server, buffers);
    assertEquals(near.status().encryption, { cipher: client.cipher, kernel: true });
    await assertCarries(near, far, 100_000);
    await assertCarries(far, near, 5000);
    await assertCarries(near, far, 60_000);
    near.add(new Pinned(new Uint8Array(10)), 0, 10);
    assertEquals(near.send(), BROKEN);
    assertEquals(near.failure, "the key of this connection is used up");
    far.shutdown();
    const into = new Uint8Array(256 * 1024);
    await until("the end arrives", () => near.receive(into) === 0);
    for (const tls of [client, server]) tls.free();
  },
);
