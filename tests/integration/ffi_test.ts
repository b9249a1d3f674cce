// The link's lanes, the sender and the watch on real interfaces, in network namespaces.
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ControlLane,
  DataLane,
  inNamespace,
  InterfaceWatch,
  type LaneOptions,
  LinkSender,
  listInterfaces,
  type MacvlanMode,
  NetworkWatch,
  Pinned,
  POLLERR,
  POLLIN,
  PollSet,
  readInterface,
  readLinkKind,
  routeTo,
  SystemError,
  VlanFrames,
} from "../../ffi/mod.ts";
import { laneFilter, vlanFilter } from "../../src/link/lane_filter.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { hasProgram, testUnless, whyNot } from "../support/skip.ts";
import { TestNet } from "../support/namespaces.ts";

const noNet = whyNot("linux", "root", "iproute2", "namespaces");

const BROADCAST = "ff:ff:ff:ff:ff:ff";
const NEAR = "02:00:00:00:0a:01";
const FAR = "02:00:00:00:0b:01";
const MACVLAN = "02:00:00:00:0b:02";
const FOREIGN = "02:00:00:00:0f:0f";
const DISCOVERY = 0x8863;
const SESSION = 0x8864;
const IPV4 = 0x0021;
const LCP = 0xc021;

function frame(
  destination: string,
  etherType: number,
  body: number[] = [],
): Uint8Array<ArrayBuffer> {
  const macs = [destination, NEAR].flatMap((mac) =>
    mac.split(":").map((byte) => parseInt(byte, 16))
  );
  return Uint8Array.from([...macs, etherType >> 8, etherType & 0xff, ...body]);
}

function padi(destination = BROADCAST): Uint8Array<ArrayBuffer> {
  return frame(destination, DISCOVERY, [0x11, 0x09, 0, 0, 0, 4, 1, 1, 0, 0]);
}

function session(destination: string, protocol: number, length = 60): Uint8Array<ArrayBuffer> {
  const header = [
    0x11,
    0,
    0,
    1,
    (length - 20) >> 8,
    (length - 20) & 0xff,
    protocol >> 8,
    protocol & 0xff,
  ];
  const filler = Array.from({ length: length - 22 }, (_, i) => i & 0xff);
  return frame(destination, SESSION, [...header, ...filler]);
}

type Tag = [protocol: number, tci: number];

/** Inserts VLAN tags after the addresses of a frame. */
function tagged(inner: Uint8Array, ...tags: Tag[]): Uint8Array<ArrayBuffer> {
  const bytes = tags.flatMap(([protocol, tci]) => [
    protocol >> 8,
    protocol & 0xff,
    tci >> 8,
    tci & 0xff,
  ]);
  return Uint8Array.from([...inner.subarray(0, 12), ...bytes, ...inner.subarray(12)]);
}

/** Two connected interfaces: `near` sends, and the lanes under test are at `far`. */
class Wire implements AsyncDisposable {
  readonly #open: { close(): void }[] = [];

  private constructor(
    readonly net: TestNet,
    readonly nearSpace: string,
    readonly farSpace: string,
    /** The interface under test. */
    readonly far: string,
  ) {}

  /** Makes a veth pair; with `macvlan`, the far interface is a macvlan on the pair's far end. */
  static async make(kind: "veth" | "macvlan" = "veth", mode?: MacvlanMode): Promise<Wire> {
    const net = await TestNet.make("ffi");
    try {
      const [near, far] = [await net.namespace("near"), await net.namespace("far")];
      await net.veth(
        { namespace: near, name: "eth0", mac: NEAR },
        { namespace: far, name: "eth0", mac: FAR },
      );
      if (kind === "macvlan") {
        await net.macvlan({ namespace: far, name: "mv0", mac: MACVLAN }, "eth0", mode);
      }
      return new Wire(net, near, far, kind === "macvlan" ? "mv0" : "eth0");
    } catch (error) {
      await net[Symbol.asyncDispose]();
      throw error;
    }
  }

  atNear<T>(f: () => T): T {
    return inNamespace(this.net.path(this.nearSpace), f);
  }

  atFar<T>(f: () => T): T {
    return inNamespace(this.net.path(this.farSpace), f);
  }

  /** Opens a sender at the near end, with its own lane. */
  sender(capacity?: number): LinkSender {
    return new LinkSender(this.control({}, this.nearSpace, "eth0").fd, capacity);
  }

