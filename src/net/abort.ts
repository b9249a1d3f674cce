// Ending a connection whose other end does not read.

import { findSocket, resetOnClose, shutdownWrite } from "../../ffi/mod.ts";

/**
 * Resets a connection and closes it. Deno before 2.9 keeps a closed connection open until its last write has
 * ended, which may never happen if the other end does not read.
 *
 * @param conn The connection, which must not be closed yet
 */
export function abortConnection(conn: Deno.TcpConn): void {
  try {
    const fd = findSocket(conn.localAddr, conn.remoteAddr);
    resetOnClose(fd);
    shutdownWrite(fd);
  } catch {
    // The other end has reset the connection, so no write waits any more.
  }
  conn.close();
}
