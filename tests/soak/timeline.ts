// The clock of a schedule, and its future events in order.

interface Entry {
  atMs: number;
  /** The order of events at the same time: the one added first is first. */
  order: number;
  happen: () => void;
}

/** A queue of events (a binary heap), and the clock that they advance. */
export class Timeline {
  nowMs = 0;
  /** The number of events so far. */
  events = 0;
  readonly #heap: Entry[] = [];
  #order = 0;

  /** Schedules an event for a time. */
  at(ms: number, happen: () => void): void {
    const heap = this.#heap;
    const entry = { atMs: Math.max(ms, this.nowMs), order: this.#order++, happen };
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = entry;
  }

  /** Schedules an event for some time from now. */
  after(ms: number, happen: () => void): void {
    this.at(this.nowMs + ms, happen);
  }

  /** Runs all events up to a time, and sets the clock to it. */
  run(untilMs: number): void {
    while (this.#heap.length > 0 && this.#heap[0].atMs <= untilMs) {
      const { atMs, happen } = this.#next();
      this.nowMs = atMs;
      this.events++;
      happen();
    }
    this.nowMs = untilMs;
  }

  #next(): Entry {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (!before(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
