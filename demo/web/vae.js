// @ts-check
/**
 * Run a VAE or an AE of vae-onnx in a browser, a worker, Node, Deno or Bun: one ES module on top of
 * onnxruntime-web or onnxruntime-node, and of nothing else.
 *
 *     import { load, drawingToX } from "./vae.js";
 *
 *     const m = await load("models/mnist-vae/");
 *     const x = await drawingToX(ink, height, width); // a drawing as MNIST's digits are
 *     const { mu, logVar } = await m.encode(x);
 *     const picture = await m.decode(mu); // 28 * 28 numbers in 0..1, row by row
 *     const digits = await m.sample(100, 0); // 100 pictures, the same ones for the same seed
 *     await m.close();
 *
 * Batches lie row after row in one Float32Array: n images of shape [channels, height, width] are
 * n * channels * height * width numbers, n codes are n * latentDim. Ink is 1, paper is 0.
 *
 * An array that goes in must not change before the promise settles. What comes out is the caller's.
 *
 * `vae.d.ts` beside this file has the types.
 *
 * @module
 */

/** Base of the errors that this module throws on purpose: what was expected, what came, the remedy. */
export class VaeError extends Error {
  /**
   * @param {string} message
   * @param {{ cause?: unknown }} [options]
   */
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A value cannot be taken: its length, its range or its size is another one. */
export class InputError extends VaeError {}

/** A value is of another type than the one that is taken. */
export class InputTypeError extends VaeError {}

/** There is no such file. */
export class FileMissingError extends VaeError {}

/** A file is there, or may be, but cannot be read: no network, no permission, a server's error. */
export class FileAccessError extends VaeError {}

/** A file is not an ONNX graph of the shape that this module runs. */
export class GraphError extends VaeError {}

/** onnxruntime-web or onnxruntime-node is not installed, or cannot be found by its name. */
export class PackageMissingError extends VaeError {}

const BLOCK = 256; // rows for one run: a larger output falls out of the cache, and wasm keeps its memory
// A bundler would look for the file where this module lies, and take it along: it is the page's to have.
const DRAWING = new URL(
  /* @vite-ignore */ /* webpackIgnore: true */ "models/drawing.onnx",
  import.meta.url,
);

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
    const broken = z.findIndex((value) => !Number.isFinite(value));
    if (broken >= 0) throw new InputError(`z must be finite, got ${z[broken]} at index ${broken}`);
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

/** @type {Map<string, Promise<Graph>>} */
const drawings = new Map(); // file -> the graph, opened once

/**
 * Centre and scale a drawing as MNIST's digits are, so that a model meets what it knows: the box of
 * the ink is fitted into 20x20 pixels and its centre of mass put to the centre of 28x28. The work is
 * done by `drawing.onnx`, the one implementation for every host.
 *
 * @param {Uint8Array | Uint8ClampedArray} ink height * width bytes row by row; 0 is paper, 255 full
 *   ink. All that is above 0 belongs to the drawing: invert dark ink on white paper first.
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
    const opening = Graph.open(key, options).then((graph) => graph.expect(["ink"], ["x"]));
    drawings.set(key, opening);
    opening.catch(() => drawings.delete(key)); // the next call tries again
  }
  const graph = /** @type {Graph} */ (await drawings.get(key));
  return (await graph.run(bytes, [height, width])).x;
}

/**
 * Draw from N(0, 1), the same numbers for the same seed on every host (up to the last digit, which
 * is the host's `Math.log`, `Math.cos` and `Math.sin`).
 *
 * The generator is xoshiro128** (Blackman & Vigna 2018), its state two outputs of splitmix32
 * (MurmurHash3's finaliser over steps of 0x9e3779b9) from the low 32 bits of the seed and two from
 * the others xor 0x5bd1e995. Two of its numbers u, v in (0, 1] make two draws by Box and
 * Muller's r * cos(t), r * sin(t) with r = sqrt(-2 log u), t = 2 pi v. It is no numpy generator: the
 * draws of `np.random.default_rng(seed)` are others.
 *
 * @param {number} count How many, at least 0.
 * @param {number} seed An integer from 0 to 2 ** 53 - 1.
 * @returns {Float32Array} count draws.
 * @throws {InputError} count or seed is no such integer.
 */
