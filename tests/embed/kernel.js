// node kernel.js VAE_JS FOLDER...: how each folder's model fares in the engine that `load` chooses and in
// ONNX Runtime, as JSON on stdout: [engine, z, picture] of each, or what was thrown.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [module, ...folders] = process.argv.slice(2);
const ort = createRequire(new URL("../../demo/embed/node/", import.meta.url))("onnxruntime-node");
const { load } = await import(pathToFileURL(module).href);

async function fare(folder, options) {
  try {
    const model = await load(folder, { ort, ...options });
    const { n, x } = JSON.parse(await readFile(`${folder}/x.json`, "utf-8"));
    const { z } = await model.encode(Float32Array.from(x));
    const picture = await model.decode(z);
    const told = [model.engine, [...z].map(String), [...picture].map(String), z.length / n];
    await model.close();
    return told;
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}

const told = {};
for (const folder of folders) {
  told[folder] = [await fare(folder, {}), await fare(folder, { engine: "onnxruntime" })];
}
console.log(JSON.stringify(told));