  control(options: Partial<LaneOptions> = {}, space = this.farSpace, name = this.far): ControlLane {
    return this.#lane(
      ControlLane,
      { filter: laneFilter("control", options.promiscuous), ...options },
      space,
      name,
    );
  }

  vlans({ promiscuous = false } = {}): VlanFrames {
    const vlans = this.atFar(() =>
      VlanFrames.open({ interface: readInterface(this.far)!, filter: vlanFilter(promiscuous) })
    );
    this.#open.push(vlans);
    return vlans;
  }

  data(options: Partial<LaneOptions> = {}, space = this.farSpace, name = this.far): DataLane {
    return this.#lane(
      DataLane,
      { filter: laneFilter("data", options.promiscuous), ...options },
      space,
      name,
    );
  }

  #lane<T extends { close(): void }>(
    kind: { open(options: LaneOptions): T },
    options: Partial<LaneOptions> & Pick<LaneOptions, "filter">,
    space: string,
    name: string,
  ): T {
    const lane = inNamespace(this.net.path(space), () => {
      return kind.open({ interface: readInterface(name)!, promiscuous: false, ...options });
    });
    this.#open.push(lane);
    return lane;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const lane of this.#open) lane.close();
    await this.net[Symbol.asyncDispose]();
  }
}

async function readable(fd: number): Promise<void> {
  const set = new PollSet(1);
  set.add(fd, POLLIN);
  assertEquals(await set.waitAsync(10_000), 1, "nothing arrived");
}

/** Returns the events that poll reports for a descriptor now. */
function polled(fd: number): number {
  const set = new PollSet(1);
  const index = set.add(fd, POLLIN);
  set.wait(0);
  return set.ready(index);
}

/** Takes frames from a lane until one equals `last`, which was sent after them. */
async function until(lane: ControlLane | DataLane, last: Uint8Array): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  for (;;) {
    const next = lane instanceof ControlLane ? takeControl(lane) : takeData(lane);
    if (next === undefined) await readable(lane.fd);
    else if (next.toHex() === last.toHex()) return frames;
    else frames.push(next);
  }
}

function takeControl(lane: ControlLane): Uint8Array | undefined {
  const buffer = new Uint8Array(2048);
  const length = lane.receive(buffer);
  assert(length >= 0 && length <= buffer.length);
  return length === 0 ? undefined : buffer.slice(0, length);
}

function takeData(lane: DataLane): Uint8Array | undefined {
  if (!lane.next()) return undefined;
  const frame = lane.memory.slice(lane.offset, lane.offset + lane.length);
  lane.release();
  return frame;
}

const lastControl = frame(BROADCAST, DISCOVERY, [0x11, 0xa7, 0xff, 0xff, 0, 0]);
const lastData = frame(BROADCAST, SESSION, [0x11, 0, 0xff, 0xff, 0, 2, 0, 0x57]);

/**
 * Sends frames and returns those that each lane takes, sorted: a macvlan delivers broadcasts later than
 * frames to its own address, but in order, so that the last frame arrives last.
 */
async function seen(
  sender: LinkSender,
  frames: Uint8Array[],
  control: ControlLane,
  data: DataLane,
): Promise<{ control: Uint8Array[]; data: Uint8Array[] }> {
  for (const frame of [...frames, lastControl, lastData]) assert(sender.send(frame));
  return {
    control: sorted(await until(control, lastControl)),
    data: sorted(await until(data, lastData)),
  };
}

function sorted(frames: Uint8Array[]): Uint8Array[] {
  return frames.toSorted((a, b) => a.toHex() < b.toHex() ? -1 : 1);
}

