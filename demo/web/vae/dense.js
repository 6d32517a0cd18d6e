// @ts-check
// A graph of dense layers, in float32 or with whole numbers of 8 bits, run by the kernel.

import { Unfit } from "./graphproto.js";
import { padToVector, panels } from "./panels.js";
import { product } from "./shapes.js";
import { Tensors, fixedRow } from "./tensors.js";

const ROWS = 16; // of a pass: what they need stays in the cache; as kernel.c has it
const LARGEST = 2 ** 28; // numbers of a matrix
const HUGE = 2 ** 60; // for a weight

/** @typedef {import("./graphproto.js").Node} Node */
/** @typedef {import("./tensors.js").Value} Value */

/**
 * @typedef {object} Operand What a function on pairs takes: bytes from row to row, and from vector to vector.
 * @property {number} address
 * @property {number} row
 * @property {number} step
 */

/** @type {Record<string, string>} */
const EACH_NUMBER = {
  Relu: "relu",
  Exp: "exp",
  Neg: "neg",
  Reciprocal: "reciprocal",
  Sigmoid: "sigmoid",
  Tanh: "tanh",
};

/** @type {Record<string, string>} */
const PAIRWISE = { Add: "add", Sub: "sub", Mul: "mul", Div: "div", Max: "max", Min: "min" };

// Of those that are none of these: inputs of a node, at most, and its attributes.
/** @type {Record<string, [inputs: number, ...attributes: string[]]>} */
const SIGNATURES = {
  Cast: [1, "to"],
  Clip: [3],
  Flatten: [1, "axis"],
  Identity: [1],
  Gemm: [3, "alpha", "beta", "transA", "transB"],
  MatMul: [2],
  MatMulInteger: [4],
  QuantizeLinear: [3, "axis", "saturate"],
  ReduceMax: [2, "axes", "keepdims"],
  Reshape: [2, "allowzero"],
};

/** One graph, laid out in a kernel of its own. */
export class Dense {
  #kernel;
  #tensors;
  /** @type {((rows: number) => void)[]} */
  #steps = [];
  #listed = 0; // bytes of the list of a row's inputs, at most
  #list = 0;
  #input;
  #outputs;
  #memory;

  /**
   * Throws Unfit unless the graph is known throughout.
   *
   * @param {import("./graphproto.js").GraphProto} graph
   * @param {import("./kernel.js").Kernel} kernel
   */
  constructor(graph, kernel) {
    this.#kernel = kernel;
    this.#tensors = new Tensors(graph, kernel, ROWS);
    const [port] = graph.inputs;
    if (graph.inputs.length !== 1 || port.type !== "float32") throw new Unfit("its input is not floats");
    this.#input = this.#tensors.add(port.name, fixedRow(port));
    for (const node of graph.nodes) this.#take(node);
    this.#outputs = graph.outputs.map((output) => ({ name: output.name, value: this.#tensors.result(output) }));
    this.#list = kernel.reserve(ROWS * this.#listed);
    this.#memory = kernel.settle();
  }

  /**
   * @param {Float32Array} x
   * @param {number} n Rows of it.
   * @returns {Record<string, import("./session.js").Numbers>}
   */
  run(x, n) {
    const results = this.#outputs.map(({ value: { shape } }) => new Float32Array(n * product(shape)));
    for (let start = 0; start < n; start += ROWS) {
      const rows = Math.min(ROWS, n - start);
      this.#write(x, start, rows);
      for (const step of this.#steps) step(rows);
      this.#outputs.forEach(({ value }, i) => this.#read(value, results[i], start, rows));
    }
    return Object.fromEntries(
      this.#outputs.map(({ name, value }, i) => [name, { data: results[i], dims: [n, ...value.shape] }]),
    );
  }

  /**
   * @param {Float32Array} x
   * @param {number} start
   * @param {number} rows
   */
  #write(x, start, rows) {
    const { buffer, shape } = this.#input;
    const [size, at] = [product(shape), buffer.address / 4];
    if (size === buffer.row) return this.#memory.set(x.subarray(start * size, (start + rows) * size), at);
    for (let row = 0; row < rows; row++) {
      const first = (start + row) * size;
      this.#memory.set(x.subarray(first, first + size), at + row * buffer.row);
    }
  }

