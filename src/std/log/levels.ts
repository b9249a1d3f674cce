// The log levels, by name and by number.

/** Numbers of the log levels. */
export const LogLevels = {
  NOTSET: 0,
  DEBUG: 10,
  INFO: 20,
  WARN: 30,
  ERROR: 40,
  CRITICAL: 50,
} as const;

/** Name of a log level. */
export type LevelName = keyof typeof LogLevels;

/** Number of a log level. */
export type LogLevel = typeof LogLevels[LevelName];

/**
 * Finds the number of a level.
 *
 * @param name Name of the level
 * @returns The number
 * @throws {Error} If there is no such level
 */
export function getLevelByName(name: LevelName): LogLevel {
  const level = LogLevels[name];
  if (level === undefined) throw new Error(`Cannot get log level: no level named ${name}`);
  return level;
}

/**
 * Finds the name of a level.
 *
 * @param level Number of the level
 * @returns The name
 * @throws {Error} If there is no such level
 */
export function getLevelName(level: LogLevel): LevelName {
  for (const [name, number] of Object.entries(LogLevels)) {
    if (number === level) return name as LevelName;
  }
  throw new Error(`Cannot get log level: no name for level: ${level}`);
}
