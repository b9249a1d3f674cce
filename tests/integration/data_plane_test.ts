// The data plane without its worker, on a real interface and a real connection.
import { assert, assertEquals } from "@std/assert";
import {
  ControlLane,
  EventFd,
  findSocket,
  inNamespace,
  LinkSender,
  POLLIN,
  PollSet,
  readInterface,
} from "../../ffi/mod.ts";
import { laneFilter } from "../../src/link/lane_filter.ts";
import { Counters } from "../../src/observe/counters.ts";
import type { DataPlane } from "../../src/dataplane/data_plane.ts";
import { makePacketPlane } from "../../src/dataplane/packet_plane.ts";
import { TcpTransport } from "../../src/transport/tcp.ts";
import type { FromWorker, PlaneOptions } from "../../src/dataplane/messages.ts";
import { patient } from "../../src/lab/patience.ts";
import type { SessionStatus, TunnelStatus } from "../../src/observe/status.ts";
import type { SessionRecord } from "../../src/state/mod.ts";
import { CHANNEL_SIZES } from "../../src/tunnel/channel.ts";
import {
  CODE,
  emitDiscovery,
  emitSession,
  encodeFrame,
  ETH_BROADCAST,
  FRAME,
  parseDiscovery,
  parseMac,
  PPP_PROTOCOL,
  readCode,
  readHeader,
  SESSION_LIST_MAX,
  TAG,
  textTag,
} from "../../src/wire/mod.ts";
import { TestNet } from "../support/namespaces.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { TwoPlanes } from "../support/two_planes.ts";

const noNet = whyNot("linux", "root", "iproute2", "namespaces");

const OURS = "02:00:00:00:00:0a";
const HOST = parseMac("02:00:00:00:00:01");
const AC = parseMac("02:00:00:00:00:ac");
const DEADLINE_MS = patient(5000);

const OPTIONS: Omit<PlaneOptions, "interfaceName"> = {
  side: "client",
  mac: "own",
  idleMs: 0,
  deadMs: 0,
  graceMs: 0,
  pingMs: 1000,
  tunnelDeadMs: 3000,
  debug: false,
  ...CHANNEL_SIZES,
};

/** A client's data plane in a namespace, with the far ends of its link and its tunnel. */
class Bench implements AsyncDisposable {
  readonly counters = new Counters();
  readonly messages: FromWorker[] = [];
  readonly #net: TestNet;
  readonly #ns: string;
  readonly #path: string;
  readonly #plane: DataPlane;
  readonly #wake = EventFd.open();
  readonly #lane: ControlLane;
  readonly #sender: LinkSender;
  #conns: Deno.TcpConn[] = [];
  #read = new Uint8Array(0);

  static async make(over: Partial<PlaneOptions> = {}): Promise<Bench> {
    const net = await TestNet.make("plane");
    const ns = await net.namespace("link");
    await net.veth({ namespace: ns, name: "ours", mac: OURS }, { namespace: ns, name: "hosts" });
    return new Bench(net, ns, over);
  }