for (const kind of ["veth", "macvlan"] as const) {
  const own = kind === "veth" ? FAR : MACVLAN;

  testUnless(noNet, `lanes split control from data on ${kind}`, async () => {
    await using wire = await Wire.make(kind);
    const [control, data] = [wire.control(), wire.data()];
    const short = frame(own, SESSION, [0x11, 0, 0, 1, 0, 0]);
    const frames = [
      padi(),
      session(own, LCP),
      session(own, IPV4, 1514),
      padi(own),
      short,
      session(own, 0x8021),
      session(own, 0x0057),
      frame(own, 0x0800, [0x45, 0, 0, 20]),
      frame(BROADCAST, 0x0806, [0, 1]),
    ];
    assertEquals(await seen(wire.sender(), frames, control, data), {
      control: sorted([padi(), session(own, LCP), padi(own), session(own, 0x8021)]),
      data: sorted([session(own, IPV4, 1514), short, session(own, 0x0057)]),
    });
  });

  testUnless(noNet, `lanes do not take frames for a foreign address on ${kind}`, async () => {
    await using wire = await Wire.make(kind);
    const foreign = [padi(FOREIGN), session(FOREIGN, LCP), session(FOREIGN, IPV4)];
    const [control, data] = [wire.control(), wire.data()];
    const taken = await seen(wire.sender(), foreign, control, data);
    assertEquals(taken, { control: [], data: [] });
  });

  testUnless(noNet, `lanes take frames whose VLAN tag has only a priority on ${kind}`, async () => {
    await using wire = await Wire.make(kind);
    const frames = [padi(), padi(own), session(own, LCP), session(own, IPV4)];
    for (const promiscuous of [false, true]) {
      const [control, data] = [wire.control({ promiscuous }), wire.data({ promiscuous })];
      const prioritised = [
        ...frames.map((frame) => tagged(frame, [0x8100, 0xe000])),
        ...frames.map((frame) => tagged(frame, [0x88a8, 0])),
      ];
      // The tag has been removed.
      assertEquals(await seen(wire.sender(), prioritised, control, data), {
        control: sorted([...frames.slice(0, 3), ...frames.slice(0, 3)]),
        data: [frames[3], frames[3]],
      });
    }
  });

  testUnless(
    noNet,
    `VlanFrames counts PPPoE frames of VLANs on ${kind}, and returns one VLAN`,
    async () => {
      await using wire = await Wire.make(kind);
      const frames = [padi(), padi(own), session(own, LCP), session(own, IPV4, 1500)];
      const foreign = session(FOREIGN, IPV4);
      const vlans = wire.vlans();
      const sender = wire.sender();
      const all = kind === "veth" ? wire.vlans({ promiscuous: true }) : undefined;
      const [control, data] = [wire.control(), wire.data()];
      const sent: [tags: Tag[], id: number, provider: boolean][] = [
        [[[0x8100, 7]], 7, false],
        [[[0x8100, 0xf000 | 4094]], 4094, false],
        [[[0x88a8, 100]], 100, true],
        [[[0x88a8, 100], [0x8100, 7]], 100, true],
        [[[0x8100, 0xe000], [0x8100, 7]], 7, false],
        [[[0x8100, 0xe000], [0x88a8, 0], [0x8100, 7]], 7, false],
        [[[0x8100, 0], [0x8100, 0xe000]], 0, false],
      ];
      let count = 0;
      for (const [tags, id, provider] of sent) {
        const others = [frame(own, 0x0800, [0x45]), frame(BROADCAST, 0x0806, [0, 1])];
        const burst = [...frames, foreign, ...others].map((frame) => tagged(frame, ...tags));
        // These are more frames than there is room for.
        for (let i = 0; i < 10; i++) for (const frame of burst) sender.send(frame);
        await seen(sender, [], control, data);
        count += 10 * frames.length;
        assertEquals(vlans.count(), count);
        assertEquals(vlans.take(), { id, provider });
        assertEquals(vlans.take(), undefined);
        if (all !== undefined) {
          assertEquals(all.count(), count + count / frames.length);
          assertEquals(all.take(), { id, provider });
        }
      }
      assertEquals((await seen(sender, frames, control, data)).data.length, 1);
      assertEquals([vlans.count(), vlans.take()], [count, undefined]);
      vlans.close();
      assertEquals([vlans.count(), vlans.take()], [count, undefined]);
    },
  );

  testUnless(noNet, `lanes do not take frames of a VLAN on ${kind}`, async () => {
    await using wire = await Wire.make(kind);
    const frames = [padi(), padi(own), session(own, LCP), session(own, IPV4)]
      .map((frame) => tagged(frame, [0x8100, 5]));
    for (const promiscuous of [false, true]) {
      const [control, data] = [wire.control({ promiscuous }), wire.data({ promiscuous })];
      const before = await received(wire);
      const taken = await seen(wire.sender(), frames, control, data);
      assertEquals(taken, { control: [], data: [] });
      assertEquals(
        await received(wire) - before,
        frames.length + 2,
        "they have arrived at the interface",
      );
    }
  });
}

/** Returns the number of frames that the pair's far end has received, by any socket. */
async function received(wire: Wire): Promise<number> {
  const [link] = JSON.parse(
    await wire.net.ip(wire.farSpace, "-j", "-s", "link", "show", "eth0"),
  );
  return link.stats64.rx.packets;
}

testUnless(noNet, "promiscuous lanes take frames for a foreign address on veth", async () => {
  await using wire = await Wire.make();
  const frames = [padi(FOREIGN), session(FOREIGN, LCP), session(FOREIGN, IPV4)];
  const [control, data] = [wire.control({ promiscuous: true }), wire.data({ promiscuous: true })];
  assertEquals(await seen(wire.sender(), frames, control, data), {
    control: sorted(frames.slice(0, 2)),
    data: frames.slice(2),
  });
});

testUnless(noNet, "promiscuous lanes set the interface promiscuous until closed", async () => {
  await using wire = await Wire.make();
  const promiscuity = async () => {
    const [link] = JSON.parse(await wire.net.ip(wire.farSpace, "-j", "-d", "link", "show", "eth0"));
    return link.promiscuity;
  };
  assertEquals(await promiscuity(), 0);
  const lanes = [wire.control({ promiscuous: true }), wire.data({ promiscuous: true })];
  assertEquals(await promiscuity(), 2);
  for (const lane of lanes) lane.close();
  assertEquals(await promiscuity(), 0);
});

