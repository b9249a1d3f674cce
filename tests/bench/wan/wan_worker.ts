/// <reference lib="deno.worker" />
// The machine in the middle: a synchronous loop between two packet sockets.
//
// TCP at the ends must not use segmentation offload, or frames of 64 KiB would arrive here. It may use
// checksum offload, because the sockets pass on the kernel's note about the checksum of each frame
// (PACKET_VNET_HDR), so that the far end does not reject a checksum that was never computed.

import { readInterface } from "../../../ffi/interface.ts";
import { libc } from "../../../ffi/libc.ts";
import { inNamespace } from "../../../ffi/netns.ts";
import { POLLIN, PollSet } from "../../../ffi/poll.ts";
import { setOption } from "../../../ffi/socket_option.ts";
import { int, MSG_DONTWAIT, MSG_TRUNC } from "../../../ffi/structs.ts";
import { makeThreadPunctual, monotonicNs } from "../load/clock.ts";
import { openSocket, SOL_PACKET } from "../load/packet.ts";
import { STOP_AT, type WanOrder, type WanReply } from "./messages.ts";
import { type Fate, FATES, Schedule, type WanOptions } from "./schedule.ts";

const ETH_P_ALL = 3;
const PACKET_VNET_HDR = 15;
const PACKET_IGNORE_OUTGOING = 23;
/** `sizeof(struct virtio_net_hdr)` of linux/virtio_net.h. */
const VNET_HEADER_BYTES = 10;

/** Number of slots, more than the frames of 50 Mbit/s of acknowledgements in transit. */
const SLOTS = 16_384;
const SLOT_BYTES = 2048;
/** Number of frames that are received in one direction before the other one has its turn. */
const BURST = 64;
const LONGEST_WAIT_US = 5000;
const SHORTEST_WAIT_US = 20;

/** One direction, with its frames in transit in order of arrival, which is also that of departure. */
class Way {
  readonly #from: number;
  readonly #to: number;
  readonly #schedule: Schedule;
  readonly #slots: Uint8Array<ArrayBuffer>[];
  readonly #lengths = new Uint16Array(SLOTS);
  readonly #leaveUs = new Float64Array(SLOTS);
  readonly #counts: Int32Array;
  #head = 0;
  #tail = 0;

  constructor(from: number, to: number, options: WanOptions, counts: Int32Array) {
    this.#from = from;
    this.#to = to;
    this.#schedule = new Schedule(options);
    this.#counts = counts;
    const memory = new Uint8Array(SLOTS * SLOT_BYTES);
    this.#slots = Array.from(
      { length: SLOTS },
      (_, slot) => memory.subarray(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES),
    );
  }

  /** Sends the frames that are due, and returns the time until the next one is due. */
  send(nowUs: number): number {
    while (this.#head !== this.#tail) {
      const slot = this.#head % SLOTS;
      if (this.#leaveUs[slot] > nowUs) return this.#leaveUs[slot] - nowUs;
      libc.send(this.#to, this.#slots[slot], this.#lengths[slot], MSG_DONTWAIT);
      this.#count("carried");
      this.#head++;
    }
    return Infinity;
  }

  /** Receives the frames that have arrived. */
  receive(): void {
    for (let n = 0; n < BURST; n++) {
      const slot = this.#tail % SLOTS;
      const flags = MSG_DONTWAIT | MSG_TRUNC;
      const length = libc.recv(this.#from, this.#slots[slot], SLOT_BYTES, flags);
      if (length <= 0) return;
      if (length > SLOT_BYTES) {
        this.#count("large");
        continue;
      }
      const leaveUs = this.#schedule.accept(nowUs(), length - VNET_HEADER_BYTES);
      if (leaveUs === -1) this.#count("lost");
      else if (leaveUs < 0 || this.#tail - this.#head === SLOTS - 1) this.#count("full");
      else {
        this.#lengths[slot] = length;
        this.#leaveUs[slot] = leaveUs;
        this.#tail++;
      }
    }
  }

  #count(fate: Fate): void {
    this.#counts[FATES.indexOf(fate)]++;
  }
}

self.onmessage = ({ data }: MessageEvent<WanOrder>) => {
  const send = (reply: WanReply) => self.postMessage(reply);
  let sockets: number[];
  try {
    makeThreadPunctual();
    sockets = inNamespace(data.namespace, () => data.interfaces.map(open));
  } catch (error) {
    return send({ error: (error as Error).message });
  }
  send("started");
  run(sockets, data);
  for (const fd of sockets) libc.close(fd);
  send("ended");
};

function run([client, server]: number[], { options, shared }: WanOrder): void {
  const words = new Int32Array(shared);
  const counts = (number: number) => words.subarray(number * FATES.length);
  const up = new Way(client, server, options, counts(0));
  const down = new Way(server, client, options, counts(1));
  const poll = new PollSet(2);
  poll.add(client, POLLIN);
  poll.add(server, POLLIN);
  while (Atomics.load(words, STOP_AT) === 0) {
    const now = nowUs();
    const waitUs = Math.min(up.send(now), down.send(now), LONGEST_WAIT_US);
    poll.waitMicroseconds(Math.max(waitUs, SHORTEST_WAIT_US));
    if (poll.ready(0) !== 0) up.receive();
    if (poll.ready(1) !== 0) down.receive();
  }
}

function open(name: string): number {
  const info = readInterface(name);
  if (!info) throw new Error(`interface ${name} does not exist`);
  return openSocket(info, ETH_P_ALL, (fd) => {
    const action = `Cannot set ${name} up`;
    setOption(fd, SOL_PACKET, PACKET_VNET_HDR, int(1), action);
    setOption(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, int(1), action);
  });
}

function nowUs(): number {
  return monotonicNs() / 1000;
}
