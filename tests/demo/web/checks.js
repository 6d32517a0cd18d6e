// What vae.js must do on every host. Nothing here knows whether it runs in a browser or in Node.

/**
 * The golden vectors (tests/golden) and what the module makes of their inputs.
 *
 * `read(path)` gives the bytes of a golden file, `models` is where the models' folders are, `options`
 * go to `load` and `drawingToX`. Returns [what, largest difference, what is allowed] for each tensor.
 */
export async function golden({ load, drawingToX }, read, models, options, names) {
  const manifest = JSON.parse(new TextDecoder().decode(await read("golden.json")));
  const { drawings } = manifest;
  const tiny = manifest.tiny.map((entry) => ({ ...entry, folder: `tiny/${entry.name}` }));
  const rows = [];
  const compare = (what, got, expected) => rows.push([what, ...difference(got, expected)]);
  for (const { name, tensors } of drawings) {
    const [ink, x] = await Promise.all([bytes(read, tensors.ink), floats(read, tensors.x)]);
    const file = `${models}drawing.onnx`;
    compare(`drawing ${name}`, await drawingToX(ink, ...tensors.ink.shape, { ...options, file }), x);
  }
  for (const entry of [...manifest.models, ...tiny]) {
    const { name, folder = name, kind, image_shape: shape, tensors } = entry;
    if (names && !names.includes(name)) continue;
    const model = await load(`${models}${folder}/`, options);
    const { latent_shape: latentShape = [entry.latent_dim] } = entry;
    const same = [model.kind, ...model.latentShape, ...model.imageShape].join();
    if (same !== [kind, ...latentShape, ...shape].join()) throw new Error(`${name} is read as ${same}`);
    const expected = {};
    for (const key of Object.keys(tensors)) expected[key] = await floats(read, tensors[key]);
    const { x, z, mu, log_var: logVar, x_recon: xRecon } = expected;
    // All at once: calls that overlap must not disturb each other.
    const [code, picture, reconstruction] = await Promise.all([
      model.encode(x, tensors.x.shape),
      model.decode(z, tensors.z.shape),
      model.reconstruct(x, tensors.x.shape),
    ]);
    if (kind === "vae") compare(`${name} mu`, code.mu, mu);
    if (kind === "vae") compare(`${name} log_var`, code.logVar, logVar);
    compare(`${name} z`, code.z, z.subarray(0, code.z.length));
    compare(`${name} x_recon`, picture, xRecon);
    compare(`${name} reconstruct`, reconstruction, xRecon.subarray(0, reconstruction.length));
    await model.close();
  }
  return rows;
}

/**
 * The kernel beside ONNX Runtime, on every graph of dense layers: [what, largest difference, what is allowed].
 *
 * The integers of int8 graphs are the same ones: a step more or less would show as 1e-3.
 */
export async function engines({ load, standardNormal }, models, options) {
  const rows = [];
  for (const dataset of ["mnist", "fashion-mnist"]) {
    for (const [name, precision] of ["vae", "ae", "vae-16d"].flatMap((kind) =>
      ["float32", "int8"].map((one) => [`${dataset}-${kind}`, one]),
    )) {
      const [ours, theirs] = await Promise.all(
        ["kernel", "onnxruntime"].map((engine) =>
          load(`${models}${name}`, { ...(engine === "kernel" ? {} : options), engine, precision }),
        ),
      );
      if (ours.engine !== "kernel" || theirs.engine !== "onnxruntime") rows.push([name, NaN, 0]);
      for (const n of [1, 7, 33]) {
        const z = standardNormal(n * ours.latentDim, n).map((value) => 2 * value);
        const picture = await theirs.decode(z);
        rows.push([`${name} ${precision} decode ${n}`, ...difference(await ours.decode(z), picture)]);
        const dark = picture.map((value) => (value > 0.25 ? value : 0)); // as a drawing is, and as it is not
        for (const x of [dark, picture]) {
          const [got, expected] = [await ours.encode(x), await theirs.encode(x)];
          rows.push([`${name} ${precision} z ${n}`, ...difference(got.z, expected.z)]);
          if (got.logVar) rows.push([`${name} ${precision} ${n}`, ...difference(got.logVar, expected.logVar)]);
        }
      }
      await Promise.all([ours.close(), theirs.close()]);
    }
  }
  return rows;
}

