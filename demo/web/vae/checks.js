// @ts-check
// What arguments must be, said in one way. Each remedy follows from the values that came: to follow it
// loses none of them.

import { InputError, InputTypeError } from "./errors.js";
import { ANY, checkShape, product, sizesText } from "./shapes.js";

const WHITE = "with white the number of full ink: 65535 for 16 bits, 4095 for 12";

/**
 * The shape of a batch, [n, ...sizes]: the stated one, or what its length says.
 *
 * @param {"x" | "z"} name
 * @param {Float32Array} rows
 * @param {readonly number[]} sizes Of a row; -1 is any.
 * @param {readonly number[]} [shape]
 * @returns {readonly number[]}
 */
export function checkRows(name, rows, sizes, shape) {
  if (typeName(rows) !== "Float32Array") {
    const remedy = name === "x" ? toUnit(name, rows) : toFloats(name, rows);
    throw new InputTypeError(`${name} must be a Float32Array, got ${typeName(rows)}${remedy}`);
  }
  if (shape !== undefined) return checkShape(name, rows.length, sizes, shape);
  if (sizes.includes(ANY)) {
    throw new InputError(
      `the sizes of ${name} follow from the pictures in this model: pass its shape ` +
        `[n, ${sizesText(sizes)}] behind it${name === "x" ? ", or pictures with width and height" : ""}`,
    );
  }
  const size = product(sizes);
  if (rows.length > 0 && rows.length % size === 0) return [rows.length / size, ...sizes];
  throw new InputError(
    `${name} must hold ${sizes.join(" * ")} numbers for each ${name === "x" ? "image" : "picture"}, ` +
      `got ${rows.length}, no multiple of ${size}`,
  );
}

/**
 * @param {string} name
 * @param {Float32Array} rows
 */
export function checkFinite(name, rows) {
  const broken = rows.findIndex((value) => !Number.isFinite(value));
  if (broken < 0) return;
  throw new InputError(`${name} must be finite, got ${rows[broken]} at index ${broken}`);
}

/** @param {Float32Array} x */
export function checkPixels(x) {
  if (!x.some((value) => !(value >= 0 && value <= 1))) return;
  checkFinite("x", x);
  const { low, high } = rangeOf(x);
  throw new InputError(`x must be in [0, 1], got [${low}, ${high}]${toUnit("x", x)}`);
}

/**
 * @param {Uint8Array | Uint8ClampedArray} ink
 * @param {number} height
 * @param {number} width
 * @returns {Uint8Array}
 */
export function checkInk(ink, height, width) {
  if (!isBytes(ink)) {
    throw new InputTypeError(
      "ink must be a Uint8Array or Uint8ClampedArray, 0 paper to 255 ink, got " +
        `${typeName(ink)}${toBytes(ink)}`,
    );
  }
  checkInteger("height", height, 1);
  checkInteger("width", width, 1);
  const size = height * width;
  if (ink.length === size) return new Uint8Array(ink.buffer, ink.byteOffset, size);
  const remedy =
    ink.length === 4 * size ? "; of RGBA, pictureToInk({ data: ink, width, height }) makes it" : "";
  throw new InputError(
    `ink must hold height * width = ${size} bytes, one a pixel, got ${ink.length}${remedy}`,
  );
}

/**
 * @param {string} name
 * @param {number} value
 * @param {number} least
 */
