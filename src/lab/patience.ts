// The factor for the lab's time limits, which are otherwise too short for an emulated machine.

/** Parses the factor. Returns 1 for anything but a number above 1. */
export function readPatience(text: string | undefined): number {
  const factor = Number(text);
  return factor > 1 && factor < Infinity ? factor : 1;
}

const FACTOR = readPatience(Deno.env.get("LAB_PATIENCE"));

/** Multiplies a time limit by the environment variable `LAB_PATIENCE`. */
export function patient(ms: number): number {
  return ms * FACTOR;
}
