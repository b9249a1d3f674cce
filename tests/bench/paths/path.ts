// The interface of a path, which is a way to carry PPPoE from the hosts' segment to the AC's.

import type { Line } from "../line.ts";
import type { Measure } from "../options.ts";

/** A running path. */
export interface RunningPath {
  /** Ids of its processes. A path in the kernel has none. */
  pids: number[];
  /** Returns the path's own counts of dropped frames. */
  drops?(): Promise<Record<string, number>>;
  /** Ends the processes. */
  stop(): Promise<void>;
}

/** A kind of path. */
export interface Path {
  name: string;
  /** Explanation for the reader of the table. */
  note: string;
  /** True if there is a link between client and server, whose rate can be limited. */
  hasTunnel: boolean;
  /** Measures to run, by default all. */
  measures?: readonly Measure[];
  /** Returns the reason why this machine cannot run the path, if there is one. */
  obstacle(): string | undefined;
  /** Builds the path on a line. */
  start(line: Line): Promise<RunningPath>;
}
