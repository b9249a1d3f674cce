// Packet sockets, TCP sockets and namespaces of Linux. No other folder of the program calls libc.
//
// Functions for set-up throw a SystemError. Those that the data plane calls for each frame or wait
// never throw, and return a negative errno(3) instead.

export * from "./clock.ts";
export { environmentVariable, fileIdentity } from "./environment.ts";
export * from "./errno.ts";
export { descriptorLimit } from "./descriptor_limit.ts";
export { lowestFreeDescriptor, ownSocketInodes } from "./own_descriptors.ts";
export * from "./event_set.ts";
export * from "./eventfd.ts";
export { surviveFileLimit } from "./file_limit.ts";
export * from "./filter.ts";
export * from "./frame_views.ts";
export * from "./interface.ts";
export {
  type InterfaceCondition,
  type LinkKind,
  type MacvlanMode,
  readInterfaceCondition,
  readLinkKind,
} from "./link_info.ts";
export * from "./link_sender.ts";
export * from "./local_socket.ts";
export * from "./lock_file.ts";
export * from "./mute.ts";
export * from "./netns.ts";
export { ControlLane, type LaneOptions } from "./packet_socket.ts";
export { copyMemory, Pinned } from "./pinned.ts";
export * from "./poll.ts";
export { NetworkWatch, type Route, routeTo } from "./route.ts";
export * from "./rx_ring.ts";
export * from "./stream_sender.ts";
export { abstractPath } from "./structs.ts";
export * from "./syn_filter.ts";
export { readSystemFile } from "./system_file.ts";
export * from "./tcp.ts";
export * from "./tls.ts";
export * from "./tls_memory.ts";
export { openssl } from "./openssl.ts";
export * from "./timer_slack.ts";
export { withUmask } from "./umask.ts";
export { listenerUser } from "./unix_diag.ts";
export * from "./vlan_frames.ts";
