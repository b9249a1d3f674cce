// Parses a command line into an object; node:util splits the arguments into tokens.

import { parseArgs as tokenize } from "node:util";

type Name = string | undefined;
type Defaults = Record<string, unknown> | undefined;
type Aliases = Partial<Record<string, string | readonly string[]>> | undefined;

// The type of each declared option, before defaults. Strings may be missing; booleans and collected options never are.
type Declared<
  TBooleans extends Name,
  TStrings extends Name,
  TCollect extends Name,
  TNegatable extends Name,
> =
  & {
    [K in Exclude<TStrings, TCollect | undefined>]?:
      | string
      | (K extends TNegatable ? false : never);
  }
  & {
    [K in Extract<TStrings, TCollect> & string]: string[] | (K extends TNegatable ? false : never);
  }
  & { [K in Exclude<TBooleans, TCollect | undefined>]: boolean }
  & { [K in Extract<TBooleans, TCollect> & string]: boolean[] }
  & {
    [K in Exclude<TCollect, TStrings | TBooleans | undefined>]:
      | unknown[]
      | (K extends TNegatable ? false : never);
  };

type WithDefaults<TValues, TDefaults> = [TDefaults] extends [undefined] ? TValues
  :
    & Omit<TValues, keyof TDefaults>
    & {
      [K in keyof TDefaults]: K extends keyof TValues ? TDefaults[K] | NonNullable<TValues[K]>
        : unknown;
    };

type AliasOf<K, TAliases> = K extends keyof TAliases ? TAliases[K] extends string ? TAliases[K]
  : TAliases[K] extends readonly string[] ? TAliases[K][number]
  : never
  : never;

type WithAliases<TValues, TAliases> = {
  [K in keyof TValues as K | (AliasOf<K, TAliases> & string)]: TValues[K];
};

type Values<
  TBooleans extends Name,
  TStrings extends Name,
  TCollect extends Name,
  TNegatable extends Name,
  TDefaults extends Defaults,
  TAliases extends Aliases,
> = [TBooleans | TStrings | TCollect] extends [undefined]
  // deno-lint-ignore no-explicit-any -- undeclared options may have any type, as in @std/cli
  ? Record<string, any>
  :
    & Record<string, unknown>
    & WithAliases<
      WithDefaults<Declared<TBooleans, TStrings, TCollect, TNegatable>, TDefaults>,
      TAliases
    >;

/** The result of {@linkcode parseArgs}. */
export type Args<
  // deno-lint-ignore no-explicit-any -- undeclared options may have any type, as in @std/cli
  TValues extends Record<string, unknown> = Record<string, any>,
  TDoubleDash extends boolean | undefined = undefined,
> =
  & TValues
  & {
    /** The arguments that are not options or their values. */
    _: Array<string | number>;
  }
  & (true extends TDoubleDash ? {
      /** The arguments after `--`. */
      "--": string[];
    }
    : Record<never, never>);

/** Options for {@linkcode parseArgs}. */
export interface ParseOptions<
  TBooleans extends Name = Name,
  TStrings extends Name = Name,
  TCollect extends Name = Name,
  TNegatable extends Name = Name,
  TDefaults extends Defaults = Defaults,
  TAliases extends Aliases = Aliases,
  TDoubleDash extends boolean | undefined = boolean | undefined,
