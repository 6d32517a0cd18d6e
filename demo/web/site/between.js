// The way from one picture to another: the straight line between their codes, decoded frame by frame.

import { paint } from "./canvas.js";
import { interpolate } from "./vae.js";

const STEPS = 121;
const SECONDS = 3; // from one end to the other
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** What the tests read. */
export const way = { step: 0, playing: false, frames: 0, line: null };

/** Make the elements in `box` move; returns what opens, fills and stops them. */
export function attachBetween(box, fail) {
  const [canvas, slider, button] = [".way canvas", "input", ".play"].map((one) => box.querySelector(one));
  const ends = [...box.querySelectorAll(".end canvas")];
  const codes = [null, null];
  let model = null;
  let [open, inSight, running] = [false, false, false];
  let turn = 0; // 0 to 1 there, 1 to 2 back
  let shown = -1;
  slider.max = String(STEPS - 1);

  function play(playing) {
    way.playing = playing;
    button.textContent = playing ? "Pause" : "Play";
    run();
  }

  async function run() {
    if (running) return;
    running = true;
    try {
      for (let last = await frame(); open && way.line && (inSight || shown < 0); ) {
        const now = await frame();
        if (way.playing) turn = (turn + (now - last) / (1000 * SECONDS)) % 2;
        last = now;
        if (way.playing) way.step = Math.round(((1 - Math.cos(Math.PI * turn)) / 2) * (STEPS - 1));
        await draw();
        if (!way.playing && shown === way.step) break;
      }
    } catch (error) {
      open = false;
      fail(error);
    } finally {
      running = false;
    }
  }

  async function draw() {
    const { step, line } = way;
    if (shown === step) return;
    slider.value = String(step);
    const length = line.length / STEPS;
    const picture = await model.decode(line.slice(step * length, (step + 1) * length));
    paint(canvas, picture, model.imageShape);
    [shown, way.frames] = [line === way.line ? step : -1, way.frames + 1];
  }

  /** Put a picture with its code at an end, 0 or 1. */
  function put(end, z, picture) {
    codes[end] = z;
    paint(ends[end], picture, model.imageShape);
    if (!codes.every(Boolean)) return;
    way.line = interpolate(codes[0], codes[1], STEPS);
    shown = -1;
    run();
  }

  button.addEventListener("click", () => play(!way.playing));
  slider.addEventListener("input", () => {
    way.step = Number(slider.value);
    turn = Math.acos(1 - (2 * way.step) / (STEPS - 1)) / Math.PI; // on from here
    play(false);
  });
  still.addEventListener("change", () => still.matches && play(false));
  new IntersectionObserver(([entry]) => {
    inSight = entry.isIntersecting;
    run();
  }).observe(box);

  return {
    put,
    start(next) {
      model = next;
      open = true;
      play(!still.matches);
    },
    stop() {
      open = false;
    },
  };
}

function frame() {
  return new Promise(requestAnimationFrame);
}
