// @ts-check
// Two graphs that belong together, and what is asked of them.

import { checkFinite, checkInteger, checkOneOf, checkPixels, checkRows, typeName } from "./checks.js";
import { GraphError, InputError, InputTypeError, VaeError } from "./errors.js";
import { Graph } from "./graph.js";
import { interpolate } from "./line.js";
import { picturesIn, picturesToX, toPictures } from "./pixels.js";
import { drawCodes } from "./prior.js";
import { ANY, checkMultiple, product, sizesText } from "./shapes.js";

/**
 * Open the model in a folder that holds `encoder.onnx` and `decoder.onnx`.
 *
 * @param {string | URL} folder A URL, relative to the page or absolute; in Node a path, too.
 * @param {import("./vae.js").LoadOptions} [options]
 * @returns {Promise<Autoencoder>}
 * @throws {FileMissingError} The folder lacks a graph.
 * @throws {FileAccessError} A graph cannot be read.
 * @throws {GraphError} A file is no such graph, or the two do not belong together.
 * @throws {InputTypeError} `folder` is no string and no URL, or `ort` is not ONNX Runtime.
 * @throws {PackageMissingError} ONNX Runtime is needed: no `ort` is given, and none is installed.
 * @throws {InputError} There is no such `engine` or `precision`, or `sessionOptions` are for another engine.
 */
