// The routes for captures: their status, and beginning and ending one.

import { CaptureRefusal, type CaptureStatus } from "../control.ts";
import { jsonAnswer, refusal, type Route } from "./route.ts";
import { count, objectOf, type Schema, text } from "./schema.ts";
import type { ApiSource } from "./source.ts";

const MIB = 1 << 20;
const FRAMES = ["discovery", "control", "all"] as const;

/** The content of a request to begin or end a capture. */
interface CaptureContent {
  action: "start" | "stop";
  file?: string;
  frames?: CaptureStatus["frames"];
  sizeMib?: number;
}

const STATUS: Schema = {
  ...objectOf<CaptureStatus>({
    file: text("The path of the file; that with what came before it ends with .1"),
    frames: text("The frames that are recorded", { enum: FRAMES }),
    secrets: { type: "boolean", description: "True if passwords and the like are recorded" },
    maxBytes: count("The maximum size of both files together"),
    captured: count("The number of recorded frames, on both sides of the relay"),
    leftOut: count("The number of missing frames: the disk was too slow, or full"),
    failure: text("The reason why nothing can be written at the moment"),
  }, ["failure"]),
  type: ["object", "null"],
};

const ANSWER = {
  200: {
    description: "The capture that is under way, or has just ended; null if there is none",
    schema: objectOf<{ capture: unknown }>({ capture: STATUS }),
  },
};

/** Makes the routes for captures. */
export function captureRoutes({ capture }: Pick<ApiSource, "capture">): Route[] {
  return [
    {
      method: "GET",
      path: "/api/capture",
      summary: "Describes the capture that is under way",
      answers: ANSWER,
      answer: () => jsonAnswer({ capture: capture.status() ?? null }),
    },
    {
      method: "POST",
      path: "/api/capture",
      summary: "Begins or ends a capture of frames in a pcapng file on this machine",
      control: true,
      content: objectOf<CaptureContent>({
        action: text("What to do", { enum: ["start", "stop"] }),
        file: text("The name of the file in the directory for captures, such as line.pcapng", {
          maxLength: 72,
        }),
        frames: text("The frames to record (control)", { enum: FRAMES }),
        sizeMib: {
          type: "integer",
          minimum: 1,
          maximum: 65_536,
          description: "The maximum size of both files together, in MiB",
        },
      }, ["file", "frames", "sizeMib"]),
      answers: {
        ...ANSWER,
        409: { description: "There is a capture already, or the file cannot be made" },
      },
      answer: async ({ content }) => {
        const { action, file, frames, sizeMib } = content as CaptureContent;
        if (action === "stop") return jsonAnswer({ capture: await capture.stop() ?? null });
        const maxBytes = sizeMib === undefined ? undefined : sizeMib * MIB;
        try {
          return jsonAnswer({ capture: await capture.start({ file, frames, maxBytes }) });
        } catch (error) {
          throw error instanceof CaptureRefusal ? refusal(409, error.message) : error;
        }
      },
    },
  ];
}
