// How long the lab waits: its time limits fit a machine that has time for it, not an emulated one.

/** Reads the factor; 1 for anything that is no number over 1. */
export function readPatience(text: string | undefined): number {
  const factor = Number(text);
  return factor > 1 && factor < Infinity ? factor : 1;
}

const FACTOR = readPatience(Deno.env.get("LAB_PATIENCE"));

/** A time limit, as many times as long as `LAB_PATIENCE` in the environment says. */
export function patient(ms: number): number {
  return ms * FACTOR;
}
