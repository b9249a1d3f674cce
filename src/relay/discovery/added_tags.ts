// The tags that a server adds to PADI and PADR.

import { LineTemplate } from "./line_template.ts";

/** The tags of PADI and PADR that the AC gets from the server and not from the host. */
export interface AddedTags {
  /**
   * The Host-Uniq of every discovery, 1 to 64 bytes, for an ISP that requires a certain one; by default each
   * discovery has a different one.
   */
  hostUniq?: Uint8Array;
  /**
   * With `hostUniq`: true, the default, to add a Relay-Session-Id, by which answers are then matched. False is
   * for an AC that does not tolerate the tag; hosts can then only dial one after the other.
   */
  relayTag?: boolean;
  /**
   * The agent circuit id (TR-101) of every discovery, with `{client}` for the name of the client, `{host}`
   * for the host's address, and `{interface}` for the server's interface.
   */
  circuitId?: string;
  /** The agent remote id, with the same placeholders. */
  remoteId?: string;
}

/** The maximum length of a Host-Uniq. */
export const HOST_UNIQ_MAX = 64;

/**
 * Returns true if the options leave out the Relay-Session-Id, but lack the fixed Host-Uniq without which it is
 * never added.
 */
export function lacksHostUniq({ hostUniq, relayTag = true }: AddedTags): boolean {
  return !relayTag && hostUniq === undefined;
}

/**
 * Checks the tags that a server is configured to add.
 *
 * @throws {Error} If the tags cannot be added
 */
export function checkAddedTags({ hostUniq, relayTag = true, ...line }: AddedTags): void {
  if (hostUniq !== undefined && (hostUniq.length < 1 || hostUniq.length > HOST_UNIQ_MAX)) {
    throw new Error(
      `Cannot use this Host-Uniq: it is ${hostUniq.length} bytes long, not 1 to ${HOST_UNIQ_MAX}`,
    );
  }
  if (lacksHostUniq({ hostUniq, relayTag })) {
    throw new Error(
      "Cannot leave out the Relay-Session-Id: it is added only with a fixed Host-Uniq",
    );
  }
  for (const text of [line.circuitId, line.remoteId]) {
    if (text !== undefined) LineTemplate.parse(text);
  }
}
