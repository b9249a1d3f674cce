// The side behind the API: what the routes ask, and what they can have done.

import type {
  CaptureSwitch,
  Control,
  ControlResult,
  SessionPage,
  SessionQuery,
} from "../control.ts";
import type { ProblemStatus } from "../problems.ts";
import type { ProcessFacts } from "../process_usage.ts";
import type { CounterValues, Status, StatusSummary } from "../status.ts";

/** A running side, as the routes of the API see it. */
export interface ApiSource {
  /** Describes everything. */
  status(): Promise<Status>;
  /** Describes everything but the sessions, at a cost that does not depend on their number. */
  summary(): Promise<StatusSummary>;
  /** Describes some of the sessions. */
  sessions(query: SessionQuery): Promise<SessionPage>;
  /** Returns the answer of `/healthz`, without waiting for anything. */
  healthy(): boolean;
  /** Describes the process. */
  process(): ProcessFacts;
  /** Lists the problems. */
  problems(): ProblemStatus[];
  /** Returns the number of dropped frames by reason. */
  drops(): CounterValues["drops"];
  /** Carries out an order of an operator. */
  control(control: Control): Promise<ControlResult>;
  /** Begins and ends captures. */
  readonly capture: CaptureSwitch;
}
