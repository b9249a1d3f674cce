// What a server is told to put into PADI and PADR.

import { LineTemplate } from "./line_template.ts";

/** The tags of PADI and PADR that the AC gets of the server's and not of the host's. */
export interface AddedTags {
  /**
   * The Host-Uniq of every discovery, 1 to 64 bytes, for an ISP that asks for a certain one; by default
   * each has another one.
   */
  hostUniq?: Uint8Array;
  /**
   * With `hostUniq`: whether a Relay-Session-Id is added, by which answers are matched then; the default.
   * False is for an AC that does not bear the tag: hosts can only dial one after the other.
   */
  relayTag?: boolean;
  /**
   * The agent circuit id (TR-101) of every discovery, with `{client}` for what the client calls itself,
   * `{host}` for the host's address, and `{interface}` for the server's interface.
   */
  circuitId?: string;
  /** The agent remote id, with the same. */
  remoteId?: string;
}

/** The longest Host-Uniq. */
export const HOST_UNIQ_MAX = 64;

/**
 * Checks what a server is told to add.
 *
 * @throws {Error} If it can't be.
 */
export function checkAddedTags({ hostUniq, relayTag = true, ...line }: AddedTags): void {
  if (hostUniq !== undefined && (hostUniq.length < 1 || hostUniq.length > HOST_UNIQ_MAX)) {
    throw new Error(
      `Cannot use this Host-Uniq: it has ${hostUniq.length} bytes, not 1 to ${HOST_UNIQ_MAX}`,
    );
  }
  if (!relayTag && hostUniq === undefined) {
    throw new Error(
      "Cannot do without a Relay-Session-Id: only a fixed Host-Uniq needs one",
    );
  }
  for (const text of [line.circuitId, line.remoteId]) {
    if (text !== undefined) LineTemplate.parse(text);
  }
}
