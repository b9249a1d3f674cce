// What a path is: one way to carry PPPoE from the host's segment to the AC's.
import type { Line } from "../line.ts";
import type { Measure } from "../options.ts";

/** A path that stands. */
export interface RunningPath {
  /** The ids of its processes; none when the kernel does it alone. */
  pids: number[];
  /** What it says itself of frames that it dropped. */
  drops?(): Promise<Record<string, number>>;
  /** Ends its processes. */
  stop(): Promise<void>;
}

/** A kind of path. */
export interface Path {
  name: string;
  /** What the reader of the table should know about it. */
  note: string;
  /** Whether there is a link between client and server, which can be held to a rate. */
  hasTunnel: boolean;
  /** What it is measured by; by all that there is without it. */
  measures?: readonly Measure[];
  /** Why it can't be had on this machine, if so. */
  obstacle(): string | undefined;
  /** Builds it on a line. */
  start(line: Line): Promise<RunningPath>;
}
