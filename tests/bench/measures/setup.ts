// The opening of many sessions: their number, the time, and the number that carry data.

import type { Subject } from "./measure.ts";

const SESSIONS = 4000;
const DIAL_RATE = 2000;
const PATIENCE_MS = 40_000;
const DATA_RATE = 4000;

/** Opens thousands of additional sessions, and sends frames through each of them in both directions. */
export async function measureSetup(subject: Subject, firstSession: number): Promise<void> {
  await subject.measure("setup", async () => {
    const opened = await subject.load.open(SESSIONS, DIAL_RATE, PATIENCE_MS);
    subject.raw.setup = opened;
    const carried = async (direction: "up" | "down", sessions: number) => {
      if (sessions === 0) return 0;
      // Send more than one frame per session, so that a frame given up by the generator does no harm.
      const seconds = sessions / DATA_RATE * 1.5;
      const trial = {
        direction,
        rate: DATA_RATE,
        seconds,
        frameBytes: 100,
        sessions,
        firstSession,
      };
      const result = await subject.trial(`setup ${direction}`, trial);
      return result[direction].received.sessionsHeard;
    };
    return {
      "setup.open": { value: opened.open },
      "setup.first": { value: opened.openWithoutRepeat },
      "setup.seconds": { value: opened.seconds },
      "setup.up": { value: await carried("up", opened.open) },
      "setup.down": { value: await carried("down", opened.acSessions - firstSession) },
    };
  });
}
