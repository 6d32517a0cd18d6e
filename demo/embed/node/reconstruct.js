// node reconstruct.js drawing.png redrawn.png [mnist-vae]: what a model makes of a drawing.
// vae.js is written here by `python3 -m demo.web.join demo/embed/node`, typed at the top of the repository.

import { readFileSync, writeFileSync } from "node:fs";
import * as ort from "onnxruntime-node";
import { PNG } from "pngjs";
import { drawingToX, load, pictureToInk } from "./vae.js";

const [input, output, name = "mnist-vae"] = process.argv.slice(2);
if (!output) throw new Error("usage: node reconstruct.js drawing.png redrawn.png [model]");
const models = new URL("../../../vae_onnx/models/", import.meta.url);

const { ink, height, width } = pictureToInk(PNG.sync.read(readFileSync(input)), { lossless: true });

const model = await load(new URL(`${name}/`, models), { ort });
const x = await drawingToX(ink, height, width, { ort, file: new URL("drawing.onnx", models) });
const { z } = await model.encode(x);
const picture = await model.decode(z);
await model.close();

const [, rows, columns] = model.imageShape;
const png = new PNG({ width: columns, height: rows });
png.data = Buffer.from(picture.map((value) => Math.round(255 * (1 - value))));
writeFileSync(output, PNG.sync.write(png, { colorType: 0, inputColorType: 0, inputHasAlpha: false }));
console.log(`z = (${Array.from(z, (value) => value.toFixed(2)).join(", ")}), written to ${output}`);
