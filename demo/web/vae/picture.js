// @ts-check
// A picture as a camera, a scanner or a file gives it -> ink. Both this and the reader in Python see the same
// drawing, which the tests compare; where paper is uneven that one lays a surface through it, and this one
// takes one level for all of it.

import { checkInteger, isBytes, typeName } from "./checks.js";
import { InputError, InputTypeError } from "./errors.js";
import { greyOf } from "./rgba.js";

const WORKED_SIDE = 640; // a larger picture is reduced to it: no model sees more than a fraction
const FLAT = 24; // levels of grey: a picture that has no more shows nothing
const FOOT = 0.4; // of the way from paper to ink: the soft rim of a stroke is above, uneven paper below

/**
 * Find the ink of a picture, for `drawingToX`: on paper that is not quite white, dark on light or light
 * on dark, transparent or not.
 *
 * A large picture is reduced: what comes back has its own height and width.
 *
 * @param {import("./vae.js").Picture} picture RGBA of 8 bits, row by row, as an ImageData has it.
 * @param {import("./vae.js").PictureOptions} [options]
 * @returns {import("./vae.js").Ink}
 * @throws {InputTypeError} `picture.data` does not hold bytes.
 * @throws {InputError} It does not hold 4 * width * height of them, or nothing is drawn there.
 */
export function pictureToInk(picture, { lossless = false } = {}) {
  checkPicture(picture);
  const whole = greyOf(picture.data);
  const { grey, height, width } = reduced(whole, picture.height, picture.width);
  const { low, high } = levels(grey);
  if (high - low < FLAT) {
    throw new InputError("the picture is one even surface: nothing is drawn on it");
  }
  // The rim is paper, and paper is dark in what the models know.
  const light = levels(rim(grey, height, width)).median <= (low + high) / 2 ? grey : grey.map((v) => 255 - v);
  const clean = levels(rim(light, height, width)).high === 0 && levels(light).median === 0;
  return { ink: lossless && clean ? boldened(light) : stretched(light), height, width };
}

/** @param {import("./vae.js").Picture} picture */
function checkPicture(picture) {
  if (!isBytes(picture?.data)) {
    const got = picture?.data === undefined ? typeName(picture) : `data: ${typeName(picture.data)}`;
    throw new InputTypeError(
      "picture must be an ImageData, or { data, width, height } with RGBA of 8 bits in a " +
        `Uint8ClampedArray or Uint8Array, got ${got}`,
    );
  }
  const { data, width, height } = picture;
  checkInteger("width", width, 1);
  checkInteger("height", height, 1);
  if (data.length === 4 * width * height) return;
  throw new InputError(
    `picture.data must hold 4 * width * height = ${4 * width * height} bytes, got ${data.length}`,
  );
}

/**
 * The picture with sides of at most 640, each pixel the mean of those that it covers.
 *
 * @param {Uint8Array} grey
 * @param {number} height
 * @param {number} width
 */
function reduced(grey, height, width) {
  const scale = WORKED_SIDE / Math.max(height, width);
  if (scale >= 1) return { grey, height, width };
  const [rows, columns] = [height, width].map((side) => Math.max(1, Math.round(side * scale)));
  const across = means(grey, height, width, columns);
  return { grey: means(across, columns, height, rows), height: rows, width: columns };
}

/**
 * The means of each row at `count` places, one place after the other: the picture lies on its side then.
 *
 * @param {Uint8Array} grey
 * @param {number} rows
 * @param {number} length
 * @param {number} count
 */
function means(grey, rows, length, count) {
  const made = new Uint8Array(rows * count);
  for (let i = 0; i < count; i++) {
    const start = Math.round((i * length) / count);
    const end = Math.max(start + 1, Math.round(((i + 1) * length) / count));
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let j = start; j < end; j++) sum += grey[row * length + j];
      made[i * rows + row] = Math.round(sum / (end - start));
    }
  }
  return made;
}

/**
 * The picture with its paper set to 0 and its ink stretched to 255. The level between them is Otsu's
 * (1979): it parts the pixels into the two classes that differ most.
 *
 * @param {Uint8Array} light Light ink on dark paper.
 */
function stretched(light) {
  const counts = new Float64Array(256);
  for (const value of light) counts[value] += 1;
  const sum = counts.reduce((total, count, value) => total + count * value, 0);
  let [below, mass, best, paper, drawn] = [0, 0, -1, 0, 255];
  for (let level = 0; level < 255; level++) {
    below += counts[level];
    mass += counts[level] * level;
    const above = light.length - below;
    const between = ((sum * below) / light.length - mass) ** 2 / (below * above);
    if (!(between > best)) continue; // NaN where a class is empty
    [best, paper, drawn] = [between, mass / below, (sum - mass) / above];
  }
  const foot = paper + FOOT * (drawn - paper);
  return light.map((value) => Math.min(255, Math.max(0, ((value - foot) / (drawn - foot)) * 255)));
}

/**
 * A drawing on clean paper, its boldest ink made 255.
 *
 * @param {Uint8Array} light
 */
function boldened(light) {
  const { high } = levels(light);
  return light.map((value) => Math.round((value * 255) / high));
}

/**
 * @param {Uint8Array} grey
 * @param {number} height
 * @param {number} width
 */
function rim(grey, height, width) {
  const sides = Array.from({ length: height }, (_, row) => [row * width, (row + 1) * width - 1]);
  return Uint8Array.from([
    ...grey.subarray(0, width),
    ...grey.subarray(-width),
    ...sides.flat().map((at) => grey[at]),
  ]);
}

/** @param {Uint8Array} values */
function levels(values) {
  const sorted = values.slice().sort();
  const middle = sorted.length / 2;
  const median = (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
  return { low: sorted[0], high: sorted[sorted.length - 1], median };
}
