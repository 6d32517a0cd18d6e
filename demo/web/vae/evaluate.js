// @ts-check
// A small graph on bytes, which `drawing.onnx` is, run operator by operator on tensors of at most two
// dimensions: the definitions of ONNX, in float32 where ONNX has that.

import { messageOf } from "./errors.js";
import { Unfit } from "./graphproto.js";
import { product } from "./shapes.js";

/** @typedef {import("./graphproto.js").Node} Node */

/**
 * @typedef {object} Tensor
 * @property {string} type
 * @property {readonly number[]} dims
 * @property {any} data
 */

/** @type {Record<string, any>} */
const LISTS = { float32: Float32Array, int64: Float64Array, bool: Uint8Array, uint8: Uint8Array };

/** @typedef {(a: number, b: number) => number} Pair */

/** @type {Record<string, Pair>} */
const ARITHMETIC = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Max: (a, b) => (a > b ? a : b),
  Min: (a, b) => (a < b ? a : b),
};

/** @type {Record<string, Pair>} */
const LOGIC = {
  Less: (a, b) => Number(a < b),
  GreaterOrEqual: (a, b) => Number(a >= b),
  Equal: (a, b) => Number(a === b),
  And: (a, b) => a & b,
};

/** @type {Record<string, (a: number) => number>} */
const BY_NUMBER = { Abs: Math.abs, Ceil: Math.ceil, Relu: (a) => Math.max(0, a) };

/** @type {Record<string, (node: Node, ...inputs: Tensor[]) => Tensor>} */
const OTHERS = {
  ArgMax: argMax,
  Cast: ({ attributes: { to } }, a) => {
    if (to === 1) return { type: "float32", dims: a.dims, data: new Float32Array(a.data) };
    throw new Error("its Cast is not one to floats");
  },
  Clip: (_, a, low, high) => each(each(a, (one) => Math.max(one, low.data[0])), (one) => Math.min(one, high.data[0])),
  MatMul: matMul,
  Range: (_, { data: [start], type }, { data: [end] }, { data: [step] }) => {
    const length = Math.max(0, Math.ceil((end - start) / step));
    return tensor(type, [length], (i) => start + i * step);
  },
  ReduceMax: reduce,
  ReduceSum: reduce,
  Size: (_, { dims }) => tensor("int64", [], () => product(dims)),
  Transpose: (_, { type, dims: [rows, columns], data }) =>
    tensor(type, [columns, rows], (i) => data[(i % rows) * columns + Math.floor(i / rows)]),
  Unsqueeze: (_, { type, dims, data }, axes) => {
    const wide = [...dims];
    for (const axis of axes.data) wide.splice(axis, 0, 1);
    return { type, dims: wide, data };
  },
  Where: (_, condition, a, { data: [other], dims }) => {
    if (product(dims) !== 1) throw new Error("its Where is not of one number where the condition fails");
    return paired(condition, a, (yes, number) => (yes ? number : other), a.type);
  },
};

/** One such graph. */
export class Small {
  #graph;

  /**
   * Throws Unfit unless the graph is known throughout.
   *
   * @param {import("./graphproto.js").GraphProto} graph
   */
  constructor(graph) {
    this.#graph = graph;
    const { inputs, nodes } = graph;
    const bytes = inputs.length === 1 && inputs[0].type === "uint8" && inputs[0].shape.length === 2;
    if (!bytes) throw new Unfit("its input is not bytes");
    const unknown = nodes.find(({ op }) => ![ARITHMETIC, LOGIC, BY_NUMBER, OTHERS].some((known) => op in known));
    if (unknown) throw new Unfit(`it has the operator ${unknown.op}`);
    try {
      this.run(new Uint8Array(15), [3, 5]); // whatever is not done here shows
    } catch (error) {
      throw new Unfit(messageOf(error), { cause: error });
    }
  }

  /**
   * @param {Uint8Array} bytes
   * @param {readonly number[]} dims
   * @returns {Record<string, import("./session.js").Numbers>}
   */
  run(bytes, dims) {
    const { constants, inputs, nodes, outputs } = this.#graph;
    /** @type {Map<string, Tensor>} */
    const known = new Map(constants);
    known.set(inputs[0].name, { type: "uint8", dims, data: bytes });
    for (const node of nodes) {
      const given = node.inputs.map((name) => /** @type {Tensor} */ (known.get(name)));
      known.set(node.outputs[0], evaluate(node, given));
    }
    return Object.fromEntries(
      outputs.map(({ name, shape }) => {
        const { data, dims } = /** @type {Tensor} */ (known.get(name));
        if (String(dims) !== String(shape)) throw new Error(`${name} is [${dims}], not [${shape}]`);
        return [name, { data, dims }];
      }),
    );
  }
}

