// An HTTP request to a server inside a network namespace, for example on its loopback.

import { inNamespace } from "../../ffi/mod.ts";
import { patient } from "./patience.ts";

const ANSWER_MS = patient(2000);

/** An answer to an HTTP request. */
export interface HttpAnswer {
  status: number;
  body: string;
}

/**
 * Fetches a path by HTTP from within a namespace.
 *
 * @param namespace The path of the namespace, such as `/run/netns/host`
 * @param address The server's address in the namespace; `hostname` is an IP address
 * @param path The path to fetch, such as `/healthz`
 * @returns The answer
 * @throws {Error} If nothing listens there, or the answer is late or not HTTP
 */
export async function httpGet(
  namespace: string,
  address: { hostname: string; port: number },
  path: string,
): Promise<HttpAnswer> {
  // For an IP address Deno makes the socket during the call, not later on another thread, so the
  // socket belongs to the namespace. tests/integration/lab_test.ts checks that this stays so.
  const conn = await inNamespace(namespace, () => Deno.connect({ ...address }));
  // With HTTP/1.0 the answer is not chunked and ends with the connection.
  const request = `GET ${path} HTTP/1.0\r\nHost: ${address.hostname}:${address.port}\r\n\r\n`;
  const timer = setTimeout(() => conn.close(), ANSWER_MS);
  const answer = await exchange(conn, request).finally(() => clearTimeout(timer));
  const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(answer) ?? [];
  const bodyAt = answer.indexOf("\r\n\r\n");
  if (!status || bodyAt < 0) {
    throw new Error(`Cannot read the answer to GET ${path}: it is not HTTP`);
  }
  return { status: Number(status), body: answer.slice(bodyAt + 4) };
}

async function exchange(conn: Deno.TcpConn, request: string): Promise<string> {
  const writer = conn.writable.getWriter();
  await writer.write(new TextEncoder().encode(request));
  return await new Response(conn.readable).text();
}
