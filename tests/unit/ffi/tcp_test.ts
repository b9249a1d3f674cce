import { assert, assertEquals, assertThrows } from "@std/assert";
import { ERRNO, SystemError } from "../../../ffi/errno.ts";
import { EventFd } from "../../../ffi/eventfd.ts";
import { POLLIN, PollSet } from "../../../ffi/poll.ts";
import { getOption } from "../../../ffi/socket_option.ts";
import {
  allowFragments,
  congestionControl,
  congestionControlFault,
  findSocket,
  limitReceiveBuffer,
  probeWindow,
  receive,
  send,
  sendsIPv4,
  setTunnelOptions,
  shutdownWrite,
  systemCongestionControl,
  tcpInfo,
  unacknowledged,
} from "../../../ffi/tcp.ts";
import { testUnless } from "../../support/skip.ts";

/** A TCP connection within this process, with both ends and their descriptors. */
class Pair implements Disposable {
  readonly fds: [client: number, server: number];

  private constructor(
    readonly listener: Deno.Listener,
    readonly client: Deno.TcpConn,
    readonly server: Deno.TcpConn,
  ) {
    const find = ({ localAddr, remoteAddr }: Deno.TcpConn) => findSocket(localAddr, remoteAddr);
    this.fds = [find(client), find(server)];
  }

  static async make(listen = "127.0.0.1", connect = listen): Promise<Pair> {
    const listener = Deno.listen({ hostname: listen, port: 0 });
    const accepted = listener.accept();
    const client = await Deno.connect({ hostname: connect, port: listener.addr.port });
    return new Pair(listener, client, await accepted);
  }

  [Symbol.dispose](): void {
    for (const part of [this.listener, this.client, this.server]) part.close();
  }
}

/** Waits until there is something to read, and reads it. */
async function read(fd: number, into: Uint8Array): Promise<number> {
  const set = new PollSet(1);
  set.add(fd, POLLIN);
  assertEquals(await set.waitAsync(10_000), 1);
  return receive(fd, into);
}

async function assertJoined({ fds: [client, server] }: Pair): Promise<void> {
  assert(client !== server);
  const buffer = new Uint8Array(8);
  assertEquals(send(client, Uint8Array.of(1, 2, 3)), 3);
  assertEquals(await read(server, buffer.subarray(2)), 3);
  assertEquals([...buffer], [0, 0, 1, 2, 3, 0, 0, 0]);
  assertEquals(send(server, Uint8Array.of(4)), 1);
  assertEquals([await read(client, buffer), buffer[0]], [1, 4]);
}

