// @ts-check
// One ONNX file: what goes in and out of it, and how it is run on many rows.

import { GraphError, PackageMissingError, messageOf } from "./errors.js";
import { readFile } from "./files.js";
import { notOnnx, readMetadata } from "./onnx.js";
import { findRuntime } from "./package.js";
import { Session } from "./session.js";

const BLOCK = 256; // rows for one run: a larger output falls out of the cache, and wasm keeps its memory

/**
 * @typedef {object} Port An input or output of a graph.
 * @property {string} name
 * @property {string} type "float32", "uint8", ...
 * @property {readonly (number | string)[]} shape A dynamic dimension is given by its name.
 */

/** One ONNX file with one input, opened. */
export class Graph {
  /**
   * @param {string} file
   * @param {any} ort
   * @param {Session} session
   * @param {Record<string, string>} metadata
   */
  constructor(file, ort, session, metadata) {
    this.file = file;
    this.ort = ort;
    this.session = session;
    this.metadata = metadata;
    this.inputs = portsByName(session.inputs);
    this.outputs = portsByName(session.outputs);
  }

  /**
   * @param {string} file
   * @param {import("./vae.js").RuntimeOptions} options
   */
  static async open(file, options) {
    const [ort, content] = await Promise.all([findRuntime(options.ort), readFile(file)]);
    const wrong = notOnnx(content);
    if (wrong) throw new GraphError(`${file} (${content.length} bytes) ${wrong}`);
    try {
      const metadata = readMetadata(content);
      return new Graph(file, ort, await Session.open(ort, content, options.sessionOptions), metadata);
    } catch (error) {
      if (error instanceof PackageMissingError) throw error;
      throw new GraphError(
        `${file} (${content.length} bytes) cannot be opened: expected an ONNX graph and, if any, ` +
          `sessionOptions for this ONNX Runtime, which says: ${messageOf(error)}`,
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
      return await this.session.run({ [port.name]: tensor });
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
    return this.session.release();
  }

  /** What runs it. */
  get device() {
    return this.session.device;
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
