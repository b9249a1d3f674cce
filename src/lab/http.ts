// One HTTP request to a server that only exists inside a network namespace, such as its loopback's.
import { inNamespace } from "../../ffi/mod.ts";
import { patient } from "./patience.ts";

const ANSWER_MS = patient(2000);

/** An answer. */
export interface HttpAnswer {
  status: number;
  body: string;
}

/**
 * Fetches a path by HTTP from within a namespace.
 *
 * @param namespace Path of the namespace, such as `/run/netns/host`.
 * @param address Where the server listens in it; `hostname` is an IP address.
 * @param path What to ask for, such as `/healthz`.
 * @returns The answer.
 * @throws {Error} If nobody listens there, answers in time or speaks HTTP.
 */
export async function httpGet(
  namespace: string,
  address: { hostname: string; port: number },
  path: string,
): Promise<HttpAnswer> {
  // For an IP address Deno makes the socket within the call, not later on another thread: so it
  // belongs to the namespace. tests/integration/lab_test.ts holds Deno to that.
  const conn = await inNamespace(namespace, () => Deno.connect({ ...address }));
  // HTTP/1.0: the answer comes in one piece, and its end is the connection's.
  const request = `GET ${path} HTTP/1.0\r\nHost: ${address.hostname}:${address.port}\r\n\r\n`;
  const timer = setTimeout(() => conn.close(), ANSWER_MS);
  const answer = await exchange(conn, request).finally(() => clearTimeout(timer));
  const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(answer) ?? [];
  const bodyAt = answer.indexOf("\r\n\r\n");
  if (!status || bodyAt < 0) {
    throw new Error(`Cannot read the answer to GET ${path}: it is no HTTP`);
  }
  return { status: Number(status), body: answer.slice(bodyAt + 4) };
}

async function exchange(conn: Deno.TcpConn, request: string): Promise<string> {
  const writer = conn.writable.getWriter();
  await writer.write(new TextEncoder().encode(request));
  return await new Response(conn.readable).text();
}
