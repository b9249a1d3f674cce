// The state directory and its journal, which let sessions survive a killed process.

export { Journal, type JournalEvents } from "./journal.ts";
export type { SessionRecord } from "./session_record.ts";
export { StateDir, type StateDirOptions } from "./state_dir.ts";
