// The drawing pad. Gradio runs this once, with `element`, `props` and `trigger` in scope.
//
// Strokes are kept as points in units of the pad's side, not as pixels: undo, a resized window and a
// screen of any density then need nothing but drawing them again.

const INK_WIDTH = 0.08; // about what MNIST's digits have, for a digit that fills the pad
const SENT_SIDE = 280; // pixels; what the model sees is ten times smaller
const SEND_EVERY = 60; // milliseconds, while a stroke is drawn
const MAX_BYTES = 10_000_000; // of a file; the server takes no more

const canvas = element.querySelector("canvas");
const pad = element.querySelector(".pad");
const video = element.querySelector("video");
const file = element.querySelector("input[type=file]");
const note = element.querySelector(".pad-note");
const [undoButton, clearButton, uploadButton, cameraButton] =
  element.querySelectorAll("[data-do]");
const sheet = document.createElement("canvas"); // the picture that is sent, never shown
sheet.width = sheet.height = SENT_SIDE;

// What was done, in order: strokes, each a list of points {x, y} in 0..1, and whole pictures
// {value, image}. What lies before the last picture is covered by it; a stroke begins anew after it.
const acts = [];
let drawing = null; // pointerId of the stroke in progress: a second finger does not draw
let timer = null;

const isStroke = (act) => Array.isArray(act);
const shownPicture = () => (acts.length > 0 && !isStroke(acts.at(-1)) ? acts.at(-1) : null);
const shownStrokes = () => acts.slice(acts.findLastIndex((act) => !isStroke(act)) + 1);

function paint(target) {
  const side = target.width;
  const context = target.getContext("2d");
  context.fillStyle = "#000";
  context.fillRect(0, 0, side, side);
  context.fillStyle = context.strokeStyle = "#fff";
  context.lineWidth = INK_WIDTH * side;
  context.lineCap = context.lineJoin = "round";
  for (const points of shownStrokes()) paintStroke(context, points, side);
  const image = shownPicture()?.image;
  if (image?.complete && image.naturalWidth > 0) paintPicture(context, image, side);
}

// A curve through the middles of neighbouring points: smooth, however few points a device reports.
function paintStroke(context, points, side) {
  const at = (i) => [points[i].x * side, points[i].y * side];
  const last = points.length - 1;
  context.beginPath();
  if (last === 0) {
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

function show() {
  paint(canvas);
  const empty = acts.length === 0;
  pad.classList.toggle("empty", empty);
  undoButton.disabled = clearButton.disabled = empty;
}

function fitToScreen() {
  const side = Math.round(canvas.clientWidth * window.devicePixelRatio);
  if (side === 0) return; // not on the screen
  canvas.width = canvas.height = side;
  show();
}

function value() {
  if (acts.length === 0) return null;
  if (shownPicture()) return shownPicture().value;
  paint(sheet);
  return { kind: "drawing", data: sheet.toDataURL("image/png") };
}

function send() {
  clearTimeout(timer);
  timer = null;
  props.value = value();
  trigger("input");
}

function sendSoon() {
  timer ??= setTimeout(send, SEND_EVERY);
}

function pointOf(event) {
  const box = canvas.getBoundingClientRect();
  return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
}

function startStroke(event) {
  if (drawing !== null || event.button !== 0) return;
  drawing = event.pointerId;
  canvas.setPointerCapture(drawing); // the stroke goes on outside the pad
  note.textContent = "";
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
  note.textContent = "";
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

// Whole pictures

function place(value, source) {
  const image = new Image();
  image.onload = show; // what the browser cannot show, the server may still read, or explain
  image.src = source;
  acts.push({ value, image });
  note.textContent = "";
  show();
  send();
}

function takeFile(chosen) {
  if (!chosen) return;
  if (chosen.size > MAX_BYTES) {
    note.textContent = `The file is larger than ${MAX_BYTES / 1e6} MB.`;
    return;
  }
  const reader = new FileReader();
  reader.onload = () => place({ kind: "picture", data: reader.result }, reader.result);
  reader.onerror = () => (note.textContent = "The file cannot be read.");
  reader.readAsDataURL(chosen);
}

async function useCamera() {
  if (!video.hidden) return takePhoto();
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
  } catch {
    note.textContent = "There is no camera, or the browser may not use it.";
    return;
  }
  video.hidden = false;
  await video.play();
  cameraButton.textContent = "Take it";
}

function takePhoto() {
  const side = Math.min(video.videoWidth, video.videoHeight);
  const photo = document.createElement("canvas");
  photo.width = photo.height = Math.min(side, 640);
  const [x, y] = [(video.videoWidth - side) / 2, (video.videoHeight - side) / 2];
  photo.getContext("2d").drawImage(video, x, y, side, side, 0, 0, photo.width, photo.width);
  for (const track of video.srcObject.getTracks()) track.stop();
  video.srcObject = null;
  video.hidden = true;
  cameraButton.textContent = "Camera";
  const data = photo.toDataURL("image/jpeg", 0.92);
  place({ kind: "picture", data }, data);
}

canvas.addEventListener("pointerdown", startStroke);
canvas.addEventListener("pointermove", goOn);
canvas.addEventListener("pointerup", endStroke);
canvas.addEventListener("pointercancel", endStroke);
canvas.addEventListener("contextmenu", (event) => event.preventDefault()); // a long press draws
canvas.addEventListener("keydown", onKey);
undoButton.addEventListener("click", () => change("undo"));
clearButton.addEventListener("click", () => change("clear"));
uploadButton.addEventListener("click", () => file.click());
cameraButton.addEventListener("click", useCamera);
file.addEventListener("change", () => {
  takeFile(file.files[0]);
  file.value = ""; // the same file can be chosen again
});
pad.addEventListener("dragover", (event) => event.preventDefault());
pad.addEventListener("drop", (event) => {
  event.preventDefault();
  takeFile(event.dataTransfer.files[0]);
});
pad.addEventListener("example", ({ detail }) =>
  place({ kind: "test", ...detail }, detail.src),
);
// The server may put a test image here, or empty the pad when other models are chosen.
function takeOver() {
  const given = props.value;
  if (given === (shownPicture()?.value ?? null) || given?.kind === "drawing") return;
  if (given && JSON.stringify(given) === JSON.stringify(shownPicture()?.value)) return;
  if (!given && timer !== null) return; // a stroke is on its way
  acts.length = 0;
  if (given?.src) {
    const image = new Image();
    image.onload = show;
    image.src = given.src;
    acts.push({ value: given, image });
  }
  show();
}
watch("value", takeOver);
new ResizeObserver(fitToScreen).observe(canvas);
window.addEventListener("resize", fitToScreen); // zooming changes the density, not the size
fitToScreen();
takeOver();
