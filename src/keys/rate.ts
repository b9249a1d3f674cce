// Rates in a key file, such as 20M, in bits per second.

const UNITS = [["G", 1e9], ["M", 1e6], ["k", 1e3]] as const;

/**
 * The bounds of a rate, in bits per second. A connection always has some data ahead of a ping: what the sockets
 * hold, at least 16 KiB at the server. With less than the lowest rate, a ping behind it would take longer than
 * the silence after which a tunnel ends.
 */
export const RATE = { least: 32_000, most: 1e12 } as const;

/**
 * Parses a rate: a whole number, and k, M or G for thousands, millions or thousands of millions.
 *
 * @param text The text
 * @returns The rate in bits per second; undefined if the text is not a rate, or one above {@linkcode RATE}
 */
export function parseRate(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,13})([kMG]?)$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const rate = Number(digits) * (UNITS.find(([name]) => name === unit)?.[1] ?? 1);
  return rate > 0 && rate <= RATE.most ? rate : undefined;
}

/**
 * Formats a rate, with the largest unit that leaves a whole number.
 *
 * @param rate The rate in bits per second, a whole number
 * @returns The text, such as `20M`
 */
export function formatRate(rate: number): string {
  const [name, factor] = UNITS.find(([, factor]) => rate % factor === 0) ?? ["", 1];
  return `${rate / factor}${name}`;
}
