// The subset of JSON Schema that describes the API, and a check of values against it.

/** The name of a JSON type. */
export type JsonType = "string" | "integer" | "number" | "boolean" | "object" | "array" | "null";

/** A schema of JSON Schema 2020-12, as OpenAPI 3.1 has it. */
export interface Schema {
  description?: string;
  type?: JsonType | JsonType[];
  enum?: readonly string[];
  /** The pattern of a text, for `RegExp` with the flag `u`. */
  pattern?: string;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  properties?: Record<string, Schema>;
  required?: readonly string[];
  /** The schema of all properties that have none of their own, or false if there are none. */
  additionalProperties?: Schema | false;
  items?: Schema;
  /** A reference to a schema with a name, such as `#/components/schemas/Session`. */
  $ref?: string;
  examples?: readonly (string | number)[];
}

const REFERENCE = "#/components/schemas/";

/** Makes a reference to a schema with a name. */
export function ref(name: string): Schema {
  return { $ref: `${REFERENCE}${name}` };
}

/** Makes the schema of a text. */
export function text(description: string, more: Schema = {}): Schema {
  return { type: "string", description, ...more };
}

/** Makes the schema of a whole number from 0 up. */
export function count(description: string, more: Schema = {}): Schema {
  return { type: "integer", minimum: 0, description, ...more };
}

/** Makes the schema of a list. */
export function listOf(items: Schema, description?: string): Schema {
  return { type: "array", items, description };
}

/**
 * Makes the schema of an object with known properties. The compiler checks that it has all those of a type.
 *
 * @param properties The schema of each property
 * @param optional The properties that can be missing
 * @returns The schema
 */
export function objectOf<T>(
  properties: { [K in keyof Required<T>]: Schema },
  optional: readonly (keyof T)[] = [],
): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name as keyof T));
  return { type: "object", properties, required, additionalProperties: false };
}

/**
 * Checks a value against a schema.
 *
 * @param schema The schema
 * @param value The value, as JSON has it
 * @param named The schemas with names, to which the schema may refer
 * @param name The name of the value, for the fault
 * @returns The fault, such as `id must be an integer`; undefined if there is none
 */
export function faultIn(
  schema: Schema,
  value: unknown,
  named: Record<string, Schema> = {},
  name = "the content",
): string | undefined {
  if (schema.$ref !== undefined) {
    const target = named[schema.$ref.slice(REFERENCE.length)];
    if (target === undefined) return `${name} has an unknown schema ${schema.$ref}`;
    return faultIn(target, value, named, name);
  }
  const types = [schema.type ?? []].flat();
  const type = types.find((type) => isOfType(type, value));
  if (types.length > 0 && type === undefined) {
    return `${name} must be ${types.map((one) => TYPE_WORDS[one]).join(" or ")}`;
  }
  const fault = textFault(schema, value) ?? numberFault(schema, value);
  if (fault !== undefined) return `${name} must ${fault}${exampleOf(schema)}`;
  if (Array.isArray(value) && schema.items !== undefined) {
    const { items } = schema;
    return firstFault(
      [...value.entries()],
      ([at, item]) => faultIn(items, item, named, `${name}[${at}]`),
    );
  }
  if (type === "object") return objectFault(schema, value as object, named, name);
  return undefined;
}

const TYPE_WORDS: Record<JsonType, string> = {
  string: "a text",
  integer: "an integer",
  number: "a number",
  boolean: "true or false",
  object: "an object",
  array: "a list",
  null: "null",
};

function isOfType(type: JsonType, value: unknown): boolean {
  switch (type) {
    case "string":
      return typeof value === "string";
    case "integer":
      return Number.isInteger(value);
    case "number":
      return typeof value === "number";
    case "boolean":
      return typeof value === "boolean";
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "array":
      return Array.isArray(value);
    case "null":
      return value === null;
  }
}

function textFault({ enum: words, pattern, maxLength }: Schema, value: unknown) {
  if (typeof value !== "string") return undefined;
  if (words !== undefined && !words.includes(value)) return `be ${words.join(" or ")}`;
  if (maxLength !== undefined && value.length > maxLength) {
    return `have at most ${maxLength} characters`;
  }
  if (pattern !== undefined && !new RegExp(pattern, "u").test(value)) return "have the right form";
  return undefined;
}

function numberFault({ minimum, maximum }: Schema, value: unknown) {
  if (typeof value !== "number") return undefined;
  if (minimum !== undefined && value < minimum) return `be at least ${minimum}`;
  if (maximum !== undefined && value > maximum) return `be at most ${maximum}`;
  return undefined;
}

function exampleOf({ examples = [] }: Schema): string {
  return examples.length === 0 ? "" : `, such as ${examples[0]}`;
}

function objectFault(
  { properties = {}, required = [], additionalProperties }: Schema,
  value: object,
  named: Record<string, Schema>,
  name: string,
): string | undefined {
  const missing = required.find((key) => !Object.hasOwn(value, key));
  if (missing !== undefined) return `${name} must have the property ${missing}`;
  return firstFault(Object.entries(value), ([key, item]) => {
    const known = Object.hasOwn(properties, key) ? properties[key] : additionalProperties;
    if (known === undefined) return undefined;
    if (known === false) return `${name} has the unknown property ${JSON.stringify(key)}`;
    return faultIn(known, item, named, name === "the content" ? key : `${name}.${key}`);
  });
}

function firstFault<T>(
  items: Iterable<T>,
  faultOf: (item: T) => string | undefined,
): string | undefined {
  for (const item of items) {
    const fault = faultOf(item);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
