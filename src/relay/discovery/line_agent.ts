// The server as an intermediate agent (TR-101): it names the line that a discovery comes from.

import { accessLineTag, formatMac, isAccessLine } from "../../wire/mod.ts";
import type { Tag } from "../../wire/mod.ts";
import type { AddedTags } from "./added_tags.ts";
import { LineTemplate } from "./line_template.ts";

/**
 * Puts the Broadband Forum's Vendor-Specific tag into what goes to the AC, in place of a host's: only the
 * agent that is next to the AC is believed. What an AC returns of it is for the agent, and ends here, as
 * access nodes do it; nothing else is sent in that tag towards a host.
 */
export class LineAgent {
  readonly #circuitId: LineTemplate | undefined;
  readonly #remoteId: LineTemplate | undefined;
  readonly #interface: string;

  /** @throws {Error} If a template is wrong. */
  constructor({ circuitId, remoteId }: AddedTags, interfaceName: string) {
    this.#circuitId = circuitId === undefined ? undefined : LineTemplate.parse(circuitId);
    this.#remoteId = remoteId === undefined ? undefined : LineTemplate.parse(remoteId);
    this.#interface = interfaceName;
  }

  /** The tag of a host's discoveries; undefined where none is wanted. */
  tagOf(client: string, hostMac: Uint8Array): Tag | undefined {
    if (this.#circuitId === undefined && this.#remoteId === undefined) return undefined;
    const values = { client, host: formatMac(hostMac), interface: this.#interface };
    return accessLineTag({
      circuitId: this.#circuitId?.expand(values),
      remoteId: this.#remoteId?.expand(values),
    });
  }
}

/** The tags with the agent's, where that is one, in place of any other one's. */
export function withLine(tags: Tag[], line: Tag | undefined): Tag[] {
  if (line === undefined) return tags;
  const at = tags.findIndex(isAccessLine);
  if (at < 0) return [...tags, line];
  return [...tags.slice(0, at), line, ...withoutLine(tags.slice(at), line)];
}

/** The tags without any agent's, where ours was among those of the request. */
export function withoutLine(tags: Tag[], line: Tag | undefined): Tag[] {
  return line === undefined ? tags : tags.filter((tag) => !isAccessLine(tag));
}
