// The routes that tell how the side is: health, status, metrics, problems and drops.

import { DROP_MEANINGS, DROP_REASONS, type DropMeaning } from "../../relay/mod.ts";
import { type HttpAnswer, textAnswer } from "../http_server.ts";
import { renderMetrics } from "../metrics.ts";
import type { ProblemStatus } from "../problems.ts";
import { JSON_FIELDS, jsonAnswer, type Route } from "./route.ts";
import { count, listOf, objectOf, ref, text } from "./schema.ts";
import { shared } from "./shared.ts";
import type { ApiSource } from "./source.ts";

const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";
const encoder = new TextEncoder();

// Answers with "ok" or "not ok", then a line for each problem.
function healthAnswer(healthy: boolean, problems: readonly ProblemStatus[]): HttpAnswer {
  const lines = problems.map(({ id, what, advice }) => `${id}: ${what}: ${advice}\n`).join("");
  return healthy ? textAnswer(200, `ok\n${lines}`) : textAnswer(503, `not ok\n${lines}`);
}

/** Makes the routes that tell how the side is. */
export function statusRoutes(source: ApiSource): Route[] {
  const json = shared(async () => encoder.encode(JSON.stringify(await source.status())));
  const metrics = shared(async () =>
    encoder.encode(renderMetrics(await source.summary(), source.process()))
  );
  const summary = shared(async () => encoder.encode(JSON.stringify(await source.summary())));
  return [
    {
      method: "GET",
      path: "/healthz",
      summary: "Tells if the side does its job",
      open: true,
      answers: {
        200: { description: "It does" },
        503: { description: "It does not" },
      },
      // The problems name stations and peers.
      answer: ({ mayRead }) => healthAnswer(source.healthy(), mayRead ? source.problems() : []),
    },
    {
      method: "GET",
      path: "/api/status",
      summary: "Describes the side, its tunnels and its sessions",
      answers: { 200: { description: "The status", schema: ref("Status") } },
      answer: async () => ({ status: 200, fields: JSON_FIELDS, body: await json() }),
    },
    {
      method: "GET",
      path: "/api/summary",
      summary:
        "Describes the side and its tunnels, without the sessions, of which there may be many",
      answers: {
        200: { description: "The status without its sessions", schema: ref("StatusSummary") },
      },
      answer: async () => ({ status: 200, fields: JSON_FIELDS, body: await summary() }),
    },
    {
      method: "GET",
      path: "/metrics",
      summary: "Gives the metrics in the text format of Prometheus",
      answers: { 200: { description: "The metrics", contentType: METRICS_TYPE } },
      answer: async () => ({
        status: 200,
        fields: { "content-type": METRICS_TYPE },
        body: await metrics(),
      }),
    },
    {
      method: "GET",
      path: "/api/problems",
      summary: "Lists the problems",
      answers: {
        200: {
          description: "The problems",
          schema: objectOf<{ problems: unknown }>({ problems: listOf(ref("Problem")) }),
        },
      },
      answer: () => jsonAnswer({ problems: source.problems() }),
    },
    {
      method: "GET",
      path: "/api/drops",
      summary: "Lists the drop reasons with their meaning, and the number of frames for each",
      answers: {
        200: {
          description: "The drops",
          schema: objectOf<{ drops: unknown }>({
            drops: listOf(objectOf<{ reason: string; count: number } & DropMeaning>({
              reason: text("The reason, as in the status"),
              count: count("The number of frames since the start"),
              meaning: text("What has happened to the frames"),
              worry: text(
                "`none`, `if-many`, or `yes` if each one is a loss or the sign of a fault",
              ),
              advice: text("What to do if it worries"),
            })),
          }),
        },
      },
      answer: () =>
        jsonAnswer({
          drops: DROP_REASONS.map((reason) => {
            return { reason, count: source.drops()[reason], ...DROP_MEANINGS[reason] };
          }),
        }),
    },
  ];
}
