// What the switches choose between: models, each with its map, opened once.

import { loadMap } from "./map.js";
import { drawingToX, load } from "./vae.js";

const lanes = new Map(); // name -> promise of a lane
let runtime = null; // promise of runtime.js, which fetches what is large

/** Open a model with its map: {model, latents}. */
export function open(name) {
  if (!lanes.has(name)) {
    const folder = `models/${name}/`;
    const opening = Promise.all([openModel(folder), loadMap(folder)]);
    lanes.set(name, opening.then(([model, latents]) => ({ model, latents })));
    opening.catch(() => lanes.delete(name)); // switching back tries again
  }
  return lanes.get(name);
}

/** A drawing, side by side bytes of ink, as a model takes it. */
export async function toX(ink, side) {
  return drawingToX(ink, side, side, { ort: await loadRuntime() });
}

async function openModel(folder) {
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
