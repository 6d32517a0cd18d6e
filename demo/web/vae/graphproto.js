// @ts-check
// The graph in an ONNX file: its nodes and its constants, for the engine that runs it without ONNX Runtime.

import { fields, wholes } from "./protobuf.js";
import { product } from "./shapes.js";

/** Why a file is not for the kernel, in words that follow "because". */
export class Unfit extends Error {}

/**
 * @typedef {object} Constant
 * @property {string} type
 * @property {readonly number[]} dims
 * @property {Float32Array | Float64Array | Uint8Array | Int8Array | Int32Array} data int64 in floats of 64 bits.
 */

/**
 * @typedef {object} Node
 * @property {string} op
 * @property {readonly string[]} inputs
 * @property {readonly string[]} outputs
 * @property {Readonly<Record<string, any>>} attributes A number, a constant, a list of numbers, or null of another type.
 */

/** @typedef {import("./graph.js").Port} Port */

/**
 * @typedef {object} GraphProto
 * @property {readonly Node[]} nodes
 * @property {ReadonlyMap<string, Constant>} constants
 * @property {readonly Port[]} inputs
 * @property {readonly Port[]} outputs
 */

const OPSETS = [13, 24]; // in which the operators that are known mean the same
const IR_VERSIONS = 11;

/** @type {Record<number, [type: string, bytes: number]>} */
const TYPES = {
  1: ["float32", 4],
  2: ["uint8", 1],
  3: ["int8", 1],
  6: ["int32", 4],
  7: ["int64", 8],
  9: ["bool", 1],
};

/**
 * Read a file; throws Unfit if it holds what is not read here.
 *
 * @param {Uint8Array} content
 * @returns {GraphProto}
 */
export function readGraph(content) {
  const model = grouped(content);
  const [least, most] = OPSETS;
  const opsets = (model.get(8) ?? []).map(grouped);
  const plain = opsets.filter((/** @type {Map<number, any>} */ opset) => text(opset.get(1)?.[0]) === "");
  const version = plain.at(-1)?.get(2)?.[0];
  if (!(version >= least && version <= most)) throw new Unfit(`it is of opset ${version}`);
  if (!(model.get(1)?.[0] <= IR_VERSIONS)) throw new Unfit("it is of another version of ONNX");
  if (!model.has(7)) throw new Unfit("it holds no graph");
  const graph = grouped(model.get(7)[0]);
  if (graph.has(15)) throw new Unfit("it has sparse constants");
  /** @type {Map<string, Constant>} */
  const constants = new Map();
  for (const tensor of graph.get(5) ?? []) constants.set(...readTensor(tensor));
  const nodes = [];
  for (const message of graph.get(1) ?? []) {
    const node = readNode(message);
    if (node.op === "Constant" && node.attributes.value?.dims) {
      constants.set(node.outputs[0], node.attributes.value);
    } else nodes.push(node);
  }
  const [inputs, outputs] = [11, 12].map((field) => (graph.get(field) ?? []).map(readPort));
  const free = inputs.filter((/** @type {Port} */ { name }) => !constants.has(name));
  return { nodes, constants, inputs: free, outputs };
}

/**
 * The fields of a message, each with all that stands there under its number.
 *
 * @param {Uint8Array} message
 * @returns {Map<number, any>}
 */
function grouped(message) {
  /** @type {Map<number, any[]>} */
  const groups = new Map();
  for (const [field, value] of fields(message)) {
    const group = groups.get(field);
    if (group) group.push(value);
    else groups.set(field, [value]);
  }
  return groups;
}

