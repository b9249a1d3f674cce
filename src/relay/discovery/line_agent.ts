// The server as an intermediate agent (TR-101), which names the line of a discovery.

import { accessLineTag, formatMac, isAccessLine } from "../../wire/mod.ts";
import type { Tag } from "../../wire/mod.ts";
import type { AddedTags } from "./added_tags.ts";
import { LineTemplate } from "./line_template.ts";

/**
 * Puts the Broadband Forum's Vendor-Specific tag into frames for the AC. It replaces a host's tag, because only
 * the agent next to the AC is trusted. The tag in an AC's answer is for the agent and is removed here, as it is
 * at access nodes; it has no other information for a host.
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

  /** Makes the tag of a host's discoveries; undefined if none is configured. */
  tagOf(client: string, hostMac: Uint8Array): Tag | undefined {
    if (this.#circuitId === undefined && this.#remoteId === undefined) return undefined;
    const values = { client, host: formatMac(hostMac), interface: this.#interface };
    return accessLineTag({
      circuitId: this.#circuitId?.expand(values),
      remoteId: this.#remoteId?.expand(values),
    });
  }
}

/** Replaces the tags of other agents by this agent's tag, if there is one. */
export function withLine(tags: Tag[], line: Tag | undefined): Tag[] {
  if (line === undefined) return tags;
  const at = tags.findIndex(isAccessLine);
  if (at < 0) return [...tags, line];
  return [...tags.slice(0, at), line, ...withoutLine(tags.slice(at), line)];
}

/** Removes the tags of all agents, if the request had ours. */
export function withoutLine(tags: Tag[], line: Tag | undefined): Tag[] {
  return line === undefined ? tags : tags.filter((tag) => !isAccessLine(tag));
}
