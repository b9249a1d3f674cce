// The routes of the page, which shows the rest of the API to people.

import { PAGE_FILES } from "../../page/files.ts";
import { type HttpAnswer, textAnswer } from "../http_server.ts";
import type { Route } from "./route.ts";

/**
 * The fields of each answer. The page runs only scripts of this server, none that are written into it, sends
 * nothing elsewhere, and no other page can show it inside of itself. Texts from peers never become HTML, which
 * `require-trusted-types-for` makes sure of.
 */
const FIELDS = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  // A newer version has another page at the same address.
  "cache-control": "no-cache",
};
const encoder = new TextEncoder();

/** Makes the routes of the page. They need no token, because the page itself tells nothing about anybody. */
export function pageRoutes(): Route[] {
  return PAGE_FILES.map(({ path, type, load }) => {
    let body: Promise<Uint8Array> | undefined;
    return {
      method: "GET",
      path,
      summary: "A file of the page for people",
      open: true,
      answers: { 200: { description: "The file", contentType: type } },
      answer: async (): Promise<HttpAnswer> => {
        try {
          body ??= load().then((text) => encoder.encode(text.default));
          return { status: 200, fields: { "content-type": type, ...FIELDS }, body: await body };
        } catch {
          return textAnswer(501, UNAVAILABLE);
        }
      },
    };
  });
}

const UNAVAILABLE =
  "The page needs Deno 2.9 or later, or --unstable-raw-imports; the rest of the " +
  "API works: see /api/status\n";