export function standardNormal(count, seed) {
  checkInteger("count", count, 0);
  checkInteger("seed", seed, 0);
  const uniform = xoshiro128(seed);
  const draws = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const r = Math.sqrt(-2 * Math.log(uniform()));
    const t = 2 * Math.PI * uniform();
    draws[i] = r * Math.cos(t);
    if (i + 1 < count) draws[i + 1] = r * Math.sin(t);
  }
  return draws;
}

/**
 * @param {number} seed
 * @returns {() => number} Numbers in (0, 1], a multiple of 2 ** -32 each.
 */
function xoshiro128(seed) {
  const low = splitmix32(seed % 2 ** 32);
  const high = splitmix32(Math.floor(seed / 2 ** 32) ^ 0x5bd1e995);
  const s = [low(), low(), high(), high()];
  /** @type {(x: number, k: number) => number} */
  const rotate = (x, k) => (x << k) | (x >>> (32 - k));
  return () => {
    const result = Math.imul(rotate(Math.imul(s[1], 5), 7), 9);
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 11);
    return ((result >>> 0) + 1) / 2 ** 32;
  };
}

/**
 * @param {number} state
 * @returns {() => number}
 */
function splitmix32(state) {
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return z ^ (z >>> 16);
  };
}

/**
 * @typedef {object} Port An input or output of a graph.
 * @property {string} name
 * @property {string} type "float32", "uint8", ...
 * @property {readonly (number | string)[]} shape A dynamic dimension is given by its name.
 */

let turn = Promise.resolve(); // settles when the newest run is over

/**
 * Run one job after the other: two that overlap on WebGPU wait for each other for ever.
 *
 * @template T
 * @param {() => Promise<T>} job
 * @returns {Promise<T>}
 */
function inTurn(job) {
  const done = turn.then(job);
  turn = done.then(
    () => {},
    () => {},
  );
  return done;
}

/** One ONNX file with one input, opened. */
class Graph {
  /**
   * @param {string} file
   * @param {any} ort
   * @param {any} session
   * @param {Record<string, string>} metadata
   */
  constructor(file, ort, session, metadata) {
    this.file = file;
    this.ort = ort;
    this.session = session;
    this.metadata = metadata;
    this.inputs = portsByName(session.inputMetadata);
    this.outputs = portsByName(session.outputMetadata);
  }

