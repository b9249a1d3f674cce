// Descriptors and pollers for links and transports in memory.

import { type Poller, POLLERR, POLLHUP } from "./poller.ts";

/** Something that can be ready. */
export interface MemorySource {
  /** Returns the events that it is ready for now, as in poll(2). */
  ready(): number;
}

/** A table of descriptors, shared by all sources and pollers of a test. */
export class MemoryDescriptors {
  readonly #sources = new Map<number, MemorySource>();
  #next = 1;

  /** Opens a descriptor for a source. */
  open(source: MemorySource): number {
    const fd = this.#next++;
    this.#sources.set(fd, source);
    return fd;
  }

  /** Closes a descriptor. As with epoll(7), it leaves all pollers by itself. */
  close(fd: number): void {
    this.#sources.delete(fd);
  }

  /** Returns the source of a descriptor; undefined once it is closed. */
  source(fd: number): MemorySource | undefined {
    return this.#sources.get(fd);
  }
}

interface Watched {
  events: number;
  tag: number;
}

/** A poller that never waits: a test sets the time between its calls. */
export class MemoryPoller implements Poller {
  readonly #descriptors: MemoryDescriptors;
  readonly #watched = new Map<number, Watched>();
  readonly #ready: { tag: number; events: number }[] = [];

  /** Makes an empty poller for the descriptors of one table. */
  constructor(descriptors: MemoryDescriptors) {
    this.#descriptors = descriptors;
  }

  add(fd: number, events: number, tag: number): void {
    if (this.#descriptors.source(fd) === undefined) throw new Error(`Cannot poll ${fd}: not open`);
    if (this.#watched.has(fd)) throw new Error(`Cannot poll ${fd} twice`);
    this.#watched.set(fd, { events, tag });
  }

  modify(fd: number, events: number, tag: number): void {
    if (!this.#watched.has(fd)) throw new Error(`Cannot change ${fd}: not in the poller`);
    this.#watched.set(fd, { events, tag });
  }

  remove(fd: number): void {
    if (!this.#watched.delete(fd)) throw new Error(`Cannot remove ${fd}: not in the poller`);
  }

  wait(): number {
    this.#ready.length = 0;
    for (const [fd, { events, tag }] of this.#watched) {
      const source = this.#descriptors.source(fd);
      if (source === undefined) this.#watched.delete(fd);
      const ready = (source?.ready() ?? 0) & (events | POLLERR | POLLHUP);
      if (ready !== 0) this.#ready.push({ tag, events: ready });
    }
    return this.#ready.length;
  }

  waitMicroseconds(): number {
    return this.wait();
  }

  tag(index: number): number {
    return this.#ready[index].tag;
  }

  events(index: number): number {
    return this.#ready[index].events;
  }

  close(): void {
    this.#watched.clear();
  }
}
