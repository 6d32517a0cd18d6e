// What the page says of itself: where it runs, how fast, what failed, and that it works offline.

const TIMES = 60; // pictures whose median time the page tells, after the first ten of them

const times = []; // milliseconds from source to picture, the latest ones

const $ = (selector) => document.querySelector(selector);

/** Take note of what a picture took, in milliseconds. */
export function remember(time) {
  times.push(time);
  if (times.length > TIMES) times.shift();
}

/** Say where the models run, "webgpu" or "wasm", and how fast. */
export function tell(provider) {
  const where = provider === "webgpu" ? "WebGPU" : "WebAssembly";
  const median = [...times].sort((a, b) => a - b)[times.length >> 1];
  const speed = times.length < 10 ? "" : `, ${median.toFixed(1)} ms a picture`;
  $("#status").textContent = `Runs in this page, on ${where}${speed}. Nothing you draw leaves it.`;
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
  await navigator.serviceWorker.register("sw.js");
  await navigator.serviceWorker.ready;
  $("#offline").textContent = "Works offline from now on.";
  if (!navigator.serviceWorker.controller) navigator.serviceWorker.addEventListener("controllerchange", again);
}

/** What was chosen before there was a worker passes by it now, to be kept. */
function again() {
  const chosen = performance.getEntriesByType("resource").filter(({ name }) => name.includes("emoji"));
  for (const { name } of chosen) if (!name.endsWith(".js")) fetch(name).catch(() => null);
}
