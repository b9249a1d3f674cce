// Frames with the right structure, and some that only resemble it.

import {
  accessLineTag,
  CODE,
  creditsTag,
  emitDiscovery,
  emitLcp,
  emitSession,
  ETH_BROADCAST,
  linkMetricsTag,
  maxPayloadTag,
  PPP_PROTOCOL,
  PPPOE,
  sequenceNumberTag,
  TAG,
  type Tag,
  textTag,
} from "../../src/wire/mod.ts";
import { causeTag } from "../../src/relay/mod.ts";
import type { Random } from "../soak/random.ts";

/** Makes a locally administered address. */
export function mac(last: number): Uint8Array {
  return Uint8Array.of(2, 0, 0, 0, 0, last);
}

/** Addresses of stations, and some that no station can have. */
export const ADDRESSES: readonly Uint8Array[] = [
  mac(0x11),
  mac(0x12),
  mac(0x13),
  mac(0xa1),
  mac(0xa2),
  mac(0xc0),
  ETH_BROADCAST,
  new Uint8Array(6),
  Uint8Array.of(1, 0, 0x5e, 0, 0, 1),
];

/** The codes of discovery frames, the frequent ones more than once. */
export const DISCOVERY_CODES: readonly number[] = [
  ...Object.values(CODE).filter((code) => code !== CODE.SESSION),
  CODE.PADI,
  CODE.PADO,
  CODE.PADR,
  CODE.PADS,
  CODE.PADT,
  0x42,
];

export const SESSION_IDS: readonly number[] = [0, 1, 2, 3, 0x1234, 0xfffe, 0xffff];

/** Tags of all kinds, with values that are usual, and some that are not. */
export const TAGS: readonly Tag[] = [
  textTag(TAG.SERVICE_NAME, ""),
  textTag(TAG.SERVICE_NAME, "internet"),
  textTag(TAG.AC_NAME, "bras"),
  textTag(TAG.HOST_UNIQ, "h"),
  textTag(TAG.HOST_UNIQ, ""),
  { type: TAG.HOST_UNIQ, value: new Uint8Array(12).fill(7) },
  textTag(TAG.AC_COOKIE, "cookie"),
  textTag(TAG.RELAY_SESSION_ID, "relay"),
  { type: TAG.RELAY_SESSION_ID, value: new Uint8Array(12).fill(9) },
  accessLineTag({ circuitId: "p1", remoteId: "c42" }),
  { type: TAG.VENDOR_SPECIFIC, value: Uint8Array.of(0, 0, 0x0d, 0xe9, 1, 200, 0x41) },
  maxPayloadTag(1500),
  { type: TAG.PPP_MAX_PAYLOAD, value: Uint8Array.of(5) },
  creditsTag({ fcn: 1, bcn: 2 }),
  linkMetricsTag({
    receiveOnly: true,
    relativeLinkQuality: 90,
    resource: 100,
    latencyMs: 20,
    currentDataRate: 1,
    currentDataRateUnit: 1,
    maximumDataRate: 2,
    maximumDataRateUnit: 3,
  }),
  sequenceNumberTag(7),
  { type: TAG.CREDIT_SCALE_FACTOR, value: Uint8Array.of(0, 64) },
  textTag(TAG.HURL, "http://example.net/"),
  textTag(TAG.MOTM, "hello\u001b[2J\n"),
  { type: TAG.IP_ROUTE_ADD, value: new Uint8Array(16) },
  textTag(TAG.SERVICE_NAME_ERROR, ""),
  textTag(TAG.AC_SYSTEM_ERROR, "full"),
  { type: TAG.GENERIC_ERROR, value: Uint8Array.of(0xff, 0xfe, 0x22, 0x5c) },
  causeTag("idle"),
  textTag(TAG.GENERIC_ERROR, "pppoe-proxy: no such cause"),
  { type: 0x4242, value: new Uint8Array(300) },
];

/** The PPP protocols of session frames, the frequent ones more than once. */
export const PROTOCOLS: readonly number[] = [
  ...Object.values(PPP_PROTOCOL),
  PPP_PROTOCOL.LCP,
  PPP_PROTOCOL.IPV4,
  0x2145,
  0xff03,
];

/** Makes a discovery frame. */
export function randomDiscovery(random: Random): Uint8Array {
  const frame = emitDiscovery({
    destination: random.pick(ADDRESSES),
    source: random.pick(ADDRESSES),
    code: random.pick(DISCOVERY_CODES),
    sessionId: random.pick(SESSION_IDS),
    tags: Array.from({ length: random.below(6) }, () => random.pick(TAGS)),
  });
  return padded(frame, random);
}

/** Makes a session frame. */
export function randomSession(random: Random): Uint8Array {
  const data = random.bytes(random.below(40));
  const isPlain = random.chance(0.3);
  const frame = emitSession({
    destination: random.pick(ADDRESSES),
    source: random.pick(ADDRESSES),
    sessionId: random.pick(SESSION_IDS),
    protocol: random.pick(PROTOCOLS),
    payload: isPlain ? data : emitLcp({ code: random.below(16), identifier: 1, data }),
  });
  return padded(frame, random);
}

/** Pads a frame as Ethernet does, and sometimes changes its PPPoE length. */
function padded(frame: Uint8Array, random: Random): Uint8Array {
  const padding = random.chance(0.5) ? 0 : random.below(50);
  const bytes = new Uint8Array(frame.length + padding);
  bytes.set(frame);
  if (random.chance(0.2)) bytes.fill(0xee, frame.length);
  if (random.chance(0.1)) bytes[PPPOE.length[0] + 1] += random.between(-5, 5);
  return bytes;
}
