// The routes for sessions: listing some of them, closing one, and ending one that is not here.

import { isUnicastMac, parseMac } from "../../wire/mod.ts";
import { formatHex } from "../../wire/text.ts";
import type { SessionFilter } from "../control.ts";
import { RateLimit } from "../rate_limit.ts";
import { done } from "./control_answer.ts";
import { jsonAnswer, refusal, type Route } from "./route.ts";
import { count, listOf, objectOf, ref, type Schema, text } from "./schema.ts";
import type { ApiSource } from "./source.ts";

/** The number of sessions on a page, if none is asked for, and at most. */
const PAGE = { usual: 100, most: 1000 };
/** The number of PADTs for stale sessions in a second. */
const PADTS_PER_SECOND = 10;
/** The highest session id; 0xffff above it is reserved. */
const LAST_ID = 0xfffe;

const MAC: Schema = {
  type: "string",
  pattern: "^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$",
  examples: ["02:00:00:00:00:11"],
};
const ID: Schema = {
  type: ["string", "integer"],
  pattern: "^(0[xX][0-9A-Fa-f]{1,4}|[0-9]{1,5})$",
  minimum: 1,
  maximum: LAST_ID,
  examples: ["0x0011"],
};
const ID_IN_QUERY: Schema = { ...ID, type: "string" };

/** The content of a request to close a session. */
interface CloseContent {
  id: string | number;
  host?: string;
  ac?: string;
  tunnel?: string;
}

/** The content of a request to send a PADT. */
interface PadtContent {
  id: string | number;
  ac: string;
  host?: string;
}

/** Makes the routes for sessions. */
export function sessionRoutes(source: ApiSource): Route[] {
  const padts = new RateLimit(1000, PADTS_PER_SECOND);
  return [
    {
      method: "GET",
      path: "/api/sessions",
      summary: "Lists sessions, in the order in which they were opened",
      parameters: {
        state: text("Only sessions in this state", { enum: ["open", "held"] }),
        tunnel: text("Only sessions of the peer with this name", { maxLength: 256 }),
        host: { ...MAC, description: "Only sessions of the host with this address" },
        ac: { ...MAC, description: "Only sessions of the AC with this address" },
        id: { ...ID_IN_QUERY, description: "Only sessions with this id" },
        limit: {
          type: "integer",
          minimum: 1,
          maximum: PAGE.most,
          description: `The maximum number of sessions (${PAGE.usual})`,
        },
        after: count("The `next` of the page before", { maximum: Number.MAX_SAFE_INTEGER }),
      },
      answers: {
        200: {
          description: "A page of sessions",
          schema: objectOf<{ sessions: unknown; total: number; next: unknown }>({
            sessions: listOf(ref("Session")),
            total: count("The number of sessions on all pages"),
            next: {
              type: ["integer", "null"],
              description: "The number to continue after; null on the last page",
            },
          }),
        },
      },
      answer: async ({ query }) => {
        const { limit = PAGE.usual, after = 0 } = query as { limit?: number; after?: number };
        const filter = filterOf(query as SessionFilter & { id?: string });
        return jsonAnswer(await source.sessions({ ...filter, limit, after }));
      },
    },
    {
      method: "POST",
      path: "/api/sessions/close",
      summary: "Closes a session, with a PADT to both stations",
      control: true,
      content: objectOf<CloseContent>({
        id: { ...ID, description: "The session id" },
        host: { ...MAC, description: "The address of the host" },
        ac: { ...MAC, description: "The address of the AC" },
        tunnel: text("The name of the peer", { maxLength: 256 }),
      }, ["host", "ac", "tunnel"]),
      answers: {
        200: {
          description: "The session as it was",
          schema: objectOf<{ session: unknown }>({ session: ref("Session") }),
        },
        404: { description: "There is no such session" },
        409: { description: "Several sessions match" },
        503: { description: "The program is about to end" },
      },
      answer: async ({ content }) => {
        const filter = filterOf(content as CloseContent);
        const { session } = done(await source.control({ order: "close", filter }), "closed");
        return jsonAnswer({ session });
      },
    },
    {
      method: "POST",
      path: "/api/padt",
      summary: "Sends an AC a PADT for a session that this program does not have; only at a server",
      control: true,
      content: objectOf<PadtContent>({
        id: { ...ID, description: "The session id" },
        ac: { ...MAC, description: "The address of the AC" },
        host: {
          ...MAC,
          description: "The address by which the AC knows the host; by default the interface's",
        },
      }, ["host"]),
      answers: {
        200: {
          description: "The PADT that was sent",
          schema: objectOf<{ id: string; ac: string; host: string }>({
            id: text("The session id"),
            ac: text("The destination"),
            host: text("The source"),
          }),
        },
        409: { description: "The session is not stale, or the AC is on the other side's link" },
        429: { description: "Too many of these requests in a second" },
        503: { description: "The interface is down, or the program is about to end" },
      },
      answer: async ({ content }) => {
        const { ac, host, id } = content as PadtContent;
        const order = { ac: stationIn("ac", ac), id: idIn(id) };
        const from = host === undefined ? undefined : stationIn("host", host);
        if (padts.allow("padt", performance.now()) < 0) {
          throw refusal(429, `At most ${PADTS_PER_SECOND} PADTs a second; try again later`);
        }
        const result = await source.control({ order: "padt", ...order, host: from });
        const sent = done(result, "sent");
        return jsonAnswer({ id: formatHex(sent.id, 4), ac: sent.ac, host: sent.host });
      },
    },
  ];
}

/** Makes a filter of valid values. */
function filterOf(
  { state, tunnel, host, ac, id }: Omit<SessionFilter, "id"> & { id?: string | number },
): SessionFilter {
  return {
    state,
    tunnel,
    host: host?.toLowerCase(),
    ac: ac?.toLowerCase(),
    id: id === undefined ? undefined : idIn(id),
  };
}

function idIn(id: string | number): number {
  const number = Number(id);
  if (number >= 1 && number <= LAST_ID) return number;
  throw refusal(400, `id must be from 0x0001 to ${formatHex(LAST_ID, 4)}`);
}

function stationIn(name: string, mac: string): string {
  if (isUnicastMac(parseMac(mac))) return mac.toLowerCase();
  throw refusal(400, `${name} must be the address of one station`);
}
