// The description of the API in OpenAPI 3.1, made from the routes.

import { VERSION } from "../../version.ts";
import { type AnswerDescription, jsonAnswer, type Route } from "./route.ts";
import { SCHEMAS } from "./schemas.ts";

const PLAIN = "text/plain; charset=utf-8";

/** The answers that the router gives for a route. */
function commonAnswers(route: Route): Record<number, AnswerDescription> {
  const answers: Record<number, AnswerDescription> = {
    421: { description: "The request is for another host" },
    500: { description: "The request failed; the log has the reason" },
  };
  const takesValues = route.parameters !== undefined || route.content !== undefined;
  if (takesValues) answers[400] = { description: "A parameter or the content is wrong" };
  if (!route.open) answers[401] = { description: "The token is missing or wrong" };
  if (route.control) answers[403] = { description: "Not allowed over TCP, or for this page" };
  if (route.content !== undefined) {
    answers[411] = { description: "The length of the content is missing" };
    answers[413] = { description: "The content is too long" };
    answers[415] = { description: "The content is not JSON" };
  }
  return answers;
}

/**
 * Describes routes.
 *
 * @param routes The routes
 * @returns The description, as OpenAPI 3.1 has it
 */
export function describeRoutes(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    paths[route.path][route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "pppoe-proxy",
      version: VERSION,
      description: "Errors are one line of plain text. Over the local socket no token is needed.",
    },
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    },
  };
}

function operationOf(route: Route): object {
  const { summary, parameters, content } = route;
  const answers = { ...commonAnswers(route), ...route.answers };
  return {
    summary,
    security: route.open ? [] : route.control ? [{ token: [] }] : [{}, { token: [] }],
    ...parameters === undefined ? {} : {
      parameters: Object.entries(parameters).map(([name, { description, ...schema }]) => ({
        name,
        in: "query",
        description,
        schema,
      })),
    },
    ...content === undefined ? {} : {
      requestBody: { required: true, content: { "application/json": { schema: content } } },
    },
    responses: Object.fromEntries(
      Object.entries(answers).map(([status, answer]) => [status, responseOf(answer)]),
    ),
  };
}

function responseOf({ description, contentType, schema }: AnswerDescription): object {
  const type = contentType ?? (schema === undefined ? PLAIN : "application/json");
  return { description, content: { [type]: { schema: schema ?? { type: "string" } } } };
}

/** Makes the route of the description of some routes, and of itself. */
export function descriptionRoute(routes: readonly Route[]): Route {
  const route: Route = {
    method: "GET",
    path: "/api/openapi.json",
    summary: "Describes the API in OpenAPI 3.1",
    answers: { 200: { description: "The description", schema: { type: "object" } } },
    answer: () => jsonAnswer(description),
  };
  const description = describeRoutes([...routes, route]);
  return route;
}
