// node reconstruct.js drawing.png redrawn.png [mnist-vae]: what a model makes of a drawing; or a model of
// yours, named by its folder, of a picture.
// vae.js is written here by `python3 -m demo.web.join demo/embed/node`, typed at the top of the repository.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import * as ort from "onnxruntime-node";
import { PNG } from "pngjs";
import { drawingToX, load, pictureToGrey, pictureToInk } from "./vae.js";

const [input, output, name = "mnist-vae"] = process.argv.slice(2);
if (!output) throw new Error("usage: node reconstruct.js drawing.png redrawn.png [model]");
const models = new URL("../../../vae_onnx/models/", import.meta.url);

const model = await load(existsSync(name) ? name : new URL(`${name}/`, models), { ort });
const [channels] = model.imageShape;
const isDrawn = model.imageShape.join() === "1,28,28"; // what drawing.onnx makes

const picture = PNG.sync.read(readFileSync(input)); // RGBA of 8 bits
const asIs = channels === 1 ? pictureToGrey(picture) : picture;
const { z, shape } = await model.encode(isDrawn ? await xOf(picture) : asIs);
const [{ data, width, height }] = await model.decodeToPictures(z, shape);
await model.close();

const png = new PNG({ width, height });
const inverted = data.map((value, i) => (i % 4 === 3 ? value : 255 - value));
png.data = Buffer.from(isDrawn ? inverted : data); // drawings are dark on light paper
const colorType = { 1: 0, 3: 2, 4: 6 }[channels];
writeFileSync(output, PNG.sync.write(png, { colorType }));
const numbers = Array.from(z, (value) => value.toFixed(2)).join(", ");
const code = model.latentShape.length === 1 ? `z = (${numbers})` : `z of shape ${shape.join(", ")}`;
console.log(`${code}, written to ${output}`);

/** x of a drawing on paper, centred and scaled as the model knows it. */
async function xOf(drawing) {
  const { ink, height, width } = pictureToInk(drawing, { lossless: true });
  return drawingToX(ink, height, width, { ort, file: new URL("drawing.onnx", models) });
}
