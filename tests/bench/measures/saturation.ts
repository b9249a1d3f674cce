// The fate of control frames in a tunnel that is offered four times its capacity.

import type { Subject } from "./measure.ts";

const FRAME_BYTES = 1514;
const OFFERED_BITS = 200e6;
const TBF = ["rate", "50mbit", "burst", "32kb", "latency", "50ms"];
const CONTROL_RATE = 100;
/** Time after which a frame counts as lost. It is long, because the latency is measured as well. */
const PATIENCE_MS = 60_000;

/** Measures loss and latency of control frames, and latency and goodput of the data. */
export async function measureSaturation(subject: Subject): Promise<void> {
  if (!subject.path.hasTunnel) return;
  const { client } = subject.line;
  await tc(client, "add", "dev", "wan0", "root", "tbf", ...TBF);
  await subject.measure("saturation", async () => {
    const seconds = subject.quick ? 2 : 5;
    const { up, controlUp } = await subject.trial("saturation", {
      direction: "up",
      rate: OFFERED_BITS / 8 / FRAME_BYTES,
      seconds,
      warmupSeconds: 1,
      frameBytes: FRAME_BYTES,
      sessions: 1,
      controlRate: CONTROL_RATE,
      patienceMs: PATIENCE_MS,
    });
    return {
      "saturation.control.loss": { value: controlUp.loss * 100 },
      "saturation.control.p50": { value: controlUp.received.p50Us },
      "saturation.control.p99": { value: controlUp.received.p99Us },
      "saturation.control.max": { value: controlUp.received.maxUs },
      "saturation.data.p50": { value: up.received.p50Us },
      "saturation.data.p99": { value: up.received.p99Us },
      "saturation.data.goodput": {
        value: up.received.frames * FRAME_BYTES * 8 / seconds / 1e6,
      },
    };
  });
  await tc(client, "del", "dev", "wan0", "root");
}

async function tc(namespace: string, ...args: string[]): Promise<void> {
  const command = new Deno.Command("tc", { args: ["-n", namespace, "qdisc", ...args] });
  const { success, stderr } = await command.output();
  if (success) return;
  throw new Error(`Cannot run tc ${args.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
}
