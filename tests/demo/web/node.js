// node node.js PATH_OF_VAE_JS MODELS GOLDEN: the checks in Node, as JSON on stdout. onnxruntime-node is
// taken from the folder of the example.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { batches, golden, refusals } from "./checks.js";

const [module, models, vectors] = process.argv.slice(2);
const ort = createRequire(new URL("../../../demo/embed/node/", import.meta.url))("onnxruntime-node");
const vae = await import(pathToFileURL(module).href);
const read = (path) => readFile(`${vectors}/${path}`);

console.log(
  JSON.stringify({
    golden: await golden(vae, read, `${models}/`, { ort }),
    batches: await batches(vae, `${models}/`, { ort }),
    refusals: await refusals(vae, `${models}/`, { ort }),
  }),
);
