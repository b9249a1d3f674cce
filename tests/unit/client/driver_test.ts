// The driver of the client's machine, over real loopback connections, with a fake worker.

import { assertEquals } from "@std/assert";
import { ClientDriver } from "../../../src/client/driver.ts";
import { ClientMachine } from "../../../src/client/machine.ts";
import { createLog } from "../../../src/observe/log.ts";
import { greetClient } from "../../../src/tunnel/handshake.ts";
import {
  encodeFrame,
  FEATURE,
  FRAME,
  type Hello,
  RESUME_SECRET_LENGTH,
} from "../../../src/wire/mod.ts";
import { until } from "../../support/until.ts";

const CLIENT: Hello = {
  version: 1,
  features: FEATURE.RESUME,
  name: "osaka",
  software: "test/1",
  resumeSecret: new Uint8Array(RESUME_SECRET_LENGTH).fill(7),
};
const SERVER: Hello = { ...CLIENT, name: "tokyo", resumeSecret: undefined };
const TUNNEL_ID = 41;

/** A server's listener, and a client that connects to it. */
class Bench implements AsyncDisposable {
  readonly listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly endpoint: string;
  readonly machine: ClientMachine;
  readonly driver: ClientDriver;
  readonly lines: string[] = [];
  /** The connections that were handed to the worker. */
  readonly tunnels: { conn: Deno.TcpConn; tunnel: Record<string, unknown> }[] = [];
  /** The error that the worker throws; undefined if it works. */
  workerFault: Error | undefined;
  #isListening = true;

  /** The network, as the driver sees it. */
  readonly network = { changes: false, own: true, used: [] as string[] };
  /** The messages to the worker about tunnels. */
  readonly told: string[] = [];

  constructor() {
    const { hostname, port } = this.listener.addr;
    this.endpoint = `${hostname}:${port}`;
    const servers = [{ hostname, port }];
    this.machine = new ClientMachine({ servers, random: () => 0 });
    const log = createLog({
      level: "info",
      format: "text",
      write: (line: string) => void this.lines.push(line),
    });
    const worker = {
      addTunnel: (conn: Deno.TcpConn, tunnel: Record<string, unknown>) => {
        if (this.workerFault !== undefined) throw this.workerFault;
        this.tunnels.push({ conn, tunnel });
        return TUNNEL_ID;
      },
      leave: () => {},
      probe: (id: number) => void this.told.push(`probe ${id}`),
      end: (id: number, reason: string) => void this.told.push(`end ${id} ${reason}`),
    };
    const routes = {
      use: (address: string) => void this.network.used.push(address),
      look: () => ({ changed: this.network.changes, reachable: true }),
      isOwn: () => this.network.own,
    };
    const runtime = { hello: CLIENT, log, worker };
    this.driver = new ClientDriver(this.machine, runtime, false, undefined, routes);
    this.driver.handle({ type: "started" });
  }

  logged(pattern: RegExp): Promise<string> {
    return until(`${pattern} is logged`, () => this.lines.find((line) => pattern.test(line)));
  }

  /** Greets the client, and waits until the worker has the connection; returns the server's end. */
  async tunnel(): Promise<Deno.Conn> {
    const conn = await this.listener.accept();
    await greetClient(conn, SERVER);
    await until("the worker has it", () => this.tunnels.length === 1);
    return conn;
  }