/**
 * @param {Node} node
 * @param {Tensor[]} inputs
 */
function evaluate(node, inputs) {
  const [a, b] = inputs;
  const { op } = node;
  if (op in BY_NUMBER) return each(a, BY_NUMBER[op]);
  if (op in LOGIC) return paired(a, b, LOGIC[op], "bool");
  if (!(op in ARITHMETIC)) return OTHERS[op](node, ...inputs);
  const whole = op === "Div" && a.type === "int64";
  return paired(a, b, whole ? (x, y) => Math.trunc(x / y) : ARITHMETIC[op], a.type);
}

/**
 * @param {string} type
 * @param {readonly number[]} dims
 * @param {(i: number) => number} number
 * @returns {Tensor}
 */
function tensor(type, dims, number) {
  const data = new LISTS[type](product(dims));
  for (let i = 0; i < data.length; i++) data[i] = number(i);
  return { type, dims, data };
}

/**
 * @param {Tensor} a
 * @param {(a: number) => number} number
 */
function each({ type, dims, data }, number) {
  return tensor(type, dims, (i) => number(data[i]));
}

/** @param {readonly number[]} dims */
function rowsAndColumns(dims) {
  if (dims.length > 2) throw new Error(`a tensor is of rank ${dims.length}`);
  return [dims.length > 1 ? dims[0] : 1, dims.at(-1) ?? 1];
}

/**
 * Two tensors, the shorter of which is repeated.
 *
 * @param {Tensor} a
 * @param {Tensor} b
 * @param {Pair} number
 * @param {string} type
 * @returns {Tensor}
 */
function paired(a, b, number, type) {
  const [[aRows, aColumns], [bRows, bColumns]] = [a, b].map(({ dims }) => rowsAndColumns(dims));
  const [rows, columns] = [Math.max(aRows, bRows), Math.max(aColumns, bColumns)];
  const data = new LISTS[type](rows * columns);
  const [aRow, aColumn] = [aRows > 1 ? aColumns : 0, aColumns > 1 ? 1 : 0];
  const [bRow, bColumn] = [bRows > 1 ? bColumns : 0, bColumns > 1 ? 1 : 0];
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i++) {
      data[i] = number(a.data[row * aRow + column * aColumn], b.data[row * bRow + column * bColumn]);
    }
  }
  const rank = Math.max(a.dims.length, b.dims.length);
  return { type, dims: [rows, columns].slice(2 - rank), data };
}

/**
 * @param {Node} node
 * @param {Tensor} a
 * @param {Tensor | undefined} axes One of them, or none for all.
 */
function reduce({ op, attributes: { keepdims = 1 } }, { type, dims, data }, axes) {
  const largest = op === "ReduceMax";
  const [rows, columns] = rowsAndColumns(dims);
  const axis = axes ? axes.data[0] + (axes.data[0] < 0 ? 2 : 2 - dims.length) : -1;
  const sums = new Float64Array(axis < 0 ? 1 : axis === 1 ? rows : columns);
  if (largest) sums.fill(-Infinity);
  const [perRow, perColumn] = [axis === 1 ? 1 : 0, axis === 0 ? 1 : 0];
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0, to = row * perRow; column < columns; column++, i++, to += perColumn) {
      if (!largest) sums[to] += data[i];
      else if (data[i] > sums[to]) sums[to] = data[i];
    }
  }
  const kept = [axis === 1 ? rows : 1, axis === 0 ? columns : 1].slice(2 - dims.length);
  const left = axis < 0 || dims.length < 2 ? [] : [sums.length];
  return tensor(type, keepdims ? kept : left, (i) => sums[i]);
}

/**
 * @param {Node} node
 * @param {Tensor} a One row.
 */
function argMax({ attributes: { select_last_index: last = 0, keepdims = 1 } }, { dims, data }) {
  if (dims.length !== 1) throw new Error("its ArgMax is not of a row");
  let largest = 0;
  for (let i = 1; i < data.length; i++) {
    if (last ? data[i] >= data[largest] : data[i] > data[largest]) largest = i;
  }
  return tensor("int64", keepdims ? [1] : [], () => largest);
}

/**
 * @param {Node} _
 * @param {Tensor} a
 * @param {Tensor} b
 */
function matMul(_, { dims: [rows, inner], data: a }, { dims: [height, columns], data: b }) {
  if (inner !== height) throw new Error(`rows of ${inner} do not meet columns of ${height}`);
  const data = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const sums = data.subarray(row * columns, (row + 1) * columns);
    for (let i = 0; i < inner; i++) {
      const weight = a[row * inner + i];
      if (weight === 0) continue; // most of them
      for (let column = 0; column < columns; column++) sums[column] += weight * b[i * columns + column];
    }
  }
  return { type: "float32", dims: [rows, columns], data };
}
