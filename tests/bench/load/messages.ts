// The messages between the main thread and the two load workers.

/** The part of one end in a trial. */
export interface TrialOrder {
  trial: number;
  /** Time by CLOCK_MONOTONIC at which the first frame is due, the same at both ends. */
  startNs: number;
  /** Duration, including the warm-up. */
  seconds: number;
  warmupSeconds: number;
  /** Data frames per second, or 0 to send none. */
  rate: number;
  /** LCP frames per second. */
  controlRate: number;
  /** Length of a data frame, including the Ethernet header. */
  frameBytes: number;
  /** Number of the first session to use. */
  firstSession: number;
  /** Number of sessions to use. */
  sessions: number;
  /** Send frames one at a time, each when it is due. */
  evenly: boolean;
  /** Time after the last frame was sent, after which a frame counts as lost. */
  patienceMs: number;
  /** Time without any frame, after which the queues of the path are taken to be empty. */
  quietMs: number;
}

/** The frames of one kind that an end sent, without the warm-up. */
export interface SentResult {
  frames: number;
  /** Actual rate in frames per second. */
  rate: number;
  /** Number of times that the interface's queue was full and a frame was sent again. */
  refused: number;
  /** Total time by which the generator was too late to catch up. */
  behindMs: number;
}

/** The frames of one kind that an end received, without the warm-up. */
export interface ReceivedResult {
  /** Frames in time, without duplicates. */
  frames: number;
  /** Frames too late to count. */
  late: number;
  duplicates: number;
  reordered: number;
  /** Frames of another trial. */
  stale: number;
  /** Frames with a wrong length, address or session id, or not from the benchmark. */
  wrong: number;
  /** Frames that arrived on another session than they were sent on. */
  misdelivered: number;
  /** Frames for which the receiver's ring had no slot, which makes the trial invalid. */
  sinkDrops: number;
  /** Number of sessions on which any frame arrived. */
  sessionsHeard: number;
  p50Us: number;
  p99Us: number;
  maxUs: number;
}

/** The result of a trial at one end. */
export interface EndResult {
  sent: { data: SentResult; control: SentResult };
  received: { data: ReceivedResult; control: ReceivedResult };
}

/** The result of opening sessions at the hosts. */
export interface OpenResult {
  asked: number;
  open: number;
  /** Number of sessions that opened without a repeated packet. */
  openWithoutRepeat: number;
  /** Number of repeated discovery packets. */
  repeats: number;
  refused: number;
  failed: number;
  /** Time from the first PADI to the last PADS. */
  seconds: number;
}

/** A command to a worker. */
export type Command =
  | { type: "attach"; namespace: string; interface: string; shared: SharedArrayBuffer; end: 0 | 1 }
  | { type: "open"; count: number; rate: number; patienceMs: number }
  | { type: "answer" }
  | { type: "trial"; order: TrialOrder }
  | { type: "detach" };

/** The answer to a command. */
export type Reply = { result: unknown } | { error: string };