for (const mode of ["private", "vepa", "bridge"] as const) {
  testUnless(
    noNet,
    `a macvlan in ${mode} mode never gets frames for a foreign address`,
    async () => {
      await using wire = await Wire.make("macvlan", mode);
      const frames = [padi(FOREIGN), session(FAR, LCP), session(FOREIGN, IPV4)];
      const [control, data] = [
        wire.control({ promiscuous: true }),
        wire.data({ promiscuous: true }),
      ];
      assertEquals(await seen(wire.sender(), frames, control, data), { control: [], data: [] });
    },
  );
}

for (const mode of ["passthru", "source"] as const) {
  testUnless(noNet, `a macvlan in ${mode} mode gets frames for a foreign address`, async () => {
    await using wire = await Wire.make("macvlan", mode);
    if (mode === "source") {
      const add = ["link", "set", "mv0", "type", "macvlan", "macaddr", "add", NEAR];
      await wire.net.ip(wire.farSpace, ...add);
    }
    const frames = [padi(FOREIGN), session(FOREIGN, LCP), session(FOREIGN, IPV4)];
    const [control, data] = [wire.control({ promiscuous: true }), wire.data({ promiscuous: true })];
    assertEquals(await seen(wire.sender(), frames, control, data), {
      control: sorted(frames.slice(0, 2)),
      data: frames.slice(2),
    });
  });
}

testUnless(noNet, "lanes on the interface below a macvlan do not take its frames", async () => {
  await using wire = await Wire.make("macvlan");
  const frames = [padi(MACVLAN), session(MACVLAN, IPV4)];
  const control = wire.control({}, wire.farSpace, "eth0");
  const data = wire.data({}, wire.farSpace, "eth0");
  assertEquals(await seen(wire.sender(), frames, control, data), { control: [], data: [] });
});

testUnless(
  noNet,
  "lanes do not see frames that their own machine sends on the interface",
  async () => {
    await using wire = await Wire.make();
    const [control, data] = [wire.control({ promiscuous: true }), wire.data({ promiscuous: true })];
    const local = new LinkSender(wire.control().fd);
    const [there, thereData] = [
      wire.control({}, wire.nearSpace, "eth0"),
      wire.data({}, wire.nearSpace, "eth0"),
    ];
    const outgoing = [padi(), session(BROADCAST, LCP), session(BROADCAST, IPV4)];
    assertEquals(await seen(local, outgoing, there, thereData), {
      control: sorted(outgoing.slice(0, 2)),
      data: outgoing.slice(2),
    });
    assertEquals(await seen(wire.sender(), [], control, data), { control: [], data: [] });
  },
);

testUnless(
  noNet,
  "ControlLane.receive() returns the whole length if the buffer is too small",
  async () => {
    await using wire = await Wire.make();
    const control = wire.control();
    wire.sender().send(session(FAR, LCP, 1000));
    await readable(control.fd);
    const buffer = new Uint8Array(100);
    assertEquals(control.receive(buffer), 1000);
    assertEquals(buffer, session(FAR, LCP, 1000).subarray(0, 100));
    assertEquals(control.receive(buffer), 0);
  },
);

/** Makes a data frame whose bytes and length follow from its number. */
function numbered(number: number): Uint8Array<ArrayBuffer> {
  const frame = session(FAR, IPV4, 60 + (number * 37) % 1455);
  new DataView(frame.buffer).setUint32(22, number);
  for (let i = 26; i < frame.length; i++) frame[i] = (number * 31 + i) & 0xff;
  return frame;
}

for (const lane of ["data", "control"] as const) {
  testUnless(
    noNet,
    `DataLane with the filter for ${lane} returns the right bytes and time of each frame as the ring wraps`,
    async () => {
      await using wire = await Wire.make();
      const ring = wire.data({ filter: laneFilter(lane), slots: 32 });
      const sender = wire.sender();
      const batch = 24; // not a divisor of the ring's size, so each round starts at another slot
      for (let round = 0; round < 80; round++) {
        const frames = Array.from({ length: batch }, (_, i) => numbered(round * batch + i));
        if (lane === "control") { for (const frame of frames) frame.set([0xc0, 0x21], 20); }
        const start = Date.now();
        for (const frame of frames) {
          const { length } = frame;
          while (!sender.push(new Pinned(frame), 0, length)) sender.flush();
        }
        sender.flush();
        const wanted = new Map(frames.map((frame) => [frame.toHex(), frame]));
        while (wanted.size > 0) {
          if (!ring.next()) {
            await readable(ring.fd);
            continue;
          }
          assert(ring.timestampMs >= start - 1 && ring.timestampMs <= Date.now() + 1);
          assertEquals(ring.wireLength, ring.length);
          const taken = takeData(ring)!;
          assert(wanted.delete(taken.toHex()), `a frame that was not sent: ${taken.toHex()}`);
        }
        assertEquals(ring.next(), false);
      }
      assertEquals(ring.drops(), 0);
      assertEquals([sender.sent, sender.refusedFull], [80 * batch, 0]);
    },
  );
}

