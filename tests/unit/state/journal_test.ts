import { assert, assertEquals, assertThrows } from "@std/assert";
import { Journal, type SessionRecord } from "../../../src/state/mod.ts";
import {
  encodeClose,
  encodeDelivered,
  encodeOpen,
  encodeReset,
  encodeUndelivered,
} from "../../../src/state/session_record.ts";
import { record, undeliveredPadt } from "./fixture.ts";

/** A directory with journals, and the events that they reported. */
class Journals implements Disposable {
  readonly #root = Deno.makeTempDirSync({ prefix: "test-journal-" });
  readonly path = `${this.#root}/state`;
  readonly full: number[] = [];
  readonly failed: string[] = [];
  readonly #opened: Journal[] = [];

  constructor() {
    Deno.mkdirSync(this.path);
  }

  open(segment = 1, segmentBytes?: number): Journal {
    const journal = Journal.open(this.path, segment, {
      full: (segment) => this.full.push(segment),
      failed: (error) => this.failed.push(error.message),
    }, { segmentBytes });
    this.#opened.push(journal);
    return journal;
  }

  read(segment: number): string {
    return Deno.readTextFileSync(`${this.path}/changes.${segment}.jsonl`);
  }

  names(): string[] {
    return [...Deno.readDirSync(this.path)].map(({ name }) => name).sort();
  }