/** Batches of sizes about and beyond a block, beside their rows one by one: [size, largest difference]. */
export async function batches({ load, standardNormal }, models, options) {
  const model = await load(`${models}mnist-vae`, options);
  const size = model.imageShape.reduce((product, one) => product * one);
  const rows = [];
  for (const n of [1, 2, 7, 256, 257, 1000]) {
    const z = standardNormal(n * model.latentDim, n);
    const pictures = await model.decode(z);
    const codes = await model.encode(pictures);
    if (pictures.length !== n * size || codes.mu.length !== z.length) rows.push([n, NaN]);
    for (const i of [0, n >> 1, n - 1]) {
      const picture = await model.decode(z.slice(2 * i, 2 * i + 2));
      const code = await model.encode(picture);
      const ours = pictures.subarray(i * size, (i + 1) * size);
      rows.push([n, difference(ours, picture)[0]]);
      rows.push([n, difference(codes.logVar.subarray(2 * i, 2 * i + 2), code.logVar)[0]]);
    }
  }
  const sampled = await model.sample(5, 11);
  rows.push(["sample", difference(sampled, await model.decode(standardNormal(10, 11)))[0]]);
  await model.close();
  return rows;
}

/** What is refused, each with the name and the message of its error, or "accepted". */
export async function refusals({ load, drawingToX, interpolate, standardNormal }, models, options) {
  const model = await load(`${models}mnist-vae/`, options);
  const file = `${models}drawing.onnx`;
  const pixels = new Float32Array(784);
  const calls = {
    "short image": () => model.encode(new Float32Array(783)),
    "no image": () => model.encode(new Float32Array(0)),
    "bytes for an image": () => model.encode(new Uint8Array(784)),
    "image in 0..255": () => model.encode(pixels.map((_, i) => i % 256)),
    "image with NaN": () => model.encode(pixels.map((_, i) => (i === 7 ? NaN : 0))),
    "image below 0": () => model.encode(pixels.map((_, i) => (i === 7 ? -0.5 : 0))),
    "odd code": () => model.decode(new Float32Array(3)),
    "code with infinity": () => model.decode(Float32Array.of(0, Infinity)),
    "list for a code": () => model.decode([0, 0]),
    "no code": () => model.decode(),
    "no sample": () => model.sample(0, 0),
    "no seed": () => model.sample(1),
    "one step": () => model.interpolate(pixels, pixels, 1),
    "two images for one": () => model.interpolate(new Float32Array(1568), pixels, 2),
    "codes of two models": () => interpolate(new Float32Array(2), new Float32Array(3), 2),
    "list for an end": () => interpolate([0, 0], new Float32Array(2), 2),
    "end with NaN": () => interpolate(new Float32Array(2), Float32Array.of(0, NaN), 2),
    "broken seed": () => standardNormal(1, 0.5),
    "negative seed": () => standardNormal(1, -1),
    "ink as floats": () => drawingToX(new Float32Array(4), 2, 2, { ...options, file }),
    "ink of a canvas": () => drawingToX(new Uint8ClampedArray(16), 2, 2, { ...options, file }),
    "ink without a size": () => drawingToX(new Uint8Array(4), 2, undefined, { ...options, file }),
    "ink of no height": () => drawingToX(new Uint8Array(0), 0, 2, { ...options, file }),
    "no drawing graph": () => drawingToX(new Uint8Array(4), 2, 2, { ...options, file: `${file}x` }),
    "no model": () => load(`${models}nowhere/`, options),
    "no folder": () => load(undefined, options),
    "no graph": () => load(`${models}foreign/no_onnx/`, options),
    "mixed models": () => load(`${models}foreign/mixed/`, options),
    "other names": () => load(`${models}foreign/names/`, options),
    "static batch": () => load(`${models}foreign/static_batch/`, options),
    "foreign runtime": () => load(`${models}mnist-vae/`, { ...options, ort: { run: 1 } }),
  };
  const told = {};
  for (const [what, call] of Object.entries(calls)) told[what] = await outcome(call);
  await model.close();
  await model.close(); // once more does nothing
  told["closed model"] = await outcome(() => model.decode(Float32Array.of(0, 0)));
  return told;
}

async function outcome(call) {
  try {
    await call();
    return "accepted";
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}

async function bytes(read, { file }) {
  return new Uint8Array(await read(file));
}

async function floats(read, { file }) {
  return new Float32Array((await bytes(read, { file })).slice().buffer);
}

function difference(got, expected) {
  if (got.length !== expected.length) return [NaN, 0];
  let [largest, scale] = [0, 1];
  for (let i = 0; i < got.length; i++) {
    const one = Math.abs(got[i] - expected[i]);
    if (!(one <= largest)) largest = one; // NaN, too
    scale = Math.max(scale, Math.abs(expected[i]));
  }
  return [largest, 1e-5 * scale];
}
