// The page: what is drawn, chosen or pointed at goes through the model, and is shown.

import { paint } from "./canvas.js";
import { showCode } from "./code.js";
import { attachEmoji } from "./emoji.js";
import { open, toX } from "./lanes.js";
import { moveApart } from "./map.js";
import { attachOwn, squareOf } from "./own.js";
import { attachPad } from "./pad.js";
import { fail, remember, tell, workOffline } from "./status.js";

const ORIGIN = Float32Array.of(0, 0);
const EMOJI = "emoji";
const STEP = 0.02; // of the map's side, for an arrow key; five times that with Shift

const $ = (selector) => document.querySelector(selector);
const map = $(".map");

/** What the page shows now; the tests read it. */
export const state = {
  /** {ink} of a drawing, {x} of an example, with its label, or of a picture of one's own, or {z} of a place on the map. */
  source: { z: ORIGIN },
  /** What the model made of it: x, mu, logVar, z and picture, as far as there are such. */
  shown: null,
  /** Name of the model that the switches ask for, and of the one that is shown. */
  asked: null,
  name: null,
  /** Pictures shown so far. */
  count: 0,
  /** Where that runs, "webgpu" or "wasm", and in whose code, "kernel" or "onnxruntime", once it is known. */
  device: null,
  engine: null,
};

let lane = null; // {model, latents} that the switches tell, or of the other kind until that is loaded

const { clear: clearPad } = attachPad($("#pad"), 0, (sheet) => {
  choose(sheet === null ? { z: ORIGIN } : { ink: inkOf(sheet), side: sheet.width });
});

const emoji = attachEmoji(choose, fail);

attachOwn($("#own input"), () => lane?.name === "emoji-vae", takeOwn, fail);

function takeOwn(bitmap) {
  const { imageShape, metadata } = lane.model;
  choose({ x: squareOf(bitmap, imageShape[2], metadata.ground) });
}

function inkOf(sheet) {
  const { data } = sheet.getContext("2d").getImageData(0, 0, sheet.width, sheet.height);
  return Uint8Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]);
}

function choose(source) {
  state.source = source;
  for (const button of $("#examples").children) {
    button.setAttribute("aria-pressed", String(button.x !== undefined && button.x === source.x));
  }
  refresh();
}

// --- from the source to the picture, at most once a frame and always the newest ---

let stale = false;
let running = false;

async function refresh() {
  stale = true;
  if (running || lane === null) return;
  running = true;
  try {
    while (stale && lane !== null) {
      stale = false;
      const { source } = state;
      const current = lane;
      const start = performance.now();
      const made = await run(current, source);
      remember(performance.now() - start);
      if (current === lane) show(current, made, source.label);
      await new Promise(requestAnimationFrame);
    }
  } catch (error) {
    fail(error);
  } finally {
    running = false;
  }
}

async function run({ model, latents }, { ink, side, x, z }) {
  if (ink) x = await toX(ink, side);
  const here = z?.length === model.latentDim ? z : latents.home; // of another model
  const code = x ? await model.encode(x) : { z: here };
  return { ...code, x, picture: await model.decode(code.z) };
}

function show({ name, model, latents }, made, label) {
  state.shown = made;
  state.name = name;
  state.count += 1;
  [state.device, state.engine] = [model.device, model.engine];
  paint($("#seen"), made.x, model.imageShape);
  paint($("#redrawn"), made.picture, model.imageShape);
  showCode($("#code"), made);
  if (latents.classMeans) emoji.shown(made, label);
  const place = latents.place(made.z);
  const inside = place.map((percent) => Math.min(100, Math.max(0, percent)));
  const off = inside.some((percent, i) => percent !== place[i]);
  const marker = $(".marker");
  marker.removeAttribute("hidden");
  marker.classList.toggle("off", off);
  [marker.style.left, marker.style.top] = inside.map((percent) => `${percent}%`);
  const { name: commonest, votes, of } = latents.nearestClass(made.z);
  $("#reading").replaceChildren(
    `${off ? "Beyond the edge of this map. " : ""}Of the ${of} nearest test images${latents.classMeans ? " on this map" : ""}, ${votes} are labelled `,
    strong(commonest),
    ".",
  );
}

function strong(text) {
  const element = document.createElement("b");
  element.textContent = text;
  return element;
}

// --- the map ---

let dragging = null; // pointerId

function pick(event) {
  const box = map.getBoundingClientRect();
  const x = (100 * (event.clientX - box.left)) / box.width;
  const y = (100 * (event.clientY - box.top)) / box.height;
  chooseOnMap([x, y]);
}

function chooseOnMap(place) {
  if (lane === null) return;
  choose({ z: lane.latents.at(place.map((percent) => Math.min(100, Math.max(0, percent)))) });
}