/** @param {any} bytes */
function text(bytes) {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

/**
 * Numbers of a repeated field, one by one or packed.
 *
 * @param {any[]} group
 * @returns {number[]}
 */
function numbers(group = []) {
  return group.flatMap((one) => (typeof one === "number" ? one : wholes(one)));
}

/**
 * @param {Uint8Array} message
 * @returns {Node}
 */
function readNode(message) {
  const node = grouped(message);
  const op = text(node.get(4)?.[0]);
  if (text(node.get(7)?.[0]) !== "") throw new Unfit(`it has the operator ${op} of its own`);
  const attributes = Object.fromEntries((node.get(5) ?? []).map(readAttribute));
  const [inputs, outputs] = [1, 2].map((field) => (node.get(field) ?? []).map(text));
  return { op, inputs, outputs, attributes };
}

/** @type {Record<number, (attribute: Map<number, any>) => any>} */
const ATTRIBUTES = {
  1: (attribute) => attribute.get(2)?.[0] && new DataView(attribute.get(2)[0].slice().buffer).getFloat32(0, true),
  2: (attribute) => attribute.get(3)?.[0],
  4: (attribute) => attribute.get(5)?.[0] && readTensor(attribute.get(5)[0])[1],
  7: (attribute) => numbers(attribute.get(8)),
};

/** @param {Uint8Array} message */
function readAttribute(message) {
  const attribute = grouped(message);
  const name = text(attribute.get(1)?.[0]);
  return [name, ATTRIBUTES[attribute.get(20)?.[0]]?.(attribute) ?? null];
}

/**
 * @param {Uint8Array} message
 * @returns {[name: string, constant: Constant]}
 */
function readTensor(message) {
  const tensor = grouped(message);
  const name = text(tensor.get(8)?.[0]);
  const dims = numbers(tensor.get(1));
  const [type, bytes] = TYPES[tensor.get(2)?.[0]] ?? [];
  if (!type || !bytes) throw new Unfit(`the constant ${name} is of a type that is not known`);
  const listed = tensor.get({ float32: 4, int64: 7 }[type] ?? 5); // where numbers stand one by one
  const raw = tensor.get(9)?.[0] ?? (type === "float32" ? join(listed) : null);
  const size = product(dims);
  const damaged = new Unfit(`the constant ${name} does not hold what it says`);
  if (dims.some((dim) => dim < 0) || (raw && raw.length !== size * bytes)) throw damaged;
  const data = raw ? ofBytes(type, raw) : numbersOf(type, numbers(listed));
  if (data.length !== size) throw damaged;
  return [name, { type, dims, data }];
}

/** @param {Uint8Array[]} parts */
function join(parts = []) {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/**
 * @param {string} type
 * @param {Uint8Array} raw Numbers from the lowest byte on.
 */
function ofBytes(type, raw) {
  const { buffer } = raw.slice();
  if (type === "float32") return new Float32Array(buffer);
  if (type === "int32") return new Int32Array(buffer);
  if (type === "int8") return new Int8Array(buffer);
  if (type === "int64") return Float64Array.from(new BigInt64Array(buffer), Number);
  return new Uint8Array(buffer);
}

/**
 * @param {string} type
 * @param {number[]} list
 */
function numbersOf(type, list) {
  if (type === "int64") return Float64Array.from(list);
  if (type === "int32") return Int32Array.from(list);
  return type === "int8" ? Int8Array.from(list) : Uint8Array.from(list);
}

/**
 * @param {Uint8Array} message
 * @returns {Port}
 */
function readPort(message) {
  const port = grouped(message);
  const name = text(port.get(1)?.[0]);
  const tensor = grouped(grouped(port.get(2)?.[0] ?? new Uint8Array()).get(1)?.[0] ?? new Uint8Array());
  const [type] = TYPES[tensor.get(1)?.[0]] ?? [];
  if (!type || !tensor.has(2)) throw new Unfit(`the shape of ${name} is not told`);
  const dims = grouped(tensor.get(2)[0]).get(1) ?? [];
  const shape = dims.map((/** @type {Uint8Array} */ dim) => {
    const { 1: value, 2: param } = Object.fromEntries(fields(dim));
    return value ?? text(param);
  });
  return { name, type, shape };
}
