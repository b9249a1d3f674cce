import { assert, assertEquals, assertRejects } from "@std/assert";
import { LocalSocket } from "../../../ffi/mod.ts";
import { askHolder, heldPlaces } from "../../../src/claim/holder.ts";
import { InterfaceClaim } from "../../../src/claim/interface_claim.ts";
import { ConfigurationError } from "../../../src/configuration_error.ts";
import type { Side } from "../../../src/side.ts";
import { testUnless, whyNot } from "../../support/skip.ts";

const skipped = whyNot("linux");
const ASK_MS = 10_000;

let names = 0;

/** Returns a name that no other test uses, and that no interface has. */
function unusedName(): string {
  return `t${Deno.pid}.${++names}`;
}

function take(name: string, side: Side = "client", warnings: string[] = []) {
  return InterfaceClaim.take({
    side,
    interface: name,
    facts: () => ({ version: "1.2.3", name: "branch", status: "127.0.0.1:9000", socket: null }),
    log: { warning: (message) => void warnings.push(message) },
  });
}

testUnless(
  skipped,
  "InterfaceClaim.take() refuses a second claim, and names the first",
  async () => {
    const name = unusedName();
    const first = (await take(name))!;
    const error = await assertRejects(() => take(name), ConfigurationError);
    assertEquals(
      error.message,
      `Cannot start a client on ${name}: another process uses it, the client branch in this same ` +
        "process; stop that one first, or use another interface",
    );
    await first.release();
    const second = (await take(name))!;
    await second.release();
    assert(!heldPlaces().some((place) => place.interface === name));
  },
);

testUnless(
  skipped,
  "InterfaceClaim.take() allows a client and a server on one interface, and clients on two",
  async () => {
    const [one, two] = [unusedName(), unusedName()];
    const claims = [await take(one, "client"), await take(one, "server"), await take(two)];
    const held = heldPlaces().filter((place) => [one, two].includes(place.interface));
    assertEquals(held.length, 3);
    for (const claim of claims) await claim!.release();
  },
);

testUnless(
  skipped,
  "InterfaceClaim.take() lets one of several at the same instant win",
  async () => {
    const name = unusedName();
    const all = await Promise.allSettled([1, 2, 3, 4, 5].map(() => take(name)));
    const winners = all.filter((result) => result.status === "fulfilled");
    assertEquals(winners.length, 1);
    await winners[0].value!.release();
  },
);

testUnless(
  skipped,
  "InterfaceClaim.take() waits for a claim whose holder is stopping",
  async () => {
    const name = unusedName();
    const first = (await take(name))!;
    first.stopping();
    const second = take(name);
    // The second one has asked at least twice when both answers have arrived.
    const place = { side: "client", interface: name } as const;
    for (const _ of [1, 2]) {
      assertEquals((await askHolder(place, ASK_MS))?.introduction?.stopping, true);
    }
    await first.release();
    await (await second)!.release();
  },
);

testUnless(
  skipped,
  "InterfaceClaim describes its holder in one line to everyone who asks, also to many at once",
  async () => {
    const name = unusedName();
    const claim = (await take(name))!;
    const place = { side: "client", interface: name } as const;
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => askHolder(place, ASK_MS)),
    );
    for (const { pid, uid, introduction } of answers.map((answer) => answer!)) {
      assertEquals([pid, uid], [Deno.pid, Deno.uid()]);
      const { started, ...rest } = introduction!;
      assert(Date.now() - Date.parse(started) < 60_000);
      assertEquals(rest, {
        program: "pppoe-proxy",
        version: "1.2.3",
        pid: Deno.pid,
        side: "client",
        interface: name,
        name: "branch",
        status: "127.0.0.1:9000",
        socket: null,
        stopping: false,
      });
    }
    await claim.release();
  },
);

testUnless(
  skipped,
  "InterfaceClaim goes on to answer after connections that are closed, or that send something",
  async () => {
    const name = unusedName();
    const claim = (await take(name))!;
    const path = `\0pppoe-proxy/client/${name}`;
    const conns: Deno.UnixConn[] = [];
    for (let n = 0; n < 10; n++) {
      const conn = await Deno.connect({ transport: "unix", path });
      if (n % 2 === 0) conn.close();
      else {
        await conn.write(new Uint8Array(1000));
        conns.push(conn);
      }
    }
    const holder = await askHolder({ side: "client", interface: name }, ASK_MS);
    assertEquals(holder?.introduction?.name, "branch");
    for (const conn of conns) conn.close();
    await claim.release();
    await claim.release();
  },
);

testUnless(
  skipped,
  "InterfaceClaim.take() makes no claim to what cannot be the name of an interface",
  async () => {
    const warnings: string[] = [];
    assertEquals(await take("a/b", "client", warnings), undefined);
    assertEquals(await take("a-name-that-is-too-long", "client", warnings), undefined);
    assertEquals(warnings, []);
  },
);

testUnless(
  skipped,
  "InterfaceClaim.take() warns and goes on if the name is taken but nobody listens",
  async () => {
    const name = unusedName();
    const { libc } = await import("../../../ffi/libc.ts");
    const { AF_UNIX, SOCK_STREAM, sockaddrUn } = await import("../../../ffi/structs.ts");
    const fd = libc.socket(AF_UNIX, SOCK_STREAM, 0);
    const address = sockaddrUn(`pppoe-proxy/client/${name}`);
    assertEquals(libc.bind(fd, address, address.length), 0);
    const warnings: string[] = [];
    try {
      assertEquals(await take(name, "client", warnings), undefined);
    } finally {
      libc.close(fd);
    }
    assertEquals(warnings, [
      `Cannot make sure that no other client uses ${name}: another program has taken the name ` +
      `@pppoe-proxy/client/${name}; find the process with ss -xlp, and stop it`,
    ]);
  },
);

/** Listens at a place like a stopped process, and has so many connections wait that there is no room. */
function fullListener(name: string) {
  const path = `pppoe-proxy/client/${name}`;
  const listener = Deno.listen({ transport: "unix", path: `\0${path}` });
  const waiting: LocalSocket[] = [];
  for (;;) {
    const socket = LocalSocket.connect(path);
    if (!(socket instanceof LocalSocket)) break;
    waiting.push(socket);
  }
  return {
    [Symbol.dispose]() {
      for (const socket of waiting) socket.close();
      listener.close();
    },
  };
}

testUnless(
  skipped,
  "InterfaceClaim.take() refuses a claim whose trusted holder has no room for another connection",
  async () => {
    const name = unusedName();
    using _full = fullListener(name);
    const place = { side: "client", interface: name } as const;
    assertEquals(await askHolder(place, ASK_MS), {
      pid: 0,
      uid: Deno.uid() ?? undefined,
      isBusy: true,
      introduction: undefined,
    });
    const warnings: string[] = [];
    const error = await assertRejects(() => take(name, "client", warnings), ConfigurationError);
    assertEquals(
      error.message,
      `Cannot start a client on ${name}: another process uses it, the client for which too many ` +
        "connections wait (see ss -xlp); stop that one first, or use another interface",
    );
    assertEquals(warnings, []);
  },
);
