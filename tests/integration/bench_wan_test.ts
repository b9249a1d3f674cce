// The bench's simulated long, lossy, narrow path, with real sockets at its ends.
import { assert, assertEquals } from "@std/assert";
import { inNamespace, monotonicMs, readInterface } from "../../ffi/mod.ts";
import { libc } from "../../ffi/libc.ts";
import { MSG_DONTWAIT } from "../../ffi/structs.ts";
import { Line, WAN } from "../bench/line.ts";
import { openSocket } from "../bench/load/packet.ts";
import { testUnless, whyNot } from "../support/skip.ts";
import { until } from "../support/until.ts";

const skipped = whyNot("linux", "root", "iproute2", "namespaces");
/** The EtherType for local experiments (IEEE 802). */
const ETHER_TYPE = 0x88b5;
const FRAME_BYTES = 200;
const DELAY_MS = 20;

/** Opens a packet socket at one end of a line, on the interface that leads to the other end. */
function openEnd(line: Line, namespace: string): number {
  return inNamespace(
    line.net.path(namespace),
    () => openSocket(readInterface("wan0")!, ETHER_TYPE),
  );
}

testUnless(
  skipped,
  "Wan carries frames unchanged, in order and delayed, and counts each lost one",
  async () => {
    await using line = await Line.build({ wan: { delayMs: DELAY_MS, lossPercent: 5, mbit: 1000 } });
    const sender = openEnd(line, line.client);
    const receiver = openEnd(line, line.server);
    const frames = 2000;
    const frame = new Uint8Array(FRAME_BYTES).map((_, at) => at);
    const view = new DataView(frame.buffer);
    view.setUint16(12, ETHER_TYPE);
    const buffer = new Uint8Array(2 * FRAME_BYTES);
    const came = new DataView(buffer.buffer);
    let received = 0;
    let last = -1;
    const receive = () => {
      for (let length; (length = libc.recv(receiver, buffer, buffer.length, MSG_DONTWAIT)) > 0;) {
        assertEquals(length, FRAME_BYTES);
        const number = came.getUint32(14);
        assert(number > last, `${number} behind ${last}`);
        last = number;
        const tookMs = monotonicMs() - came.getFloat64(18);
        assert(tookMs >= DELAY_MS, `it took ${tookMs} ms`);
        assertEquals(buffer.subarray(26, length), frame.subarray(26));
        received++;
      }
    };
    for (let number = 0; number < frames; number++) {
      view.setUint32(14, number);
      view.setFloat64(18, monotonicMs());
      assertEquals(libc.send(sender, frame, frame.length, 0), FRAME_BYTES);
      if (number % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      receive();
    }
    await until("each frame has arrived or is counted as lost", () => {
      receive();
      const { up } = line.wan!.counts();
      return up.carried + up.lost === frames && received === up.carried;
    });
    const { up, down } = line.wan!.counts();
    assertEquals([up.full, up.large], [0, 0]);
    assert(up.lost > frames * 0.03 && up.lost < frames * 0.07, `${up.lost} lost`);
    assertEquals(down, { carried: 0, lost: 0, full: 0, large: 0 });
    libc.close(sender);
    libc.close(receiver);
  },
);

testUnless(
  skipped,
  "Wan carries TCP with segmentation and checksum offload",
  async () => {
    const wan = { delayMs: 1, lossPercent: 1, mbit: 1000 };
    await using line = await Line.build({ wan, congestion: "reno" });
    const enter = <T>(namespace: string, f: () => T) => inNamespace(line.net.path(namespace), f);
    using listener = enter(line.server, () => Deno.listen({ hostname: WAN.server, port: 0 }));
    const { port } = listener.addr;
    const accepted = listener.accept();
    const client = await enter(line.client, () => Deno.connect({ hostname: WAN.server, port }));
    const bytes = new Uint8Array(1 << 20);
    for (let at = 0; at < bytes.length; at += 65_536) {
      crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    }
    const server = await accepted;
    const sent = new Blob([bytes]).stream().pipeTo(client.writable);
    const arrived = new Uint8Array(await new Response(server.readable).arrayBuffer());
    await sent;
    assertEquals(arrived.length, bytes.length);
    assert(arrived.every((byte, at) => byte === bytes[at]));
    const { up, down } = line.wan!.counts();
    assertEquals([up.large, down.large], [0, 0]);
    assert(up.carried > bytes.length / 1500, `${up.carried} carried`);
  },
);
