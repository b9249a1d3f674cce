// What the main thread and the two load workers say to each other.

/** What a trial asks of one end. */
export interface TrialOrder {
  trial: number;
  /** When the first frame is due, on CLOCK_MONOTONIC. Both ends have the same. */
  startNs: number;
  /** How long to send, with the warm-up that does not count. */
  seconds: number;
  warmupSeconds: number;
  /** Data frames a second; 0 to send none. */
  rate: number;
  /** LCP frames a second. */
  controlRate: number;
  /** Of the data frames, with their Ethernet header. */
  frameBytes: number;
  /** Through which sessions, by their numbers. */
  firstSession: number;
  sessions: number;
  /** Whether frames leave one at a time, each when it is due, and not some together. */
  evenly: boolean;
  /** Frames that arrive so long after the last one was sent count as lost. */
  patienceMs: number;
  /** Nothing came for so long: the queues on the way are empty. */
  quietMs: number;
}

/** What one end sent of one kind of frame, without the warm-up. */
export interface SentResult {
  frames: number;
  /** Frames a second, as it was. */
  rate: number;
  /** How often the interface's queue was full, and a frame was sent again. */
  refused: number;
  /** For how long in all the generator was behind by more than it makes up for. */
  behindMs: number;
}

/** What one end received of one kind of frame, without the warm-up. */
export interface ReceivedResult {
  /** Each once, in time. */
  frames: number;
  /** Too late to count. */
  late: number;
  duplicates: number;
  reordered: number;
  /** Of another trial. */
  stale: number;
  /** With a wrong length, address or session id, or not the bench's. */
  wrong: number;
  /** On another session than the one that it was sent on. */
  misdelivered: number;
  /** What the sink's own ring had no slot for: then the trial says nothing. */
  sinkDrops: number;
  /** Sessions on which anything came. */
  sessionsHeard: number;
  p50Us: number;
  p99Us: number;
  maxUs: number;
}

/** What came of a trial at one end. */
export interface EndResult {
  sent: { data: SentResult; control: SentResult };
  received: { data: ReceivedResult; control: ReceivedResult };
}

/** What came of opening sessions, at the host. */
export interface OpenResult {
  asked: number;
  /** Open sessions, and of those the ones that needed no repeat. */
  open: number;
  openWithoutRepeat: number;
  /** Discovery packets that were sent again. */
  repeats: number;
  refused: number;
  failed: number;
  /** From the first PADI to the last PADS. */
  seconds: number;
}

/** A command, and what it is answered with. */
export type Command =
  | { type: "attach"; namespace: string; interface: string; shared: SharedArrayBuffer; end: 0 | 1 }
  | { type: "open"; count: number; rate: number; patienceMs: number }
  | { type: "answer" }
  | { type: "trial"; order: TrialOrder }
  | { type: "detach" };

/** The answer to a command: its result, or why there is none. */
export type Reply = { result: unknown } | { error: string };
