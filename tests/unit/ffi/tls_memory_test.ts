// The memory that the connections of TLS of a thread share.

import { assertEquals } from "@std/assert";
import { openssl, Pinned, TLS, TlsMemory } from "../../../ffi/mod.ts";
import { tlsConnections } from "../../support/tls_pair.ts";

const ssl = openssl();

Deno.test("TlsMemory.take() takes what wraps around in two parts, in order", () => {
  using memory = new TlsMemory(1, 100);
  const bytes = Uint8Array.from({ length: 100 }, (_, at) => at);
  ssl.BIO_write(memory.output, bytes, 80);
  ssl.BIO_read(memory.outlet, new Uint8Array(70), 70);
  assertEquals(ssl.BIO_write(memory.output, bytes.subarray(80), 20), 20);
  assertEquals(ssl.BIO_write(memory.output, bytes, 15), 15);
  const taken: number[][] = [];
  for (let count; (count = memory.take()) > 0;) {
    const { takenAt } = memory;
    taken.push([...memory.sealed.bytes.subarray(takenAt, takenAt + count)]);
  }
  assertEquals(taken, [[...bytes.subarray(70, 100)], [...bytes.subarray(0, 15)]]);
});

Deno.test("TlsMemory carries the bytes of several connections in turn, and frees none too early", () => {
  const memory = new TlsMemory(1000, 1000);
  const pairs = [tlsConnections(), tlsConnections()];
  for (const pair of pairs) {
    for (const connection of Object.values(pair)) connection.share(memory);
  }
  const place = new Pinned(new Uint8Array(1000));
  const { bytes, address } = place;
  const carry = (text: string, { client, server }: typeof pairs[0], part: number) => {
    const { written: length } = new TextEncoder().encodeInto(text, bytes);
    client.write(address, length);
    const count = memory.take();
    const { sealed, received, takenAt } = memory;
    // The start of a record stays with its connection, whatever the memory is used for meanwhile.
    received.bytes.set(sealed.bytes.subarray(takenAt, takenAt + part));
    memory.offer(part);
    assertEquals([server.read(address, 1000), server.inputBytes], [TLS.AGAIN, 0]);
    const rest = sealed.bytes.slice(takenAt + part, takenAt + count);
    return () => {
      received.bytes.set(rest);
      memory.offer(rest.length);
      const read = server.read(address, 1000);
      return new TextDecoder().decode(bytes.subarray(0, read));
    };
  };
  for (let turn = 0; turn < 10; turn++) {
    const ends = pairs.map((pair, n) => carry(`turn ${turn} of ${n}`, pair, 3 + turn));
    assertEquals(ends.map((end) => end()), [`turn ${turn} of 0`, `turn ${turn} of 1`]);
  }
  for (const connection of Object.values(pairs[0])) connection.free();
  assertEquals(carry("without the others", pairs[1], 7)(), "without the others");
  memory[Symbol.dispose]();
  for (const connection of Object.values(pairs[1])) connection.free();
});