> {
  /** Put the arguments after `--` into `["--"]`, not into `_`. */
  "--"?: TDoubleDash;
  /** Other names of an option. */
  alias?: TAliases;
  /** Options without a value; `false` if they are not given. */
  boolean?: TBooleans | readonly Extract<TBooleans, string>[];
  /** Values of the options that are not given. */
  default?: TDefaults;
  /** Put everything from the first argument that is not an option into `_`. */
  stopEarly?: boolean;
  /** Options whose value stays a string. */
  string?: TStrings | readonly Extract<TStrings, string>[];
  /** Options whose values are collected into an array. For others, the last value counts. */
  collect?: TCollect | readonly Extract<TCollect, string>[];
  /** Options that are set to `false` by `--no-` before their name. */
  negatable?: TNegatable | readonly Extract<TNegatable, string>[];
  /** Called for undeclared options, and for arguments that are not options; `false` omits them from the result. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

type Value = string | number | boolean;

function isNumber(text: string): boolean {
  return text.trim() !== "" && Number.isFinite(Number(text));
}

/**
 * Parses a command line. `--name value`, `--name=value` and `-n value` set the value of an option. An undeclared
 * option takes the next argument, unless that starts with a dash. Values that look like numbers become numbers, except
 * for `string` options. Unlike the real function, it does not support dots in a name as nested objects,
 * `boolean: true`, or several short options in one argument with digits or punctuation.
 *
 * @param args The arguments, as in `Deno.args`
 * @param options The declared options
 * @returns The values of the options by name, and the other arguments in `_`
 */
export function parseArgs<
  TDoubleDash extends boolean | undefined = undefined,
  TBooleans extends Name = undefined,
  TStrings extends Name = undefined,
  TCollect extends Name = undefined,
  TNegatable extends Name = undefined,
  TDefaults extends Defaults = undefined,
  const TAliases extends Aliases = undefined,
>(
  args: readonly string[],
  options: ParseOptions<
    TBooleans,
    TStrings,
    TCollect,
    TNegatable,
    TDefaults,
    TAliases,
    TDoubleDash
  > = {},
): Args<Values<TBooleans, TStrings, TCollect, TNegatable, TDefaults, TAliases>, TDoubleDash> {
  const aliases = new Map<string, Set<string>>();
  for (const [name, others] of Object.entries(options.alias ?? {})) {
    const names = [name, ...[others].flat() as string[]];
    for (const each of names) aliases.set(each, new Set(names.filter((other) => other !== each)));
  }
  const withAliases = (names: Name | readonly Name[]): Set<string> => {
    const declared = [names].flat().filter((name): name is string => Boolean(name));
    return new Set(declared.flatMap((name) => [name, ...aliases.get(name) ?? []]));
  };
  const booleans = withAliases(options.boolean);
  const strings = withAliases(options.string);
  const collected = withAliases(options.collect);
  const negatable = withAliases(options.negatable);
  const declared = new Set([...booleans, ...strings, ...collected, ...aliases.keys()]);

  const values: Record<string, unknown> = {};
  const positional: Array<string | number> = [];

  const set = (key: string, value: Value, arg: string, collect = collected.has(key)) => {
    if (!declared.has(key) && options.unknown?.(arg, key, value) === false) return;
    // These names would reach the prototype.
    if (key === "__proto__" || key === "constructor") return;
    if (typeof value === "string" && !strings.has(key) && isNumber(value)) value = Number(value);
    for (const name of [key, ...aliases.get(key) ?? []]) {
      const before = values[name];
      if (!collect) values[name] = value;
      else if (Array.isArray(before)) before.push(value);
      else values[name] = before ? [before, value] : [value];
    }
  };

  const end = args.indexOf("--");
  const parsed = end < 0 ? args : args.slice(0, end);
  const rest = end < 0 ? [] : args.slice(end + 1);

  let at = 0;
  while (at < parsed.length) {
    const arg = parsed[at++];
    // Parse one argument at a time, because node:util would let one argument affect the next.
    const { tokens } = tokenize({
      args: [arg],
      strict: false,
      allowPositionals: true,
      tokens: true,
    });
    const attached = arg.match(/^-([A-Za-z])(?:=(.*)|(-?\d+(?:\.\d*)?))$/s);
    if (attached) {
      set(attached[1], attached[2] ?? attached[3], arg);
      continue;
    }
    for (const [number, token] of tokens.entries()) {
      if (token.kind === "option-terminator") continue;
      if (token.kind === "positional") {
        if (options.unknown?.(arg) !== false) {
          positional.push(!strings.has("_") && isNumber(arg) ? Number(arg) : arg);
        }
        if (options.stopEarly) {
          positional.push(...parsed.slice(at));
          at = parsed.length;
        }
        continue;
      }

      const long = token.rawName.startsWith("--");
      if (long && token.inlineValue) {
        const key = token.name.replace(/^no-(?=.)/s, "");
        set(key, booleans.has(key) ? token.value !== "false" : token.value, arg);
        continue;
      }
      if (long && token.name.startsWith("no-") && negatable.has(token.name.slice(3))) {
        set(token.name.slice(3), false, arg, false);
        continue;
      }

      const next = number === tokens.length - 1 ? parsed[at] : undefined;
      let value: Value = strings.has(token.name) ? "" : true;
      if (next && !booleans.has(token.name) && !(long ? /^-/ : /^--?[^-]/).test(next)) {
        value = next;
        at++;
      } else if (next === "true" || next === "false") {
        value = next === "true";
        at++;
      }
      set(token.name, value, arg);
    }
  }

  for (const [key, value] of Object.entries(options.default ?? {})) {
    if (Object.hasOwn(values, key)) continue;
    for (const name of [key, ...aliases.get(key) ?? []]) values[name] = value;
  }
  for (const key of booleans) {
    if (!Object.hasOwn(values, key)) values[key] = collected.has(key) ? [] : false;
  }
  for (const key of strings) {
    if (!Object.hasOwn(values, key) && collected.has(key)) values[key] = [];
  }

  const result: Record<string, unknown> = { ...values, _: positional };
  if (options["--"]) result["--"] = rest;
  else positional.push(...rest);
  return result as Args<
    Values<TBooleans, TStrings, TCollect, TNegatable, TDefaults, TAliases>,
    TDoubleDash
  >;
}
