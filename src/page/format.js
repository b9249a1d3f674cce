// Numbers and times as the page writes them.

const UNITS = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"];

/**
 * Writes a rate, such as `12.3 Mbit/s`.
 *
 * @param {number} bitsPerSecond The rate
 * @returns {string} The text
 */
export function formatRate(bitsPerSecond) {
  let value = bitsPerSecond;
  let unit = 0;
  while (Math.round(value) >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/**
 * Writes a rate without zeros at its end, such as `20 Mbit/s`.
 *
 * @param {number} bitsPerSecond The rate
 * @returns {string} The text
 */
export function formatRoundRate(bitsPerSecond) {
  return formatRate(bitsPerSecond).replace(/\.0+ |(\.\d)0 /, "$1 ");
}

/**
 * Writes a number with a thin space between groups of three digits, such as `12 345`.
 *
 * @param {number} count The number
 * @returns {string} The text
 */
export function formatCount(count) {
  return Math.round(count).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/**
 * Writes a number with its noun, such as `1 session` or `2 sessions`.
 *
 * @param {number} count The number
 * @param {string} noun The noun for one
 * @returns {string} The text
 */
export function formatNumberOf(count, noun) {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/**
 * Writes a duration by its two largest units, such as `3 h 12 min`.
 *
 * @param {number} seconds The duration
 * @returns {string} The text
 */
export function formatDuration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const days = Math.floor(whole / 86_400);
  const hours = Math.floor(whole / 3600) % 24;
  const minutes = Math.floor(whole / 60) % 60;
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  if (minutes > 0) return minutes < 10 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  return `${whole} s`;
}

/**
 * Writes a time in ms, such as `0.42 ms`, `8.2 ms` or `120 ms`.
 *
 * @param {number | null} ms The time; null if it is unknown
 * @returns {string} The text
 */
export function formatMs(ms) {
  if (ms === null) return "–";
  return `${ms.toFixed(ms < 0.995 ? 2 : ms < 9.95 ? 1 : 0)} ms`;
}

/**
 * Writes an amount of bytes, such as `64 KiB`.
 *
 * @param {number} bytes The amount
 * @returns {string} The text
 */
export function formatBytes(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  const kib = bytes / 1024;
  return kib < 1024 ? `${kib.toFixed(0)} KiB` : `${(kib / 1024).toFixed(1)} MiB`;
}
