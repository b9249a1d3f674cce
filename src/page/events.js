// Server-sent events from a response that is being received. The browser's own EventSource cannot send a token.

/**
 * Reads events. Lines of other fields than the type and the data are ignored.
 *
 * @param {AsyncIterable<Uint8Array>} chunks The bytes, in any pieces
 * @returns {AsyncGenerator<{ type: string, data: string }>} The events
 */
export async function* readEvents(chunks) {
  const decoder = new TextDecoder();
  let rest = "";
  let type = "";
  let data = [];
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) yield { type: type || "message", data: data.join("\n") };
        type = "";
        data = [];
      } else if (line.startsWith("event:")) type = line.slice(6).trimStart();
      else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
    }
  }
}

/**
 * Gives the pieces of a response one after the other.
 *
 * @param {ReadableStream<Uint8Array>} stream The content of the response
 * @returns {AsyncGenerator<Uint8Array>} The pieces
 */
export async function* chunksOf(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
