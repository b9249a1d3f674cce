// What is on the wire: pure codecs, no I/O. Ethernet, PPPoE, its tags, PPP, and the frame of the
// tunnel.

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
export * from "./tags.ts";
export * from "./tunnel.ts";