function endDrag(event) {
  if (event.pointerId !== dragging) return;
  dragging = null;
  map.classList.remove("dragging");
  $("#reading").setAttribute("aria-busy", "false");
}

map.addEventListener("pointerdown", (event) => {
  if (dragging !== null || event.button !== 0) return;
  dragging = event.pointerId;
  map.setPointerCapture(dragging);
  map.classList.add("dragging");
  $("#reading").setAttribute("aria-busy", "true"); // not a word for each frame
  pick(event);
});
map.addEventListener("pointermove", (event) => {
  if (event.pointerId === dragging) pick(event);
});
map.addEventListener("pointerup", endDrag);
map.addEventListener("pointercancel", endDrag);
map.addEventListener("contextmenu", (event) => event.preventDefault()); // a long press drags
map.addEventListener("keydown", (event) => {
  const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[
    event.key
  ] ?? [0, 0];
  if ((x === 0 && y === 0) || lane === null || state.shown === null) return;
  event.preventDefault();
  const step = 100 * STEP * (event.shiftKey ? 5 : 1);
  const z = state.source.z ?? state.shown.z;
  const [left, top] = lane.latents.place(z);
  chooseOnMap([left + x * step, top + y * step]);
});

function paintMap() {
  const canvas = $(".map canvas");
  if (lane === null || canvas.clientWidth === 0) return;
  lane.latents.paint(canvas);
  moveApart([...map.querySelectorAll(".name")]);
}

// --- the switches, and what they load ---

const choice = (name) => $(`[name=${name}]:checked`).value;

/** Data set and kind of the model that the switches tell; of emoji there is but a VAE. */
function asked() {
  const dataset = choice("dataset");
  return [dataset, dataset === EMOJI ? "vae" : choice("kind")];
}

async function change() {
  const [dataset, kind] = asked();
  state.asked = `${dataset}-${kind}`;
  document.body.dataset.dataset = dataset;
  document.body.dataset.kind = kind;
  const name = state.asked;
  try {
    const next = await open(name);
    if (name !== state.asked) return; // switched again meanwhile
    lane = next;
  } catch (error) {
    return fail(error);
  }
  if (state.source.z && state.source.z.length !== lane.model.latentDim) {
    state.source = { z: lane.latents.home };
  }
  $(".names").replaceChildren(...lane.latents.labelsOver());
  paintMap();
  $("#count").textContent = lane.latents.labels.length.toLocaleString("en");
  refresh();
}

async function showExamples(dataset) {
  const response = await fetch(`examples/${dataset}.json`);
  if (!response.ok) throw new Error(`${response.url} is missing (${response.status})`);
  const { shape, images } = await response.json();
  if (dataset !== choice("dataset")) return;
  $("#examples").replaceChildren(...images.map((image) => example(image, shape)));
}

function example({ name, label, pixels }, shape) {
  const x = Float32Array.from(atob(pixels), (byte) => byte.charCodeAt(0) / 255);
  const button = document.createElement("button");
  const canvas = document.createElement("canvas");
  paint(canvas, x, shape);
  Object.assign(button, { type: "button", title: name, x });
  button.setAttribute("aria-label", `Test image: ${name}`);
  button.setAttribute("aria-pressed", "false");
  button.append(canvas);
  button.addEventListener("click", () => {
    clearPad();
    choose({ x, label });
  });
  return button;
}

async function changeDataset() {
  clearPad();
  state.source = { z: ORIGIN };
  emoji.stop();
  lane = null; // which takes pictures of another size
  const dataset = choice("dataset");
  $("#examples").replaceChildren();
  await Promise.all([change(), showExamples(dataset).catch(fail)]);
  if (dataset !== EMOJI || lane?.name !== "emoji-vae" || choice("dataset") !== EMOJI) return;
  const examples = [...$("#examples").children];
  if (examples.length === 0) return;
  await emoji.open(lane, [examples[3].x, examples[6].x]).catch(fail);
  if (state.source.x === undefined) examples[3].click();
  else refresh(); // for the sum of what was chosen while the model was loaded
}

function changeKind() {
  if (state.source.z) state.source = { z: ORIGIN }; // the other model has another map
  return change();
}

for (const input of document.querySelectorAll("[name=dataset]")) {
  input.addEventListener("change", changeDataset);
}
for (const input of document.querySelectorAll("[name=kind]")) {
  input.addEventListener("change", changeKind);
}
new ResizeObserver(paintMap).observe(map);
window.addEventListener("resize", paintMap);
setInterval(() => state.count > 0 && tell(state), 500);
await changeDataset();
await workOffline().catch((error) => console.warn(error));
