// @ts-check
// Shapes of rows, the dimensions after the batch, some of which may be open.

import { InputError, InputTypeError } from "./errors.js";

export const ANY = -1; // stands where a dimension may have any size

/** @param {readonly number[]} sizes */
export function product(sizes) {
  return sizes.reduce((total, size) => total * size, 1);
}

/**
 * Write sizes for an error: "4, any, any".
 *
 * @param {readonly number[]} sizes
 */
export function sizesText(sizes) {
  return sizes.map((size) => (size === ANY ? "any" : size)).join(", ");
}

/**
 * The stated shape of a batch, if it is one that the sizes allow and that its numbers fill.
 *
 * @param {string} name
 * @param {number} count
 * @param {readonly number[]} sizes
 * @param {readonly number[]} shape
 */
export function checkShape(name, count, sizes, shape) {
  if (!Array.isArray(shape)) {
    throw new InputTypeError(`the shape of ${name} must be [n, ${sizesText(sizes)}], got ${shape}`);
  }
  const [, ...row] = shape;
  const whole = shape.every((size) => Number.isSafeInteger(size) && size > 0);
  const fits = row.length === sizes.length && sizes.every((size, i) => [ANY, row[i]].includes(size));
  const told = `[${shape.join(", ")}]`;
  if (!whole || !fits) {
    throw new InputError(`the shape of ${name} must be [n, ${sizesText(sizes)}], got ${told}`);
  }
  if (product(shape) === count) return shape;
  throw new InputError(`${name} of shape ${told} must hold ${product(shape)} numbers, got ${count}`);
}

/**
 * @param {number} height
 * @param {number} width
 * @param {number} multiple
 */
export function checkMultiple(height, width, multiple) {
  if (height % multiple === 0 && width % multiple === 0) return;
  const [down, up] = [Math.floor, Math.ceil].map((round) =>
    [height, width].map((size) => Math.max(1, round(size / multiple)) * multiple).join("x"),
  );
  throw new InputError(
    `height and width of the images must be multiples of ${multiple}, got ${height}x${width}; ` +
      `cut or scale them to ${down}, or fill them up to ${up}`,
  );
}
