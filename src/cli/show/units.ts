// Numbers in units that are read at a glance.

const BYTES = ["B", "kB", "MB", "GB", "TB", "PB"];
const BITS = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"];
const DURATIONS = [["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]] as const;

/**
 * Writes a number of bytes.
 *
 * @param bytes The number
 * @returns The text, such as `12.3 GB`
 */
export function formatBytes(bytes: number): string {
  return scaled(bytes, BYTES);
}

/**
 * Writes a rate.
 *
 * @param bytesPerSecond The bytes in a second
 * @returns The text in bits, such as `1.2 Mbit/s`
 */
export function formatRate(bytesPerSecond: number): string {
  return scaled(8 * bytesPerSecond, BITS);
}

/**
 * Writes a whole number, with a comma between thousands.
 *
 * @param count The number
 * @returns The text, such as `1,234,567`
 */
export function formatCount(count: number): string {
  return Math.round(count).toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

/**
 * Writes a duration in its two largest units.
 *
 * @param seconds The duration
 * @returns The text, such as `3 d 4 h` or `45 s`
 */
export function formatDuration(seconds: number): string {
  let rest = Math.max(0, Math.floor(seconds));
  const at = DURATIONS.findIndex(([, length]) => rest >= length);
  if (at < 0) return "0 s";
  const parts: string[] = [];
  for (const [unit, length] of DURATIONS.slice(at, at + 2)) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count > 0) parts.push(`${count} ${unit}`);
  }
  return parts.join(" ");
}

/**
 * Writes a round trip.
 *
 * @param ms The time
 * @returns The text, such as `12.5 ms`
 */
export function formatMs(ms: number): string {
  return `${ms < 100 ? ms.toFixed(1) : formatCount(ms)} ms`;
}

/** Writes a number with the unit by which it has up to three digits before the point. */
function scaled(number: number, units: readonly string[]): string {
  let at = 0;
  let scale = number;
  // A number just below 1000 would be rounded to it.
  while (scale >= 999.5 && at < units.length - 1) {
    scale /= 1000;
    at++;
  }
  const digits = at === 0 || scale >= 99.95 ? 0 : 1;
  return `${scale.toFixed(digits)} ${units[at]}`;
}
