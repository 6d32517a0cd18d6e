// Walking over a map: the place is sent while the hand moves, at most so often.
const SEND_EVERY = 40; // milliseconds
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

let walking = null; // pointerId
let timer = null;
let place = null; // where the hand is, sent or not

const clip = (value) => Math.min(100, Math.max(0, value));

function send() {
  clearTimeout(timer);
  timer = null;
  props.value = place;
  trigger("input");
}

function goTo(x, y) {
  place = { x: +clip(x).toFixed(2), y: +clip(y).toFixed(2) };
  const marker = element.querySelector(".marker");
  if (marker) {
    marker.style.left = `${place.x}%`;
    marker.style.top = `${place.y}%`;
  }
  timer ??= setTimeout(send, SEND_EVERY);
}

function follow(event) {
  const box = element.querySelector(".walker").getBoundingClientRect();
  goTo((100 * (event.clientX - box.left)) / box.width, (100 * (event.clientY - box.top)) / box.height);
}

element.addEventListener("pointerdown", (event) => {
  if (walking !== null || event.button !== 0) return;
  walking = event.pointerId;
  element.setPointerCapture(walking);
  follow(event);
});
element.addEventListener("pointermove", (event) => {
  if (event.pointerId === walking) follow(event);
});
for (const end of ["pointerup", "pointercancel"])
  element.addEventListener(end, (event) => {
    if (event.pointerId !== walking) return;
    walking = null;
    send();
  });
element.addEventListener("keydown", (event) => {
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  const from = place ?? props.value;
  const size = event.shiftKey ? 5 : 1;
  goTo(from.x + size * step[0], from.y + size * step[1]);
});
watch("value", () => (place = walking === null ? null : place));
