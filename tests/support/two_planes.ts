// A client's and a server's data plane in this thread, connected over TCP, with both ends of both links:
// everything between a host and an AC, without workers, driven step by step.

import {
  ControlLane,
  DataLane,
  EventFd,
  inNamespace,
  LinkSender,
  monotonicMs,
  Pinned,
  readInterface,
  type TlsConnection,
} from "../../ffi/mod.ts";
import { laneFilter } from "../../src/link/lane_filter.ts";
import { errno, systemError } from "../../ffi/errno.ts";
import { libc } from "../../ffi/libc.ts";
import { writeAddress } from "../../ffi/pinned.ts";
import { AF_PACKET, SOCK_CLOEXEC, SOCK_RAW, sockaddrLl, SOL_SOCKET } from "../../ffi/structs.ts";
import { Counters } from "../../src/observe/counters.ts";
import type { DataPlane } from "../../src/dataplane/data_plane.ts";
import { makePacketPlane } from "../../src/dataplane/packet_plane.ts";
import { PathMemory } from "../../src/transport/path_memory.ts";
import { TcpTransport } from "../../src/transport/tcp.ts";
import { TlsBuffers, TlsTransport } from "../../src/transport/tls.ts";
import type { Transport } from "../../src/transport/transport.ts";
import type { FromWorker, PlaneOptions } from "../../src/dataplane/messages.ts";
import { AcProtocol } from "../../src/lab/ac_protocol.ts";
import { HostProtocol } from "../../src/lab/host_protocol.ts";
import { patient } from "../../src/lab/patience.ts";
import type { Side } from "../../src/side.ts";
import { CODE, emitSession, PPP_PROTOCOL, readCode } from "../../src/wire/mod.ts";
import { TestNet } from "./namespaces.ts";
import { PLANE_DEFAULTS } from "./plane_defaults.ts";
import { TcpPair } from "./tcp_pair.ts";
import { tlsConnections } from "./tls_pair.ts";

const SO_TXTIME = 61;
const DEADLINE_MS = patient(5000);
/** The number of turns, about a second of them, after which a frame that has not come was dropped. */
export const MOST_TURNS = 200_000;
/** The maximum number of frames in one call of `Wire.burst`. */
const BURST = 64;

/** The far end of a link, used by a host or an AC. */
export class Wire {
  readonly control: ControlLane;
  readonly data: DataLane;
  readonly #sender: LinkSender;
  readonly #sendTo: { namespace: string; name: string };
  #frames = new Pinned(new Uint8Array(0));
  #frameBytes = 0;

  constructor(namespace: string, name: string) {
    const lanes = inNamespace(namespace, () => {
      const options = { interface: readInterface(name)!, promiscuous: true };
      return {
        control: ControlLane.open({ ...options, filter: laneFilter("control", true) }),
        data: DataLane.open({ ...options, filter: laneFilter("data", true) }),
      };
    });
    this.control = lanes.control;
    this.data = lanes.data;
    this.#sender = new LinkSender(lanes.data.fd, BURST);
    this.#sendTo = { namespace, name };
  }

  /** Opens a socket that sends frames with chosen stamps. */
  stamped(): StampedSender {
    const { namespace, name } = this.#sendTo;
    return inNamespace(namespace, () => new StampedSender(name));
  }

  /** Sets the frames that `burst` sends in turn; all must have the same length. */
  prepare(frames: Uint8Array[]): void {
    this.#frameBytes = frames[0].length;
    this.#frames = new Pinned(new Uint8Array(BURST * this.#frameBytes));
    for (let i = 0; i < BURST; i++) {
      this.#frames.bytes.set(frames[i % frames.length], i * this.#frameBytes);
    }
  }

  /** Sends a number of the prepared frames, at most 64. Allocates nothing. */
  burst(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#sender.push(this.#frames, i * this.#frameBytes, this.#frameBytes);
    }
    this.#sender.flush();
  }

  /** Sends one frame. */
  send(frame: Uint8Array): void {
    if (!this.#sender.send(frame)) throw new Error("Cannot send: the link refused the frame");
  }

  /** Discards the data frames that have arrived, and returns their number. Allocates nothing. */
  takeData(): number {
    let count = 0;
    for (; this.data.next(); count++) this.data.release();
    return count;
  }

  /** Takes the control frames that have arrived. */
  takeControl(): Uint8Array[] {
    const frames: Uint8Array[] = [];
    const buffer = new Uint8Array(2048);
    for (let length; (length = this.control.receive(buffer)) > 0;) {
      frames.push(buffer.slice(0, length));
    }
    return frames;
  }

  close(): void {
    this.control.close();
    this.data.close();
  }
}

