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

const ARITHMETIC = ["Add", "Sub", "Mul", "Div", "Max", "Min"];
const LOGIC = ["Less", "GreaterOrEqual", "Equal", "And"];

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
  Where: (_, condition, a, { data: others }) => {
    if (others.length !== 1 || others[0] !== 0) throw new Error("its Where is not of zero else");
    return paired("Mul", condition, a, a.type);
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
    const known = [...ARITHMETIC, ...LOGIC, ...Object.keys(BY_NUMBER), ...Object.keys(OTHERS)];
    const unknown = nodes.find(({ op }) => !known.includes(op));
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
  if (op in OTHERS) return OTHERS[op](node, ...inputs);
  return paired(op, a, b, LOGIC.includes(op) ? "bool" : a.type);
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
 * @param {string} op
 * @param {Tensor} a
 * @param {Tensor} b
 * @param {string} type
 * @returns {Tensor}
 */
function paired(op, a, b, type) {
  const [[aRows, aColumns], [bRows, bColumns]] = [a, b].map(({ dims }) => rowsAndColumns(dims));
  const [rows, columns] = [Math.max(aRows, bRows), Math.max(aColumns, bColumns)];
  const data = new LISTS[type](rows * columns);
  const [aRow, aColumn] = [aRows > 1 ? aColumns : 0, aColumns > 1 ? 1 : 0];
  const [bRow, bColumn] = [bRows > 1 ? bColumns : 0, bColumns > 1 ? 1 : 0];
  for (let row = 0; row < rows; row++) {
    const to = data.subarray(row * columns, (row + 1) * columns);
    fill(op, to, a.data.subarray(row * aRow), aColumn, b.data.subarray(row * bRow), bColumn);
  }
  if (op === "Div" && type === "int64") for (let i = 0; i < data.length; i++) data[i] = Math.trunc(data[i]);
  const rank = Math.max(a.dims.length, b.dims.length);
  return { type, dims: [rows, columns].slice(2 - rank), data };
}

/**
 * One row, with a loop for each operator: a call for each number takes three times as long.
 *
 * @param {string} op
 * @param {any} to
 * @param {any} a
 * @param {number} p 1, or 0 where one number is for all.
 * @param {any} b
 * @param {number} q
 */
function fill(op, to, a, p, b, q) {
  const size = to.length;
  if (op === "Add") for (let i = 0; i < size; i++) to[i] = a[i * p] + b[i * q];
  else if (op === "Sub") for (let i = 0; i < size; i++) to[i] = a[i * p] - b[i * q];
  else if (op === "Mul") for (let i = 0; i < size; i++) to[i] = a[i * p] * b[i * q];
  else if (op === "Div") for (let i = 0; i < size; i++) to[i] = a[i * p] / b[i * q];
  else if (op === "Max") for (let i = 0; i < size; i++) to[i] = a[i * p] > b[i * q] ? a[i * p] : b[i * q];
  else if (op === "Min") for (let i = 0; i < size; i++) to[i] = a[i * p] < b[i * q] ? a[i * p] : b[i * q];
  else if (op === "Less") for (let i = 0; i < size; i++) to[i] = Number(a[i * p] < b[i * q]);
  else if (op === "GreaterOrEqual") for (let i = 0; i < size; i++) to[i] = Number(a[i * p] >= b[i * q]);
  else if (op === "Equal") for (let i = 0; i < size; i++) to[i] = Number(a[i * p] === b[i * q]);
  else for (let i = 0; i < size; i++) to[i] = a[i * p] & b[i * q];
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
  for (let row = 0; row < rows; row++) {
    const here = data.subarray(row * columns, (row + 1) * columns);
    if (axis === 0 && largest) for (let i = 0; i < columns; i++) sums[i] = here[i] > sums[i] ? here[i] : sums[i];
    else if (axis === 0) for (let i = 0; i < columns; i++) sums[i] += here[i];
    else sums[axis === 1 ? row : 0] = whole(here, largest, sums[axis === 1 ? row : 0]);
  }
  const kept = [axis === 1 ? rows : 1, axis === 0 ? columns : 1].slice(2 - dims.length);
  const left = axis < 0 || dims.length < 2 ? [] : [sums.length];
  return tensor(type, keepdims ? kept : left, (i) => sums[i]);
}

/**
 * @param {any} row
 * @param {boolean} largest Of its numbers; else their sum.
 * @param {number} start
 */
function whole(row, largest, start) {
  let result = start;
  if (largest) for (let i = 0; i < row.length; i++) result = row[i] > result ? row[i] : result;
  else for (let i = 0; i < row.length; i++) result += row[i];
  return result;
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
