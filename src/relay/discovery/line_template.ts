// The template of a circuit id or a remote id, with placeholders for facts about a discovery.

import { LINE_ID_MAX } from "../../wire/mod.ts";

/** The names that a template may have between braces. */
const PLACEHOLDERS = ["client", "host", "interface"] as const;

/** A value for each placeholder. */
export type LineValues = Readonly<Record<typeof PLACEHOLDERS[number], string>>;

/** A template such as `{client}/{host}`. */
export class LineTemplate {
  /** Texts and names of placeholders, alternately. */
  readonly #parts: readonly string[];

  private constructor(parts: readonly string[]) {
    this.#parts = parts;
  }

  /**
   * Parses a template.
   *
   * @throws {Error} If it has an unknown placeholder or an unmatched brace, or no room for the values
   */
  static parse(text: string): LineTemplate {
    const parts = text.split(/\{([^{}]*)\}/);
    let fixed = 0;
    for (const [index, part] of parts.entries()) {
      if (index % 2 === 1) {
        if ((PLACEHOLDERS as readonly string[]).includes(part)) continue;
        const known = PLACEHOLDERS.map((name) => `{${name}}`).join(", ");
        throw new Error(`Cannot use "${text}": {${part}} is unknown; use ${known}`);
      }
      if (/[{}]/.test(part)) throw new Error(`Cannot use "${text}": a brace is unmatched`);
      fixed += [...part].length;
    }
    if (fixed > LINE_ID_MAX) {
      throw new Error(
        `Cannot use "${text}": it is ${fixed} characters long; the maximum is ${LINE_ID_MAX}`,
      );
    }
    return new LineTemplate(parts);
  }

  /**
   * Fills in the values. TR-101 allows 63 characters of printable ASCII: other characters become "?", and
   * longer texts are cut.
   */
  expand(values: LineValues): string {
    const text = this.#parts
      .map((part, index) => index % 2 === 1 ? values[part as keyof LineValues] : part)
      .join("");
    const printable = Array.from(text, (char) => /^[ -~]$/.test(char) ? char : "?");
    return printable.slice(0, LINE_ID_MAX).join("");
  }
}
