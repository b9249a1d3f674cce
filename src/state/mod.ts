// What lets sessions outlive a killed process: the state directory, and the journal of its changes.

export { Journal, type JournalEvents } from "./journal.ts";
export type { SessionRecord } from "./session_record.ts";
export { StateDir, type StateDirOptions } from "./state_dir.ts";
