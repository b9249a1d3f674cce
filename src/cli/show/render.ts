// The sides of this machine as text, their problems first. No I/O.

import { wrap } from "./layout.ts";
import { type Form, type Look, type SideView, titleOf } from "./look.ts";
import { renderSide } from "./side.ts";
import type { Meaning } from "./style.ts";
import { formatDuration } from "./units.ts";
import type { ProblemView } from "./view.ts";

/** The width of a label with the space behind it. */
const LABEL = "PROBLEM  ".length;

/**
 * Shows the sides of this machine.
 *
 * @param look The sides
 * @param form The form
 * @returns The lines
 */
export function render(look: Look, form: Form): string[] {
  const blocks = [
    ...problemBlocks(look, form),
    ...look.sides.filter(({ status }) => status !== undefined)
      .map((side) => renderSide(side, look, form)),
  ];
  return blocks.flatMap((block, at) => at === 0 ? block : ["", ...block]);
}

/** Returns the problems of all sides: those that keep a side from its job first. */
function problemBlocks({ sides, clockMs }: Look, form: Form): string[][] {
  const silent = sides.filter(({ status }) => status === undefined);
  const problems = sides.flatMap((side) =>
    (side.status?.problems ?? []).map((problem) => ({ side, problem }))
  );
  const ordered = [
    ...problems.filter(({ problem }) => problem.blocks),
    ...problems.filter(({ problem }) => !problem.blocks),
  ];
  return [
    ...silent.map((side) =>
      paragraph(`The ${titleOf(side)} tells nothing: ${side.failure}`, "bad", form)
    ),
    ...ordered.map(({ side, problem }) => problemBlock(side, problem, clockMs, form)),
  ];
}

function problemBlock(
  side: SideView,
  { id, sinceMs, what, advice, blocks }: ProblemView,
  clockMs: number,
  form: Form,
): string[] {
  const duration = sinceMs === undefined
    ? ""
    : `, for ${formatDuration((clockMs - sinceMs) / 1000)}`;
  return [
    ...paragraph(what, blocks ? "bad" : "warning", form),
    ...paragraph(advice, undefined, form, "Advice"),
    ...paragraph(`(${id} at the ${titleOf(side)}${duration})`, "quiet", form, ""),
  ];
}

function paragraph(
  text: string,
  meaning: Meaning | undefined,
  { width, style }: Form,
  label = meaning === "bad" ? "PROBLEM" : "Problem",
): string[] {
  return wrap(text.split(" "), width - LABEL).map((line, at) =>
    (at === 0 ? label : "").padEnd(LABEL) + (meaning === undefined ? line : style(meaning, line))
  );
}
