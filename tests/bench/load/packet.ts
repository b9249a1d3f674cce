// The packet sockets of the load. They do not use the program's code, which must not measure itself.

import { errno, systemError } from "../../../ffi/errno.ts";
import type { InterfaceInfo } from "../../../ffi/interface.ts";
import { libc } from "../../../ffi/libc.ts";
import { setOption } from "../../../ffi/socket_option.ts";
import {
  AF_PACKET,
  int,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  sockaddrLl,
  sockFprog,
  SOL_SOCKET,
  writeSockFilter,
} from "../../../ffi/structs.ts";

/** Level of the options of packet sockets. */
export const SOL_PACKET = 263;
const SO_ATTACH_FILTER = 26;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const BUFFER_BYTES = 8 << 20;

const LOAD_HALF = 0x28; // BPF_LD | BPF_H | BPF_ABS
const JUMP_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K
const PPP_PROTOCOL_AT = 20;

/**
 * Opens a packet socket.
 *
 * @param info The interface
 * @param etherType The EtherType to receive, or 0 for a socket that only sends
 * @param prepare Sets options before the socket is bound and receives anything
 * @returns The descriptor
 */
export function openSocket(
  info: InterfaceInfo,
  etherType: number,
  prepare: (fd: number) => void = () => {},
): number {
  const fd = libc.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) throw systemError(`Cannot open a packet socket on ${info.name}`, errno());
  try {
    const size = int(BUFFER_BYTES);
    setOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, size, "Cannot enlarge the send buffer");
    setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, "Cannot enlarge the receive buffer");
    prepare(fd);
    const address = sockaddrLl(etherType, info.index);
    if (libc.bind(fd, address, address.length) < 0) {
      throw systemError(`Cannot bind ${info.name}`, errno());
    }
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** Makes a socket receive only session frames of one PPP protocol, cut after their first bytes. */
export function filterProtocol(fd: number, protocol: number, snapBytes: number): void {
  const program = new Uint8Array(4 * 8);
  writeSockFilter(program, 0, LOAD_HALF, 0, 0, PPP_PROTOCOL_AT);
  writeSockFilter(program, 8, JUMP_EQUAL, 0, 1, protocol);
  writeSockFilter(program, 16, RETURN, 0, 0, snapBytes);
  writeSockFilter(program, 24, RETURN, 0, 0, 0);
  setOption(fd, SOL_SOCKET, SO_ATTACH_FILTER, sockFprog(program), "Cannot filter");
}