/**
 * Sends frames with a departure time, which replaces the kernel's stamp: the ring at the other end of a
 * veth pair sees it as the time of arrival.
 */
export class StampedSender implements Disposable {
  readonly #fd: number;
  /** A struct msghdr, a struct iovec, and a struct cmsghdr with its value; the frame follows. */
  readonly #message = new Pinned(new Uint8Array(56 + 16 + 24 + 2048));

  constructor(name: string) {
    const info = readInterface(name)!;
    this.#fd = libc.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    const address = sockaddrLl(0, info.index);
    const options = new Uint8Array(Uint32Array.of(0, 0).buffer); // CLOCK_REALTIME, no flags
    if (
      libc.bind(this.#fd, address, address.length) < 0 ||
      libc.setsockopt(this.#fd, SOL_SOCKET, SO_TXTIME, options, options.length) < 0
    ) throw systemError(`Cannot send with a time on ${name}`, errno());
    const words = new Uint32Array(this.#message.bytes.buffer);
    const at = this.#message.address;
    writeAddress(words, 4, at + 56); // msg_iov
    words[6] = 1; // msg_iovlen
    writeAddress(words, 8, at + 72); // msg_control
    words[10] = 24; // msg_controllen
    writeAddress(words, 14, at + 96); // iov_base
    words[18] = 24; // cmsg_len
    words[20] = SOL_SOCKET; // cmsg_level
    words[21] = SO_TXTIME; // cmsg_type
  }

  /** Sends a frame with a stamp, in ms by any clock. */
  send(frame: Uint8Array, stampMs: number): void {
    const { bytes } = this.#message;
    bytes.set(frame, 96);
    new Uint32Array(bytes.buffer)[16] = frame.length; // iov_len
    const ns = BigInt(Math.floor(stampMs)) * 1_000_000n + BigInt(Math.floor(stampMs % 1 * 1e6));
    new BigUint64Array(bytes.buffer)[11] = ns;
    if (libc.sendmsg(this.#fd, bytes, 0) < 0) throw systemError("Cannot send", errno());
  }

  [Symbol.dispose](): void {
    libc.close(this.#fd);
  }
}

/** A session, as seen from its host and its AC. */
export interface OpenSession {
  hostMac: Uint8Array;
  /** The AC's address as the host sees it. */
  acSeen: Uint8Array;
  /** The host's address as the AC sees it. */
  hostSeen: Uint8Array;
  /** The session id on the host's link. */
  sessionId: number;
  /** The session id on the AC's link. */
  acSessionId: number;
}

/** Options of {@linkcode TwoPlanes.make}. */
export interface TwoPlanesOptions {
  client?: Partial<PlaneOptions>;
  server?: Partial<PlaneOptions>;
  /** True if the peers have keys, so that sessions can be held. */
  keyed?: boolean;
  /** True if both sides know that the path loses large packets. */
  smallPackets?: boolean;
  /** True if the tunnel is encrypted. */
  encrypted?: boolean;
  /** Returns the time by the clock that stamps frames. */
  wall?: () => number;
}

/** Two data planes, and everything that they need. */
export class TwoPlanes implements AsyncDisposable {
  readonly hosts: Wire;
  readonly acs: Wire;
  readonly client: DataPlane;
  readonly server: DataPlane;
  readonly counters: Record<Side, Counters> = { client: new Counters(), server: new Counters() };
  readonly messages: Record<Side, FromWorker[]> = { client: [], server: [] };
  pair: TcpPair;
  readonly #net: TestNet;
  readonly #path: string;
  readonly #wakes: EventFd[] = [];
  readonly #ac: AcProtocol;
  readonly #keyed: boolean;
  readonly #memory = new PathMemory(monotonicMs);
  readonly #encrypted: boolean;
  readonly #tls: TlsConnection[] = [];
  #tunnels = 0;

  private constructor(net: TestNet, path: string, pair: TcpPair, options: TwoPlanesOptions) {
    this.#net = net;
    this.#path = path;
    this.pair = pair;
    this.hosts = new Wire(path, "hosts");
    this.acs = new Wire(path, "acs");
    this.client = this.#plane(path, "client", options);
    this.server = this.#plane(path, "server", options);
    this.#keyed = options.keyed ?? false;
    this.#encrypted = options.encrypted ?? false;
    if (options.smallPackets) {
      const fault = { packetBytes: 1500, remedy: "small-packets", fragmentsLost: true } as const;
      this.#memory.remember("far", fault);
    }
    this.#join();
    const mac = inNamespace(path, () => readInterface("acs")!.mac.slice());
    this.#ac = new AcProtocol({ mac, name: "bras" });
  }

  static async make(options: TwoPlanesOptions = {}): Promise<TwoPlanes> {
    const net = await TestNet.make("planes");
    try {
      const namespace = await net.namespace("lab");
      for (const [far, near] of [["hosts", "lan"], ["acs", "isp"]]) {
        await net.veth({ namespace, name: far }, { namespace, name: near });
      }
      return new TwoPlanes(net, net.path(namespace), await TcpPair.make(), options);
    } catch (error) {
      await net[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Opens another socket on a plane's interface, which receives the same data frames. */
  witness(name: "lan" | "isp"): { lane: DataLane } & Disposable {
    const lane = inNamespace(this.#path, () => {
      const options = { interface: readInterface(name)!, promiscuous: true };
      return DataLane.open({ ...options, filter: laneFilter("data", true), slots: 32 });
    });
    return { lane, [Symbol.dispose]: () => lane.close() };
  }

  /** Breaks the connection, waits until both planes have noticed, and makes a new one. */
  async rejoin(): Promise<void> {
    await this.part();
    await this.pair[Symbol.asyncDispose]();
    this.pair = await TcpPair.make();
    this.#join();
  }

  /** Breaks the connection, and waits until both planes have noticed. */
  async part(): Promise<void> {
    const hasEnded = (side: Side) =>
      this.messages[side].filter(({ type }) => type === "tunnel-down").length === this.#tunnels;
    const until = (side: Side) => {
      const endMs = performance.now() + DEADLINE_MS;
      while (!hasEnded(side)) {
        if (performance.now() > endMs) throw new Error(`Cannot see the tunnel end at the ${side}`);
        this.step();
      }
    };
    await this.pair.client.closeWrite();
    until("server");
    // Its owner closes the connection once the plane has released it.
    this.pair.server.close();
    until("client");
  }

  /** Dials, breaks the connection before the AC's PADS is sent, and returns that PADS. */
  async grantedLate(): Promise<Uint8Array> {
    const mac = Uint8Array.of(2, 0, 0, 3, 0, 1);
    const host = new HostProtocol({ mac, hostUniq: mac });
    let grant: Uint8Array | undefined;
    this.hosts.send(host.dial(0));
    this.#exchange(new Map([[1, host]]), () => grant !== undefined, (frame) => {
      if (readCode(frame) !== CODE.PADS) return this.acs.send(frame);
      grant = frame;
    });
    await this.part();
    return grant!;
  }

  #join(): void {
    const id = ++this.#tunnels;
    const peer = this.#keyed ? "key" : undefined;
    const tunnel = {
      id,
      peer,
      endpoint: "far:1",
      address: "far",
      pathAddress: "far",
      legacy: false,
      received: new Uint8Array(0),
    };
    const { clientFd, serverFd } = this.pair;
    const path = { address: tunnel.pathAddress, memory: this.#memory };
    const tcp = (fd: number) => new TcpTransport(fd, undefined, path);
    let transport: (fd: number) => Transport = tcp;
    if (this.#encrypted) {
      const { client, server } = tlsConnections();
      this.#tls.push(client, server);
      const buffers = new TlsBuffers();
      transport = (fd) => new TlsTransport(tcp(fd), fd === clientFd ? client : server, buffers);
    }
    this.client.addTunnel({ ...tunnel, name: "s" }, transport(clientFd));
    this.server.addTunnel({ ...tunnel, name: "c" }, transport(serverFd));
  }

  /** Makes one turn of each plane. */
  step(): void {
    this.client.step(0);
    this.server.step(0);
  }

  /** Opens sessions one after the other, each with its own host. */
  open(count: number): OpenSession[] {
    const sessions: OpenSession[] = [];
    for (let n = 1; n <= count; n++) {
      const hostMac = Uint8Array.of(2, 0, 0, 1, n >>> 8, n);
      const host = new HostProtocol({ mac: hostMac, hostUniq: hostMac });
      this.hosts.send(host.dial(0));
      const endMs = performance.now() + DEADLINE_MS;
      while (host.state !== "open") {
        if (performance.now() > endMs) throw new Error(`Cannot open a session: ${host.state}`);
        this.step();
        for (const frame of this.acs.takeControl()) {
          for (const answer of this.#ac.receive(frame, 0)) this.acs.send(answer);
        }
        for (const frame of this.hosts.takeControl()) {
          const answer = host.receive(frame, 0);
          if (answer !== undefined) this.hosts.send(answer);
        }
      }
      const [acSession] = [...this.#ac.sessions.values()].slice(-1);
      sessions.push({
        hostMac,
        acSeen: host.offer!.mac,
        hostSeen: acSession.host,
        sessionId: host.sessionId,
        acSessionId: acSession.sessionId,
      });
    }
    return sessions;
  }

  /** Opens up to 250 sessions at once, then closes half of them from each side. */
  cycle(count: number): void {
    const hosts = new Map<number, HostProtocol>();
    const { sessions } = this.#ac;
    const others = new Set(sessions.keys());
    for (let n = 1; n <= count; n++) {
      const mac = Uint8Array.of(2, 0, 0, 2, 0, n);
      const host = new HostProtocol({ mac, hostUniq: mac });
      hosts.set(n, host);
      this.hosts.send(host.dial(0));
    }
    const all = [...hosts.values()];
    this.#exchange(hosts, () => all.every(({ state }) => state === "open"));
    const opened = [...sessions.keys()].filter((id) => !others.has(id));
    all.forEach((host, i) => {
      if (i % 2 === 0) this.hosts.send(host.hangUp()!);
    });
    this.#exchange(hosts, () => sessions.size <= others.size + count / 2);
    for (const id of opened) if (sessions.has(id)) this.acs.send(this.#ac.hangUp(id));
    this.#exchange(hosts, () => all.every(({ state }) => state === "closed"));
  }

  // Carries discovery frames between hosts, by the last byte of their addresses, and the AC.
  #exchange(
    hosts: Map<number, HostProtocol>,
    done: () => boolean,
    fromAc = (frame: Uint8Array) => this.acs.send(frame),
  ): void {
    const endMs = performance.now() + DEADLINE_MS;
    while (!done()) {
      if (performance.now() > endMs) throw new Error("Cannot open and close sessions in time");
      this.step();
      for (const frame of this.acs.takeControl()) {
        for (const answer of this.#ac.receive(frame, 0)) fromAc(answer);
      }
      for (const frame of this.hosts.takeControl()) {
        const answer = hosts.get(frame[5])?.receive(frame, 0);
        if (answer !== undefined) this.hosts.send(answer);
      }
    }
  }

  /** Makes a session frame from a host, with a given total length. */
  fromHost(
    { hostMac, acSeen, sessionId }: OpenSession,
    length: number,
    protocol: number = PPP_PROTOCOL.IPV4,
  ): Uint8Array {
    return sessionFrame(acSeen, hostMac, sessionId, length, protocol);
  }

  /** Makes a session frame from the AC, with a given total length. */
  fromAc(
    { hostSeen, acSessionId }: OpenSession,
    length: number,
    protocol: number = PPP_PROTOCOL.IPV4,
  ): Uint8Array {
    return sessionFrame(hostSeen, this.#ac.options.mac, acSessionId, length, protocol);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.dispose();
    this.server.dispose();
    for (const wake of this.#wakes) wake.close();
    for (const connection of this.#tls) connection.free();
    this.hosts.close();
    this.acs.close();
    await this.pair[Symbol.asyncDispose]();
    await this.#net[Symbol.asyncDispose]();
  }

  #plane(path: string, side: Side, options: TwoPlanesOptions): DataPlane {
    const wake = EventFd.open();
    this.#wakes.push(wake);
    const all: PlaneOptions = {
      side,
      interfaceName: side === "client" ? "lan" : "isp",
      mac: "own",
      ...PLANE_DEFAULTS,
      ...options[side],
    };
    return inNamespace(path, () => {
      const plane = makePacketPlane(all, {
        counters: this.counters[side],
        wakeFd: wake.fd,
        post: (messages) => this.messages[side].push(...messages),
        now: () => performance.now(),
        wall: options.wall,
      });
      plane.start();
      return plane;
    });
  }
}

function sessionFrame(
  destination: Uint8Array,
  source: Uint8Array,
  sessionId: number,
  length: number,
  protocol: number,
): Uint8Array {
  const headers = 22; // Ethernet, PPPoE, PPP
  const payload = new Uint8Array(length - headers);
  return emitSession({ destination, source, sessionId, protocol, payload });
}