export async function load(folder, options = {}) {
  if (typeof folder !== "string" && !(folder instanceof URL)) {
    throw new InputTypeError(`folder must be a string or a URL, got ${typeName(folder)}`);
  }
  const base = String(folder).replace(/\/*$/, "/");
  const { precision = "float32" } = options;
  checkOneOf("precision", precision, ["float32", "float16", "int8"]);
  const suffix = precision === "float32" ? ".onnx" : `.${precision}.onnx`;
  const graphs = await Graph.open([`${base}encoder${suffix}`, `${base}decoder${suffix}`], options);
  try {
    return new Autoencoder(base, graphs[0], graphs[1]);
  } catch (error) {
    await Promise.all(graphs.map((graph) => graph.release()));
    throw error;
  }
}

/** A trained VAE or AE: an encoder and a decoder that belong together. `load` makes it. */
export class Autoencoder {
  /** @type {Graph} */
  #encoder;
  /** @type {Graph} */
  #decoder;
  #closed = false;

  /**
   * @param {string} folder
   * @param {Graph} encoder
   * @param {Graph} decoder
   */
  constructor(folder, encoder, decoder) {
    encoder.expect(["x"], ["mu", "log_var"], ["z"]);
    decoder.expect(["z"], ["x_recon"]);
    /** @type {"vae" | "ae"} */
    this.kind = "z" in encoder.outputs ? "ae" : "vae";
    const codes = Object.values(encoder.outputs).map((port) => encoder.row(port, 2, 4));
    for (const code of [...codes, decoder.row(decoder.inputs.z, 2, 4)]) {
      agree(folder, "latent_shape", codes[0], code);
    }
    const [channels, height, width] = encoder.row(encoder.inputs.x, 4);
    agree(folder, "image_shape", [channels, height, width], decoder.row(decoder.outputs.x_recon, 4));
    for (const key of ["name", "fingerprint"]) {
      agree(folder, key, encoder.metadata[key], decoder.metadata[key]);
    }
    /** @type {readonly number[]} Of one code: [latentDim], or [channels, height, width] of a map. */
    this.latentShape = Object.freeze(codes[0]);
    /** @type {readonly [channels: number, height: number, width: number]} -1 is any size. */
    this.imageShape = Object.freeze([channels, height, width]);
    this.sizeMultiple = encoder.sizeMultiple;
    this.metadata = Object.freeze(
      Object.fromEntries(
        Object.entries(encoder.metadata).filter(([key, value]) => decoder.metadata[key] === value),
      ),
    );
    this.#encoder = encoder;
    this.#decoder = decoder;
  }

  /**
   * Numbers of a code.
   *
   * @throws {InputError} They grow with the picture, and `encode` tells their shape.
   */
  get latentDim() {
    if (!this.latentShape.includes(ANY)) return product(this.latentShape);
    throw new InputError(
      `this model takes images of any size, and its code of (${sizesText(this.latentShape)}) numbers ` +
        "grows with them: there is no one latentDim; see the shape that encode gives",
    );
  }

  /**
   * Encode images: a VAE gives q(z | x) by its mean `mu` and `logVar`, the natural log of its
   * variance; an AE gives a point. `z` is there for both, the mean of a VAE or the AE's point.
   *
   * @param {import("./vae.js").Images} x n images in [0, 1], ink 1: [channels][height][width] numbers
   *   each; or one picture as an ImageData, or some of one size, of a model of colours.
   * @param {readonly number[]} [shape] [n, channels, height, width] of the numbers, which must be
   *   told where the model takes any size.
   * @returns {Promise<import("./vae.js").Code | import("./vae.js").Posterior>} n codes of
   *   latentShape each.
   * @throws {InputTypeError} x is neither a Float32Array nor pictures.
   * @throws {InputError} Its length, its shape or a picture's size is another one, or a number is not
   *   in [0, 1].
   */
  async encode(x, shape) {
    this.#checkOpen();
    const outputs = await this.#encoder.batched(...this.#toBatch(x, shape));
    const { data: z, dims } = outputs.z ?? outputs.mu;
    if (this.kind === "ae") return { z, shape: dims };
    return { z, mu: z, logVar: outputs.log_var.data, shape: dims };
  }

  /**
   * Decode codes to pictures: the means of p(x | z).
   *
   * @param {Float32Array} z n codes of latentShape, finite numbers.
   * @param {readonly number[]} [shape] [n, ...] as `encode` gives it, which must be told where the
   *   model takes any size.
   * @returns {Promise<Float32Array>} n pictures in [0, 1], ink 1.
   * @throws {InputTypeError} z is no Float32Array.
   * @throws {InputError} Its length or its shape is another one, or a number is not finite.
   */
  async decode(z, shape) {
    return (await this.#decode(z, shape)).data;
  }

  /**
   * Decode codes to pictures for a canvas; see `toPictures`.
   *
   * @param {Float32Array} z As for `decode`.
   * @param {readonly number[]} [shape]
   * @returns {Promise<any[]>} n pictures in RGBA, each an ImageData where there is such a thing.
   * @throws {InputTypeError | InputError} As `decode` does, or a canvas has no such channels.
   */
  async decodeToPictures(z, shape) {
    const { data, dims } = await this.#decode(z, shape);
    return toPictures(data, dims);
  }

  /**
   * Encode and decode; a VAE's code is its mean.
   *
   * @param {import("./vae.js").Images} x As for `encode`.
   * @param {readonly number[]} [shape]
   * @returns {Promise<any>} n pictures in [0, 1]; of one picture one, of several several, each an
   *   ImageData where there is such a thing.
   * @throws {InputTypeError | InputError} As `encode` does.
   */
  async reconstruct(x, shape) {
    const code = await this.encode(x, shape);
    if (!picturesIn(x)) return this.decode(code.z, code.shape);
    const pictures = await this.decodeToPictures(code.z, code.shape);
    return Array.isArray(x) ? pictures : pictures[0];
  }

  /**
   * Decode the straight line in the latent space from image a to image b.
   *
   * @param {import("./vae.js").Images} a One image, as for `encode`.
   * @param {import("./vae.js").Images} b One image.
   * @param {number} steps How many pictures, at least 2: the first reconstructs a, the last b.
   * @param {readonly number[]} [shape] [1, ...] of each, as for `encode`.
   * @returns {Promise<any>} steps pictures in [0, 1]; of pictures a list, as of `reconstruct`.
   * @throws {InputTypeError | InputError} As `encode` does; steps is below 2, or a or b is not one
   *   image of the same size.
   */
  async interpolate(a, b, steps, shape) {
    checkInteger("steps", steps, 2);
    const [from, to] = await Promise.all([a, b].map((image) => this.encode(image, shape)));
    if (from.shape[0] !== 1 || String(from.shape) !== String(to.shape)) {
      throw new InputError(
        "a and b must be one image each of the same size, got codes of shape " +
          `[${from.shape.join(", ")}] and [${to.shape.join(", ")}]`,
      );
    }
    const z = interpolate(from.z, to.z, steps);
    const codes = [steps, ...from.shape.slice(1)];
    return picturesIn(a) ? this.decodeToPictures(z, codes) : this.decode(z, codes);
  }

  /**
   * Decode n draws of z ~ N(0, I), which are `standardNormal(n * latentDim, seed)`. Where the metadata
   * state no prior and tell of the codes, the draws have their mean and deviation.
   *
   * For a VAE with that prior these are draws from the model. An AE was never asked to fill it: there
   * the pictures show what lies at those places, no more.
   *
   * @param {number} n How many, at least 1.
   * @param {number} seed An integer from 0 to 2 ** 53 - 1; the same one gives the same pictures.
   * @returns {Promise<Float32Array>} n pictures in [0, 1].
   * @throws {InputError} n or seed is no such integer, or the model takes images of any size.
   * @throws {GraphError} The metadata about the codes are damaged.
   */
  async sample(n, seed) {
    checkInteger("n", n, 1);
    return this.decode(drawCodes(this, n, seed));
  }

  /**
   * Whose code runs it: "kernel" is in this module, "onnxruntime" all else.
   *
   * @returns {"kernel" | "onnxruntime"}
   */
  get engine() {
    return this.#decoder.engine;
  }

  /**
   * What runs it: of the kernel "wasm"; of ONNX Runtime "webgpu", or whatever else was asked for and
   * does, else "wasm", in Node "cpu".
   *
   * A GPU that fails, at the start or later, is left for good: the console is told once, the call
   * gets its answer all the same, and this says "wasm".
   */
  get device() {
    return this.#decoder.device;
  }

  /** Give the memory of the graphs back, after the calls that are under way. */
  async close() {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([this.#encoder.release(), this.#decoder.release()]);
  }

  /**
   * @param {import("./vae.js").Images} images
   * @param {readonly number[]} [told]
   * @returns {[Float32Array, readonly number[]]}
   */
  #toBatch(images, told) {
    const multiple = this.imageShape.includes(ANY) ? this.sizeMultiple : 1;
    const pictures = picturesIn(images);
    if (pictures) {
      const { x, shape } = picturesToX(pictures, this.imageShape, multiple, this.metadata.ground);
      return [x, shape];
    }
    const x = /** @type {Float32Array} */ (images);
    const shape = checkRows("x", x, this.imageShape, told);
    checkMultiple(shape[2], shape[3], multiple);
    checkPixels(x);
    return [x, shape];
  }

  /**
   * @param {Float32Array} z
   * @param {readonly number[]} [told]
   */
  async #decode(z, told) {
    this.#checkOpen();
    const shape = checkRows("z", z, this.latentShape, told);
    checkFinite("z", z);
    return (await this.#decoder.batched(z, shape)).x_recon;
  }

  #checkOpen() {
    if (this.#closed) throw new VaeError("this model is closed; load it again");
  }
}

/**
 * @param {string} folder
 * @param {string} what
 * @param {unknown} ours
 * @param {unknown} theirs
 */
function agree(folder, what, ours, theirs) {
  if (String(ours) === String(theirs)) return;
  throw new GraphError(
    `${folder}: encoder.onnx and decoder.onnx must agree on ${what}, got ${ours} and ${theirs}; ` +
      "put the two of one model together",
  );
}