function canListen(hostname: string): boolean {
  try {
    Deno.listen({ hostname, port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}
const noIPv6 = canListen("::1") ? undefined : "no IPv6 here";

Deno.test("findSocket() finds both ends over IPv4", async () => {
  using pair = await Pair.make();
  await assertJoined(pair);
});

testUnless(noIPv6, "findSocket() finds both ends over IPv6", async () => {
  using pair = await Pair.make("::1");
  await assertJoined(pair);
});

testUnless(noIPv6, "findSocket() finds both ends when one has the IPv4-mapped form", async () => {
  using pair = await Pair.make("::", "127.0.0.1");
  await assertJoined(pair);
});

Deno.test("findSocket() accepts an IPv4 address in either form", async () => {
  using pair = await Pair.make();
  const mapped = (address: Deno.NetAddr) => ({
    ...address,
    hostname: `::ffff:${address.hostname}`,
  });
  const { localAddr, remoteAddr } = pair.client;
  assertEquals(findSocket(mapped(localAddr), mapped(remoteAddr)), pair.fds[0]);
  assertEquals(findSocket(localAddr, mapped(remoteAddr)), pair.fds[0]);
});

Deno.test("findSocket() finds each of many connections to one port", async () => {
  using first = await Pair.make();
  const { hostname, port } = first.listener.addr as Deno.NetAddr;
  const clients: Deno.TcpConn[] = [];
  for (let i = 0; i < 8; i++) clients.push(await Deno.connect({ hostname, port }));
  const fds = clients.map(({ localAddr, remoteAddr }) => findSocket(localAddr, remoteAddr));
  assertEquals(new Set([...fds, ...first.fds]).size, 10);
  for (const client of clients) client.close();
});

Deno.test("findSocket() throws when no socket has the addresses", async () => {
  using pair = await Pair.make();
  const { localAddr, remoteAddr } = pair.client;
  assertThrows(
    () => findSocket(localAddr, { ...remoteAddr, hostname: "192.0.2.1" }),
    Error,
    `Cannot find the connection 127.0.0.1:${localAddr.port} > 192.0.2.1:${remoteAddr.port}: `,
  );
});

Deno.test("setTunnelOptions() sets the options of a tunnel", async () => {
  using pair = await Pair.make();
  const [fd] = pair.fds;
  setTunnelOptions(fd, { userTimeoutMs: 20_000, notsentLowat: 65_536, congestion: "reno" });
  const option = (name: number) => {
    const value = new Uint32Array(4);
    assert(getOption(fd, 6, name, value) > 0);
    return value;
  };
  assertEquals([option(1)[0], option(18)[0], option(25)[0]], [1, 20_000, 65_536]);
  assertEquals(new TextDecoder().decode(option(13)).replaceAll("\0", ""), "reno");
});

Deno.test("setTunnelOptions() throws when there is no such congestion control", async () => {
  using pair = await Pair.make();
  const options = { userTimeoutMs: 1000, notsentLowat: 65_536, congestion: "none-such" };
  const error = assertThrows(() => setTunnelOptions(pair.fds[0], options), SystemError);
  assertEquals(error.message, "Cannot set TCP_CONGESTION to none-such: No such file or directory");
});

Deno.test("congestionControl() returns the congestion control of each end", async () => {
  using pair = await Pair.make();
  const [client, server] = pair.fds;
  const system = Deno.readTextFileSync("/proc/sys/net/ipv4/tcp_congestion_control").trim();
  assertEquals([congestionControl(client), congestionControl(server)], [system, system]);
  assertEquals(systemCongestionControl(), system);
  for (const fd of [client, server]) {
    setTunnelOptions(fd, { userTimeoutMs: 1000, notsentLowat: 65_536, congestion: "reno" });
  }
  await assertJoined(pair);
  assertEquals([congestionControl(client), congestionControl(server)], ["reno", "reno"]);
  assertEquals(systemCongestionControl(), system);
});

Deno.test("congestionControlFault() returns 0 for a usable congestion control, and otherwise the error", () => {
  assertEquals(congestionControlFault("reno"), 0);
  assertEquals(congestionControlFault("none-such"), ERRNO.ENOENT);
});

Deno.test("setTunnelOptions(), tcpInfo() and congestionControl() fail for an eventfd", () => {
  const event = EventFd.open();
  assertThrows(
    () => setTunnelOptions(event.fd, { userTimeoutMs: 1, notsentLowat: 1 }),
    SystemError,
    "Cannot set TCP_NODELAY: Socket operation on non-socket",
  );
  assertEquals(tcpInfo(event.fd), undefined);
  assertEquals(congestionControl(event.fd), undefined);
  event.close();
});

Deno.test("tcpInfo() counts what was acknowledged, and what has arrived", async () => {
  using pair = await Pair.make();
  const [client, server] = pair.fds;
  const [before, after] = [tcpInfo(client)!, tcpInfo(server)!];
  await assertJoined(pair);
  const sent = tcpInfo(client)!;
  assertEquals([sent.unacked, sent.sacked, sent.timeouts], [0, 0, 0]);
  assertEquals(sent.bytesAcked - before.bytesAcked, 3);
  assertEquals(sent.bytesReceived - before.bytesReceived, 1);
  assertEquals(sent.segments - before.segments, 1);
  assertEquals([sent.retransmits, sent.unsentBytes], [0, 0]);
  assertEquals(tcpInfo(server)!.bytesReceived - after.bytesReceived, 3);
  assert(sent.mss > 1000 && sent.mss < sent.pathMtu && sent.window > sent.mss);
});

testUnless(
  Deno.uid() === 0 ? undefined : "not root",
  "probeWindow() makes the peer answer, and leaves the connection as it was",
  async () => {
    using pair = await Pair.make();
    const [client, server] = pair.fds;
    await assertJoined(pair);
    const reuse = (fd: number) => {
      const value = new Uint32Array(1);
      assertEquals(getOption(fd, 1, 2, value), 4);
      return value[0];
    };
    for (const fd of [client, server]) {
      const [{ bareAcks }, before] = [tcpInfo(fd)!, reuse(fd)];
      assertEquals(probeWindow(fd), true);
      // Packets on loopback arrive within the call.
      assertEquals(tcpInfo(fd)!.bareAcks, bareAcks + 1);
      assertEquals(reuse(fd), before);
    }
    assertEquals(reuse(server), 1, "Deno's listeners set SO_REUSEADDR");
    await assertJoined(pair);
  },
);

Deno.test("allowFragments() clears the DF bit of an IPv4 connection, also on an IPv6 socket", async () => {
  for (const [listen, connect] of [["127.0.0.1"], ["::", "127.0.0.1"]]) {
    using pair = await Pair.make(listen, connect);
    for (const fd of pair.fds) {
      allowFragments(fd);
      const value = new Uint32Array(1);
      assertEquals(getOption(fd, 0, 10, value), 4); // IPPROTO_IP, IP_MTU_DISCOVER
      assertEquals(value[0], 0); // IP_PMTUDISC_DONT
    }
    await assertJoined(pair);
  }
});

Deno.test("sendsIPv4() goes by the packets, not by the kind of the socket", async () => {
  for (const listen of ["127.0.0.1", "::"]) {
    using pair = await Pair.make(listen, "127.0.0.1");
    assertEquals(pair.fds.map(sendsIPv4), [true, true]);
  }
  if (canListen("::1")) {
    using pair = await Pair.make("::1");
    assertEquals(pair.fds.map(sendsIPv4), [false, false]);
  }
});

Deno.test("probeWindow() and sendsIPv4() fail for an eventfd", () => {
  const event = EventFd.open();
  assertEquals(sendsIPv4(event.fd), false);
  assertEquals(probeWindow(event.fd), false);
  event.close();
});

Deno.test("receive() returns EAGAIN when there is nothing to read, and 0 at the end of the stream", async () => {
  using pair = await Pair.make();
  const [client, server] = pair.fds;
  const buffer = new Uint8Array(8);
  assertEquals(receive(server, buffer), -ERRNO.EAGAIN);
  send(client, Uint8Array.of(1));
  shutdownWrite(client);
  assertEquals([await read(server, buffer), await read(server, buffer)], [1, 0]);
});

Deno.test("send() returns EAGAIN when there is no room, and nothing is lost", async () => {
  using pair = await Pair.make();
  const [client, server] = pair.fds;
  const bytes = new Uint8Array(65_536);
  let sent = 0;
  let count = 0;
  while ((count = send(client, bytes)) > 0) sent += count;
  assertEquals(count, -ERRNO.EAGAIN);
  shutdownWrite(client);
  let received = 0;
  while ((count = await read(server, bytes)) > 0) received += count;
  assertEquals([received, count], [sent, 0]);
});

Deno.test("send() returns an error, without a signal, when the other end is gone", async () => {
  using pair = await Pair.make();
  const [client] = pair.fds;
  shutdownWrite(client);
  assertEquals(send(client, Uint8Array.of(1)), -ERRNO.EPIPE);
});

testUnless(
  Deno.build.os !== "linux" ? "only on Linux" : undefined,
  "limitReceiveBuffer() limits the receive buffer of a connection, and ends the limit",
  async () => {
    using pair = await Pair.make();
    const [client, server] = pair.fds;
    const size = () => {
      const value = new Uint32Array(1);
      getOption(server, 1, 8, value); // SO_RCVBUF
      return value[0];
    };
    limitReceiveBuffer(server, 32_768);
    assertEquals(size(), 32_768);
    // Nobody reads, and the first window of 64 KiB was promised before.
    const bytes = new Uint8Array(65_536);
    let sent = 0;
    for (let count; (count = send(client, bytes)) > 0;) sent += count;
    const arrived = sent - unacknowledged(client);
    assert(arrived <= 65_536 + 32_768, `${arrived} bytes have arrived`);
    for (const limit of [2 ** 40, Infinity]) {
      limitReceiveBuffer(server, 32_768);
      limitReceiveBuffer(server, limit);
      assert(size() > 100_000, `${size()} bytes with a limit of ${limit}`);
    }
  },
);