  [Symbol.dispose](): void {
    for (const journal of this.#opened) journal.close();
    Deno.removeSync(this.#root, { recursive: true });
  }
}

/** Replaces `writeSync` until the returned value is disposed of. */
function writing(
  write: (real: Deno.FsFile["writeSync"], bytes: Uint8Array) => number,
): Disposable {
  const { prototype } = Deno.FsFile;
  const real = prototype.writeSync;
  prototype.writeSync = function (bytes) {
    return write(real.bind(this), bytes);
  };
  return {
    [Symbol.dispose]: () => {
      prototype.writeSync = real;
    },
  };
}

/** Fills the disk until the returned value is disposed of. */
function fullDisk(): Disposable {
  return writing(() => {
    throw new Error("No space left on device (os error 28)");
  });
}

/** Acts while the disk is full. */
function failing(act: () => void): void {
  using _ = fullDisk();
  act();
}

Deno.test("Journal writes each change before it returns", () => {
  using journals = new Journals();
  const journal = journals.open(3);
  let expected = "";
  const steps: [() => void, string][] = [
    [() => journal.opened(record(1)), encodeOpen(record(1))],
    [() => journal.undelivered(undeliveredPadt(7)), encodeUndelivered(undeliveredPadt(7))],
    [() => journal.closed(1), encodeClose(1)],
    [() => journal.delivered(undeliveredPadt(7)), encodeDelivered(undeliveredPadt(7))],
  ];
  for (const [act, line] of steps) {
    act();
    assertEquals(journals.read(3), expected += line);
  }
  assertEquals(Deno.statSync(`${journals.path}/changes.3.jsonl`).mode! & 0o777, 0o600);
  assertEquals([journals.full, journals.failed, journal.broken], [[], [], false]);
});

Deno.test("Journal continues in the next segment when one is full, and reports the full one", () => {
  using journals = new Journals();
  const journal = journals.open(1, 20);
  for (let serial = 1; serial <= 5; serial++) journal.closed(serial);
  assertEquals(journals.full, [1, 2]);
  assertEquals(journals.read(1), encodeClose(1) + encodeClose(2));
  assertEquals(journals.read(2), encodeClose(3) + encodeClose(4));
  assertEquals(journals.read(3), encodeClose(5));
});

Deno.test("Journal writes whole lines when the system writes them in parts", () => {
  using journals = new Journals();
  const journal = journals.open();
  {
    using _ = writing((real, bytes) => real(bytes.subarray(0, 3)));
    journal.opened(record(1));
  }
  assertEquals(journals.read(1), encodeOpen(record(1)));
});

Deno.test("Journal reports a full disk once, and writes nothing more", () => {
  using journals = new Journals();
  const journal = journals.open();
  assertEquals(journal.broken, false);
  using _ = fullDisk();
  for (let serial = 1; serial <= 3; serial++) journal.closed(serial);
  assertEquals(journals.failed, [
    `Cannot write ${journals.path}/changes.1.jsonl: No space left on device`,
  ]);
  assertEquals([journal.broken, journals.full], [true, []]);
});

Deno.test("Journal leaves no incomplete line when the disk fills up in the middle of one", () => {
  using journals = new Journals();
  const journal = journals.open();
  journal.closed(1);
  let writes = 0;
  {
    using _ = writing((real, bytes) => {
      if (++writes > 1) throw new Error("No space left on device (os error 28)");
      return real(bytes.subarray(0, 5));
    });
    journal.closed(2);
  }
  assertEquals([writes, journal.broken, journals.read(1)], [2, true, encodeClose(1)]);
});

Deno.test("Journal.retry() starts a segment with the live state after a failure", () => {
  using journals = new Journals();
  const journal = journals.open(4);
  failing(() => journal.opened(record(1)));
  assertEquals(journal.retry([record(2), record(3)], [undeliveredPadt(7)], 0), true);
  journal.closed(2);
  assertEquals(
    journals.read(5),
    encodeReset("begin") + encodeOpen(record(2)) + encodeOpen(record(3)) +
      encodeUndelivered(undeliveredPadt(7)) +
      encodeReset("end") + encodeClose(2),
  );
  assertEquals([journal.broken, journals.full, journals.failed.length], [false, [4], 1]);
});

Deno.test("Journal.retry() reports nothing while it fails, and leaves nothing behind", () => {
  using journals = new Journals();
  const journal = journals.open();
  failing(() => journal.closed(1));
  for (let attempt = 0; attempt < 3; attempt++) {
    let writes = 0;
    using _ = writing((real, bytes) => {
      if (++writes === 3) throw new Error("No space left on device (os error 28)");
      return real(bytes.subarray(0, 100));
    });
    assertEquals(journal.retry([record(1), record(2), record(3)], [], attempt * 60_000), false);
    assertEquals([writes, journals.names()], [3, ["changes.1.jsonl"]]);
  }
  assertEquals([journal.broken, journals.failed.length, journals.full], [true, 1, []]);
  assert(journal.retry([], [], Infinity));
  assertEquals(journals.read(2), encodeReset("begin") + encodeReset("end"));
});

Deno.test("Journal.retry() writes the live state in blocks", () => {
  using journals = new Journals();
  const journal = journals.open();
  failing(() => journal.closed(1));
  const live = Array.from({ length: 4000 }, (_, n) => record(n + 1));
  const sizes: number[] = [];
  {
    using _ = writing((real, bytes) => {
      sizes.push(bytes.length);
      return real(bytes);
    });
    assert(journal.retry(live, [undeliveredPadt(7)], 0));
  }
  const expected = encodeReset("begin") + live.map(encodeOpen).join("") +
    encodeUndelivered(undeliveredPadt(7)) +
    encodeReset("end");
  assertEquals(journals.read(2), expected);
  assertEquals(sizes.length, Math.ceil(expected.length / 65_536));
  assert(Math.max(...sizes) < 66_000);
});

Deno.test("Journal.retry() waits longer after each failure, up to a minute, and starts over after a success", () => {
  using journals = new Journals();
  const journal = journals.open();
  failing(() => journal.closed(1));
  const block = () => {
    const path = `${journals.path}/changes.${journals.full.length + 2}.jsonl`;
    Deno.mkdirSync(`${path}/not-empty`, { recursive: true });
    return path;
  };
  let looked = 0;
  const sessions = {
    *[Symbol.iterator]() {
      looked++;
      yield record(1);
    },
  };
  let nowMs = 5000;
  const tried: number[] = [];
  /** Retries every second until it succeeds, or for `forMs`. */
  const retry = (forMs: number) => {
    tried.length = 0;
    const sinceMs = nowMs;
    for (; nowMs - sinceMs <= forMs; nowMs += 1000) {
      const { removeSync } = Deno;
      Deno.removeSync = (...args) => {
        if (tried.at(-1) !== nowMs - sinceMs) tried.push(nowMs - sinceMs);
        return removeSync(...args);
      };
      try {
        if (journal.retry(sessions, [], nowMs)) return true;
      } finally {
        Deno.removeSync = removeSync;
      }
    }
    return false;
  };
  let path = block();
  assertEquals(retry(190_000), false);
  assertEquals(tried, [0, 2000, 6000, 14_000, 30_000, 62_000, 122_000, 182_000]);
  assertEquals(looked, 0);
  Deno.removeSync(path, { recursive: true });
  assertEquals(retry(60_000), true);
  assertEquals(looked, 1);

  // The delays start over with the next failure.
  {
    using _ = writing(() => {
      throw new Error("No space left on device (os error 28)");
    });
    journal.closed(1);
  }
  path = block();
  retry(7000);
  assertEquals(tried, [0, 2000, 6000]);
  Deno.removeSync(path, { recursive: true });
  assertEquals(journal.retry(sessions, [], nowMs), false);
  assertEquals(journal.retry(sessions, [], Infinity), true);
});

Deno.test("Journal reports a second failure after a retry", () => {
  using journals = new Journals();
  const journal = journals.open(1, 50);
  failing(() => journal.closed(1));
  journal.retry([], [], 0);
  // Segment 2 is full after the first two.
  for (let serial = 2; serial <= 3; serial++) journal.closed(serial);
  failing(() => journal.closed(4));
  assertEquals(journals.failed.length, 2);
  assertEquals(journals.full, [1, 2]);
});

Deno.test("Journal.open() returns a broken journal without a directory, and a retry repairs it", () => {
  using journals = new Journals();
  Deno.removeSync(journals.path);
  const journal = journals.open(1);
  journal.opened(record(1));
  assertEquals([journal.broken, journals.failed.length], [true, 1]);
  assertEquals(journal.retry([record(1)], [], 0), false);
  Deno.mkdirSync(journals.path);
  assertEquals(journal.retry([record(1)], [], 2000), true);
  assertEquals(journals.read(1), encodeReset("begin") + encodeOpen(record(1)) + encodeReset("end"));
  assertEquals([journals.failed.length, journals.full], [1, [0]]);
});

Deno.test("Journal keeps the last line when the next segment cannot be opened", () => {
  using journals = new Journals();
  const journal = journals.open(1, 5);
  Deno.mkdirSync(`${journals.path}/changes.2.jsonl/not-empty`, { recursive: true });
  journal.closed(1);
  journal.closed(2);
  assertEquals(journals.read(1), encodeClose(1));
  assertEquals([journals.failed.length, journals.full], [1, []]);
  Deno.removeSync(`${journals.path}/changes.2.jsonl`, { recursive: true });
  assertEquals([journal.retry([], [], 0), journals.full], [true, [1]]);
});

Deno.test("Journal does not throw on a record that cannot be written", () => {
  using journals = new Journals();
  const journal = journals.open();
  journal.opened(record(1, { openedAtMs: NaN }));
  journal.opened(undefined as unknown as SessionRecord);
  assertEquals([journal.broken, journals.failed.length, journals.read(1)], [true, 1, ""]);
});

Deno.test("Journal writes nothing once closed", () => {
  using journals = new Journals();
  const journal = journals.open();
  journal.close();
  journal.close();
  journal.closed(1);
  assertEquals([journal.broken, journal.retry([], [], 0), journals.read(1)], [false, false, ""]);
  assertEquals(journals.failed, []);
});

for (const kind of ["a link", "a dangling link", "a hard link"]) {
  Deno.test(`Journal replaces ${kind} with the name of its segment, and leaves its target alone`, () => {
    using journals = new Journals();
    const target = `${journals.path}/target`;
    if (kind !== "a dangling link") Deno.writeTextFileSync(target, "precious");
    const name = `${journals.path}/changes.2.jsonl`;
    if (kind === "a hard link") Deno.linkSync(target, name);
    else Deno.symlinkSync(target, name);
    const journal = journals.open(1, 5);
    journal.closed(1);
    journal.closed(2);
    assertEquals(journals.read(2), encodeClose(2));
    assert(Deno.lstatSync(name).isFile);
    if (kind === "a dangling link") {
      assertThrows(() => Deno.lstatSync(target), Deno.errors.NotFound);
    } else assertEquals(Deno.readTextFileSync(target), "precious");
    assertEquals(journals.failed, []);
  });
}
