// Who owns which frame: the decisions, over bytes and a given time.

export * from "./added_tags.ts";
export * from "./drop.ts";
export * from "./limits.ts";
export * from "./line_template.ts";
export * from "./options.ts";
export * from "./relay.ts";
export * from "./remote.ts";
export * from "./session_table.ts";
export * from "./tokens.ts";
