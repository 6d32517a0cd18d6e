// @ts-check
// One ONNX file: what goes in and out of it, and how it is run on many rows.

import { openSessions } from "./engine.js";
import { GraphError, messageOf } from "./errors.js";
import { readFile } from "./files.js";
import { notOnnx, readMetadata } from "./onnx.js";
import { ANY, product } from "./shapes.js";

const BLOCK = 256; // rows for one run: a larger output falls out of the cache, and wasm keeps its memory
const BLOCK_NUMBERS = 2 ** 18; // of the larger of its sides, for the same reason

/**
 * @typedef {object} Port An input or output of a graph.
 * @property {string} name
 * @property {string} type "float32", "uint8", ...
 * @property {readonly (number | string)[]} shape A dynamic dimension is given by its name.
 */

/** @typedef {Record<string, import("./session.js").Numbers>} Outputs By name, the numbers and their shape. */

/** One ONNX file with one input, opened. */
export class Graph {
  /**
   * @param {string} file
   * @param {import("./engine.js").AnySession} session
   * @param {Record<string, string>} metadata
   */
  constructor(file, session, metadata) {
    this.file = file;
    this.session = session;
    this.metadata = metadata;
    this.inputs = portsByName(session.inputs);
    this.outputs = portsByName(session.outputs);
  }

  /**
   * Open files that belong together, all in one engine.
   *
   * @param {string[]} files
   * @param {import("./vae.js").RuntimeOptions} options
   * @returns {Promise<Graph[]>}
   */
  static async open(files, options) {
    const reading = files.map(readModel);
    for (const one of reading) one.catch(() => {}); // whoever waits for it is told
    const sessions = await openSessions(reading, options);
    const models = await Promise.all(reading);
    return models.map(({ file, metadata }, i) => new Graph(file, sessions[i], metadata));
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
   * The dimensions after the batch of a float port of one of those ranks; throws GraphError for
   * another. Of [batch, channels, height, width] height and width may be -1: dynamic.
   *
   * @param {Port} port
   * @param {...number} ranks
   * @returns {number[]}
   */
  row(port, ...ranks) {
    const sizes = rowOf(port);
    const free = port.shape.length === 4 ? [1, 2] : [];
    const known = sizes.every((size, i) => size > 0 || (size === ANY && free.includes(i)));
    const dynamic = port.type === "float32" && typeof port.shape[0] === "string";
    if (dynamic && known && ranks.includes(port.shape.length)) return sizes;
    throw new GraphError(
      `${this.file}: expected float32 of rank ${ranks.join(" or ")} with a dynamic batch and every ` +
        `other dimension fixed, or height and width dynamic, got ${this}`,
    );
  }

  /**
   * What height and width must be multiples of where they are not fixed; throws GraphError if the
   * metadata say no such thing.
   */
  get sizeMultiple() {
    const told = this.metadata.size_multiple ?? "1";
    if (/^\d+$/.test(told) && Number(told) > 0) return Number(told);
    throw new GraphError(
      `${this.file}: the metadata size_multiple must be a number above 0, got "${told}"`,
    );
  }

  /**
   * Run the graph once.
   *
   * @param {Float32Array | Uint8Array} value
   * @param {readonly number[]} shape
   * @returns {Promise<Outputs>} The outputs by name.
   */
  async run(value, shape) {
    const [port] = Object.values(this.inputs);
    try {
      return await this.session.run(port, value, shape);
    } catch (error) {
      const name = this.session.engine === "kernel" ? "The kernel" : "ONNX Runtime";
      throw new GraphError(
        `${this.file} failed on ${port.name} [${shape.join(", ")}], which it declares to take. ` +
          `${name} says: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /**
   * Run the graph on n rows, block by block.
   *
   * @param {Float32Array} rows
   * @param {readonly number[]} shape [n, ...]
   * @returns {Promise<Outputs>}
   */
  async batched(rows, [n, ...sizes]) {
    const step = this.#rowsAtOnce(product(sizes));
    if (n <= step) return this.run(rows, [n, ...sizes]);
    const size = rows.length / n;
    /** @type {Outputs} */
    const filled = {};
    for (let start = 0; start < n; start += step) {
      const end = Math.min(start + step, n);
      const block = rows.subarray(start * size, end * size);
      const outputs = await this.run(block, [end - start, ...sizes]);
      for (const [name, { data, dims: [, ...dims] }] of Object.entries(outputs)) {
        filled[name] ??= { data: new Float32Array(n * product(dims)), dims: [n, ...dims] };
        filled[name].data.set(data, start * product(dims));
      }
    }
    return filled;
  }

  /**
   * How many rows one run takes: any number of the kernel, which takes a few at a time by itself; one
   * where the graph alone knows how large its outputs are.
   *
   * @param {number} size
   */
  #rowsAtOnce(size) {
    if (this.session.engine === "kernel") return Infinity;
    const rows = Object.values(this.outputs).map(rowOf);
    if (rows.some((row) => row.includes(ANY))) return 1;
    const most = Math.floor(BLOCK_NUMBERS / Math.max(size, ...rows.map(product)));
    return Math.max(1, Math.min(BLOCK, most));
  }

  /** @returns {Promise<void>} */
  release() {
    return this.session.release();
  }

  /** What runs it. */
  get device() {
    return this.session.device;
  }

  /** Whose code runs it. */
  get engine() {
    return this.session.engine;
  }

  toString() {
    const list = (/** @type {Record<string, Port>} */ ports) =>
      Object.values(ports).map(({ name, type, shape }) => `${name}: ${type} [${shape.join(", ")}]`);
    return `(${list(this.inputs).join(", ")}) -> (${list(this.outputs).join(", ")})`;
  }
}

/**
 * Read a file as far as every engine wants it.
 *
 * @param {string} file
 * @returns {Promise<import("./engine.js").Model>}
 */
async function readModel(file) {
  const content = await readFile(file);
  const wrong = notOnnx(content);
  if (wrong) throw new GraphError(`${file} (${content.length} bytes) ${wrong}`);
  try {
    return { file, content, metadata: readMetadata(content) };
  } catch (error) {
    const remedy = "copy it there again, whole";
    throw new GraphError(`${file} has damaged metadata: ${messageOf(error)}; ${remedy}`, { cause: error });
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
 * The dimensions after the batch, -1 where one is dynamic.
 *
 * @param {Port} port
 */
function rowOf({ shape: [, ...sizes] }) {
  return sizes.map((size) => (typeof size === "string" ? ANY : size));
}
