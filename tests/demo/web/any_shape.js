// Models whose pictures have colours or any size, or whose code is a map: what vae.js makes of them on
// every host. The graphs are tiny and written by hand (tests/runtime/graphs), so that each number is known.

/** Answers by name; an error as its name and message. Pictures are given as [width, height, ...bytes]. */
export async function anyShape(vae, models, options) {
  const [colour, map, open, grey, placed, white] = await Promise.all(
    ["colour", "map", "open", "vae", "placed", "white"].map((name) => vae.load(`${models}tiny/${name}/`, options)),
  );
  const pair = { data: Uint8Array.of(255, 0, 51, 255, 0, 102, 204, 255), width: 1, height: 2 };
  const clear = { data: Uint8Array.of(255, 0, 51, 0, 255, 255, 0, 51), width: 1, height: 2 };
  const floats = { data: Float32Array.of(1, 0, 0.5, 0, 0.25, 1), width: 1, height: 2 };
  const squares = (n) =>
    Array.from({ length: n }, (_, k) => ({
      data: Uint8ClampedArray.from({ length: 96 }, (_, i) => (i * 37 + k * 101) % 256),
      width: 4,
      height: 6,
    }));
  const large = (height, width, channels = 3) => ({
    data: Uint8Array.from({ length: height * width * channels }, (_, i) => (i * 53) % 256),
    width,
    height,
  });
  const x = new Float32Array(2 * 3 * 4 * 6).map((_, i) => (i % 7) / 7);
  const calls = {
    shapes: () => [colour, map, open].map((m) => [m.imageShape, m.latentShape, m.sizeMultiple]),
    dims: () => [colour.latentDim, map.latentDim],
    "no one dim": () => open.latentDim,
    "colour z": async () => (await colour.encode(pair)).z,
    "colour shape": async () => (await colour.encode([pair, pair, pair])).shape,
    "colour again": async () => listed(await colour.reconstruct(pair)),
    transparent: async () => listed(await colour.reconstruct(clear)),
    "on white": async () => listed(await white.reconstruct(clear)),
    "floats z": async () => (await colour.encode(floats)).z,
    "map shape": async () => (await map.encode(squares(2))).shape,
    "map mu": async () => (await map.encode(squares(2))).mu,
    "map many": async () => (await map.encode(squares(300))).z.slice(-24),
    "map log_var": async () => (await map.encode(squares(1))).logVar,
    "map again": async () => (await map.reconstruct(squares(2))).map(listed),
    "map z": async () => map.decode(new Float32Array(24).fill(0.5), [1, 4, 3, 2]),
    "map sample": async () => difference(await map.sample(3, 5), await map.decode(vae.standardNormal(72, 5))),
    "open again": async () => listed(await open.reconstruct(large(6, 10))),
    "open shape": async () => (await open.encode(x, [2, 3, 4, 6])).shape,
    "open z": async () => (await open.encode(x, [2, 3, 4, 6])).z,
    "open x_recon": async () => open.reconstruct(x, [2, 3, 4, 6]),
    "open drawn": async () => (await open.decodeToPictures(new Float32Array(18).fill(1), [1, 3, 2, 3])).map(listed),
    "grey z": async () => (await grey.encode(vae.pictureToGrey({ ...large(2, 2, 4), data: RGBA }))).z,
    "grey drawn": async () => listed((await grey.decodeToPictures(Float32Array.of(0.2, 1)))[0]),
    "colour line": async () => colour.interpolate(floats.data, new Float32Array(6), 3),
    "code line": () => vae.interpolate(Float32Array.of(0, 8), Float32Array.of(1, -8), 5),
    "drawn line": async () => (await colour.interpolate(pair, floats, 3)).map(listed),
    "open line": async () => (await open.interpolate(x.slice(72), x.slice(0, 72), 2, [1, 3, 4, 6])).length,
    "map line": async () => (await map.interpolate(...squares(2), 4)).map(listed),
    "placed sample": async () => placed.sample(3, 0),
    "drawn x": async () => vae.toPictures(Float32Array.of(0, 1, 0.5, 0.1, 0.9, 0.4), colour.imageShape).map(listed),
    // What is refused.
    "no shape": () => open.encode(x),
    "no shape of z": () => open.decode(x),
    "wrong shape": () => open.encode(x, [2, 4, 3, 6]),
    "another count": () => open.encode(x, [1, 3, 4, 6]),
    "shape in words": () => open.encode(x, "4x6"),
    "odd size": () => open.encode(large(7, 10)),
    "tiny size": () => open.encode(new Float32Array(9), [1, 3, 1, 3]),
    "two sizes": () => open.encode([large(4, 4), large(2, 4)]),
    "another size": () => colour.encode(large(3, 5)),
    "five channels": () => colour.encode({ ...pair, data: new Uint8Array(10) }),
    "words for pixels": () => colour.encode({ ...pair, data: new Uint16Array(6) }),
    "floats out of range": () => colour.encode({ ...floats, data: new Float32Array(6).fill(2) }),
    "canvas for grey": () => grey.encode(large(2, 2, 4)),
    "line of two sizes": () => open.interpolate(large(4, 4), large(2, 4), 2),
    "open sample": () => open.sample(1, 0),
    "damaged codes": async () => (await vae.load(`${models}tiny/damaged`, options)).sample(1, 0),
    "no multiple": () => vae.load(`${models}tiny/halves`, options),
    "short map": () => map.decode(new Float32Array(23)),
    "two channels": () => vae.toPictures(new Float32Array(8), [2, 2, 2]),
    "half a picture": () => vae.toPictures(new Float32Array(7), [3, 2, 1]),
  };
  const told = {};
  for (const [what, call] of Object.entries(calls)) told[what] = await outcome(call);
  await Promise.all([colour, map, open, grey, placed, white].map((model) => model.close()));
  return told;
}

const RGBA = Uint8Array.of(255, 255, 255, 255, 255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255);

async function outcome(call) {
  try {
    const value = await call();
    return ArrayBuffer.isView(value) ? [...value] : value;
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}

function listed(picture) {
  if (typeof ImageData === "function" && !(picture instanceof ImageData)) return "no ImageData";
  return [picture.width, picture.height, ...picture.data];
}

function difference(a, b) {
  return Math.max(a.length === b.length ? 0 : Infinity, ...a.map((value, i) => Math.abs(value - b[i])));
}
