// The claim of a side to its interface, and the sides that have one.

export * from "./holder.ts";
export * from "./interface_claim.ts";
