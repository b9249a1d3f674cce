// A route of the API: a method and a path, with what it takes and what it answers.

import { type HttpAnswer, HttpRefusal } from "../http_server.ts";
import type { Schema } from "./schema.ts";

/** A request for a route, after the checks of its rights, its query and its content. */
export interface ApiRequest {
  /** The parameters of the query, by name; those with an integer as their schema are numbers. */
  query: Readonly<Record<string, string | number>>;
  /** The content, which matches the schema of the route. */
  content: unknown;
  /** True if the client may read everything; false only for an open route beyond loopback, without the token. */
  mayRead: boolean;
}

/** An answer as the description of the API shows it. */
export interface AnswerDescription {
  description: string;
  /** The type of the content; `text/plain` without a schema, and `application/json` with one, by default. */
  contentType?: string;
  /** The schema of JSON. */
  schema?: Schema;
}

/** A route. */
export interface Route {
  method: "GET" | "POST";
  path: string;
  /** What it is for, in a few words. */
  summary: string;
  /** True if it changes something, so that it needs a token over TCP. */
  control?: boolean;
  /** True if it is answered without the token even beyond loopback. It must then tell nothing about anybody. */
  open?: boolean;
  /** The parameters of its query. Without them, the query is ignored; with them, unknown ones are refused. */
  parameters?: Record<string, Schema>;
  /** The schema of the content, which only a POST has. */
  content?: Schema;
  /** The answers of its own, by status; those of the router are the same for all routes. */
  answers: Record<number, AnswerDescription>;
  /** Answers a request, or throws a refusal. */
  answer(request: ApiRequest): HttpAnswer | Promise<HttpAnswer>;
}

const encoder = new TextEncoder();

/** The fields of an answer in JSON, which must not be kept. */
export const JSON_FIELDS = { "content-type": "application/json", "cache-control": "no-store" };

/** Makes an answer of JSON. */
export function jsonAnswer(value: unknown, status = 200): HttpAnswer {
  return { status, fields: JSON_FIELDS, body: encoder.encode(JSON.stringify(value)) };
}

/** Makes the refusal of a request with a reason that a person can read. */
export function refusal(status: number, reason: string): HttpRefusal {
  return new HttpRefusal(status, reason);
}
