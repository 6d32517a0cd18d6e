// node graphs.mjs VAE_JS GRAPHS INPUTS SEED: mutated graphs, loaded and run by the engine of vae.js. What came of it
// is JSON on stdout, as tests/fuzz/__main__.py writes it: an error that is none of VaeError's is a finding.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [module, graphs, inputs, seed] = process.argv.slice(2);
const { VaeError, load } = await import(pathToFileURL(resolve(module)).href);

const FOLDERS = ["ae", "colour", "map", "open", "vae"];
const FILES = ["encoder.onnx", "decoder.onnx"];
const LENGTHS = [0, 1, 1, 2, 4, 8, 64]; // that are cut out, or put in
const BYTES = [0, 1, 127, 128, 255];
const SLOW = 10; // seconds of a processor
const MOST = 1e5; // numbers of a code that is decoded

let state = BigInt(seed) + 1n;

/** A whole number below n: xorshift, the same each time. */
function draw(n) {
  state ^= (state << 13n) & 0xffffffffffffffffn;
  state ^= state >> 7n;
  state ^= (state << 17n) & 0xffffffffffffffffn;
  return Number(state % BigInt(n));
}

const pick = (list) => list[draw(list.length)];

function mutated(content) {
  const bytes = [...content];
  for (let left = 1 + draw(3); left; left--) {
    const put = Array.from({ length: pick(LENGTHS.slice(0, -1)) }, () => (draw(2) ? pick(BYTES) : draw(256)));
    bytes.splice(draw(bytes.length + 1), draw(4) ? put.length : pick(LENGTHS), ...put);
  }
  return Uint8Array.from(bytes);
}

const seconds = () => process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6;
const memory = () => process.memoryUsage().rss >> 10;

const seeds = FOLDERS.map((folder) => FILES.map((file) => readFileSync(join(graphs, folder, file))));
const folder = mkdtempSync(join(tmpdir(), "vae-js-fuzz-"));
const found = new Map();
let [taken, early] = [0, 0];
for (let i = 0; i < Number(inputs); i++) {
  const pair = [...pick(seeds)];
  const which = draw(2);
  pair[which] = mutated(pair[which]);
  FILES.forEach((file, at) => writeFileSync(join(folder, file), pair[at]));
  const start = seconds();
  const keep = (what) => found.set(what, `${FILES[which]} ${Buffer.from(pair[which]).toString("base64")}`);
  try {
    const model = await load(folder, { engine: "kernel" });
    const size = model.latentShape.reduce((product, one) => product * Math.abs(one), 1);
    if (size < MOST) await model.decode(new Float32Array(size));
    taken++;
  } catch (error) {
    if (!(error instanceof VaeError)) keep(`${error?.stack ?? error}`.split("\n").slice(0, 2).join(" "));
  }
  if (seconds() - start > SLOW) keep("it took too long");
  if (i === Math.floor(Number(inputs) / 10)) early = memory();
}
rmSync(folder, { recursive: true });
const told = { name: "vae_js", inputs: Number(inputs), taken, seconds: seconds(), growth: memory() - early };
console.log(JSON.stringify({ ...told, found: [...found].map((one) => one.join(": ")) }, null, 1));
