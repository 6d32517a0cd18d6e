// onnxruntime-web as this site has it: one build for WebGPU and for WebAssembly, from files beside it.
// Its modules are called .js here: not every server knows .mjs, and no browser runs what has no type.

import { env } from "./ort/ort.webgpu.min.js";

export * from "./ort/ort.webgpu.min.js";

const BINARY = new URL("ort/ort-wasm-simd-threaded.asyncify.wasm.gz", import.meta.url);
const LOADER = new URL("ort/ort-wasm-simd-threaded.asyncify.js", import.meta.url);

env.wasm.numThreads = 1; // more want COOP and COEP headers, and are slower on graphs this small
env.wasm.wasmPaths = { mjs: LOADER.href };
env.wasm.wasmBinary = await unpack(await fetch(BINARY));

const asked = new URLSearchParams(globalThis.location?.search).get("provider");

/** Where graphs run: what `?provider=` asks for, or "webgpu" where there is a GPU, or "wasm". */
export const provider = asked ?? ((await hasGpu()) ? "webgpu" : "wasm");

// A quarter of the bytes, from any server. One that unpacks it on the way is fine, too.
async function unpack(response) {
  if (!response.ok) throw new Error(`${response.url} is missing (${response.status}); build the site again`);
  const packed = new Uint8Array(await response.arrayBuffer());
  if (packed[0] !== 0x1f || packed[1] !== 0x8b) return packed.buffer;
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

async function hasGpu() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return Boolean(adapter) && !adapter.info?.isFallbackAdapter; // a GPU in software is slower than wasm
}
