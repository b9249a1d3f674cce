// The error for a configuration that cannot work on this machine.

/** An error that is thrown if the operator must change the configuration; trying again does not help. */
export class ConfigurationError extends Error {
  override name = "ConfigurationError";
}
