// Finds the route of a request, checks its rights, its query and its content, and has it answered.

import { fieldOf, type HttpRequest } from "../http_request.ts";
import { type HttpAnswer, HttpRefusal, textAnswer } from "../http_server.ts";
import { type Access, checkRights } from "./rights.ts";
import { type ApiRequest, refusal, type Route } from "./route.ts";
import { faultIn, type Schema } from "./schema.ts";
import { SCHEMAS } from "./schemas.ts";

/** The paths that a request for an unknown one is told. */
const KNOWN_PATHS = "/, /healthz, /api/status, /metrics or /api/openapi.json";

/** A function that answers requests, as {@linkcode HttpServer} takes it. */
export type Answering = (
  request: HttpRequest,
  content: () => Promise<Uint8Array>,
  from: string,
) => Promise<HttpAnswer>;

/** The reports of a router. */
export interface RouterReports {
  /** Called with the error when a route fails. */
  failed(error: unknown): void;
  /** Called with the address of a client that has sent a wrong token. */
  wrongToken(from: string): void;
}

/**
 * Makes a function that answers requests by routes.
 *
 * @param routes The routes
 * @param access The way by which the requests come
 * @param reports Called when something has gone wrong
 * @returns The function
 */
export function router(
  routes: readonly Route[],
  access: Access,
  reports: RouterReports,
): Answering {
  const byPath = Map.groupBy(routes, ({ path }) => path);
  return async (request, content, from) => {
    try {
      const own = byPath.get(request.path);
      const method = request.method === "HEAD" ? "GET" : request.method;
      const route = own?.find((route) => route.method === method);
      const mayRead = checkRights(access, request, route);
      if (own === undefined) return textAnswer(404, `Not found; try ${KNOWN_PATHS}\n`);
      if (route === undefined) return notAllowed(own);
      const query = queryOf(request.query, route.parameters);
      const value = route.content === undefined
        ? undefined
        : await contentOf(request, content, route.content);
      return await route.answer({ query, content: value, mayRead });
    } catch (error) {
      if (error instanceof HttpRefusal) {
        const { answer } = error;
        if (answer.status === 401 && request.fields.has("authorization")) reports.wrongToken(from);
        return answer;
      }
      reports.failed(error);
      return textAnswer(500, "Internal error\n");
    }
  };
}

function notAllowed(own: readonly Route[]): HttpAnswer {
  const methods = own.map(({ method }) => method);
  const allow = methods.flatMap((method) => method === "GET" ? ["GET", "HEAD"] : [method]).join(
    ", ",
  );
  return textAnswer(405, `Method not allowed; use ${methods.join(" or ")}\n`, { allow });
}

/** Reads and checks the parameters of a query. */
function queryOf(query: string, schemas: Route["parameters"]): ApiRequest["query"] {
  const values: Record<string, string | number> = {};
  if (schemas === undefined) return values;
  for (const [name, text] of new URLSearchParams(query)) {
    const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
    if (schema === undefined) {
      const known = Object.keys(schemas).join(", ");
      throw refusal(400, `There is no parameter ${JSON.stringify(name)}; known ones are ${known}`);
    }
    if (Object.hasOwn(values, name)) throw refusal(400, `${name} is given twice; give it once`);
    const isNumber = schema.type === "integer" && /^\d{1,16}$/.test(text);
    const value = isNumber ? Number(text) : text;
    const fault = faultIn(schema, value, SCHEMAS, name);
    if (fault !== undefined) throw refusal(400, fault);
    values[name] = value;
  }
  return values;
}

/** Reads and checks the content of a request. */
async function contentOf(
  request: HttpRequest,
  content: () => Promise<Uint8Array>,
  schema: Schema,
): Promise<unknown> {
  // The form of a page in a browser cannot send this type, so it cannot send a request that is answered.
  const type = fieldOf(request, "content-type")?.split(";")[0].trim().toLowerCase();
  if (type !== "application/json") {
    throw refusal(415, "The content must be JSON; send Content-Type: application/json");
  }
  const bytes = await content();
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw refusal(400, "The content is not valid JSON");
  }
  const fault = faultIn(schema, value, SCHEMAS);
  if (fault !== undefined) throw refusal(400, fault);
  return value;
}
