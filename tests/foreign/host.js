// vae.js as one of the hosts of hosts.py: each line [folder, x, shape] is answered by [x_recon, shape].

/** Load a model, encode and decode a batch. */
export async function answer({ load }, options, line) {
  const [folder, x, shape] = JSON.parse(line);
  const model = await load(folder, options);
  const xRecon = await model.reconstruct(Float32Array.from(x), shape);
  await model.close();
  return JSON.stringify([[...xRecon], shape]);
}

if (globalThis.process?.stdin) {
  const [{ createInterface }, vae, ort] = await Promise.all(
    ["node:readline", "./vae.js", "onnxruntime-node"].map((name) => import(name)),
  );
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(await answer(vae, { ort }, line));
  }
}
