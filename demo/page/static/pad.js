// The drawing pad of the Gradio demo and of the static page: one module for both.
//
// Strokes are kept as points in units of the pad's side, not as pixels: undo, a resized window and a
// screen of any density then need nothing but drawing them again.

const INK_WIDTH = 0.08; // about what MNIST's digits have, for a digit that fills the pad
const SHEET_SIDE = 280; // pixels of the drawing; what the model sees is ten times smaller

/**
 * Let mouse, finger, pen and keyboard draw on the pad in `element`, which holds pad.html.
 *
 * `changed(sheet, tag)` gets the drawing, a canvas of 280 by 280 pixels with white ink on black, or
 * null where nothing is drawn, and what a picture that lies there goes by: at the end of a stroke, and
 * every `pause` milliseconds while one is drawn.
 */
export function attachPad(element, pause, changed) {
  const canvas = element.querySelector("canvas");
  const pad = element.querySelector(".pad");
  const buttons = element.querySelectorAll("[data-do=undo], [data-do=clear]");
  const sheet = document.createElement("canvas"); // never shown
  sheet.width = sheet.height = SHEET_SIDE;

  // What was done, in order: strokes, each a list of points {x, y} in 0..1, and whole pictures
  // {image, tag}. A picture covers what lies before it; a stroke begins anew after it.
  const acts = [];
  let drawing = null; // pointerId of the stroke in progress: a second finger does not draw
  let timer = null;

  const picture = () => (acts.length > 0 && !Array.isArray(acts.at(-1)) ? acts.at(-1) : null);
  const strokes = () => acts.slice(acts.findLastIndex((act) => !Array.isArray(act)) + 1);

  function show() {
    paint(canvas, strokes(), picture()?.image);
    const empty = acts.length === 0;
    pad.classList.toggle("empty", empty);
    for (const button of buttons) button.disabled = empty;
  }

  function fitToScreen() {
    const side = Math.round(canvas.clientWidth * window.devicePixelRatio);
    if (side === 0) return; // not on the screen
    canvas.width = canvas.height = side;
    show();
  }

  function send() {
    clearTimeout(timer);
    timer = null;
    const drawn = strokes();
    if (drawn.length > 0) paint(sheet, drawn);
    changed(drawn.length > 0 ? sheet : null, picture()?.tag);
  }

  function sendSoon() {
    timer ??= setTimeout(send, pause);
  }

  function pointOf(event) {
    const box = canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  }

  function startStroke(event) {
    if (drawing !== null || event.button !== 0) return;
    drawing = event.pointerId;
    canvas.setPointerCapture(drawing); // the stroke goes on outside the pad
    acts.push([pointOf(event)]);
    show();
    sendSoon();
  }

  function goOn(event) {
    if (event.pointerId !== drawing) return;
    const events = event.getCoalescedEvents?.() ?? [];
    acts.at(-1).push(...(events.length > 0 ? events : [event]).map(pointOf));
    show();
    sendSoon();
  }

  function endStroke(event) {
    if (event.pointerId !== drawing) return;
    drawing = null;
    send();
  }

  function change(action) {
    if (action === "undo") acts.pop();
    if (action === "clear") acts.length = 0;
    drawing = null;
    show();
    send();
    // The button that was pressed is disabled now: the keyboard's focus must not be lost with it.
    if (acts.length === 0) canvas.focus({ preventScroll: true });
  }

  function onKey(event) {
    const undo = event.key === "z" && (event.ctrlKey || event.metaKey);
    const clear = event.key === "Delete";
    if (!undo && !clear) return;
    event.preventDefault();
    change(undo ? "undo" : "clear");
  }

  canvas.addEventListener("pointerdown", startStroke);
  canvas.addEventListener("pointermove", goOn);
  canvas.addEventListener("pointerup", endStroke);
  canvas.addEventListener("pointercancel", endStroke);
  canvas.addEventListener("contextmenu", (event) => event.preventDefault()); // a long press draws
  canvas.addEventListener("keydown", onKey);
  for (const button of buttons) button.addEventListener("click", () => change(button.dataset.do));
  new ResizeObserver(fitToScreen).observe(canvas);
  window.addEventListener("resize", fitToScreen); // zooming changes the density, not the size
  fitToScreen();

  /** Empty the pad, without a call of `changed`. */
  function clear() {
    acts.length = 0;
    show();
  }

  /** Lay an image over what is there, without a call of `changed`; `tag` is what it goes by. */
  function put(image, tag) {
    image.addEventListener("load", show);
    acts.push({ image, tag });
    show();
  }
  return { clear, put, tag: () => picture()?.tag ?? null, busy: () => timer !== null };
}

function paint(target, strokes, image) {
  const side = target.width;
  const context = target.getContext("2d");
  context.fillStyle = "#000";
  context.fillRect(0, 0, side, side);
  context.fillStyle = context.strokeStyle = "#fff";
  context.lineWidth = INK_WIDTH * side;
  context.lineCap = context.lineJoin = "round";
  for (const points of strokes) paintStroke(context, points, side);
  if (image?.complete && image.naturalWidth > 0) paintPicture(context, image, side);
}

// A curve through the middles of neighbouring points: smooth, however few points a device reports.
function paintStroke(context, points, side) {
  const at = (i) => [points[i].x * side, points[i].y * side];
  const last = points.length - 1;
  context.beginPath();
  // A canvas draws no line without length: a hand that stood still made a dot.
  if (points.every(({ x, y }) => x === points[0].x && y === points[0].y)) {
    context.arc(...at(0), context.lineWidth / 2, 0, 2 * Math.PI);
    context.fill();
    return;
  }
  context.moveTo(...at(0));
  for (let i = 1; i < last; i++) {
    const [x, y] = at(i);
    const [nextX, nextY] = at(i + 1);
    context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
  }
  context.lineTo(...at(last));
  context.stroke();
}

function paintPicture(context, image, side) {
  const scale = side / Math.max(image.naturalWidth, image.naturalHeight);
  const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
  context.imageSmoothingEnabled = scale < 1; // a test image of 28 pixels shows its pixels
  context.drawImage(image, (side - width) / 2, (side - height) / 2, width, height);
}
