// The latency and the CPU time of a frame, at rates that every path can carry.

import { CpuMeter } from "../cpu.ts";
import type { Figures } from "../figures.ts";
import type { Subject } from "./measure.ts";

const RATES = [1000, 20_000];
/** Rate at which CPU time is measured too. */
const CPU_RATE = 20_000;
const SECONDS = 2;
const WARMUP_SECONDS = 0.3;
const MILLION = 1e6;

/** Measures one-way latency, and CPU seconds per million frames. */
export async function measureLatency(subject: Subject): Promise<void> {
  for (const rate of RATES) {
    const name = `latency.${rate}`;
    await subject.measure(name, async () => {
      const meter = new CpuMeter(subject.running.pids);
      const { up } = await subject.trial(name, {
        direction: "up",
        rate,
        seconds: SECONDS,
        warmupSeconds: WARMUP_SECONDS,
        frameBytes: 1514,
        sessions: 1,
        evenly: true,
      });
      const { processes, machine, others } = meter.read();
      const figures: Figures = {
        [`${name}.p50`]: { value: up.received.p50Us },
        [`${name}.p99`]: { value: up.received.p99Us },
      };
      if (rate === CPU_RATE) {
        const sent = up.sent * (SECONDS + WARMUP_SECONDS) / SECONDS;
        figures["cpu.processes"] = { value: processes * MILLION / sent };
        figures["cpu.others"] = { value: others * MILLION / sent };
        figures["cpu.machine"] = { value: machine * MILLION / sent };
      }
      if (up.loss > 0) subject.remarks.push(`${name}: ${(up.loss * 100).toFixed(2)} % lost`);
      return figures;
    });
  }
}
