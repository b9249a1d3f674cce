// The rights of a request: who may read, and who may change something.
//
//     over                        read                    change
//     a unix socket               yes                     yes
//     TCP on a loopback address   yes                     with the token
//     TCP beyond loopback         yes, or with the token  with the token
//                                 if there is one
//
// A page in a browser can send requests to any address, so one that changes something must not come from the
// page of another site. A page cannot read what is answered to it.

import { createHash, timingSafeEqual } from "node:crypto";
import { fieldOf, type HttpRequest } from "../http_request.ts";
import { refusal, type Route } from "./route.ts";
import { HttpRefusal } from "../http_server.ts";

/** The way by which requests come. */
export interface Access {
  /** The way: a unix socket, an address that only this machine can reach, or another address. */
  over: "unix" | "loopback" | "network";
  /** The token that gives all rights; without one, nothing can be changed over TCP. */
  token?: string;
}

/**
 * Checks the rights of a request.
 *
 * @param access The way by which it came
 * @param request The request
 * @param route The route; undefined if there is none for it
 * @returns True if the client may read everything
 * @throws {HttpRefusal} If the request may not be answered
 */
export function checkRights(
  access: Access,
  request: HttpRequest,
  route: Route | undefined,
): boolean {
  const { over, token } = access;
  const changes = route?.control === true;
  if (changes && isFromOtherSite(request)) {
    throw refusal(403, "The page of another site may not change anything here");
  }
  if (over === "unix") return true;
  if (changes && token === undefined) {
    throw refusal(
      403,
      "Changes over TCP need --status-token-file; the local socket of the program needs no token",
    );
  }
  const needsToken = changes || (over === "network" && token !== undefined);
  if (!needsToken || hasToken(request, token!)) return true;
  if (route?.open) return false;
  throw unauthorized(request);
}

/** Returns true if a request comes with the token. */
function hasToken(request: HttpRequest, token: string): boolean {
  const [, given] = /^Bearer +(\S+)$/i.exec(fieldOf(request, "authorization") ?? "") ?? [];
  if (given === undefined) return false;
  // Digests have one length, so the time of the comparison tells nothing about the token.
  return timingSafeEqual(digestOf(given), digestOf(token));
}

function digestOf(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

function unauthorized(request: HttpRequest): HttpRefusal {
  const given = request.fields.has("authorization");
  const text = given ? "The token is wrong" : "A token is needed: send Authorization: Bearer TOKEN";
  return new HttpRefusal(401, text, { "www-authenticate": "Bearer" });
}

/** Returns true if a request was caused by the page of another site, or if that cannot be excluded. */
function isFromOtherSite(request: HttpRequest): boolean {
  const { fields, authority } = request;
  const site = fieldOf(request, "sec-fetch-site");
  if (site !== undefined && site !== "same-origin" && site !== "none") return true;
  if (!fields.has("origin")) return false;
  const origin = fieldOf(request, "origin");
  return origin === undefined || authority === undefined || !isSameOrigin(origin, authority);
}

function isSameOrigin(origin: string, authority: string): boolean {
  const [, scheme, host] = /^(https?):\/\/([^/]+)$/i.exec(origin) ?? [];
  if (host === undefined) return false;
  return hostOf(scheme, host) === hostOf(scheme, authority);
}

/** Returns a host with its port, unless the port is the usual one of the scheme. */
function hostOf(scheme: string, authority: string): string | undefined {
  return URL.parse(`${scheme}://${authority}`)?.host;
}