testUnless(noNet, "DataLane.next() returns the same frame until it is released", async () => {
  await using wire = await Wire.make();
  const data = wire.data();
  const sender = wire.sender();
  sender.send(numbered(1));
  sender.send(numbered(2));
  await readable(data.fd);
  assert(data.next());
  const { offset } = data;
  assert(data.next());
  assertEquals([data.offset, data.length], [offset, numbered(1).length]);
  assertEquals(await until(data, numbered(2)), [numbered(1)]);
});

testUnless(noNet, "DataLane marks a frame that is larger than a slot as truncated", async () => {
  await using wire = await Wire.make();
  await wire.net.ip(wire.nearSpace, "link", "set", "eth0", "mtu", "9000");
  await wire.net.ip(wire.farSpace, "link", "set", "eth0", "mtu", "9000");
  const [small, whole] = [wire.data({ slotBytes: 2048 }), wire.data()];
  const large = session(FAR, IPV4, 9014);
  const sender = wire.sender();
  assert(sender.send(large));
  assert(sender.send(numbered(1)));

  await readable(small.fd);
  assert(small.next());
  assertEquals(small.wireLength, 9014);
  assert(small.length > 1900 && small.length < 2048);
  assertEquals(takeData(small), large.subarray(0, small.length));
  assertEquals(await until(small, numbered(1)), []);
  assertEquals(await until(whole, numbered(1)), [large]);
});

testUnless(noNet, "DataLane.drops() counts frames for which the ring had no slot", async () => {
  await using wire = await Wire.make();
  const [ring, witness] = [wire.data({ slots: 32 }), wire.data()];
  const sender = wire.sender();
  for (let i = 0; i < 50; i++) sender.send(numbered(i));
  sender.send(lastData);
  assertEquals((await until(witness, lastData)).length, 50);
  assertEquals(ring.drops(), 51 - 32);
  for (let i = 0; i < 32; i++) assertEquals(takeData(ring), numbered(i));
  assertEquals(ring.next(), false);

  sender.send(numbered(99));
  assertEquals(await until(ring, numbered(99)), []);
  assertEquals([ring.drops(), witness.drops()], [51 - 32, 0]);
  for (let i = 0; i < 33; i++) sender.send(numbered(i));
  sender.send(lastData);
  assertEquals((await until(witness, lastData)).length, 34);
  assertEquals(ring.drops(), 51 - 32 + 2);
});

testUnless(
  noNet,
  "ControlLane.drops() counts frames for which its buffer had no room",
  async () => {
    await using wire = await Wire.make();
    const control = wire.control();
    const sender = wire.sender();
    let sent = 0;
    while (control.drops() === 0 && sent < 100_000) {
      sender.send(session(FAR, LCP, 1514));
      sent++;
    }
    assert(control.drops() > 0);
    let taken = 0;
    while (takeControl(control) !== undefined) taken++;
    assertEquals(taken + control.drops(), sent);
  },
);

testUnless(noNet, "closed lanes return no frames, and their memory is gone", async () => {
  await using wire = await Wire.make();
  const [control, data] = [wire.control(), wire.data()];
  const view = new Uint32Array(data.memory.buffer);
  const sender = wire.sender();
  sender.send(padi());
  sender.send(numbered(1));
  await readable(control.fd);
  await readable(data.fd);
  const open = [...Deno.readDirSync("/proc/self/fd")].length;
  for (const lane of [control, data, control, data]) lane.close();
  assertEquals([...Deno.readDirSync("/proc/self/fd")].length, open - 2);
  assertEquals([control.fd, data.fd, data.memory.length, view.length], [-1, -1, 0, 0]);
  assertEquals([control.receive(new Uint8Array(64)), data.next()], [-ERRNO.EBADF, false]);
  assertEquals([control.drops(), data.drops()], [0, 0]);
});

