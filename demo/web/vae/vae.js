// @ts-check
/**
 * Run a VAE or an AE of vae-onnx in a browser, a worker, Node, Deno or Bun: one ES module. Models of
 * dense layers it runs by itself; all others on top of onnxruntime-web or onnxruntime-node, and of
 * nothing else.
 *
 *     import { load, drawingToX } from "./vae.js";
 *
 *     const m = await load("models/mnist-vae/");
 *     const x = await drawingToX(ink, height, width); // a drawing as MNIST's digits are
 *     const { mu, logVar } = await m.encode(x);
 *     const picture = await m.decode(mu); // 28 * 28 numbers in 0..1, row by row
 *     const digits = await m.sample(100, 0); // 100 pictures, the same ones for the same seed
 *     const between = await m.interpolate(x, other, 9); // 9 pictures, from one image to another
 *     await m.close();
 *
 * `pictureToInk` makes the ink of a picture or a photograph; `m.engine` and `m.device` say what runs the model.
 *
 * A model of colours takes what a canvas has, and gives it back:
 *
 *     const again = await m.reconstruct(context.getImageData(0, 0, 64, 64));
 *     context.putImageData(again, 0, 0);
 *
 * Batches lie row after row in one Float32Array: n images of shape [channels, height, width] are
 * n * channels * height * width numbers, n codes are n * latentDim. Ink is 1, paper is 0. Where a model
 * takes images of any size, -1 in its `imageShape`, the shape of a batch goes in behind it.
 *
 * An array that goes in must not change before the promise settles. What comes out is the caller's.
 *
 * `vae.d.ts` beside this file has the types.
 *
 * @module
 */

export {
  FileAccessError,
  FileMissingError,
  GraphError,
  InputError,
  InputTypeError,
  PackageMissingError,
  VaeError,
} from "./errors.js";
export { Autoencoder, load } from "./autoencoder.js";
export { drawingToX } from "./drawing.js";
export { interpolate } from "./line.js";
export { pictureToInk } from "./picture.js";
export { pictureToGrey, toPictures } from "./pixels.js";
export { standardNormal } from "./random.js";
