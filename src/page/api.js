// Requests to the program, with the token if one was given.

const TOKEN_KEY = "pppoe-proxy-token";

/** A refusal of a request, with the status and the reason that the program gave. */
export class Refusal extends Error {
  /**
   * @param {number} status The HTTP status
   * @param {string} reason The reason
   */
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

/** The token, which is kept for this tab only. */
let token = readToken();

function readToken() {
  try {
    return sessionStorage.getItem(TOKEN_KEY) ?? "";
  } catch {
    // The browser keeps nothing for this page.
    return "";
  }
}

/** Keeps the token until the tab is closed; an empty one is forgotten. */
export function setToken(value) {
  token = value.trim();
  try {
    if (token === "") sessionStorage.removeItem(TOKEN_KEY);
    else sessionStorage.setItem(TOKEN_KEY, token);
  } catch {
    // It is asked for again after a reload.
  }
}

/** Returns true if there is a token. */
export function hasToken() {
  return token !== "";
}

/**
 * Sends a request.
 *
 * @param {string} path The path with its query
 * @param {object} [content] The content of a POST; without it, this is a GET
 * @param {AbortSignal} [signal] Ends the request
 * @returns {Promise<Response>} The response
 * @throws {Refusal} If the program refuses
 */
export async function request(path, content, signal) {
  const headers = {};
  if (token !== "") headers.authorization = `Bearer ${token}`;
  if (content !== undefined) headers["content-type"] = "application/json";
  const response = await fetch(path, {
    method: content === undefined ? "GET" : "POST",
    headers,
    body: content === undefined ? undefined : JSON.stringify(content),
    cache: "no-store",
    signal,
  });
  if (!response.ok) throw new Refusal(response.status, (await response.text()).trim());
  return response;
}

/** Sends a request that is answered in JSON, within ten seconds. */
export async function requestJson(path, content) {
  return await (await request(path, content, AbortSignal.timeout(10_000))).json();
}
