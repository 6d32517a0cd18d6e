// @ts-check
// Two graphs that belong together, and what is asked of them.

import { checkFinite, checkInteger, checkPixels, checkRows, typeName } from "./checks.js";
import { GraphError, InputTypeError, VaeError } from "./errors.js";
import { Graph } from "./graph.js";
import { standardNormal } from "./random.js";

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
 * @throws {PackageMissingError} No `ort` is given, and none is installed.
 */
export async function load(folder, options = {}) {
  if (typeof folder !== "string" && !(folder instanceof URL)) {
    throw new InputTypeError(`folder must be a string or a URL, got ${typeName(folder)}`);
  }
  const base = String(folder).replace(/\/*$/, "/");
  const graphs = await allOrNone([
    Graph.open(`${base}encoder.onnx`, options),
    Graph.open(`${base}decoder.onnx`, options),
  ]);
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
  /** @type {number} Numbers of an image. */
  #pixels;
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
    const [code] = Object.values(encoder.outputs).map((port) => encoder.fixed(port, 2));
    const [channels, height, width] = encoder.fixed(encoder.inputs.x, 4);
    agree(folder, "latent_dim", code, decoder.fixed(decoder.inputs.z, 2));
    const theirs = decoder.fixed(decoder.outputs.x_recon, 4);
    agree(folder, "image_shape", [channels, height, width], theirs);
    for (const key of ["name", "fingerprint"]) {
      agree(folder, key, encoder.metadata[key], decoder.metadata[key]);
    }
    this.latentDim = code[0];
    /** @type {readonly [channels: number, height: number, width: number]} */
    this.imageShape = Object.freeze([channels, height, width]);
    this.metadata = Object.freeze(
      Object.fromEntries(
        Object.entries(encoder.metadata).filter(([key, value]) => decoder.metadata[key] === value),
      ),
    );
    this.#encoder = encoder;
    this.#decoder = decoder;
    this.#pixels = channels * height * width;
  }

  /**
   * Encode images: a VAE gives q(z | x) by its mean `mu` and `logVar`, the natural log of its
   * variance; an AE gives a point. `z` is there for both, the mean of a VAE or the AE's point.
   *
   * @param {Float32Array} x n images in [0, 1], ink 1.
   * @returns {Promise<import("./vae.js").Code | import("./vae.js").Posterior>} n * latentDim
   *   numbers each.
   * @throws {InputTypeError} x is no Float32Array.
   * @throws {InputError} Its length is no multiple of an image's, or a number is not in [0, 1].
   */
  async encode(x) {
    this.#checkOpen();
    checkRows("x", x, this.#pixels, `${this.imageShape.join(" * ")} numbers for each image`);
    checkPixels(x);
    const outputs = await this.#encoder.batched(x, x.length / this.#pixels);
    if (this.kind === "ae") return { z: outputs.z };
    return { z: outputs.mu, mu: outputs.mu, logVar: outputs.log_var };
  }

  /**
   * Decode codes to pictures: the means of p(x | z).
   *
   * @param {Float32Array} z n codes of latentDim finite numbers.
   * @returns {Promise<Float32Array>} n pictures in [0, 1], ink 1.
   * @throws {InputTypeError} z is no Float32Array.
   * @throws {InputError} Its length is no multiple of latentDim, or a number is not finite.
   */
  async decode(z) {
    this.#checkOpen();
    checkRows("z", z, this.latentDim, `${this.latentDim} numbers for each picture`);
    checkFinite("z", z);
    return (await this.#decoder.batched(z, z.length / this.latentDim)).x_recon;
  }

  /**
   * Encode and decode; a VAE's code is its mean.
   *
   * @param {Float32Array} x n images in [0, 1], ink 1.
   * @returns {Promise<Float32Array>} n pictures in [0, 1].
   * @throws {InputTypeError | InputError} As `encode` does.
   */
  async reconstruct(x) {
    return this.decode((await this.encode(x)).z);
  }

  /**
   * Decode n draws of z ~ N(0, I), which are `standardNormal(n * latentDim, seed)`.
   *
   * For a VAE these are draws from the model. An AE was never asked to fill the prior: there the
   * pictures show what lies at those places, no more.
   *
   * @param {number} n How many, at least 1.
   * @param {number} seed An integer from 0 to 2 ** 53 - 1; the same one gives the same pictures.
   * @returns {Promise<Float32Array>} n pictures in [0, 1].
   * @throws {InputError} n or seed is no such integer.
   */
  async sample(n, seed) {
    checkInteger("n", n, 1);
    return this.decode(standardNormal(n * this.latentDim, seed));
  }

  /**
   * What runs it: "webgpu", or whatever else was asked for and does, else "wasm", in Node "cpu".
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

  #checkOpen() {
    if (this.#closed) throw new VaeError("this model is closed; load it again");
  }
}

/**
 * All results, or the first error after the others are released.
 *
 * @param {Promise<Graph>[]} opening
 * @returns {Promise<Graph[]>}
 */
async function allOrNone(opening) {
  const settled = await Promise.allSettled(opening);
  const failed = settled.find((one) => one.status === "rejected");
  const graphs = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  if (!failed) return graphs;
  await Promise.all(graphs.map((graph) => graph.release()));
  throw failed.reason;
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
