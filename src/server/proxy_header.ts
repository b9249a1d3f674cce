// The header of version 2 of the PROXY protocol, in which a proxy tells the server the client's address. No
// I/O.
//
//     signature  12 bytes
//     command    u8: version 2 in the high half; 0 (LOCAL: of the proxy itself) or 1 (PROXY) in the low half
//     family     u8: address family in the high half, transport in the low half
//     length     u16, of what follows
//     addresses  by family: source and destination address, source and destination port
//     more       type-length-value entries, which are skipped
//
// See doc/proxy-protocol.txt of HAProxy, section 2.2.

import { concat } from "@std/bytes";
import type { Endpoint } from "../net/endpoint.ts";
import { formatIp, unmapped } from "../net/ip.ts";
import { HANDSHAKE_TIMEOUT_MS, type HandshakeFailure } from "../tunnel/handshake_machine.ts";
import { emitGoodbye, encodeFrame, FRAME, REASON } from "../wire/mod.ts";
import { formatHex } from "../wire/text.ts";
import { readUint16 } from "../wire/uint16.ts";

/**
 * The maximum length of a header, so that a proxy cannot make us buffer more. Usual ones have 28 to 600
 * bytes.
 */
export const PROXY_HEADER_MAX = 4096;

/** The signature, which no other protocol begins with. */
const SIGNATURE = new TextEncoder().encode("\r\n\r\n\0\r\nQUIT\n");
/** The start of a header of version 1, a line of text. */
const VERSION_1 = new TextEncoder().encode("PROXY ");

const HEADER = { command: 12, family: 13, length: 14, addresses: 16 } as const;
const VERSION = 2;
const COMMAND = { LOCAL: 0, PROXY: 1 } as const;

/** The lengths of the addresses, for each family with its transport that the protocol has. */
const ADDRESSES: Readonly<Record<number, number>> = {
  0x00: 0, // unspecified
  0x11: 12, // TCP over IPv4
  0x12: 12, // UDP over IPv4
  0x21: 36, // TCP over IPv6
  0x22: 36, // UDP over IPv6
  0x31: 216, // a stream over a Unix socket
  0x32: 216, // datagrams over a Unix socket
};
const TCP4 = 0x11;
const TCP6 = 0x21;

/** The content of a header. */
export interface ProxyHeader {
  /** True if the proxy connects by itself, as for a health check. */
  isLocal: boolean;
  /** The client's address; undefined if the header has none for TCP, so that the connection's own counts. */
  source: Endpoint | undefined;
}

/** The state of a {@linkcode ProxyHeaderReader}. */
export type ProxyHeaderState =
  | { is: "waiting" }
  /** `received` has the bytes after the header. */
  | { is: "done"; header: ProxyHeader; received: Uint8Array }
  /** The failure; undefined for a connection that has ended without a byte, as of a health check. */
  | { is: "failed"; failure: HandshakeFailure | undefined };

/** Reads the header at the start of a connection. Times are in ms, by a monotonic clock. */
export class ProxyHeaderReader {
  readonly #proxy: string;
  readonly #tells: boolean;
  readonly #bytes = new Uint8Array(PROXY_HEADER_MAX);
  #end = 0;
  #state: ProxyHeaderState = { is: "waiting" };
  #dueMs: number;
  #output: Uint8Array<ArrayBuffer> | undefined;

  /**
   * Starts to wait.
   *
   * @param proxy The IP address of the proxy
   * @param nowMs The time
   * @param tells True to send a goodbye to the client behind the proxy if there is no header
   * @param timeoutMs The time to wait for the whole header, in ms
   */
  constructor(proxy: string, nowMs: number, tells = true, timeoutMs = HANDSHAKE_TIMEOUT_MS) {
    this.#proxy = proxy;
    this.#tells = tells;
    this.#dueMs = nowMs + timeoutMs;
  }

  /** The state of the reading. */
  get state(): ProxyHeaderState {
    return this.#state;
  }

  /** The time at which {@linkcode tick} is due; `Infinity` after the end. */
  get dueMs(): number {
    return this.#state.is === "waiting" ? this.#dueMs : Infinity;
  }

  /** Takes the goodbye for the client behind the proxy, once; undefined if there is none. */
  takeOutput(): Uint8Array<ArrayBuffer> | undefined {
    const output = this.#output;
    this.#output = undefined;
    return output;
  }