  /**
   * @param {Value} value
   * @param {Float32Array} result
   * @param {number} start
   * @param {number} rows
   */
  #read({ buffer, shape }, result, start, rows) {
    const [size, at] = [product(shape), buffer.address / 4];
    if (size === buffer.row) return result.set(this.#memory.subarray(at, at + rows * size), start * size);
    for (let row = 0; row < rows; row++) {
      const first = at + row * buffer.row;
      result.set(this.#memory.subarray(first, first + size), (start + row) * size);
    }
  }

  // --- the graph, node after node, as steps ---

  /** @param {Node} node */
  #take(node) {
    const { op } = node;
    if (![SIGNATURES, EACH_NUMBER, PAIRWISE].some((known) => op in known)) {
      throw new Unfit(`it has the operator ${op}`);
    }
    const [most, ...known] = SIGNATURES[op] ?? [op in PAIRWISE ? 2 : 1];
    const strange = Object.keys(node.attributes).find(
      (name) => !known.includes(name) || node.attributes[name] === null,
    );
    if (strange) throw new Unfit(`its ${op} has the attribute ${strange}`);
    if (node.inputs.length > most) throw new Unfit(`its ${op} has ${node.inputs.length} inputs`);
    if (op in EACH_NUMBER) return this.#each(node, EACH_NUMBER[op]);
    if (op in PAIRWISE) return this.#pairwise(node, PAIRWISE[op]);
    if (op === "Gemm" || op === "MatMul") return this.#dense(node);
    if (op === "MatMulInteger") return this.#denseOfBytes(node);
    if (op === "QuantizeLinear") return this.#quantize(node);
    if (op === "ReduceMax") return this.#reduceMax(node);
    if (op === "Clip") return this.#clip(node);
    return this.#rename(node);
  }

