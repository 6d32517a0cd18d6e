// @ts-check
// The tensors of a graph in a kernel's memory: where each is, what it holds, and who will still read it.

import { Unfit } from "./graphproto.js";
import { padToVector } from "./panels.js";
import { product } from "./shapes.js";

/** @typedef {import("./graphproto.js").Node} Node */
/** @typedef {import("./graphproto.js").Constant} Constant */

/**
 * @typedef {object} Buffer Rows in the kernel's memory.
 * @property {number} address
 * @property {number} row Numbers from one to the next.
 * @property {"real" | "sums" | "bytes"} holds Floats; floats that ONNX calls int32; bytes.
 * @property {number} readers Nodes and outputs that will still read them.
 */

/**
 * @typedef {object} Value A tensor of the graph.
 * @property {Buffer} buffer
 * @property {readonly number[]} shape Of a row.
 */

/** All tensors of one graph. */
export class Tensors {
  #graph;
  #kernel;
  #rows;
  /** @type {Map<string, Value>} */
  #values = new Map();
  /** @type {Map<string, number>} */
  #readers = new Map();

  /**
   * @param {import("./graphproto.js").GraphProto} graph
   * @param {import("./kernel.js").Kernel} kernel
   * @param {number} rows For which there is room in every buffer.
   */
  constructor(graph, kernel, rows) {
    this.#graph = graph;
    this.#kernel = kernel;
    this.#rows = rows;
    const read = [...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.outputs.map(({ name }) => name)];
    for (const name of read) this.#readers.set(name, (this.#readers.get(name) ?? 0) + 1);
  }

  /**
   * Whether a name is that of a tensor with rows, and of no constant.
   *
   * @param {string} name
   */
  has(name) {
    return this.#values.has(name);
  }

  /**
   * A value that a node reads.
   *
   * @param {string} name
   * @param {string[]} holding
   * @returns {Value}
   */
  value(name, holding = ["real"]) {
    const value = this.#values.get(name);
    if (!value || !holding.includes(value.buffer.holds)) throw new Unfit(`${name} is not what it works on`);
    value.buffer.readers -= 1;
    return value;
  }

  /**
   * The same, if its rows are plain lists.
   *
   * @param {string} name
   * @param {string} [holding]
   */
  row(name, holding = "real") {
    const value = this.value(name, [holding]);
    if (value.shape.length !== 1) throw new Unfit(`${name} is no row of numbers`);
    return value;
  }

  /**
   * @param {string} name
   * @param {string} type
   * @returns {Constant}
   */
  constant(name, type) {
    const constant = this.#graph.constants.get(name);
    if (constant?.type === type) return constant;
    throw new Unfit(`${name} is no constant of ${type}`);
  }

  /**
   * What a node gives: in the place of what it reads, if nobody else does.
   *
   * @param {Node} node
   * @param {readonly number[]} shape
   * @param {Buffer | null} [inPlace]
   * @param {Buffer["holds"]} [holds]
   */
  after(node, shape, inPlace = null, holds = "real") {
    const [name, ...others] = node.outputs;
    if (others.some(Boolean)) throw new Unfit(`its ${node.op} gives several tensors`);
    return this.add(name, shape, inPlace?.readers === 0 ? inPlace.address : undefined, holds);
  }

  /**
   * @param {string} name
   * @param {readonly number[]} shape
   * @param {number} [address]
   * @param {Buffer["holds"]} [holds]
   * @returns {Value}
   */
  add(name, shape, address, holds = "real") {
    const row = padToVector(product(shape));
    const bytes = holds === "bytes" ? row : 4 * row;
    const readers = this.#readers.get(name) ?? 0;
    const buffer = { address: address ?? this.#kernel.reserve(this.#rows * bytes), row, holds, readers };
    const value = { buffer, shape };
    this.#values.set(name, value);
    return value;
  }

  /**
   * The numbers of a value by another name, as rows of another shape, read as floats.
   *
   * @param {Value} from
   * @param {string} name
   * @param {readonly number[]} shape
   */
  rename({ buffer }, name, shape) {
    const readers = this.#readers.get(name) ?? 0;
    if (buffer.holds === "real") {
      buffer.readers += readers;
      this.#values.set(name, { buffer, shape });
      return;
    }
    if (buffer.readers > 0) throw new Unfit(`what becomes ${name} is read twice`);
    this.#values.set(name, { buffer: { ...buffer, holds: "real", readers }, shape });
  }

  /**
   * An output of the graph, which must be as it is declared.
   *
   * @param {import("./graph.js").Port} port
   */
  result(port) {
    const value = this.#values.get(port.name);
    if (value?.buffer.holds === "real" && String(value.shape) === String(fixedRow(port))) return value;
    throw new Unfit(`its output ${port.name} is not what it declares`);
  }
}

/**
 * The shape of a row; throws Unfit unless the batch is open and nothing else.
 *
 * @param {import("./graph.js").Port} port
 * @returns {number[]}
 */
export function fixedRow({ name, type, shape: [batch, ...sizes] }) {
  const fixed = sizes.every((size) => typeof size === "number" && size > 0);
  if (type === "float32" && typeof batch === "string" && sizes.length > 0 && fixed) {
    return /** @type {number[]} */ (sizes);
  }
  throw new Unfit(`${name} is not floats in rows of one size`);
}