  private constructor(net: TestNet, ns: string, over: Partial<PlaneOptions>) {
    this.#net = net;
    this.#ns = ns;
    const path = this.#path = net.path(ns);
    // The test must open its socket first, so that it receives the plane's first frame.
    this.#lane = inNamespace(
      path,
      () =>
        ControlLane.open({
          interface: readInterface("hosts")!,
          filter: laneFilter("control", true),
          promiscuous: true,
        }),
    );
    this.#plane = inNamespace(
      path,
      () =>
        makePacketPlane({ ...OPTIONS, interfaceName: "ours", ...over }, {
          counters: this.counters,
          wakeFd: this.#wake.fd,
          post: (messages) => this.messages.push(...messages),
          now: () => performance.now(),
        }),
    );
    this.#plane.start();
    this.#sender = new LinkSender(this.#lane.fd);
  }

  async connect(id: number): Promise<Deno.TcpConn> {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const [near, far] = await Promise.all([
      Deno.connect({ hostname: "127.0.0.1", port }),
      listener.accept(),
    ]);
    listener.close();
    this.#conns.push(near, far);
    const fd = findSocket(near.localAddr as Deno.NetAddr, near.remoteAddr as Deno.NetAddr);
    const received = new Uint8Array(0);
    this.#plane.addTunnel({
      id,
      peer: undefined,
      name: "far",
      endpoint: "far:1",
      address: "far",
      pathAddress: "far",
      legacy: false,
      received,
    }, new TcpTransport(fd));
    return far;
  }

  step(timeoutMs = 0): void {
    inNamespace(this.#path, () => this.#plane.step(timeoutMs));
  }

  stop(): void {
    inNamespace(this.#path, () => {
      this.#plane.stop(false);
      while (!this.#plane.stopped) this.#plane.step(1000);
    });
  }

  /** Slows down the plane's end of the link, behind a queue with room for all frames. */
  async slow(rate: string): Promise<void> {
    const shape = ["tbf", "rate", rate, "burst", "4kb", "limit", "64mb"];
    const args = ["-n", this.#ns, "qdisc", "add", "dev", "ours", "root", ...shape];
    const { success, stderr } = await new Deno.Command("tc", { args }).output();
    assert(success, new TextDecoder().decode(stderr));
  }

  get stopped(): boolean {
    return this.#plane.stopped;
  }

  /** Makes turns until the far end has acknowledged all frames. */
  untilCarried(): void {
    const deadlineMs = performance.now() + DEADLINE_MS;
    const queued = () =>
      Object.values(this.#plane.totals().balance.fromLink).some((one) => one.queued > 0);
    while (queued()) {
      assert(performance.now() < deadlineMs, "frames stay under way");
      this.step();
    }
  }

  /** Returns the sessions in a snapshot. */
  sessions(): SessionStatus[] {
    return this.#snapshot().sessions;
  }

  /** Returns the tunnels in a snapshot. */
  tunnels(): TunnelStatus[] {
    return this.#snapshot().tunnels;
  }

  #snapshot(): { sessions: SessionStatus[]; tunnels: TunnelStatus[] } {
    this.#plane.query(1);
    const from = this.messages.length;
    for (;;) {
      this.step();
      const parts = this.messages.slice(from).filter((message) =>
        message.type === "snapshot" || message.type === "snapshot-part"
      );
      const last = parts.at(-1);
      if (last?.type === "snapshot") {
        return { tunnels: last.tunnels, sessions: parts.flatMap(({ sessions }) => sessions) };
      }
    }
  }

  get wake(): EventFd {
    return this.#wake;
  }

  /** Sends a frame from the hosts' end of the link. */
  send(frame: Uint8Array): void {
    assert(this.#sender.send(frame), "the hosts' link accepts the frame");
  }

  /** Runs the plane until a frame reaches the hosts' end of the link, and returns the frame. */
  receive(): Uint8Array {
    const frame = new Uint8Array(2048);
    const set = new PollSet(1);
    set.add(this.#lane.fd, POLLIN);
    for (const end = performance.now() + DEADLINE_MS; performance.now() < end;) {
      this.step();
      if (set.wait(10) > 0) return frame.subarray(0, this.#lane.receive(frame));
    }
    throw new Error("No frame reached the hosts' link");
  }

  /** Returns true if another frame has reached the hosts' end of the link. */
  get waiting(): boolean {
    const set = new PollSet(1);
    set.add(this.#lane.fd, POLLIN);
    return set.wait(0) > 0;
  }

  /** Runs the plane until a frame other than a ping leaves through the tunnel, and returns the frame. */
  async leaving(far: Deno.TcpConn): Promise<{ type: number; payload: Uint8Array }> {
    const header = { type: 0, length: 0 };
    for (;;) {
      const size = readHeader(this.#read, 0, this.#read.length, header);
      const end = size + header.length;
      if (size > 0 && end <= this.#read.length) {
        const payload = this.#read.slice(size, end);
        this.#read = this.#read.slice(end);
        if (header.type === FRAME.PING || header.type === FRAME.STATE) continue;
        return { type: header.type, payload };
      }
      this.step();
      const chunk = new Uint8Array(65536);
      const count = await far.read(chunk);
      if (count === null) throw new Error("The tunnel was closed");
      this.#read = Uint8Array.from([...this.#read, ...chunk.subarray(0, count)]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#plane.dispose();
    this.#lane.close();
    this.#wake.close();
    for (const conn of this.#conns) conn.close();
    await this.#net[Symbol.asyncDispose]();
  }
}

const padi = emitDiscovery({
  destination: ETH_BROADCAST,
  source: HOST,
  code: CODE.PADI,
  sessionId: 0,
  tags: [textTag(TAG.SERVICE_NAME, ""), textTag(TAG.HOST_UNIQ, "h1")],
});

function toHost(code: number, sessionId = 0): Uint8Array<ArrayBuffer> {
  const tags = [textTag(TAG.SERVICE_NAME, ""), textTag(TAG.HOST_UNIQ, "h1")];
  return encodeFrame(
    FRAME.DISCOVERY,
    emitDiscovery({ destination: HOST, source: AC, code, sessionId, tags }),
  );
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

async function openSession(bench: Bench, far: Deno.TcpConn): Promise<void> {
  bench.send(padi);
  await bench.leaving(far);
  await far.write(toHost(CODE.PADO));
  bench.receive();
  bench.send(emitDiscovery({
    destination: parseMac(OURS),
    source: HOST,
    code: CODE.PADR,
    sessionId: 0,
    tags: [textTag(TAG.SERVICE_NAME, ""), textTag(TAG.HOST_UNIQ, "h1")],
  }));
  await bench.leaving(far);
  await far.write(toHost(CODE.PADS, 7));
  bench.receive();
}

testUnless(noNet, "DataPlane.step() carries discovery and session frames both ways", async () => {
  await using bench = await Bench.make();
  const far = await bench.connect(1);

  bench.send(padi);
  const up = await bench.leaving(far);
  assertEquals(up.type, FRAME.DISCOVERY);
  assertEquals(up.payload, padi);

  await openSession(bench, far);
  const data = (destination: Uint8Array, source: Uint8Array) =>
    emitSession({
      destination,
      source,
      sessionId: 7,
      protocol: PPP_PROTOCOL.IPV4,
      payload: new Uint8Array(1000).fill(0x5a),
    });
  bench.send(data(parseMac(OURS), HOST));
  const carried = await bench.leaving(far);
  assertEquals(carried.type, FRAME.SESSION);
  assertEquals(carried.payload, data(AC, HOST));

  const echo = { sessionId: 7, protocol: PPP_PROTOCOL.LCP, payload: Uint8Array.of(10, 1, 0, 4) };
  await far.write(
    encodeFrame(FRAME.SESSION, emitSession({ ...echo, destination: HOST, source: AC })),
  );
  assertEquals(
    bench.receive(),
    emitSession({ ...echo, destination: HOST, source: parseMac(OURS) }),
  );
  bench.untilCarried();
  const { frames, drops } = bench.counters.read();
  assertEquals(frames.fromLink, { discovery: 3, session: 1 });
  assertEquals(frames.fromTunnel, { discovery: 2, session: 1 });
  assertEquals(Object.values(drops).filter((count) => count > 0), []);
});

testUnless(noNet, "DataPlane.step() loses no PADT when data has filled the link", async () => {
  await using bench = await Bench.make();
  const far = await bench.connect(1);
  await openSession(bench, far);
  await bench.slow("20mbit");
  const data = encodeFrame(
    FRAME.SESSION,
    emitSession({
      destination: HOST,
      source: AC,
      sessionId: 7,
      protocol: PPP_PROTOCOL.IPV4,
      payload: new Uint8Array(1400),
    }),
  );
  // These are more frames than fit a packet socket's send buffer.
  const frames = 6000;
  const sending = (async () => {
    for (let sent = 0; sent < frames; sent += 100) {
      await writeAll(far, Uint8Array.from(Array(100).fill([...data]).flat()));
    }
    await writeAll(far, toHost(CODE.PADT, 7));
  })();
  while (bench.sessions().length > 0) {
    bench.step();
    await new Promise((resolve) => setTimeout(resolve));
  }
  await sending;
  assert(bench.counters.read().drops["link-full"] > 0, "the link was full");
  // Skip the frames that still wait in the queue.
  assertEquals(parseDiscovery(bench.receive())?.code, CODE.PADT);
});

testUnless(noNet, "DataPlane.step() tells the host when the tunnel breaks", async () => {
  await using bench = await Bench.make();
  const far = await bench.connect(1);
  await openSession(bench, far);
  far.closeWrite();
  const frame = bench.receive();
  assertEquals(parseDiscovery(frame)?.code, CODE.PADT);
  assertEquals(parseDiscovery(frame)?.sessionId, 7);
  assertEquals(bench.sessions(), []);
  const ended = bench.messages.find((message) => message.type === "tunnel-down");
  assertEquals(ended?.reason, "the peer closed the connection");
  const closed = bench.messages.find((message) => message.type === "session-closed");
  assertEquals(closed?.session.tunnel, "far");
});

testUnless(noNet, "DataPlane.step() serves several busy tunnels in turn", async () => {
  await using bench = await Bench.make();
  const fars: Deno.TcpConn[] = [];
  for (let id = 1; id <= 5; id++) fars.push(await bench.connect(id));
  bench.step();
  const frame = encodeFrame(
    FRAME.SESSION,
    emitSession({
      destination: HOST,
      source: AC,
      sessionId: 9,
      protocol: PPP_PROTOCOL.IPV4,
      payload: new Uint8Array(20),
    }),
  );
  const many = Uint8Array.from(Array(1500).fill([...frame]).flat());
  // All tunnels are busy except the first.
  for (const far of fars.slice(1)) await writeAll(far, many);
  let before = bench.counters.read().drops["unknown-session"];
  for (let turn = 1; turn <= 4; turn++) {
    bench.step();
    const all = bench.counters.read().drops["unknown-session"];
    // Those that have sent nothing else wait for their turn, and have a share of their own.
    assert(all - before <= 1024 + 512, `${all - before} frames in one turn`);
    before = all;
  }
  // A turn ends early on a busy machine, and the next one begins with the next tunnel.
  const tunnels = bench.tunnels().slice(1).map(({ framesIn }) => framesIn);
  assert(tunnels.every((framesIn) => framesIn >= 32), `${tunnels} frames of each were taken`);
});

testUnless(noNet, "DataPlane.step() ends its wait when it is woken up", async () => {
  await using bench = await Bench.make();
  bench.wake.signal();
  const since = performance.now();
  bench.step(10_000);
  assert(performance.now() - since < 900, "the wait ended at once");
  assertEquals(bench.wake.drain(), false);
});

testUnless(
  noNet,
  "DataPlane.stop() closes the sessions on both sides, and says goodbye",
  async () => {
    await using bench = await Bench.make();
    const far = await bench.connect(1);
    await openSession(bench, far);
    bench.stop();
    const padt = await bench.leaving(far);
    assertEquals(parseDiscovery(padt.payload)?.code, CODE.PADT);
    assertEquals((await bench.leaving(far)).type, FRAME.GOODBYE);
    assertEquals(parseDiscovery(bench.receive())?.code, CODE.PADT);
    assert(bench.stopped);
  },
);

testUnless(
  noNet,
  "DataPlane resumes thousands of sessions over another connection, and loses none",
  async () => {
    const graceMs = 60_000;
    const options = { keyed: true, client: { graceMs }, server: { graceMs } };
    await using planes = await TwoPlanes.make(options);
    const [first] = planes.open(1);
    const count = SESSION_LIST_MAX + 10;
    planes.open(count - 1);
    await planes.rejoin();
    // The first frames through the new connection follow the session lists.
    planes.hosts.send(planes.fromHost(first, 100));
    planes.acs.send(planes.fromAc(first, 100));
    const endMs = performance.now() + DEADLINE_MS;
    for (let up = 0, down = 0; up === 0 || down === 0;) {
      assert(performance.now() < endMs, `${up} frames came up, ${down} down`);
      planes.step();
      up += planes.acs.takeData();
      down += planes.hosts.takeData();
    }
    for (const side of ["client", "server"] as const) {
      const closed = planes.messages[side].filter(({ type }) => type === "session-closed");
      assertEquals(closed.length, 0);
      const held = planes.messages[side].filter((message) => message.type === "held");
      assertEquals(held, [{ type: "held", peer: "key", sessions: count }]);
      assertEquals(planes.counters[side].read().drops["no-tunnel"], 0);
    }
  },
);

testUnless(noNet, "DataPlane reports a session that opens while its client is away", async () => {
  const grace = { graceMs: 60_000 };
  await using planes = await TwoPlanes.make({ keyed: true, client: grace, server: grace });
  const grant = await planes.grantedLate();
  planes.acs.send(grant);
  const held = () => planes.messages.server.filter(({ type }) => type === "held");
  const endMs = performance.now() + DEADLINE_MS;
  while (held().length < 2) {
    assert(performance.now() < endMs, JSON.stringify(held()));
    planes.step();
  }
  assertEquals(held(), [
    { type: "held", peer: "key", sessions: 0 },
    { type: "held", peer: "key", sessions: 1 },
  ]);
});

testUnless(
  noNet,
  "DataPlane.stop() closes the sessions that it should keep, if it cannot keep them",
  async () => {
    const path = await Deno.makeTempDir({ prefix: "test-plane-" });
    try {
      // No segment can be made, now or later.
      Deno.mkdirSync(`${path}/changes.1.jsonl/not-empty`, { recursive: true });
      const state = {
        path,
        segment: 1,
        nextSerial: 1,
        sessions: [],
        undelivered: [],
        silentMs: 0,
        away: new Map(),
        secret: new Uint8Array(16),
      };
      const grace = { graceMs: 60_000 };
      const options = { keyed: true, client: grace, server: { ...grace, state } };
      await using planes = await TwoPlanes.make(options);
      planes.open(2);
      planes.server.stop(true);
      while (!planes.server.stopped) planes.step();
      const padts = planes.acs.takeControl().filter((frame) => readCode(frame) === CODE.PADT);
      assertEquals(padts.length, 2);
      const notices = planes.messages.server.flatMap((message) =>
        message.type === "notice" && message.notice.id === "sessions-not-kept"
          ? [message.notice.path]
          : []
      );
      assertEquals(notices, [path]);
    } finally {
      await Deno.remove(path, { recursive: true });
    }
  },
);

testUnless(
  noNet,
  "DataPlane.start() restores the sessions of an earlier run, and closes the others once",
  async () => {
    const path = await Deno.makeTempDir({ prefix: "test-plane-" });
    try {
      const ours = parseMac(OURS);
      const record = (id: number, peer: string, shownMac: Uint8Array): SessionRecord => {
        const ids = { serial: id, tunnelId: id, linkId: id };
        const macs = { nearMac: HOST, farMac: AC, shownMac };
        return { ...ids, ...macs, peer, name: "far", openedAtMs: Date.now() };
      };
      const before = parseMac("02:00:00:00:00:0b");
      const sessions = [
        record(1, "key", ours),
        // The interface had another address in the earlier run.
        record(2, "key", before),
        // This shown address comes from --mac transparent.
        record(3, "key", AC),
        // The peer of this session is unknown.
        record(4, "", ours),
      ];
      const state = {
        path,
        segment: 1,
        nextSerial: 5,
        sessions,
        undelivered: [],
        silentMs: 5000,
        away: new Map(),
        secret: new Uint8Array(16),
      };
      const startMs = Date.now();
      await using bench = await Bench.make({ graceMs: 60_000, state });
      const madeMs = Date.now();
      const padts = [[before, 2], [AC, 3], [ours, 4]] as const;
      for (const [source, sessionId] of padts) {
        const padt = { source, destination: HOST, code: CODE.PADT, sessionId, tags: [] };
        assertEquals(bench.receive(), emitDiscovery(padt));
      }
      // A repeated PADT would arrive with the next tick.
      const endMs = performance.now() + 1100;
      while (performance.now() < endMs) bench.step(10);
      assertEquals(bench.waiting, false);
      assertEquals(bench.sessions().map(({ sessionId, state }) => [sessionId, state]), [
        [1, "held"],
      ]);
      const lines = Deno.readTextFileSync(`${path}/changes.1.jsonl`).trimEnd().split("\n");
      const { away } = JSON.parse(lines.pop()!);
      assertEquals(lines, ['{"close":2}', '{"close":3}', '{"close":4}']);
      assertEquals(away.remote, "key");
      // Its grace time began when the earlier process fell silent.
      const sinceMs = Date.parse(away.since) + state.silentMs;
      assert(sinceMs >= startMs - 1 && sinceMs <= madeMs + 1, away.since);
    } finally {
      await Deno.remove(path, { recursive: true });
    }
  },
);
