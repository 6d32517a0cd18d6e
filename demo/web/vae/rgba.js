// @ts-check
// RGBA of 8 bits: what is bright in it, and what lies where it is transparent.

/**
 * The brightness (ITU-R 601) of each pixel, on the paper that differs more from what is drawn where it
 * is transparent.
 *
 * @param {Uint8Array | Uint8ClampedArray} rgba
 */
export function greyOf(rgba) {
  const grey = brightness(rgba);
  const ground = groundOf(grey, rgba);
  if (ground === null) return grey;
  return grey.map((value, i) => onGround(value, rgba[4 * i + 3], ground));
}

/**
 * The colours as greyOf has the brightness, or on paper of a level: RGBA in which nothing is
 * transparent.
 *
 * @param {Uint8Array | Uint8ClampedArray} rgba
 * @param {number} [level]
 */
export function opaque(rgba, level) {
  const ground = level ?? groundOf(brightness(rgba), rgba);
  if (ground === null) return rgba;
  return rgba.map((value, i) => (i % 4 === 3 ? 255 : onGround(value, rgba[i - (i % 4) + 3], ground)));
}

/** @param {Uint8Array | Uint8ClampedArray} rgba */
function brightness(rgba) {
  const grey = new Uint8Array(rgba.length / 4);
  for (let i = 0; i < grey.length; i++) {
    const at = 4 * i;
    grey[i] = (19595 * rgba[at] + 38470 * rgba[at + 1] + 7471 * rgba[at + 2] + 0x8000) >> 16;
  }
  return grey;
}

/**
 * The level of the paper, null where nothing is transparent.
 *
 * @param {Uint8Array} grey
 * @param {Uint8Array | Uint8ClampedArray} rgba
 */
function groundOf(grey, rgba) {
  let [drawn, alphas] = [0, 0];
  for (let i = 0; i < grey.length; i++) {
    drawn += grey[i] * rgba[4 * i + 3];
    alphas += rgba[4 * i + 3];
  }
  if (alphas === 255 * grey.length) return null;
  return drawn > 127 * alphas ? 0 : 255;
}

/**
 * @param {number} value
 * @param {number} alpha
 * @param {number} ground
 */
function onGround(value, alpha, ground) {
  const share = alpha / 255;
  return Math.round(value * share + ground * (1 - share));
}