testUnless(
  noNet,
  "LinkSender.flush() sends all queued frames, and counts those that are too long",
  async () => {
    await using wire = await Wire.make();
    const data = wire.data();
    const sender = wire.sender(64);
    const frames = Array.from({ length: 200 }, (_, i) => numbered(i));
    const tooLong = session(FAR, IPV4, 1600);
    for (const at of [0, 0, 70, 100, 150, 203]) frames.splice(at, 0, tooLong);
    const all = new Pinned(new Uint8Array(frames.length * 2048));
    frames.forEach((frame, i) => {
      all.bytes.set(frame, i * 2048);
      if (!sender.push(all, i * 2048, frame.length)) {
        sender.flush();
        assert(sender.push(all, i * 2048, frame.length));
      }
    });
    sender.flush();
    assertEquals([sender.sent, sender.refusedTooLong, sender.queued], [200, 6, 0]);
    sender.send(lastData);
    assertEquals(await until(data, lastData), frames.filter((frame) => frame !== tooLong));
  },
);

testUnless(noNet, "LinkSender keeps the memory of queued frames alive", async () => {
  await using wire = await Wire.make();
  const data = wire.data();
  const sender = wire.sender();
  for (let i = 0; i < 100; i++) sender.push(new Pinned(numbered(i)), 0, numbered(i).length);
  let garbage = 0;
  for (let i = 0; i < 2000; i++) garbage += new Uint8Array(262_144).fill(0xee).length;
  assert(garbage > 0);
  sender.flush();
  sender.send(lastData);
  const frames = await until(data, lastData);
  assertEquals(frames, Array.from({ length: 100 }, (_, i) => numbered(i)));
});

const noTbf = noNet ?? (hasProgram("tc") ? undefined : "no tc");
testUnless(noTbf, "LinkSender counts frames that find the interface's queue full", async () => {
  await using wire = await Wire.make();
  const slow = ["tbf", "rate", "8kbit", "burst", "2000", "limit", "4000"];
  const args = ["-n", wire.nearSpace, "qdisc", "add", "dev", "eth0", "root", ...slow];
  assert((await new Deno.Command("tc", { args }).output()).success);
  const sender = wire.sender();
  const memory = new Pinned(session(FAR, IPV4, 1514));
  for (let i = 0; i < 100; i++) sender.push(memory, 0, memory.bytes.length);
  sender.flush();
  assert(sender.sent > 0 && sender.refusedFull > 0, `${sender.sent}, ${sender.refusedFull}`);
  assertEquals([sender.sent + sender.refusedFull, sender.refusedDown], [100, 0]);
});

testUnless(
  noNet,
  "lanes and sender survive an interface that goes down and comes back",
  async () => {
    await using wire = await Wire.make();
    const far = { namespace: wire.farSpace, name: "eth0" };
    const [control, data] = [wire.control(), wire.data()];
    const back = new LinkSender(control.fd);
    await wire.net.ip(wire.farSpace, "link", "set", "eth0", "down");
    assertEquals([polled(control.fd), polled(data.fd)], [POLLERR, POLLERR]);
    const buffer = new Uint8Array(64);
    assertEquals([control.receive(buffer), control.receive(buffer)], [-ERRNO.ENETDOWN, 0]);
    assertEquals([polled(control.fd), polled(data.fd), data.next()], [0, POLLERR, false]);
    assertEquals([back.send(padi()), back.refusedDown], [false, 1]);

    await wire.net.up(far);
    assertEquals(await seen(wire.sender(), [padi(), numbered(1)], control, data), {
      control: [padi()],
      data: [numbered(1)],
    });
    assertEquals([back.send(padi()), back.sent], [true, 1]);
  },
);

testUnless(noNet, "lanes and sender survive the deletion of the interface", async () => {
  await using wire = await Wire.make();
  const [control, data] = [wire.control(), wire.data()];
  const sender = new LinkSender(control.fd);
  wire.sender().send(numbered(1));
  await readable(data.fd);
  await wire.net.ip(wire.farSpace, "link", "del", "eth0");
  const buffer = new Uint8Array(64);
  assertEquals([polled(control.fd), polled(data.fd)], [POLLERR, POLLERR | POLLIN]);
  assertEquals([control.receive(buffer), control.receive(buffer)], [-ERRNO.ENETDOWN, 0]);
  assertEquals([takeData(data), data.next()], [numbered(1), false]);
  sender.push(new Pinned(padi()), 0, padi().length);
  sender.flush();
  assertEquals([sender.send(padi()), sender.refusedDown], [false, 2]);
  assertEquals([control.drops(), data.drops()], [0, 0]);
});

testUnless(
  noNet,
  "lanes can be opened on an interface that is down, and receive once it is up",
  async () => {
    await using wire = await Wire.make();
    await wire.net.ip(wire.farSpace, "link", "set", "eth0", "down");
    const [control, data] = [wire.control(), wire.data()];
    assertEquals(control.receive(new Uint8Array(64)), -ERRNO.ENETDOWN);
    await wire.net.up({ namespace: wire.farSpace, name: "eth0" });
    assertEquals(await seen(wire.sender(), [padi(), numbered(1)], control, data), {
      control: [padi()],
      data: [numbered(1)],
    });
  },
);

