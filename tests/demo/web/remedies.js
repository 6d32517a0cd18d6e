// node remedies.js PATH_OF_VAE_JS MODELS: what vae.js says of each value, and what comes of doing it.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [module, models] = process.argv.slice(2);
const ort = createRequire(new URL("../../../demo/embed/node/", import.meta.url))("onnxruntime-node");
const { drawingToX, load } = await import(pathToFileURL(module).href);
const model = await load(`${models}/mnist-vae`, { ort });
const file = `${models}/drawing.onnx`;

// A ramp of 28 * 28 numbers from 0 to 1, as people have it.
const unit = Float64Array.from({ length: 784 }, (_, i) => i / 783);
const scaled = (List, most) => List.from(unit, (value) => Math.round(value * most));
const [big, ubig] = [BigInt64Array, BigUint64Array];
const images = {
  float64: unit,
  list: [...unit],
  rows: Array.from({ length: 28 }, (_, row) => [...unit.subarray(28 * row, 28 * row + 28)]),
  "float32 in 0..255": Float32Array.from(unit, (value) => 255 * value),
  "float32 in -1..1": Float32Array.from(unit, (value) => 2 * value - 1),
  "float32 rounded": Float32Array.from(unit, (value) => value * 1.000001),
  uint8: scaled(Uint8Array, 255),
  clamped: scaled(Uint8ClampedArray, 255),
  "int32 of bytes": scaled(Int32Array, 255),
  uint16: scaled(Uint16Array, 65535),
  "12 bits": scaled(Uint16Array, 4095),
  uint32: scaled(Uint32Array, 65535),
  "bigint of 16 bits": ubig.from(unit, (value) => BigInt(Math.round(value * 65535))),
  "mask in uint8": scaled(Uint8Array, 1),
  "mask in int64": big.from(unit, (value) => BigInt(Math.round(value))),
  "mask of booleans": [...unit].map((value) => value > 0.5),
};
const codes = {
  float64: Float64Array.of(0.25, -1),
  list: [0.25, -1],
  nested: [[0.25, -1]],
  int8: Int8Array.of(0, -1),
  uint8: Uint8Array.of(0, 2),
  bigint: BigInt64Array.of(0n, -1n),
  buffer: Float32Array.of(0.25, -1).buffer,
  tensor: new ort.Tensor("float32", Float32Array.of(0.25, -1), [1, 2]),
};
const inks = {
  "float64 in 0..1": unit,
  "float32 in 0..255": Float32Array.from(unit, (value) => 255 * value),
  list: [...scaled(Uint8Array, 255)],
  int32: scaled(Int32Array, 255),
  uint16: scaled(Uint16Array, 65535),
  "12 bits": scaled(Uint16Array, 4095),
  "mask in int64": big.from(unit, (value) => BigInt(Math.round(value))),
  rows: Array.from({ length: 28 }, (_, row) => [...scaled(Uint8Array, 255).subarray(28 * row, 28 * row + 28)]),
};

/** What is said of a value, and the value after what is said was done. */
async function follow(name, value, take) {
  let error = null;
  await take(value).catch((thrown) => (error = thrown));
  const code = error.message.match(/; use (.*)$/)[1].split(/ (?:if|where) |, with /)[0];
  const white = value.length > 0 && Math.max(...Array.from(value, Number)) > 5000 ? 65535 : 4095;
  const run = new Function(name, "white", `return (async () => ${code})()`);
  const mended = await run(value, white);
  await take(mended); // it must be taken now
  return { told: `${error.name}: ${error.message}`, mended: Array.from(mended) };
}

async function all(name, values, take) {
  const told = {};
  for (const [what, value] of Object.entries(values)) told[what] = await follow(name, value, take);
  return told;
}

console.log(
  JSON.stringify({
    x: await all("x", images, (x) => model.encode(x)),
    z: await all("z", codes, (z) => model.decode(z)),
    ink: await all("ink", inks, (ink) => drawingToX(ink, 28, 28, { ort, file })),
  }),
);
