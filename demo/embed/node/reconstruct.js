// node reconstruct.js drawing.png redrawn.png [mnist-vae]: what a model makes of a drawing, dark on light.

import { readFileSync, writeFileSync } from "node:fs";
import * as ort from "onnxruntime-node";
import { PNG } from "pngjs";
import { drawingToX, load } from "../../web/vae.js";

const [input, output, name = "mnist-vae"] = process.argv.slice(2);
if (!output) throw new Error("usage: node reconstruct.js drawing.png redrawn.png [model]");
const models = new URL("../../../vae_onnx/models/", import.meta.url);

const { width, height, data } = PNG.sync.read(readFileSync(input)); // RGBA, dark on light
const ink = Uint8Array.from({ length: width * height }, (_, i) => {
  return ((255 - data[4 * i]) * data[4 * i + 3]) / 255; // where it is transparent it is paper
});

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