export function checkInteger(name, value, least) {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new InputError(`${name} must be an integer from ${least} to 2 ** 53 - 1, got ${value}`);
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {readonly string[]} choices
 */
export function checkOneOf(name, value, choices) {
  if (choices.includes(/** @type {string} */ (value))) return;
  const list = choices.map((choice) => JSON.stringify(choice)).join(", ").replace(/, ([^,]*)$/, " or $1");
  throw new InputError(`${name} must be ${list}, got ${JSON.stringify(value)}`);
}

/** @param {unknown} value */
export function isBytes(value) {
  return ["Uint8Array", "Uint8ClampedArray"].includes(typeName(value));
}

/**
 * What a value is, in a word. Not `instanceof`: arrays of another frame or test runner count, too.
 *
 * @param {any} value
 * @returns {string}
 */
export function typeName(value) {
  return String(value?.[Symbol.toStringTag] ?? value?.constructor?.name ?? value);
}

/**
 * How what came becomes a Float32Array in [0, 1].
 *
 * @param {string} name
 * @param {any} value
 */
function toUnit(name, value) {
  const numbers = listOf(name, value);
  if (!numbers) return noList(name, value);
  const { low, high } = rangeOf(numbers.list);
  const scaled = (/** @type {string} */ code) =>
    `; use Float32Array.from(${numbers.code}, (value) => ${code})`;
  const number = numbers.big ? "Number(value)" : "value";
  const bytes = isBytes(value);
  if (bytes && high !== 1) return scaled("value / 255");
  if (low >= 0 && high <= 1) return `${toFloats(name, value)}${bytes ? " where 1 is full ink" : ""}`;
  if (low >= -0.001 && high <= 1.001) return scaled("Math.min(1, Math.max(0, value))");
  if (low >= -1 && high <= 1) return `${scaled(`(${number} + 1) / 2`)} if they are of [-1, 1]`;
  if (low >= 0 && high <= 255) {
    if (high <= 1.5) return "; scale or clip";
    return `${scaled(`${number} / 255`)} where 255 is full ink`;
  }
  if (low >= 0) return `${scaled(`${number} / white`)}, ${WHITE}`;
  return "; scale it to [0, 1], ink 1 on paper 0";
}

/**
 * How what came becomes a Float32Array of the same numbers.
 *
 * @param {string} name
 * @param {any} value
 */
function toFloats(name, value) {
  const numbers = listOf(name, value);
  if (!numbers) return noList(name, value);
  return `; use Float32Array.from(${numbers.code}${numbers.big ? ", Number" : ""})`;
}

/**
 * How what came becomes bytes of ink.
 *
 * @param {any} value
 */
function toBytes(value) {
  const numbers = listOf("ink", value);
  if (!numbers) return noList("ink", value);
  const { low, high, whole } = rangeOf(numbers.list);
  const number = numbers.big ? "Number(value)" : "value";
  const scaled = (/** @type {string} */ code) =>
    `; use Uint8Array.from(${numbers.code}, (value) => Math.round(${code}))`;
  if (low < 0) return "; scale it to 0..255, ink 255 on paper 0";
  if (high <= 1) return scaled(`255 * ${number}`);
  if (high > 255) return `${scaled(`(255 * ${number}) / white`)}, ${WHITE}`;
  if (!whole) return scaled(number);
  return `; use Uint8Array.from(${numbers.code}${numbers.big ? ", Number" : ""})`;
}

/**
 * The finite numbers in a typed array or a list, and the code for it; null if it is no such thing.
 *
 * @param {string} name
 * @param {any} value
 * @returns {{ list: number[], code: string, big: boolean } | null}
 */
function listOf(name, value) {
  const array = Array.isArray(value);
  if (!array && !(ArrayBuffer.isView(value) && typeName(value) !== "DataView")) return null;
  const nested = array && value.some((one) => Array.isArray(one));
  const flat = nested ? value.flat(Infinity) : Array.from(/** @type {any} */ (value));
  const big = flat.some((one) => typeof one === "bigint");
  const numeric = flat.every((one) => ["number", "bigint", "boolean"].includes(typeof one));
  const list = flat.map(Number);
  if (!numeric || list.length === 0 || !list.every(Number.isFinite)) return null;
  return { list, code: nested ? `${name}.flat(Infinity)` : name, big };
}

/**
 * What to do about something that holds no numbers as it is.
 *
 * @param {string} name
 * @param {any} value
 */
function noList(name, value) {
  const kind = typeName(value);
  if (kind === "ImageData") return `; pictureToInk(${name}) makes ink of it, drawingToX makes x of ink`;
  if (kind === "Tensor") return `; use await ${name}.getData()`;
  const array = name === "ink" ? "Uint8Array" : "Float32Array";
  if (kind.endsWith("ArrayBuffer")) return `; use new ${array}(${name}) if it holds such numbers`;
  return "";
}

/**
 * @param {ArrayLike<number>} list
 * @returns {{ low: number, high: number, whole: boolean }}
 */
function rangeOf(list) {
  let [low, high, whole] = [Infinity, -Infinity, true];
  for (let i = 0; i < list.length; i++) {
    low = Math.min(low, list[i]);
    high = Math.max(high, list[i]);
    whole &&= Number.isInteger(list[i]);
  }
  return { low, high, whole };
}
