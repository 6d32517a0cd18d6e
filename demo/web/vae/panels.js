// @ts-check
// Weights in the order in which kernel.c reads them.

const WIDE = 32; // outputs of a panel; those that are left over come in panels of NARROW
const NARROW = 4;

/**
 * Lay a matrix out panel after panel, in a panel input after input; of `together` inputs side by side the
 * weights of an output lie next to each other.
 *
 * @template {Float32Array | Int8Array} List
 * @param {List} matrix
 * @param {number} inputs
 * @param {number} outputs
 * @param {boolean} transposed [outputs, inputs] instead of [inputs, outputs].
 * @param {number} together
 * @returns {List} Zeros where an input or output is missing.
 */
export function panels(matrix, inputs, outputs, transposed, together) {
  const groups = Math.ceil(inputs / together);
  const [perInput, perOutput] = transposed ? [1, inputs] : [outputs, 1];
  const padded = padToVector(outputs);
  const laid = /** @type {List} */ (
    matrix instanceof Int8Array
      ? new Int8Array(groups * together * padded)
      : new Float32Array(groups * together * padded)
  );
  for (let first = 0; first < outputs; ) {
    const width = first + WIDE <= outputs ? WIDE : NARROW;
    const start = first * groups * together;
    const end = Math.min(first + width, outputs);
    for (let input = 0; input < inputs; input++) {
      const within = input % together;
      const at = start + (input - within) * width + within;
      for (let output = first; output < end; output++) {
        laid[at + (output - first) * together] = matrix[input * perInput + output * perOutput];
      }
    }
    first += width;
  }
  return laid;
}

/** @param {number} size Of a row, in numbers; as it is with its padding. */
export function padToVector(size) {
  return NARROW * Math.ceil(size / NARROW);
}