testUnless(
  noNet,
  "lanes cannot be opened on a missing interface, and leave no descriptor open",
  async () => {
    await using wire = await Wire.make();
    const gone = { ...wire.atFar(() => readInterface("eth0")!), name: "eth7", index: 4711 };
    const open = () => [...Deno.readDirSync("/proc/self/fd")].length;
    const before = open();
    for (const kind of [ControlLane, DataLane]) {
      const error = assertThrows(
        () =>
          wire.atFar(() =>
            kind.open({ interface: gone, filter: laneFilter("data"), promiscuous: true })
          ),
        SystemError,
      );
      assertEquals([error.message, error.code], ["Cannot bind eth7: No such device", "ENODEV"]);
    }
    assertEquals(open(), before);
  },
);

const noSetpriv = noNet ?? (hasProgram("setpriv") ? undefined : "no setpriv");
testUnless(
  noSetpriv,
  "ControlLane.open() names the missing capability without CAP_NET_RAW",
  async () => {
    const module = new URL("../../mod.ts", import.meta.url);
    const code = `import { ControlLane, laneFilter, readInterface } from "${module}";
    const filter = laneFilter("control");
    ControlLane.open({ interface: readInterface("lo"), filter, promiscuous: false });`;
    const deno = [Deno.execPath(), "eval", "--no-check", code];
    const { stderr } = await new Deno.Command("setpriv", {
      args: ["--bounding-set=-net_raw", "--inh-caps=-net_raw", ...deno],
      env: { NO_COLOR: "1" },
    }).output();
    const message = "Cannot open a packet socket on lo: Operation not permitted; " +
      "run as root, or give the program CAP_NET_RAW";
    assert(new TextDecoder().decode(stderr).includes(message), new TextDecoder().decode(stderr));
  },
);

testUnless(noNet, "readInterface() and listInterfaces() read the thread's namespace", async () => {
  await using wire = await Wire.make("macvlan");
  await wire.net.ip(wire.farSpace, "link", "set", "mv0", "mtu", "1492");
  const info = wire.atFar(() => readInterface("mv0"))!;
  const mac = Uint8Array.from([2, 0, 0, 0, 0x0b, 2]);
  assertEquals(info, {
    name: "mv0",
    index: info.index,
    mac,
    mtu: 1492,
    up: true,
    isEthernet: true,
  });
  assert(info.index > 1);
  assertEquals(wire.atFar(listInterfaces), ["eth0", "mv0"]);
  assertEquals(wire.atNear(listInterfaces), ["eth0"]);
  assertEquals(wire.atNear(() => readInterface("mv0")), undefined);
  await wire.net.ip(wire.farSpace, "link", "set", "mv0", "down");
  assertEquals(wire.atFar(() => readInterface("mv0"))!.up, false);
});

testUnless(noNet, "readLinkKind() recognizes a veth, and each mode of a macvlan", async () => {
  await using wire = await Wire.make();
  const kindOf = (name: string) => wire.atFar(() => readLinkKind(readInterface(name)!.index));
  assertEquals(kindOf("eth0"), { kind: "veth" });
  assertEquals(kindOf("lo"), undefined);
  for (const macvlanMode of ["private", "vepa", "bridge", "passthru", "source"] as const) {
    const type = ["link", "eth0", "type", "macvlan", "mode", macvlanMode];
    await wire.net.ip(wire.farSpace, "link", "add", "mv0", ...type);
    assertEquals(kindOf("mv0"), { kind: "macvlan", macvlanMode });
    await wire.net.ip(wire.farSpace, "link", "del", "mv0");
  }
});

testUnless(
  noNet,
  "InterfaceWatch notices when an interface goes down, comes up and is deleted",
  async () => {
    await using wire = await Wire.make();
    const watch = wire.atFar(() => new InterfaceWatch());
    const nothing = wire.atNear(() => new InterfaceWatch());
    try {
      assertEquals([polled(watch.fd), watch.drain()], [0, false]);
      for (
        const change of [["set", "eth0", "down"], ["set", "eth0", "up"], [
          "set",
          "eth0",
          "mtu",
          "1400",
        ]]
      ) {
        await wire.net.ip(wire.farSpace, "link", ...change);
        await readable(watch.fd);
        assertEquals(watch.drain(), true);
      }
      await wire.net.ip(wire.farSpace, "link", "add", "eth1", "type", "veth");
      await readable(watch.fd);
      assertEquals(watch.drain(), true);
      await wire.net.ip(wire.farSpace, "link", "del", "eth1");
      await readable(watch.fd);
      assertEquals(watch.drain(), true);
      assertEquals(wire.atFar(() => readInterface("eth1")), undefined);
    } finally {
      watch.close();
      nothing.close();
    }
  },
);

