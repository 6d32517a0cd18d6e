// node node.js PATH_OF_VAE_JS MODELS GOLDEN [ENGINE]: the checks in Node, as JSON on stdout. onnxruntime-node is
// taken from the folder of the example.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { batches, engines, golden, refusals } from "./checks.js";

const [module, models, vectors, engine] = process.argv.slice(2); // of no engine: as `load` chooses
const ort = createRequire(new URL("../../../demo/embed/node/", import.meta.url))("onnxruntime-node");
const vae = await import(pathToFileURL(module).href);
const read = (path) => readFile(`${vectors}/${path}`);

const options = { ort, ...(engine ? { engine } : {}) };

console.log(
  JSON.stringify({
    golden: await golden(vae, read, `${models}/`, options),
    batches: await batches(vae, `${models}/`, options),
    refusals: await refusals(vae, `${models}/`, options),
    engines: engine ? [] : await engines(vae, `${models}/`, options),
  }),
);