  /**
   * @param {string} file
   * @param {import("./vae.js").RuntimeOptions} options
   */
  static async open(file, options) {
    const [ort, content] = await Promise.all([runtime(options.ort), readFile(file)]);
    try {
      const session = await inTurn(() =>
        // One thread: more of them are slower on graphs this small, and spin between the calls.
        ort.InferenceSession.create(content, { intraOpNumThreads: 1, ...options.sessionOptions }),
      );
      return new Graph(file, ort, session, readMetadata(content));
    } catch (error) {
      throw new GraphError(
        `${file} (${content.length} bytes) cannot be opened: expected a complete ONNX graph and, if ` +
          `any, sessionOptions for this ONNX Runtime, which says: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /**
   * Throw GraphError unless the inputs, and one of the lists of outputs, have these names.
   *
   * @param {string[]} inputs
   * @param {...string[]} outputs
   * @returns {this}
   */
  expect(inputs, ...outputs) {
    const has = (/** @type {Record<string, Port>} */ ports, /** @type {string[]} */ names) =>
      Object.keys(ports).sort().join() === [...names].sort().join();
    if (has(this.inputs, inputs) && outputs.some((names) => has(this.outputs, names))) return this;
    throw new GraphError(
      `${this.file} must have the input ${inputs.join(", ")} and the outputs ` +
        `${outputs.map((names) => names.join(", ")).join(" or ")}; it has ${this}`,
    );
  }

  /**
   * The fixed dimensions of a float port [batch, ...] of that rank; throws GraphError for another.
   *
   * @param {Port} port
   * @param {number} rank
   * @returns {number[]}
   */
  fixed(port, rank) {
    const [batch, ...sizes] = port.shape;
    const numbers = sizes.filter((size) => typeof size === "number" && size > 0);
    const good = port.type === "float32" && typeof batch === "string";
    if (good && numbers.length === rank - 1 && sizes.length === rank - 1) {
      return /** @type {number[]} */ (numbers);
    }
    throw new GraphError(
      `${this.file}: expected float32 of rank ${rank} with a dynamic batch and every other ` +
        `dimension fixed, got ${this}`,
    );
  }

  /**
   * Run the graph once.
   *
   * @param {Float32Array | Uint8Array} value
   * @param {readonly number[]} shape
   * @returns {Promise<Record<string, Float32Array>>} The outputs by name.
   */
  async run(value, shape) {
    const [port] = Object.values(this.inputs);
    const tensor = new this.ort.Tensor(port.type, value, shape);
    try {
      const outputs = await inTurn(() => this.session.run({ [port.name]: tensor }));
      return Object.fromEntries(
        await Promise.all(
          Object.keys(this.outputs).map(async (name) => [name, await outputs[name].getData()]),
        ),
      );
    } catch (error) {
      throw new GraphError(
        `${this.file} failed on ${port.name} [${shape.join(", ")}], which it declares to take. ` +
          `ONNX Runtime says: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /**
   * Run the graph on n rows, block by block.
   *
   * @param {Float32Array} rows
   * @param {number} n
   * @returns {Promise<Record<string, Float32Array>>}
   */
  async batched(rows, n) {
    const [port] = Object.values(this.inputs);
    const [, ...shape] = /** @type {number[]} */ (port.shape);
    if (n <= BLOCK) return this.run(rows, [n, ...shape]);
    const size = rows.length / n;
    const filled = Object.fromEntries(
      Object.values(this.outputs).map((out) => [out.name, new Float32Array(n * rowSize(out))]),
    );
    for (let start = 0; start < n; start += BLOCK) {
      const end = Math.min(start + BLOCK, n);
      const block = rows.subarray(start * size, end * size);
      const outputs = await this.run(block, [end - start, ...shape]);
      for (const [name, out] of Object.entries(filled)) {
        out.set(outputs[name], (start * out.length) / n);
      }
    }
    return filled;
  }

  /** @returns {Promise<void>} */
  release() {
    return inTurn(() => this.session.release());
  }

  toString() {
    const list = (/** @type {Record<string, Port>} */ ports) =>
      Object.values(ports).map(({ name, type, shape }) => `${name}: ${type} [${shape.join(", ")}]`);
    return `(${list(this.inputs).join(", ")}) -> (${list(this.outputs).join(", ")})`;
  }
}

/**
 * @param {readonly Port[]} metadata
 * @returns {Record<string, Port>}
 */
function portsByName(metadata) {
  return Object.fromEntries(metadata.map((port) => [port.name, port]));
}

/**
 * Numbers of a row.
 *
 * @param {Port} port
 * @returns {number}
 */
function rowSize({ shape: [, ...sizes] }) {
  return sizes.map(Number).reduce((product, size) => product * size, 1);
}

/**
 * The module that was given, or the one that is installed.
 *
 * @param {any} given
 * @returns {Promise<any>}
 */
async function runtime(given) {
  if (given !== undefined) return checkRuntime(given);
  const name = nodeFiles() ? "onnxruntime-node" : "onnxruntime-web";
  let found;
  try {
    // Not a literal: a bundler would want both packages. Who bundles imports one and passes it.
    found = await import(/* @vite-ignore */ /* webpackIgnore: true */ name);
  } catch (error) {
    throw new PackageMissingError(
      `${name} cannot be imported (${messageOf(error)}); install it, name it in an import map, or ` +
        `pass the module: load(folder, { ort })`,
      { cause: error },
    );
  }
  return checkRuntime(found);
}

/** @param {any} module */
function checkRuntime(module) {
  const ort = module?.InferenceSession ? module : module?.default;
  if (ort?.InferenceSession && ort?.Tensor) return ort;
  throw new InputTypeError(
    `ort must be the module onnxruntime-web or onnxruntime-node, got ${typeName(module)}`,
  );
}

/**
 * Node's own reader, where there is one. Not an import: browsers and bundlers know no `node:`.
 *
 * @returns {any}
 */
function nodeFiles() {
  return /** @type {any} */ (globalThis).process?.getBuiltinModule?.("node:fs/promises");
}

/**
 * @param {string} file
 * @returns {Promise<Uint8Array>}
 */
async function readFile(file) {
  const files = nodeFiles();
  if (files === undefined || /^(https?|data|blob):/.test(file)) return fetchFile(file);
  try {
    return new Uint8Array(await files.readFile(file.startsWith("file:") ? new URL(file) : file));
  } catch (error) {
    throw /** @type {any} */ (error).code === "ENOENT"
      ? new FileMissingError(`${file} is missing; \`python -m export onnx\` writes it`)
      : new FileAccessError(`${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * @param {string} url
 * @returns {Promise<Uint8Array>}
 */
async function fetchFile(url) {
  let response;
  try {
    response = await fetch(url);
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new FileAccessError(
      `${url} cannot be fetched (${messageOf(error)}); see to the network, and to CORS where it is ` +
        "on another server",
      { cause: error },
    );
  }
  const told = `the server answers ${response.status} ${response.statusText}`.trimEnd();
  throw response.status === 404 || response.status === 410
    ? new FileMissingError(`${response.url} is missing (${told}); put the model's folder there`)
    : new FileAccessError(`${response.url} cannot be read: ${told}`);
}

/**
 * The metadata_props of an ONNX file, which onnxruntime's JavaScript does not give.
 *
 * @param {Uint8Array} model A complete ONNX file: a protobuf message, with the pairs in field 14.
 * @returns {Record<string, string>}
 */
function readMetadata(model) {
  const text = new TextDecoder();
  const pairs = [...fields(model)].filter(([field]) => field === 14);
  return Object.fromEntries(
    pairs.map(([, pair]) => {
      const entry = new Map(fields(pair)); // 1 is the key, 2 the value
      return [text.decode(entry.get(1)), text.decode(entry.get(2))];
    }),
  );
}

/**
 * The fields of a protobuf message that hold bytes, by their number.
 *
 * @param {Uint8Array} message
 * @returns {Generator<[number, Uint8Array]>}
 */
function* fields(message) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++];
      value += (byte & 127) * scale;
      if (!(byte & 128)) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const wire = tag & 7;
    if (wire === 0) varint();
    else if (wire === 2) {
      const length = varint();
      yield [Math.floor(tag / 8), message.subarray(at, at + length)];
      at += length;
    } else at += wire === 1 ? 8 : 4;
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

/**
 * @param {string} name
 * @param {Float32Array} rows
 * @param {number} size
 * @param {string} told
 */
function checkRows(name, rows, size, told) {
  if (typeName(rows) !== "Float32Array") {
    const remedy = isBytes(rows) ? "bytes, (byte) => byte / 255" : "numbers";
    throw new InputTypeError(
      `${name} must be a Float32Array, got ${typeName(rows)}; use Float32Array.from(${remedy})`,
    );
  }
  if (rows.length > 0 && rows.length % size === 0) return;
  throw new InputError(`${name} must hold ${told}, got ${rows.length}, no multiple of ${size}`);
}

/** @param {Float32Array} x */
function checkPixels(x) {
  const broken = x.findIndex((value) => !(value >= 0 && value <= 1));
  if (broken < 0) return;
  const value = x[broken];
  const remedy = value > 1.5 && value <= 255 ? "; divide by 255" : "";
  throw new InputError(`x must be in [0, 1], got ${value} at index ${broken}${remedy}`);
}

/**
 * @param {Uint8Array | Uint8ClampedArray} ink
 * @param {number} height
 * @param {number} width
 * @returns {Uint8Array}
 */
function checkInk(ink, height, width) {
  if (!isBytes(ink)) {
    throw new InputTypeError(
      `ink must be a Uint8Array or Uint8ClampedArray, 0 paper to 255 ink, got ${typeName(ink)}`,
    );
  }
  checkInteger("height", height, 1);
  checkInteger("width", width, 1);
  const size = height * width;
  if (ink.length === size) return new Uint8Array(ink.buffer, ink.byteOffset, size);
  const remedy = ink.length === 4 * size ? "; of a canvas's RGBA take one channel: data[4 * i]" : "";
  throw new InputError(
    `ink must hold height * width = ${size} bytes, one a pixel, got ${ink.length}${remedy}`,
  );
}

/**
 * @param {string} name
 * @param {number} value
 * @param {number} least
 */
function checkInteger(name, value, least) {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new InputError(`${name} must be an integer from ${least} to 2 ** 53 - 1, got ${value}`);
}

/** @param {unknown} value */
function isBytes(value) {
  return ["Uint8Array", "Uint8ClampedArray"].includes(typeName(value));
}

/**
 * What a value is, in a word. Not `instanceof`: arrays of another frame or test runner count, too.
 *
 * @param {any} value
 * @returns {string}
 */
function typeName(value) {
  return String(value?.[Symbol.toStringTag] ?? value?.constructor?.name ?? value);
}

/** @param {any} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
