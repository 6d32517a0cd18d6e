// What people write against vae.d.ts. `tsc --noEmit --strict` must take it, errors where they are expected.

import * as ort from "onnxruntime-node";
import {
  type Autoencoder,
  InputError,
  VaeError,
  drawingToX,
  load,
  pictureToInk,
  standardNormal,
} from "../../../demo/web/vae/vae.js";

const model: Autoencoder = await load("models/mnist-vae/", { ort });
const other = await load(new URL("https://example.org/m/"), {
  sessionOptions: { executionProviders: ["webgpu"] },
});

const x: Float32Array = await drawingToX(new Uint8ClampedArray(12), 3, 4, { file: "drawing.onnx" });
const photo = pictureToInk(new ImageData(3, 4), { lossless: false });
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
