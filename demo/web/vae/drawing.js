// @ts-check
// A drawing of any size -> x, by MNIST's own preprocessing.

import { checkInk } from "./checks.js";
import { Graph } from "./graph.js";

// A bundler would look for the file where this module lies, and take it along: it is the page's to have.
const DRAWING = new URL(
  /* @vite-ignore */ /* webpackIgnore: true */ "models/drawing.onnx",
  import.meta.url,
);

/** @type {Map<string, Promise<Graph>>} */
const drawings = new Map(); // file -> the graph, opened once

/**
 * Centre and scale a drawing as MNIST's digits are, so that a model meets what it knows: the box of
 * the ink is fitted into 20x20 pixels and its centre of mass put to the centre of 28x28. The work is
 * done by `drawing.onnx`, the one implementation for every host.
 *
 * @param {Uint8Array | Uint8ClampedArray} ink height * width bytes row by row; 0 is paper, 255 full
 *   ink. All that is above 0 belongs to the drawing: `pictureToInk` makes it of a picture.
 * @param {number} height
 * @param {number} width
 * @param {import("./vae.js").DrawingOptions} [options]
 * @returns {Promise<Float32Array>} x, one image; zeros where there is no ink.
 * @throws {InputTypeError} `ink` does not hold bytes.
 * @throws {InputError} It does not hold height * width of them.
 */
export async function drawingToX(ink, height, width, { file = DRAWING, ...options } = {}) {
  const bytes = checkInk(ink, height, width);
  const key = String(file);
  if (!drawings.has(key)) {
    const opening = Graph.open([key], options).then(([graph]) => graph.expect(["ink"], ["x"]));
    drawings.set(key, opening);
    opening.catch(() => drawings.delete(key)); // the next call tries again
  }
  const graph = /** @type {Graph} */ (await drawings.get(key));
  return (await graph.run(bytes, [height, width])).x.data;
}
