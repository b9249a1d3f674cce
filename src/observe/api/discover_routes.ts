// The route that asks through the tunnel which ACs there are.

import {
  type AcError,
  type Found,
  type FoundAc,
  SERVICE_MAX_BYTES,
} from "../../discover/ac_search.ts";
import { done } from "./control_answer.ts";
import { jsonAnswer, refusal, type Route } from "./route.ts";
import { count, listOf, objectOf, type Schema, text } from "./schema.ts";
import type { ApiSource } from "./source.ts";

/** The time to wait for answers, in ms. */
const WAIT_MS = { usual: 3000, least: 100, most: 10_000 };

/** The content of a request. */
interface DiscoverContent {
  service?: string;
  waitMs?: number;
}

const AC: Schema = objectOf<FoundAc>({
  name: text("The AC-Name; empty if it gives none"),
  mac: text("The MAC address"),
  offer: { type: "boolean", description: "True if it offers a session, false if it only refuses" },
  services: listOf(
    text("The name of a service; an empty one stands for any"),
    "The services that it offers",
  ),
  delayMs: { type: "number", minimum: 0, description: "The shortest time until its answer" },
  cookie: { type: "boolean", description: "True if it sends an AC-Cookie" },
  relaySessionId: { type: "boolean", description: "True if it sends a Relay-Session-Id" },
  maxPayload: {
    type: ["integer", "null"],
    description: "Its PPP-Max-Payload; null if it sends none",
  },
  hostUniq: { type: "boolean", description: "True if it returns the Host-Uniq, as it must" },
  errors: listOf(
    objectOf<AcError>({
      tag: text("The name of the tag, such as Service-Name-Error"),
      text: text("The AC's own text"),
    }),
    "The errors with which it has answered",
  ),
  otherTags: listOf(text("The name of a tag"), "The other tags that it sends"),
});

/** The schema of the answer. */
export const FOUND: Schema = objectOf<Found>({
  acs: listOf(AC, "The ACs, in the order of their first answers"),
  sent: count("The number of PADIs that were sent"),
  others: count("The number of answers that belong to no PADI of this search"),
  leftOut: count("The number of answers from further ACs, for which there was no room"),
});

/** Makes the route. */
export function discoverRoutes(source: Pick<ApiSource, "control">): Route[] {
  return [{
    method: "POST",
    path: "/api/discover",
    summary: "Asks through the tunnel which ACs answer; only at a client",
    control: true,
    content: objectOf<DiscoverContent>({
      service: text("The service to ask for; by default any", { maxLength: SERVICE_MAX_BYTES }),
      waitMs: {
        type: "integer",
        minimum: WAIT_MS.least,
        maximum: WAIT_MS.most,
        description: `The time to wait for answers (${WAIT_MS.usual})`,
      },
    }, ["service", "waitMs"]),
    answers: {
      200: {
        description: "The ACs that have answered",
        schema: FOUND,
      },
      409: { description: "Another search is under way, or this side is a server" },
      503: { description: "There is no tunnel, or the program is about to end" },
    },
    answer: async ({ content }) => {
      const { service, waitMs = WAIT_MS.usual } = content as DiscoverContent;
      const { length } = new TextEncoder().encode(service);
      if (length > SERVICE_MAX_BYTES) {
        throw refusal(400, `service must be at most ${SERVICE_MAX_BYTES} bytes long`);
      }
      const result = await source.control({ order: "discover", service, waitMs });
      const { acs, sent, others, leftOut } = done(result, "discovered");
      return jsonAnswer({ acs, sent, others, leftOut });
    },
  }];
}
