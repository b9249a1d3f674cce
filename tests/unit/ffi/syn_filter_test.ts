// The filter of new connections on a listening socket.

import { assertEquals } from "@std/assert";
import {
  admitNewConnections,
  EXEMPT_MAX,
  limitNewConnections,
  listeningSockets,
} from "../../../ffi/mod.ts";
import { testUnless, whyNot } from "../../support/skip.ts";

/** The time within which a connection on one machine is surely there, unless its first segment is dropped. */
const MOMENT_MS = 200;

const LOOPBACK = {
  "127.0.0.1": [127, 0, 0, 1],
  "::1": [0, 0, 0, 0, 0, 0, 0, 1],
};
/** As many other addresses as a filter can have. */
const OTHERS = [
  ...Array.from({ length: EXEMPT_MAX.ipv4 - 1 }, (_, n) => [192, 0, 2, n]),
  ...Array.from({ length: EXEMPT_MAX.ipv6 - 1 }, (_, n) => [0x2001, 0xdb8, 0, n, 0, 0, 0, 1]),
];

for (const [hostname, address] of Object.entries(LOOPBACK)) {
  testUnless(
    whyNot("linux"),
    `limitNewConnections() makes the kernel drop new connections, but not from exempt addresses, for ${hostname}`,
    async () => {
      const others = listeningSockets();
      using listener = Deno.listen({ hostname, port: 0 });
      const fd = listeningSockets().find((fd) => !others.includes(fd))!;
      const { port } = listener.addr as Deno.NetAddr;
      const connect = () => Deno.connect({ hostname, port });

      assertEquals(limitNewConnections(fd, { share: 0, exempt: [...OTHERS, address] }), 0);
      using first = await connect();
      using accepted = await listener.accept();

      assertEquals(limitNewConnections(fd, { share: 0, exempt: OTHERS }), 0);
      const second = connect();
      let timer: ReturnType<typeof setTimeout>;
      const late = new Promise<string>((resolve) => {
        timer = setTimeout(() => resolve("late"), MOMENT_MS);
      });
      assertEquals(await Promise.race([second, late]), "late");
      clearTimeout(timer!);
      // A connection that was accepted is not affected.
      await first.write(Uint8Array.of(7));
      const bytes = new Uint8Array(2);
      assertEquals([await accepted.read(bytes), bytes[0]], [1, 7]);

      assertEquals(limitNewConnections(fd, { share: 1, exempt: [] }), 0);
      (await second).close();
      admitNewConnections(fd);
      (await connect()).close();
    },
  );
}
