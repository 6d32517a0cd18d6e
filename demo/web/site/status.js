// What the page says of itself: where it runs, how fast, what failed, and that it works offline.

const TIMES = 60; // pictures whose median time the page tells, after the first ten of them

const times = []; // milliseconds from source to picture, the latest ones

const $ = (selector) => document.querySelector(selector);

/** Take note of what a picture took, in milliseconds. */
export function remember(time) {
  times.push(time);
  if (times.length > TIMES) times.shift();
}

/** Say where the model runs, "webgpu" or "wasm", whose code that is, and how fast. */
export function tell({ device, engine }) {
  const where = device === "webgpu" ? "WebGPU" : "WebAssembly";
  const whose = engine === "kernel" ? "by vae.js alone" : "by onnxruntime-web";
  const median = [...times].sort((a, b) => a - b)[times.length >> 1];
  const speed = times.length < 10 ? "" : `, ${median.toFixed(1)} ms a picture`;
  $("#status").textContent = `Runs in this page, on ${where}${speed}, ${whose}. Nothing you draw leaves it.`;
}

/** Say what failed. */
export function fail(error) {
  const box = $(".failure[role=alert]");
  box.hidden = false;
  box.textContent = `This did not work: ${error.message}. Reload the page to try again.`;
  console.warn(error);
}

/** Let the service worker keep the site, and say so. */
export async function workOffline() {
  if (!navigator.serviceWorker) return; // plain http from another machine
  // Who brought this page is registered, or just left for good: to register it would call it back.
  if (!navigator.serviceWorker.controller) await navigator.serviceWorker.register("sw.js");
  await navigator.serviceWorker.ready;
  $("#offline").textContent = "Works offline from now on.";
  if (!navigator.serviceWorker.controller) navigator.serviceWorker.addEventListener("controllerchange", again);
}

/** What was chosen before there was a worker passes by it now, to be kept. */
async function again() {
  const fetched = performance.getEntriesByType("resource").map(({ name }) => name);
  for (const name of fetched.filter((one) => one.startsWith(new URL("./", location).href))) {
    if (!(await keptAlready(name))) fetch(name).catch(() => null);
  }
}

/** Whether the worker, which keeps every file under the hash of its content, has one of that name. */
async function keptAlready(name) {
  return Boolean(await caches.match(name, { ignoreSearch: true }));
}
