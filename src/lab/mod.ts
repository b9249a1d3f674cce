// The lab: network namespaces with simulated PPPoE hosts and ACs, for `demo` and the tests.

export * from "./ac.ts";
export * from "./ac_protocol.ts";
export * from "./exchange.ts";
export * from "./frame_log.ts";
export * from "./host.ts";
export * from "./host_protocol.ts";
export * from "./http.ts";
export * from "./lcp.ts";
export * from "./namespaces.ts";
export * from "./payload.ts";
export * from "./program.ts";
export * from "./scenario.ts";
export * from "./segment.ts";
export * from "./station.ts";
export * from "./two_sites.ts";
