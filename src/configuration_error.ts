// A fault of what the operator asked for, rather than of the running program.

/** What was asked for cannot be had on this machine, however often it is tried. */
export class ConfigurationError extends Error {
  override name = "ConfigurationError";
}