testUnless(
  noNet,
  "NetworkWatch notices changes of addresses, routes and rules of both families, and routeTo() follows",
  async () => {
    await using wire = await Wire.make();
    const watch = wire.atFar(() => new NetworkWatch());
    const { index } = wire.atFar(() => readInterface("eth0"))!;
    const change = async (...change: string[]) => {
      await wire.net.ip(wire.farSpace, ...change);
      await readable(watch.fd);
      assertEquals(watch.drain(), true);
    };
    const route = (address: string) => wire.atFar(() => routeTo(address));
    try {
      assertEquals(route("198.51.100.1"), undefined);
      await change("address", "add", "192.0.2.1/24", "dev", "eth0");
      assertEquals(route("192.0.2.1")?.isLocal, true);
      await change("route", "add", "default", "via", "192.0.2.254");
      const expected = { isLocal: false, interfaceIndex: index };
      const ipv4 = { ...expected, gateway: "c00002fe", source: "c0000201" };
      assertEquals(route("198.51.100.1"), ipv4);
      await change("rule", "add", "to", "198.51.100.0/24", "unreachable");
      assertEquals(route("198.51.100.1"), undefined);
      await change("-6", "address", "add", "2001:db8::1/64", "dev", "eth0", "nodad");
      await change("-6", "route", "add", "2001:db8:1::/48", "via", "2001:db8::fe");
      const prefix = `20010db8${"00".repeat(11)}`;
      const ipv6 = { ...expected, gateway: `${prefix}fe`, source: `${prefix}01` };
      assertEquals(route("2001:db8:1::9"), ipv6);
      await change("-6", "rule", "add", "to", "2001:db8:1::/48", "unreachable");
      assertEquals(route("2001:db8:1::9"), undefined);
      await change("link", "set", "eth0", "down");
      assertEquals(route("192.0.2.9"), undefined);
    } finally {
      watch.close();
    }
  },
);

testUnless(
  noNet,
  "InterfaceWatch.drain() returns true after too many changes to keep",
  async () => {
    await using wire = await Wire.make();
    const watch = wire.atFar(() => new InterfaceWatch());
    // About 90 of these messages fill the socket's buffer.
    const commands = Array.from({ length: 600 }, (_, i) => `link set eth0 mtu ${1300 + i % 2}`)
      .join("\n");
    const child = new Deno.Command("ip", {
      args: ["-n", wire.farSpace, "-batch", "-"],
      stdin: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(commands));
    await writer.close();
    assert((await child.status).success);
    assertEquals(watch.drain(), true);
    watch.close();
  },
);

testUnless(noNet, "inNamespace() always returns to the original namespace", async () => {
  await using net = await TestNet.make("ffi");
  const path = net.path(await net.namespace("there"));
  const where = () => Deno.readLinkSync("/proc/thread-self/ns/net");
  const here = where();
  const open = () => [...Deno.readDirSync("/proc/self/fd")].length;
  const before = open();

  const there = inNamespace(path, where);
  assert(there !== here);
  assertEquals(where(), here);

  const thrown = new Error("thrown there");
  assertEquals(
    assertThrows(() =>
      inNamespace(path, () => {
        throw thrown;
      })
    ),
    thrown,
  );
  assertEquals(where(), here);

  const nested = inNamespace(path, () => [inNamespace("/proc/self/ns/net", where), where()]);
  assertEquals(nested, [here, there]);
  assertEquals(where(), here);

  const none = assertThrows(() => inNamespace(`${path}-none`, where), SystemError);
  assertEquals(
    none.message,
    `Cannot open the network namespace ${path}-none: No such file or directory`,
  );
  const file = assertThrows(() => inNamespace("/etc/passwd", where), SystemError);
  assertEquals(file.message, "Cannot enter the network namespace /etc/passwd: Invalid argument");
  assertEquals([where(), open()], [here, before]);
});

testUnless(noNet, "LabNet removes its namespaces, and throws with the error of ip(8)", async () => {
  const names: string[] = [];
  {
    await using net = await TestNet.make("ffi");
    names.push(await net.namespace("one"), await net.namespace("two"));
    for (const name of names) assert(Deno.statSync(net.path(name)));
    const error = await net.ip(names[0], "link", "set", "eth9", "up").catch((error) => error);
    assertEquals(
      error.message,
      `Cannot run ip -n ${names[0]} link set eth9 up: Cannot find device "eth9"`,
    );
  }
  for (const name of names) {
    assertThrows(() => Deno.statSync(`/run/netns/${name}`), Deno.errors.NotFound);
  }
});