  stopListening(): void {
    if (this.#isListening) this.listener.close();
    this.#isListening = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.driver.handle({ type: "stop" });
    for (const { conn } of this.tunnels) conn.close();
    this.stopListening();
    // Pending reads end in a later turn of the event loop.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

Deno.test("ClientDriver hands a greeted connection to the worker, with the bytes after the greeting", async () => {
  await using bench = new Bench();
  using conn = await bench.listener.accept();
  const { peer } = await greetClient(conn, SERVER);
  assertEquals([peer.name, peer.resumeSecret?.length], ["osaka", RESUME_SECRET_LENGTH]);
  await until("the worker has it", () => bench.tunnels.length === 1);
  const [{ tunnel }] = bench.tunnels;
  const received = new Uint8Array(0);
  assertEquals(tunnel, {
    peer: bench.endpoint,
    name: "tokyo",
    legacy: false,
    received,
    tls: undefined,
  });
  assertEquals(bench.machine.state, "connecting");
  bench.driver.tunnelUp(TUNNEL_ID);
  assertEquals(bench.machine.state, "up");
  await bench.logged(/INFO +Tunnel up name=tokyo peer=127\.0\.0\.1:\d+ software=test\/1$/);
});

Deno.test("ClientDriver keeps bytes that a server sends right after its welcome", async () => {
  await using bench = new Bench();
  using conn = await bench.listener.accept();
  const ping = encodeFrame(FRAME.PING, new Uint8Array(0));
  // They go out in one segment, so that they are read together.
  const { write } = conn;
  conn.write = (bytes) => {
    conn.write = write;
    return write.call(conn, Uint8Array.of(...bytes, ...ping)).then((count) =>
      Math.min(count, bytes.length)
    );
  };
  await greetClient(conn, SERVER);
  await until("the worker has it", () => bench.tunnels.length === 1);
  assertEquals(bench.tunnels[0].tunnel.received, ping);
});

Deno.test("ClientDriver reports a tunnel's end to the machine, and connects again when due", async () => {
  await using bench = new Bench();
  {
    using conn = await bench.listener.accept();
    await greetClient(conn, SERVER);
    await until("the worker has it", () => bench.tunnels.length === 1);
  }
  bench.driver.tunnelDown(TUNNEL_ID, "the connection broke", "connection-broke");
  await bench.logged(/WARN\w* +Tunnel lost reason="the connection broke" cause=connection-broke$/);
  await bench.logged(/Connecting again server=127\.0\.0\.1:\d+ seconds=0\.5$/);
  using conn = await bench.listener.accept();
  await greetClient(conn, SERVER);
  await until("the worker has another one", () => bench.tunnels.length === 2);
});

Deno.test("ClientDriver ignores the end of a tunnel after the death of the worker", async () => {
  await using bench = new Bench();
  using conn = await bench.listener.accept();
  await greetClient(conn, SERVER);
  await until("the worker has it", () => bench.tunnels.length === 1);
  bench.driver.handle({ type: "stop" });
  bench.driver.tunnelDown(TUNNEL_ID, "the data worker has ended", "worker-died");
  assertEquals(bench.lines.filter((line) => line.includes("Tunnel lost")), []);
});

Deno.test("ClientDriver closes the connection when the machine drops it", async () => {
  await using bench = new Bench();
  using conn = await bench.listener.accept();
  const hello = new Uint8Array(1024);
  await conn.read(hello);
  bench.driver.handle({ type: "stop" });
  assertEquals(await conn.read(hello), null);
  assertEquals(bench.lines, []);
});

Deno.test("ClientDriver closes a connection that the worker refuses", async () => {
  await using bench = new Bench();
  bench.workerFault = new Error("Cannot carry a tunnel: the data worker has ended");
  using conn = await bench.listener.accept();
  await greetClient(conn, SERVER);
  assertEquals(await conn.read(new Uint8Array(8)), null);
  await bench.logged(/Cannot carry a tunnel: the data worker has ended$/);
});

Deno.test("ClientDriver reports why it cannot connect to a server", async () => {
  await using bench = new Bench();
  using conn = await bench.listener.accept();
  bench.stopListening();
  conn.close();
  await bench.logged(/The server (closed|reset) the connection without a greeting/);
  await bench.logged(/WARN\w* +Cannot connect to 127\.0\.0\.1:\d+: Connection refused$/);
});

Deno.test("ClientDriver asks the worker for a probe when the way to the server has changed", async () => {
  await using bench = new Bench();
  using _conn = await bench.tunnel();
  assertEquals(bench.network.used, ["127.0.0.1"]);
  bench.driver.networkChanged();
  assertEquals(bench.told, []);
  bench.network.changes = true;
  bench.driver.networkChanged();
  assertEquals(bench.told, [`probe ${TUNNEL_ID}`]);
});

Deno.test("ClientDriver has the worker end a tunnel whose own address is gone", async () => {
  await using bench = new Bench();
  using _conn = await bench.tunnel();
  bench.network.own = false;
  bench.driver.networkChanged();
  await until("the worker is told", () => bench.told.length === 1);
  const reason = "this machine no longer has the tunnel's own address";
  assertEquals(bench.told, [`end ${TUNNEL_ID} ${reason}`]);
});

Deno.test("ClientDriver leaves a tunnel alone whose own address is soon back, even if no route has changed", async () => {
  await using bench = new Bench();
  using _conn = await bench.tunnel();
  bench.network.own = false;
  bench.driver.networkChanged();
  assertEquals(bench.machine.dueMs < Infinity, true);
  bench.network.own = true;
  bench.driver.networkChanged();
  assertEquals([bench.machine.dueMs, bench.told], [Infinity, [`probe ${TUNNEL_ID}`]]);
  // Nothing has changed since.
  bench.driver.networkChanged();
  assertEquals(bench.told.length, 1);
});

Deno.test("ClientDriver shows each server its own secret, the same each time", async () => {
  const secrets: (Uint8Array | undefined)[] = [];
  await using first = new Bench();
  await using second = new Bench();
  for (const bench of [first, second]) {
    using conn = await bench.listener.accept();
    secrets.push((await greetClient(conn, SERVER)).peer.resumeSecret);
    await until("the worker has it", () => bench.tunnels.length === 1);
  }
  first.driver.tunnelDown(TUNNEL_ID, "lost", "silent");
  using conn = await first.listener.accept();
  const again = (await greetClient(conn, SERVER)).peer.resumeSecret;
  assertEquals(again, secrets[0]);
  assertEquals(secrets.map((secret) => secret?.length), [16, 16]);
  assertEquals(secrets[0]?.toHex() === secrets[1]?.toHex(), false);
  assertEquals(secrets.some((secret) => secret?.toHex() === "07".repeat(16)), false);
});