  /**
   * A function of each number by itself.
   *
   * @param {Node} node
   * @param {string} name
   */
  #each(node, name) {
    const { buffer, shape } = this.#tensors.value(node.inputs[0]);
    const to = this.#tensors.after(node, shape, buffer).buffer;
    const call = this.#kernel.functions[name];
    const vectors = buffer.row / 4;
    this.#steps.push((rows) => call(buffer.address, rows * vectors, to.address));
  }

  /**
   * A function of two numbers: of two values, or of a value and a constant.
   *
   * @param {Node} node
   * @param {string} name
   */
  #pairwise(node, name) {
    if (node.inputs.length !== 2) throw new Unfit(`its ${node.op} is not of two`);
    const known = node.inputs.map((one) => (this.#tensors.has(one) ? this.#tensors.value(one) : null));
    const values = known.flatMap((value) => value ?? []);
    const [wide] = [...values].sort((a, b) => product(b.shape) - product(a.shape));
    if (!wide) throw new Unfit(`its ${node.op} is of constants alone`);
    const row = wide.buffer.row;
    const [a, b] = node.inputs.map((one, i) => {
      const value = known[i];
      if (!value) return this.#constantRow(one, wide.shape);
      const single = value.shape.every((size) => size === 1) && value.shape.length === wide.shape.length;
      if (!single && String(value.shape) !== String(wide.shape)) {
        throw new Unfit(`its ${node.op} is of rows of several sizes`);
      }
      const step = single && product(wide.shape) > 1 ? 0 : 16;
      return { address: value.buffer.address, row: 4 * value.buffer.row, step };
    });
    const to = this.#tensors.after(node, wide.shape, wide.buffer).buffer;
    const call = this.#kernel.functions[name];
    this.#steps.push((rows) => {
      call(rows, row / 4, a.address, a.row, a.step, b.address, b.row, b.step, to.address);
    });
  }

  /**
   * A constant that meets every row alike.
   *
   * @param {string} name
   * @param {readonly number[]} shape
   * @returns {Operand}
   */
  #constantRow(name, shape) {
    const { data, dims } = this.#tensors.constant(name, "float32");
    const plain = (/** @type {readonly number[]} */ sizes) =>
      String(sizes.slice(sizes.findIndex((size) => size !== 1)));
    const fits = dims.length <= shape.length || (dims.length === shape.length + 1 && dims[0] === 1);
    if (!fits || (data.length !== 1 && plain(dims) !== plain(shape))) {
      throw new Unfit(`the constant ${name} is not that of a row`);
    }
    const padded = new Float32Array(padToVector(data.length));
    padded.set(data);
    return { address: this.#kernel.place(padded), row: 0, step: data.length === 1 ? 0 : 16 };
  }

  /** @param {Node} node Gemm, or MatMul. */
  #dense(node) {
    const { transA = 0, transB = 0, alpha = 1, beta = 1 } = node.attributes;
    const x = this.#tensors.row(node.inputs[0]);
    const { data, dims } = this.#tensors.constant(node.inputs[1], "float32");
    if (transA || dims.length !== 2) throw new Unfit(`its ${node.op} is not of rows`);
    const [inputs, outputs] = transB ? [dims[1], dims[0]] : dims;
    this.#checkSizes(x, inputs, outputs);
    const bias = new Float32Array(padToVector(outputs));
    if (node.inputs[2]) bias.set(this.#bias(node.inputs[2], outputs, beta));
    const weights = panels(scaled(data, alpha), inputs, outputs, Boolean(transB), 1);
    if (![weights, bias].every((list) => list.every((value) => Math.abs(value) < HUGE))) {
      throw new Unfit("a weight is not finite, or huge"); // inputs near zero are passed over
    }
    const [from, weight, biasAt] = [x.buffer, this.#kernel.place(weights), this.#kernel.place(bias)];
    const to = this.#tensors.after(node, [outputs]).buffer;
    const call = this.#kernel.functions.dense;
    this.#listed = Math.max(this.#listed, 8 * inputs);
    this.#steps.push((rows) => {
      call(rows, from.address, from.row, inputs, weight, biasAt, outputs, to.address, this.#list);
    });
  }

  /**
   * @param {string} name
   * @param {number} outputs
   * @param {number} beta
   */
  #bias(name, outputs, beta) {
    const { data, dims } = this.#tensors.constant(name, "float32");
    const row = dims.length < 2 || (dims.length === 2 && dims[0] === 1);
    if (!row || ![1, outputs].includes(data.length)) throw new Unfit(`the bias ${name} is not one of a row`);
    return scaled(Float32Array.from({ length: outputs }, (_, i) => data[data.length === 1 ? 0 : i]), beta);
  }

  /** @param {Node} node MatMulInteger. */
  #denseOfBytes(node) {
    const x = this.#tensors.row(node.inputs[0], "bytes");
    const { data, dims } = this.#tensors.constant(node.inputs[1], "int8");
    if (dims.length !== 2 || node.inputs.slice(2).some(Boolean)) {
      throw new Unfit("its MatMulInteger is not of rows, or has a zero point");
    }
    const [inputs, outputs] = dims;
    this.#checkSizes(x, inputs, outputs);
    const laid = panels(/** @type {Int8Array} */ (data), inputs, outputs, false, 2);
    const [from, weight] = [x.buffer, this.#kernel.place(laid)];
    const to = this.#tensors.after(node, [outputs], null, "sums").buffer;
    const call = this.#kernel.functions.dense_int8;
    const pairs = Math.ceil(inputs / 2);
    this.#listed = Math.max(this.#listed, 8 * pairs);
    this.#steps.push((rows) => {
      call(rows, from.address, from.row, pairs, weight, outputs, to.address, this.#list);
    });
  }

  /** @param {Node} node To 0..255, zero at 0. */
  #quantize(node) {
    const { buffer, shape } = this.#tensors.value(node.inputs[0]);
    const scale = this.#tensors.constant(node.inputs[1], "float32").data;
    const zero = node.inputs[2] ? this.#tensors.constant(node.inputs[2], "uint8").data : Uint8Array.of(0);
    if (scale.length !== 1 || zero.length !== 1 || zero[0] !== 0) {
      throw new Unfit("its QuantizeLinear is not one to 0..255");
    }
    const to = this.#tensors.after(node, shape, null, "bytes").buffer;
    const call = this.#kernel.functions.quantize;
    const vectors = buffer.row / 4;
    this.#steps.push((rows) => call(buffer.address, rows * vectors, scale[0], to.address));
  }

  /** @param {Node} node */
  #reduceMax(node) {
    const { buffer, shape } = this.#tensors.row(node.inputs[0]);
    const axes = node.inputs[1] ? [...this.#tensors.constant(node.inputs[1], "int64").data] : node.attributes.axes;
    if (!["1", "-1"].includes(String(axes)) || !(node.attributes.keepdims ?? 1)) {
      throw new Unfit("its ReduceMax is not of a row");
    }
    const to = this.#tensors.after(node, [1]).buffer;
    const call = this.#kernel.functions.reduce_max;
    this.#steps.push((rows) => call(rows, buffer.address, buffer.row, shape[0], to.address));
  }

  /** @param {Node} node */
  #clip(node) {
    const [name, ...limits] = node.inputs;
    const { buffer, shape } = this.#tensors.value(name);
    const to = this.#tensors.after(node, shape, buffer).buffer;
    const row = 4 * buffer.row;
    let from = buffer.address;
    const { functions } = this.#kernel;
    limits.forEach((limit, i) => {
      if (!limit) return;
      if (this.#tensors.constant(limit, "float32").data.length !== 1) throw new Unfit("its Clip has several limits");
      const [call, first] = [[functions.max, functions.min][i], from];
      const { address } = this.#constantRow(limit, shape);
      this.#steps.push((rows) => call(rows, row / 16, first, row, 16, address, 0, 0, to.address));
      from = to.address;
    });
    if (from !== to.address) throw new Unfit("its Clip has no limit");
  }

  /** @param {Node} node One that changes no number. */
  #rename(node) {
    const { op, inputs, outputs, attributes } = node;
    const from = this.#tensors.value(inputs[0], op === "Cast" ? ["real", "sums"] : ["real"]);
    if (op === "Cast" && attributes.to !== 1) throw new Unfit("its Cast is not one to floats");
    if (op === "Flatten" && (attributes.axis ?? 1) !== 1) throw new Unfit("its Flatten mixes rows");
    let { shape } = from;
    if (op === "Flatten") shape = [product(shape)];
    if (op === "Reshape") shape = reshaped(shape, this.#tensors.constant(inputs[1], "int64").data, attributes);
    this.#tensors.rename(from, outputs[0], shape);
  }

  /**
   * @param {Value} x
   * @param {number} inputs
   * @param {number} outputs
   */
  #checkSizes({ shape }, inputs, outputs) {
    if (shape[0] === inputs && outputs > 0 && inputs * outputs <= LARGEST) return;
    throw new Unfit(`a row of ${shape[0]} numbers does not go into a layer of ${inputs}`);
  }
}

/**
 * The shape of a row after a Reshape, which must leave the rows as they are.
 *
 * @param {readonly number[]} shape
 * @param {ArrayLike<number>} told
 * @param {Readonly<Record<string, any>>} attributes
 */
function reshaped(shape, told, { allowzero = 0 }) {
  const [batch, ...sizes] = Array.from(told);
  const open = sizes.indexOf(-1);
  if (open >= 0) sizes[open] = product(shape) / -product(sizes);
  const kept = batch === -1 ? open < 0 : batch === 0 && !allowzero;
  const whole = sizes.length > 0 && sizes.every((size) => Number.isInteger(size) && size > 0);
  if (kept && whole && product(sizes) === product(shape)) return sizes;
  throw new Unfit("its Reshape mixes rows");
}

/**
 * @param {ArrayLike<number>} list
 * @param {number} by
 */
function scaled(list, by) {
  return Float32Array.from(list, (value) => by * value);
}
