// @ts-check
// What this module throws on purpose.

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

/** onnxruntime-web or onnxruntime-node is not installed, cannot be found, or lacks a file of its own. */
export class PackageMissingError extends VaeError {}

/** @param {any} error */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
