// ACs that have answered, as a table for people.

import type { FoundAc } from "../../discover/ac_search.ts";
import { clip, table } from "./layout.ts";
import type { Style } from "./style.ts";
import { textIn } from "./view.ts";

/** The maximum widths of names, which an AC can make as long as a frame. */
const NAME_MAX = 32;
const SERVICES_MAX = 48;
const ERROR_MAX = 160;
/** The space before the second line of an AC. */
const INDENT = "  ";

/**
 * Makes the table of ACs: a line for each, and a second one for what else it has said.
 *
 * @param acs The ACs
 * @param style Gives texts their color
 * @returns The lines
 */
export function acTable(acs: readonly FoundAc[], style: Style): string[] {
  const [titles, ...rows] = table([
    { title: "AC", cells: acs.map(({ name }) => clip(textIn(name) || "-", NAME_MAX)) },
    { title: "MAC ADDRESS", cells: acs.map(({ mac }) => textIn(mac)) },
    { title: "DELAY", cells: acs.map(({ delayMs }) => formatDelay(delayMs)), isNumber: true },
    { title: "SERVICES", cells: acs.map((ac) => clip(servicesOf(ac), SERVICES_MAX)) },
  ], Infinity);
  return [
    style("heading", titles),
    ...acs.flatMap((ac, at) => [
      ac.offer ? rows[at] : style("warning", rows[at]),
      style("quiet", INDENT + tagsOf(ac)),
      ...ac.errors.map(({ tag, text }) => {
        const words = text === "" ? "" : `: ${textIn(text)}`;
        return style("bad", INDENT + clip(`${textIn(tag)}${words}`, ERROR_MAX));
      }),
    ]),
  ];
}

/** Writes a time of some ms, with more digits if it is short. */
function formatDelay(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}

function servicesOf({ offer, services }: FoundAc): string {
  if (!offer) return "refuses";
  // An AC repeats the name that it was asked for, which stands for any.
  const names = services.filter((service) => service !== "").map(textIn);
  return names.join(", ") || (services.length > 0 ? "any" : "-");
}

function tagsOf(ac: FoundAc): string {
  return [
    ac.cookie ? "cookie" : "no cookie",
    ...ac.maxPayload === null ? [] : [`PPP-Max-Payload ${ac.maxPayload}`],
    ...ac.relaySessionId ? ["Relay-Session-Id"] : [],
    ...ac.hostUniq ? [] : ["returns no Host-Uniq"],
    ...ac.otherTags.map(textIn),
  ].join(", ");
}
