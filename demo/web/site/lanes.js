// What the switches choose between: models, each with its map, opened once. Digits and clothes run in vae.js
// itself; ONNX Runtime is fetched for the others, and for who asks for one of its devices by `?provider=`.

import { LatentMap } from "./map.js";
import { PlaneMap } from "./plane.js";
import { drawingToX, load } from "./vae.js";

const EMOJI = "emoji-vae";

const lanes = new Map(); // name -> promise of a lane
const asked = new URLSearchParams(globalThis.location.search).get("provider");
let runtime = null; // promise of runtime.js, which fetches what is large

/** Open a model with its map: {name, model, latents}. */
export function open(name) {
  if (!lanes.has(name)) {
    const folder = `models/${name}/`;
    const opening = Promise.all([openModel(folder), loadMap(folder)]);
    lanes.set(name, opening.then(([model, latents]) => ({ name, model, latents })));
    opening.catch(() => lanes.delete(name)); // switching back tries again
  }
  return lanes.get(name);
}

/** A drawing, side by side bytes of ink, as a model takes it. */
export async function toX(ink, side) {
  return drawingToX(ink, side, side, { ort: loadRuntime });
}

async function loadMap(folder) {
  const [told, latents] = await Promise.all([
    fetchFile(`${folder}map.json`).then((response) => response.json()),
    fetchFile(`${folder}latents.bin`).then((response) => response.arrayBuffer()),
  ]);
  return told.plane ? new PlaneMap(told, latents) : new LatentMap(told, latents);
}

async function fetchFile(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.url} is missing (${response.status})`);
  return response;
}

async function openModel(folder) {
  const forRuntime = asked !== null || folder.includes(EMOJI);
  if (!forRuntime) return load(folder, { precision: "int8", ort: loadRuntime }); // half a megabyte
  const ort = await loadRuntime();
  return load(folder, { ort, sessionOptions: { executionProviders: [ort.provider] } });
}

function loadRuntime() {
  if (runtime === null) {
    runtime = import("./runtime.js");
    runtime.catch(() => (runtime = null));
  }
  return runtime;
}
