// What only emoji have on the page: the way between two pictures, sums of codes, pictures of no emoji.

import { attachBetween } from "./between.js";
import { paint } from "./canvas.js";
import { standardNormal } from "./vae.js";

const SAMPLES = 12;
const PLUS = 2; // the class that is added at first: what becomes of a picture as a flag is seen at once

const $ = (selector) => document.querySelector(selector);

/** What the tests read: the sum that is shown, and the seed of the samples. */
export const told = { sum: null, seed: 0 };

/** Make the section live. `choose(source)` shows a picture or a code above; `fail` tells of an error. */
export function attachEmoji(choose, fail) {
  const between = attachBetween($("#between"), fail);
  const [minus, plus] = [$("#minus"), $("#plus")];
  let lane = null;
  let chosen = null; // {z, picture} that is shown above

  let [stale, busy] = [false, false];

  /** Sum up what is chosen now: once it was, if a sum is under way. */
  async function sum() {
    stale = true;
    if (busy) return;
    busy = true;
    try {
      for (; stale; await showSum()) stale = false;
    } catch (error) {
      fail(error);
    } finally {
      busy = false;
    }
  }

  async function showSum() {
    const { model, latents } = lane;
    const { z, picture } = chosen;
    const [less, more] = [minus, plus].map(({ value }) => latents.classMeans[Number(value)]);
    const result = z.map((value, i) => value - less[i] + more[i]);
    const pictures = await model.decode(Float32Array.from([...less, ...more, ...result]));
    told.sum = { minus: Number(minus.value), plus: Number(plus.value), z: result };
    const size = pictures.length / 3;
    paint($("#sums .picture"), picture, model.imageShape);
    [".less", ".more", ".sum"].forEach((one, i) =>
      paint($(`#sums ${one}`), pictures.slice(i * size, (i + 1) * size), model.imageShape),
    );
  }

  async function sample() {
    const { model } = lane;
    const z = standardNormal(SAMPLES * model.latentDim, told.seed);
    const pictures = await model.decode(z);
    const size = pictures.length / SAMPLES;
    const buttons = Array.from({ length: SAMPLES }, (_, i) => {
      const code = z.slice(i * model.latentDim, (i + 1) * model.latentDim);
      return dream(i, code, pictures.slice(i * size, (i + 1) * size), model.imageShape);
    });
    $("#dreams .pictures").replaceChildren(...buttons);
  }

  function dream(i, z, picture, shape) {
    const [button, canvas] = ["button", "canvas"].map((name) => document.createElement(name));
    paint(canvas, picture, shape);
    button.type = "button";
    button.setAttribute("aria-label", `Drawn picture ${i + 1}: show its code`);
    button.append(canvas);
    button.addEventListener("click", () => choose({ z }));
    return button;
  }

  for (const select of [minus, plus]) select.addEventListener("change", sum);
  $("#again").addEventListener("click", () => {
    told.seed += 1;
    sample().catch(fail);
  });
  document.querySelectorAll("#between .put").forEach((button, end) => {
    button.addEventListener("click", () => chosen && between.put(end, chosen.z, chosen.picture));
  });

  return {
    /** Begin with a model, and two pictures x to go between. */
    async open(next, ends) {
      const first = lane === null;
      lane = next;
      between.start(lane.model);
      if (!first) return;
      for (const [select, value] of [[minus, 0], [plus, PLUS]]) {
        select.replaceChildren(...lane.latents.classes.map(({ name }, i) => new Option(name, String(i))));
        select.value = String(value);
      }
      $("#share").textContent = `${Math.round(100 * lane.latents.share)}\u00a0%`;
      $("#classes").replaceChildren(...lane.latents.classes.map(key));
      for (const [end, x] of ends.entries()) between.put(end, (await lane.model.encode(x)).z, x);
      await sample();
    },
    /** Take note of what is shown above: its code, its picture and its class, where that is known. */
    shown({ z, x, picture }, label) {
      if (lane === null) return;
      chosen = { z, picture: x ?? picture };
      minus.value = String(label ?? lane.latents.nearestMean(z));
      sum();
    },
    stop: between.stop,
  };
}

function key({ name, colour }) {
  const line = document.createElement("p");
  const dot = document.createElement("span");
  dot.className = "key class";
  dot.style.setProperty("--hue", colour);
  line.append(dot, name);
  return line;
}