  /** Handles bytes that have arrived, which are copied. */
  receive(bytes: Uint8Array, nowMs: number): void {
    this.tick(nowMs);
    if (this.#state.is !== "waiting") return;
    const room = bytes.subarray(0, PROXY_HEADER_MAX - this.#end);
    this.#bytes.set(room, this.#end);
    this.#end += room.length;
    const arrived = this.#bytes.subarray(0, this.#end);
    if (!agree(arrived, SIGNATURE)) return this.#refuseStart(arrived);
    if (arrived.length < HEADER.addresses) return;

    const fault = faultOf(arrived);
    if (fault !== undefined) return this.#fail(`The PROXY header of ${this.#proxy} ${fault}`);
    const end = HEADER.addresses + readUint16(arrived, HEADER.length);
    if (arrived.length < end) return;
    this.#state = {
      is: "done",
      header: parse(arrived.subarray(0, end)),
      received: concat([arrived.subarray(end), bytes.subarray(room.length)]),
    };
  }

  /** Notes that the proxy has ended the connection. */
  close(how: "closed" | "reset" = "closed"): void {
    if (this.#state.is !== "waiting") return;
    const message =
      `The proxy ${this.#proxy} ${how} the connection in the middle of its PROXY header`;
    this.#state = { is: "failed", failure: this.#end === 0 ? undefined : { message } };
  }

  /** Gives up if the time is over. */
  tick(nowMs: number): void {
    if (this.#state.is !== "waiting" || nowMs < this.#dueMs) return;
    const message = this.#end === 0
      ? `The proxy ${this.#proxy} sent no PROXY header in time: ${this.#advice}`
      : `The proxy ${this.#proxy} did not send its PROXY header to the end in time`;
    this.#fail(message, REASON.TIMEOUT);
  }

  #refuseStart(arrived: Uint8Array): void {
    if (!agree(arrived, VERSION_1)) {
      return this.#fail(`The proxy ${this.#proxy} sent no PROXY header: ${this.#advice}`);
    }
    if (arrived.length < VERSION_1.length) return;
    this.#fail(
      `The proxy ${this.#proxy} sent a PROXY header of version 1, and only version 2 is read: ` +
        "set send-proxy-v2 there instead of send-proxy",
    );
  }

  get #advice(): string {
    return "set send-proxy-v2 there, or remove its address from --proxy-protocol";
  }

  #fail(message: string, reason: number = REASON.PROTOCOL): void {
    this.#state = { is: "failed", failure: { message, reason } };
    if (!this.#tells) return;
    this.#output = encodeFrame(FRAME.GOODBYE, emitGoodbye({ reason, text: message }));
  }
}

/** Returns true if two sequences agree as far as both go. */
function agree(arrived: Uint8Array, start: Uint8Array): boolean {
  return start.every((byte, at) => at >= arrived.length || arrived[at] === byte);
}

/** Returns the fault of a header, once its fixed part has arrived; the text follows the header's name. */
function faultOf(bytes: Uint8Array): string | undefined {
  const version = bytes[HEADER.command] >> 4;
  if (version !== VERSION) return `has version ${version}, not ${VERSION}`;
  const command = bytes[HEADER.command] & 0xf;
  if (command > COMMAND.PROXY) return `has the unknown command ${command}`;
  const length = readUint16(bytes, HEADER.length);
  if (HEADER.addresses + length > PROXY_HEADER_MAX) {
    return `is ${HEADER.addresses + length} bytes long; the maximum is ${PROXY_HEADER_MAX}`;
  }
  // The addresses of a LOCAL command are ignored.
  if (command === COMMAND.LOCAL) return undefined;
  const family = bytes[HEADER.family];
  const needed = ADDRESSES[family];
  if (needed === undefined) return `has the unknown family ${formatHex(family, 2)}`;
  if (length < needed) return `has ${length} bytes of addresses, not ${needed}`;
  return undefined;
}

function parse(bytes: Uint8Array): ProxyHeader {
  const isLocal = (bytes[HEADER.command] & 0xf) === COMMAND.LOCAL;
  const source = isLocal
    ? undefined
    : parseSource(bytes[HEADER.family], bytes.subarray(HEADER.addresses));
  return { isLocal, source };
}

function parseSource(family: number, addresses: Uint8Array): Endpoint | undefined {
  if (family === TCP4) {
    return { hostname: formatIp([...addresses.subarray(0, 4)]), port: readUint16(addresses, 8) };
  }
  if (family === TCP6) {
    const groups = Array.from({ length: 8 }, (_, at) => readUint16(addresses, 2 * at));
    return { hostname: formatIp(unmapped(groups)), port: readUint16(addresses, 32) };
  }
  return undefined;
}
