// A code, as the page shows it: in numbers where there are few, in bars where there are many.

import { words } from "./map.js";

const FEW = 4;
const [BAR, HIGH, TALLEST] = [4, 96, 3]; // width of a bar and height of all, in pixels; the longest value

/** Show the code that the model made: {z, logVar}. */
export function showCode(element, { z, logVar }) {
  if (z.length > FEW) return showBars(element, z);
  element.innerHTML = codeInWords(z, logVar);
}

// A VAE is sure of an image's code only to within sigma.
function codeInWords(z, logVar) {
  const rows = Array.from(z, (value, i) => {
    const sigma = logVar ? ` <small>\u00b1 ${words(Math.exp(0.5 * logVar[i]), 2)}</small>` : "";
    return `<span>${words(value, 2)}${sigma}</span>`;
  });
  return `<i>z</i> ${rows.join(" ")}`;
}

/** A bar for each number, up or down from the middle. */
function showBars(element, z) {
  let canvas = element.querySelector("canvas");
  if (!canvas) {
    element.innerHTML = `<i>z</i> <canvas role="img"></canvas>`;
    canvas = element.querySelector("canvas");
    Object.assign(canvas, { width: BAR * z.length, height: HIGH });
  }
  canvas.setAttribute("aria-label", `${z.length} numbers, from ${words(Math.min(...z), 1)} to ${words(Math.max(...z), 1)}`);
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = getComputedStyle(canvas).color;
  z.forEach((value, i) => {
    const length = (HIGH / 2) * Math.max(-1, Math.min(1, value / TALLEST));
    context.fillRect(BAR * i, HIGH / 2 - Math.max(0, length), BAR - 1, Math.max(1, Math.abs(length)));
  });
}
