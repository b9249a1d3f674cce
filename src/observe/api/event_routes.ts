// The route of the events.

import type { EventHub } from "../event_hub.ts";
import type { Route } from "./route.ts";

/** Makes the route of the events. */
export function eventRoutes(events: EventHub): Route[] {
  return [{
    method: "GET",
    path: "/api/events",
    summary: "Sends what happens as server-sent events, and a `status` event every second",
    answers: {
      200: {
        description:
          "The events, until one end closes. The data of each is an object in JSON; that of " +
          "`status` is a StatusEvent",
        contentType: "text/event-stream",
      },
      503: { description: "Too many clients listen already" },
    },
    answer: () => ({
      status: 200,
      fields: {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        // A proxy must not gather the events.
        "x-accel-buffering": "no",
      },
      body: new Uint8Array(),
      stream: (stream) => events.listen(stream),
    }),
  }];
}
