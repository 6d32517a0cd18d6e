// @ts-check
// Messages of protobuf, in which ONNX files are written.

/**
 * The fields of a message by their number: bytes, or the whole number that stands there. Throws
 * RangeError where the message ends too soon, TypeError where it is none.
 *
 * @param {Uint8Array} message
 * @returns {Generator<[field: number, value: Uint8Array | number]>}
 */
export function* fields(message) {
  let at = 0;
  const varint = () => {
    const start = at;
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= message.length) throw new RangeError("the file ends too soon");
      if (at - start > 9) throw new TypeError("no protobuf");
      const byte = message[at++];
      value += (byte & 127) * scale;
      if (!(byte & 128)) return value < 2 ** 63 ? value : negative(message.subarray(start, at));
    }
  };
  const bytes = (/** @type {number} */ length) => {
    if (length < 0 || at + length > message.length) throw new RangeError("the file ends too soon");
    return message.subarray(at, (at += length));
  };
  while (at < message.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    const wire = tag & 7;
    if (wire === 0) yield [field, varint()];
    else if (wire === 2) yield [field, bytes(varint())];
    else if (wire === 1 || wire === 5) yield [field, bytes(wire === 1 ? 8 : 4)];
    else throw new TypeError("no protobuf");
  }
}

/**
 * Whole numbers that lie packed one after another.
 *
 * @param {Uint8Array} packed
 * @returns {number[]}
 */
export function wholes(packed) {
  const numbers = [];
  for (let start = 0, at = 0; at < packed.length; at++) {
    if (packed[at] & 128) continue;
    const one = packed.subarray(start, at + 1);
    numbers.push(one.length > 9 ? negative(one) : one.reduceRight((sum, byte) => sum * 128 + (byte & 127), 0));
    start = at + 1;
  }
  return numbers;
}

/**
 * A number below zero, which stands there as 2 ** 64 more than it is.
 *
 * @param {Uint8Array} varint
 */
function negative(varint) {
  let value = 0n;
  varint.forEach((byte, i) => (value |= BigInt(byte & 127) << BigInt(7 * i)));
  return Number(BigInt.asIntN(64, value));
}
