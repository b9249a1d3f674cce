// Codecs for everything on the wire, without I/O: Ethernet, PPPoE, its tags, PPP, and tunnel frames.
//
// Reading bytes from a network never throws. A parser returns `undefined`, or a result with `ok` where
// the log needs a reason. The functions that the data path calls for each frame return a negative
// FAULT_ number instead. Writing throws a RangeError for a value that the format has no room for,
// which is a mistake of the caller.

export * from "./access_line.ts";
export * from "./ethernet.ts";
export * from "./goodbye.ts";
export * from "./hello.ts";
export * from "./max_payload.ts";
export * from "./ppp.ts";
export * from "./pppoe.ts";
export * from "./print.ts";
export * from "./radio_tags.ts";
export * from "./session_list.ts";
export * from "./state.ts";
export * from "./tags.ts";
export * from "./tunnel.ts";
