// What a call of vae.js takes, on the host that runs this. Measured as tests/bench/runtime.py does.

const ROUNDS = 15;
const MILLISECONDS = 50; // the least that one measurement lasts

/** Median milliseconds of a call on the engine that the options name, by what it does. */
export async function medians({ load, drawingToX, standardNormal }, models, options) {
  const model = await load(`${models}mnist-vae/`, options);
  if (model.engine !== options.engine) throw new Error(`it runs on ${model.engine}`);
  const ink = new Uint8Array(280 * 280);
  for (let row = 40; row < 240; row++) ink.fill(255, 280 * row + 120, 280 * row + 160);
  const file = `${models}drawing.onnx`;
  const calls = { drawingToX: () => drawingToX(ink, 280, 280, { ...options, file }) };
  for (const n of [1, 16, 256]) {
    const z = standardNormal(n * model.latentDim, 0);
    const x = await model.decode(z);
    calls[`decode ${n}`] = () => model.decode(z);
    calls[`encode ${n}`] = () => model.encode(x);
  }
  const repeats = {};
  for (const [what, call] of Object.entries(calls)) {
    await time(call, 20); // the engine compiles what it sees often
    repeats[what] = Math.max(1, Math.round(MILLISECONDS / (await time(call, 20))));
  }
  const times = Object.fromEntries(Object.keys(calls).map((what) => [what, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [what, call] of Object.entries(calls)) {
      times[what].push(await time(call, repeats[what]));
    }
  }
  await model.close();
  const middle = (list) => list.sort((a, b) => a - b)[list.length >> 1];
  return Object.fromEntries(Object.entries(times).map(([what, list]) => [what, middle(list)]));
}

async function time(call, repeats) {
  const start = performance.now();
  for (let i = 0; i < repeats; i++) await call();
  return (performance.now() - start) / repeats;
}
