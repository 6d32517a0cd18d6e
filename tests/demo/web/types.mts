// What people write against vae.d.ts. `tsc --noEmit --strict` must take it, errors where they are expected.

import * as ort from "onnxruntime-node";
import {
  type Autoencoder,
  InputError,
  VaeError,
  drawingToX,
  interpolate,
  load,
  pictureToGrey,
  pictureToInk,
  standardNormal,
  toPictures,
} from "../../../demo/web/vae/vae.js";

const model: Autoencoder = await load("models/mnist-vae/", { ort });
const other = await load(new URL("https://example.org/m/"), {
  sessionOptions: { executionProviders: ["webgpu"] },
});

const small = await load("models/mnist-vae/", { engine: "kernel", precision: "int8" });
const engine: "kernel" | "onnxruntime" = small.engine;
await load("models/faces/", { ort: () => import("onnxruntime-node") });
// @ts-expect-error: there is no such engine
await load("models/mnist-vae/", { engine: "fast" });
console.log(engine);

const x: Float32Array = await drawingToX(new Uint8ClampedArray(12), 3, 4, { file: "drawing.onnx" });
const photoData = new ImageData(3, 4);
const photo = pictureToInk(photoData, { lossless: false });
await drawingToX(photo.ink, photo.height, photo.width);
const { z } = await model.encode(x); // of either kind
const picture: Float32Array = await model.decode(z);
if (model.kind === "vae") {
  const { mu, logVar } = await model.encode(x);
  await model.decode(mu.map((value, i) => value + Math.exp(0.5 * logVar[i]!)));
} else {
  // @ts-expect-error: an AE has no posterior
  (await model.encode(x)).logVar;
}
const [channels, height, width] = model.imageShape;
const pixels: number = channels * height * width;
const name: string | undefined = model.metadata["name"];
const draws: Float32Array = standardNormal(4 * other.latentDim, 0);

try {
  await other.sample(4, 0);
  await other.reconstruct(picture);
  await other.close();
} catch (error) {
  if (error instanceof InputError || error instanceof VaeError) console.log(error.message);
}
console.log(pixels, name, draws, model.device);

// @ts-expect-error: a list is no Float32Array
await model.decode([0, 0]);
// @ts-expect-error: the size is missing
await drawingToX(new Uint8Array(4));
// @ts-expect-error: what runs the graphs
await load("models/mnist-vae/", { ort: { run: 1 } });
// @ts-expect-error: it is read off the graph
model.latentDim = 3;

const canvas = new OffscreenCanvas(64, 64).getContext("2d")!;
const [first] = await model.decodeToPictures(z);
canvas.putImageData(first!, 0, 0);
canvas.putImageData(await model.reconstruct(canvas.getImageData(0, 0, 64, 64)), 0, 0);
const rgb = { data: new Uint8Array(12), width: 2, height: 2 };
const code = await other.encode([rgb, rgb]);
const numbers: Float32Array = await other.decode(code.z, code.shape);
toPictures(numbers, [2, 3, 2, 2]).map((one: ImageData) => one.width);
await other.encode(pictureToGrey(photoData));
const between: Float32Array = await other.interpolate(x, picture, 5);
const line: Float32Array = interpolate(z, standardNormal(2, 0), between.length);
(await other.interpolate(rgb, photoData, 5)).map((one: ImageData) => one.data);
// @ts-expect-error: how many is missing
await other.interpolate(x, picture);
const latents: readonly number[] = [...model.latentShape, model.sizeMultiple];
console.log(latents, line);
