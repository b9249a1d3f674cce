// HTTP requests over a unix socket.

/** An answer to a request. */
export interface UnixAnswer {
  status: number;
  body: string;
}

/** Sends a request over a unix socket, and waits for the whole answer. */
export async function unixRequest(
  socket: string,
  target: string,
  content?: unknown,
): Promise<UnixAnswer> {
  using conn = await openRequest(socket, target, content);
  const answer = new TextDecoder().decode(await readAll(conn));
  const [head, ...body] = answer.split("\r\n\r\n");
  return { status: Number(head.split(" ")[1]), body: body.join("\r\n\r\n") };
}

/** Sends a request over a unix socket, and returns the connection. */
export async function openRequest(
  socket: string,
  target: string,
  content?: unknown,
): Promise<Deno.UnixConn> {
  const conn = await Deno.connect({ transport: "unix", path: socket });
  const json = content === undefined ? "" : JSON.stringify(content);
  const head = content === undefined
    ? `GET ${target} HTTP/1.1\r\n`
    : `POST ${target} HTTP/1.1\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${new TextEncoder().encode(json).length}\r\n`;
  const request = `${head}Host: localhost\r\nConnection: close\r\n\r\n${json}`;
  await conn.write(new TextEncoder().encode(request));
  return conn;
}

async function readAll(conn: Deno.UnixConn): Promise<Uint8Array> {
  return await new Response(conn.readable).bytes();
}

/** Reads server-sent events from a unix socket, as their types and their data. */
// deno-lint-ignore no-explicit-any
export async function* unixEvents(socket: string): AsyncGenerator<{ type: string; data: any }> {
  const conn = await openRequest(socket, "/api/events");
  let text = "";
  for await (const piece of conn.readable.pipeThrough(new TextDecoderStream())) {
    text += piece;
    const blocks = text.split("\n\n");
    text = blocks.pop()!;
    for (const block of blocks) {
      const [, type, json] = /^event: (\S+)\ndata: (.*)$/m.exec(block) ?? [];
      if (type !== undefined) yield { type, data: JSON.parse(json) };
    }
  }
}
