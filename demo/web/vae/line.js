// @ts-check
// The straight line between two codes.

import { checkFinite, checkInteger, typeName } from "./checks.js";
import { InputError, InputTypeError } from "./errors.js";

/**
 * Codes on the straight line from one code to another, both ends included.
 *
 * @param {Float32Array} zA One code: latentDim numbers.
 * @param {Float32Array} zB Another one of the same model.
 * @param {number} steps How many codes, at least 2.
 * @returns {Float32Array} steps codes, one after another: what `decode` takes.
 * @throws {InputTypeError} A code is no Float32Array.
 * @throws {InputError} They differ in length, a number is not finite, or steps is below 2.
 */
export function interpolate(zA, zB, steps) {
  for (const [name, z] of /** @type {[string, Float32Array][]} */ (Object.entries({ zA, zB }))) {
    if (typeName(z) !== "Float32Array") {
      throw new InputTypeError(`${name} must be a Float32Array, got ${typeName(z)}`);
    }
    checkFinite(name, z);
  }
  checkInteger("steps", steps, 2);
  if (zA.length !== zB.length || zA.length === 0) {
    throw new InputError(
      `zA and zB must be one code each of the same length, got ${zA.length} and ${zB.length} numbers`,
    );
  }
  const line = new Float32Array(steps * zA.length);
  for (let step = 0; step < steps; step++) {
    const weight = step / (steps - 1);
    zA.forEach((value, i) => (line[step * zA.length + i] = (1 - weight) * value + weight * zB[i]));
  }
  return line;
}
