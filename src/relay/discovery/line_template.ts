// The text of a circuit id or a remote id, with places for what is known of a discovery.

import { LINE_ID_MAX } from "../../wire/mod.ts";

/** What can stand in a template, between braces. */
const PLACEHOLDERS = ["client", "host", "interface"] as const;

/** What stands for each. */
export type LineValues = Readonly<Record<typeof PLACEHOLDERS[number], string>>;

/** A template such as `{client}/{host}`. */
export class LineTemplate {
  /** Texts, and names of placeholders, in turn. */
  readonly #parts: readonly string[];

  private constructor(parts: readonly string[]) {
    this.#parts = parts;
  }

  /**
   * Reads a template.
   *
   * @throws {Error} If it has an unknown placeholder or a lone brace, or no room for what is filled in.
   */
  static parse(text: string): LineTemplate {
    const parts = text.split(/\{([^{}]*)\}/);
    let fixed = 0;
    for (const [index, part] of parts.entries()) {
      if (index % 2 === 1) {
        if ((PLACEHOLDERS as readonly string[]).includes(part)) continue;
        const known = PLACEHOLDERS.map((name) => `{${name}}`).join(", ");
        throw new Error(`Cannot use "${text}": there is no {${part}}; there are ${known}`);
      }
      if (/[{}]/.test(part)) throw new Error(`Cannot use "${text}": a brace has no other one`);
      fixed += [...part].length;
    }
    if (fixed > LINE_ID_MAX) {
      throw new Error(
        `Cannot use "${text}": it has ${fixed} characters; at most ${LINE_ID_MAX} can be sent`,
      );
    }
    return new LineTemplate(parts);
  }

  /** Fills it in. TR-101 allows 63 characters of printable ASCII: others become "?", and the rest is cut. */
  expand(values: LineValues): string {
    const text = this.#parts
      .map((part, index) => index % 2 === 1 ? values[part as keyof LineValues] : part)
      .join("");
    const printable = Array.from(text, (char) => /^[ -~]$/.test(char) ? char : "?");
    return printable.slice(0, LINE_ID_MAX).join("");
  }
}
