// The time of a schedule: what is to happen, in the order in which it does.

interface Entry {
  atMs: number;
  /** Of what happens at the same time, what was asked for first is first. */
  order: number;
  happen: () => void;
}

/** A queue of events (a binary heap) and the clock that they turn. */
export class Timeline {
  nowMs = 0;
  /** How many events there were. */
  events = 0;
  readonly #heap: Entry[] = [];
  #order = 0;

  /** Lets something happen then. */
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

  after(ms: number, happen: () => void): void {
    this.at(this.nowMs + ms, happen);
  }

  /** Lets everything happen that is to happen until then. */
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
