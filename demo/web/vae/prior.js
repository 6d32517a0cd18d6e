// @ts-check
// Where codes are drawn: from the prior, or from a Gaussian where the codes lie.

import { GraphError, InputError } from "./errors.js";
import { standardNormal } from "./random.js";
import { ANY, product, sizesText } from "./shapes.js";

const NORMAL = "N(0, I)";

/**
 * @typedef {object} Told What a model says of its codes.
 * @property {"vae" | "ae"} kind
 * @property {readonly number[]} latentShape
 * @property {Readonly<Record<string, string>>} metadata
 */

/**
 * Draw n codes; see `Autoencoder.sample`.
 *
 * @param {Told} model
 * @param {number} n
 * @param {number} seed
 * @returns {Float32Array}
 */
export function drawCodes({ kind, latentShape, metadata }, n, seed) {
  if (latentShape.includes(ANY)) {
    throw new InputError(
      "sample does not know how large to draw; decode a z of your own, of the shape " +
        `[n, ${sizesText(latentShape)}]`,
    );
  }
  const draws = standardNormal(n * product(latentShape), seed);
  if (kind === "vae" && (metadata.prior ?? NORMAL) === NORMAL) return draws;
  const [mean, std] = ["latent_mean", "latent_std"].map((key) => codes(metadata, key, latentShape[0]));
  if (!mean || !std) return draws;
  const each = product(latentShape.slice(1)); // numbers of a channel
  return draws.map((draw, i) => {
    const channel = Math.floor(i / each) % latentShape[0];
    return mean[channel] + std[channel] * draw;
  });
}

/**
 * Numbers for each dimension of a flat code, or each channel of a map of codes; null where none are told.
 *
 * @param {Readonly<Record<string, string>>} metadata
 * @param {string} key
 * @param {number} count
 * @returns {number[] | null}
 */
function codes(metadata, key, count) {
  if (!(key in metadata)) return null;
  let values;
  try {
    values = JSON.parse(metadata[key]);
  } catch {
    values = undefined;
  }
  if (Array.isArray(values) && values.length === count && values.every(Number.isFinite)) return values;
  throw new GraphError(`the metadata ${key} must be ${count} finite numbers in JSON, got ${metadata[key]}`);
}
