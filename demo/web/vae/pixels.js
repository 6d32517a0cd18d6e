// @ts-check
// Pictures as a canvas or a file has them, the channels of a pixel side by side -> x, and x -> pictures.

import { checkInteger, checkPixels, checkRows, isBytes, typeName } from "./checks.js";
import { InputError, InputTypeError } from "./errors.js";
import { greyOf, opaque } from "./rgba.js";
import { ANY, checkMultiple } from "./shapes.js";

/** @type {Record<string, number>} */
const LEVELS = { white: 255, black: 0 };

/**
 * The pictures in what was given, or null if it is something else.
 *
 * @param {any} value
 * @returns {import("./vae.js").Pixels[] | null}
 */
export function picturesIn(value) {
  const isPicture = (/** @type {any} */ one) =>
    ArrayBuffer.isView(one?.data) && one.width !== undefined && one.height !== undefined;
  if (isPicture(value)) return [value];
  return Array.isArray(value) && value.length > 0 && value.every(isPicture) ? value : null;
}

/**
 * @param {readonly import("./vae.js").Pixels[]} pictures
 * @param {readonly number[]} imageShape [channels, height, width]; -1 is any that `multiple` divides.
 * @param {number} multiple
 * @param {string} [ground] What lies behind transparent parts, "white" or "black"; else it is found.
 * @returns {{ x: Float32Array, shape: number[] }}
 */
export function picturesToX(pictures, [channels, ...sizes], multiple, ground) {
  const [{ width, height }] = pictures;
  const numbers = pictures.map((picture) => checkedNumbers(picture, channels, ground));
  for (const picture of pictures) checkSize(picture, pictures[0], sizes);
  checkMultiple(height, width, multiple);
  const area = height * width;
  const x = new Float32Array(pictures.length * channels * area);
  numbers.forEach(({ data, step, white }, i) => {
    for (let channel = 0; channel < channels; channel++) {
      const start = (i * channels + channel) * area;
      for (let at = 0; at < area; at++) x[start + at] = data[at * step + channel] / white;
    }
  });
  if (numbers.some(({ white }) => white === 1)) checkPixels(x);
  return { x, shape: [pictures.length, channels, height, width] };
}

/**
 * Make pictures for a canvas of what `decode`, `reconstruct` or `sample` gives.
 *
 * @param {Float32Array} x n pictures in [0, 1].
 * @param {readonly number[]} shape [n, channels, height, width], or `imageShape` of a model.
 * @returns {any[]} n pictures in RGBA, each an ImageData where there is such a thing; of one channel
 *   they are grey, of three opaque.
 * @throws {InputTypeError} x is no Float32Array.
 * @throws {InputError} The channels are not 1, 3 or 4, or x has another shape.
 */
export function toPictures(x, shape) {
  const [n, channels, height, width] =
    shape?.length === 3 ? checkRows("x", x, shape) : checkRows("x", x, [ANY, ANY, ANY], shape);
  if (![1, 3, 4].includes(channels)) {
    throw new InputError(
      `a picture for a canvas has 1, 3 or 4 channels, these have ${channels}: take their numbers, ` +
        "which decode gives, and reconstruct of a Float32Array",
    );
  }
  const size = channels * height * width;
  return Array.from({ length: n }, (_, i) =>
    canvasPicture(rgbaOf(x.subarray(i * size, (i + 1) * size), channels), width, height),
  );
}

/**
 * The brightness of a picture, for a model of grey ones. Nothing is inverted, centred or scaled.
 *
 * @param {import("./vae.js").Picture} picture RGBA of 8 bits, row by row, as an ImageData has it.
 * @returns {{ data: Uint8Array, width: number, height: number }} What `encode` takes.
 * @throws {InputError | InputTypeError} It is no such picture.
 */
export function pictureToGrey(picture) {
  const { data } = checkedNumbers(picture, 4);
  const { width, height } = picture;
  return { data: greyOf(/** @type {Uint8Array} */ (data)), width, height };
}

/**
 * The numbers of a picture, how many a pixel has, and which of them is white.
 *
 * @param {import("./vae.js").Pixels} picture
 * @param {number} channels
 * @param {string} [ground]
 */
function checkedNumbers(picture, channels, ground) {
  const { data, width, height } = picture;
  checkInteger("width", width, 1);
  checkInteger("height", height, 1);
  const bytes = isBytes(data);
  if (!bytes && typeName(data) !== "Float32Array") {
    throw new InputTypeError(
      "the data of a picture must be a Uint8ClampedArray or Uint8Array, or numbers in [0, 1] in a " +
        `Float32Array, got ${typeName(data)}`,
    );
  }
  const step = data.length / (height * width);
  const white = bytes ? 255 : 1;
  if (step === channels) return { data, step, white };
  if (bytes && step === 4 && channels === 3) {
    return { data: opaque(/** @type {Uint8Array} */ (data), LEVELS[ground ?? ""]), step, white };
  }
  const rgba = step === 4 && channels === 1;
  throw new InputError(
    `the data of a picture must hold ${channels} * width * height = ${channels * width * height} ` +
      `numbers, got ${data.length}` +
      (rgba
        ? "; pictureToInk and drawingToX make x of a drawing, pictureToGrey keeps a photograph"
        : ""),
  );
}

/**
 * @param {import("./vae.js").Pixels} picture
 * @param {import("./vae.js").Pixels} first
 * @param {readonly number[]} sizes
 */
function checkSize(picture, first, sizes) {
  const [height, width] = sizes.map((size, i) => (size === ANY ? [first.height, first.width][i] : size));
  if (picture.height === height && picture.width === width) return;
  const which = sizes.includes(ANY) ? "pictures of one call" : "pictures";
  throw new InputError(
    `${which} must be ${width} pixels wide and ${height} high, got ${picture.width} and ` +
      `${picture.height}; a canvas scales: drawImage(picture, 0, 0, ${width}, ${height})`,
  );
}

/**
 * @param {Float32Array} x One picture.
 * @param {number} channels
 */
function rgbaOf(x, channels) {
  const area = x.length / channels;
  const rgba = new Uint8ClampedArray(4 * area); // which rounds to the nearest by itself
  for (let channel = 0; channel < 4; channel++) {
    const start = Math.min(channel, channels - 1) * area;
    const full = channel === 3 && channels !== 4;
    for (let i = 0; i < area; i++) rgba[4 * i + channel] = full ? 255 : Math.fround(255 * x[start + i]);
  }
  return rgba;
}

/**
 * @param {Uint8ClampedArray<ArrayBuffer>} data
 * @param {number} width
 * @param {number} height
 */
function canvasPicture(data, width, height) {
  return typeof ImageData === "function" ? new ImageData(data, width, height) : { data, width, height };
}
