/**
 * pppoe-proxy as a library: the PPPoE codecs, packet sockets, the tunnel, and both sides.
 *
 * @example What a frame says
 * ```ts
 * import { CODE, emitDiscovery, ETH_BROADCAST, parseMac, printFrame, TAG, textTag } from "pppoe-proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const padi = emitDiscovery({
 *   destination: ETH_BROADCAST,
 *   source: parseMac("02:00:00:00:00:01"),
 *   code: CODE.PADI,
 *   sessionId: 0,
 *   tags: [textTag(TAG.SERVICE_NAME, "")],
 * });
 * assertEquals(
 *   printFrame(padi),
 *   'PADI sid=0x0000 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff Service-Name=""',
 * );
 * ```
 *
 * @module
 */

export * from "./src/wire/mod.ts";
export {
  ControlLane,
  DataLane,
  EventFd,
  EventSet,
  findSocket,
  type InterfaceInfo,
  InterfaceWatch,
  type LaneOptions,
  type LinkKind,
  LinkSender,
  listInterfaces,
  type MacvlanMode,
  Pinned,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  PollSet,
  readInterface,
  readLinkKind,
  StreamSender,
  surviveFileLimit,
  SystemError,
  type VlanFrame,
  VlanFrames,
} from "./ffi/mod.ts";
export { type Lane, laneFilter, vlanFilter } from "./src/link/lane_filter.ts";
export { connect } from "./src/net/connect.ts";
export { AddressList } from "./src/net/address_list.ts";
export type { ClientKey, Key, KeyLookup } from "./src/keys/key.ts";
export { KeyRing } from "./src/keys/key_ring.ts";
export type { UnixAddress } from "./src/net/unix_address.ts";
export { type Endpoint, formatEndpoint, listenReason, parseEndpoint } from "./src/net/endpoint.ts";
export * from "./src/transport/path_memory.ts";
export * from "./src/transport/tcp.ts";
export * from "./src/transport/transport.ts";
export * from "./src/tunnel/mod.ts";
export { TUNNEL_CAUSES, type TunnelCause } from "./src/tunnel_cause.ts";
export { Client, type ClientOptions } from "./src/client/client.ts";
export { Server, type ServerOptions } from "./src/server/server.ts";
export { RunningSide } from "./src/running_side.ts";
export type { RuntimeOptions } from "./src/runtime.ts";
export type { CaptureOptions } from "./src/capture/capture.ts";
export { createLog, type Fields, type LeveledLog, type Log } from "./src/observe/log.ts";
export type { Facts, FieldValue, LogFormat, LogLevel } from "./src/observe/log.ts";
export type { LogOptions, LogStyle } from "./src/observe/log.ts";
export type { ProblemStatus } from "./src/observe/problems.ts";
export type { Diverted, LinkState } from "./src/link/device.ts";
export type * from "./src/observe/status.ts";
export { type Problem, type ProblemId, PROBLEMS } from "./src/problem.ts";
export { DROP_REASONS } from "./src/relay/mod.ts";
export type {
  AddedTags,
  DialFrame,
  DialOutcome,
  DialValues,
  DropReason,
  HistogramValues,
  Limits,
  MacMode,
} from "./src/relay/mod.ts";
export type { Side } from "./src/side.ts";
