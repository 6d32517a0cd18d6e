// Gradio runs this once, after pad.js, with `element`, `props`, `trigger` and `watch` in scope.

const SEND_EVERY = 60; // milliseconds: each drawing is a request
const MAX_BYTES = 10_000_000; // of a file; the server takes no more

const pad = element.querySelector(".pad");
const video = element.querySelector("video");
const file = element.querySelector("input[type=file]");
const note = element.querySelector(".pad-note");
const uploadButton = element.querySelector("[data-do=upload]");
const cameraButton = element.querySelector("[data-do=camera]");

const hand = attachPad(element, SEND_EVERY, (sheet, tag) => {
  note.textContent = "";
  send(sheet ? { kind: "drawing", data: sheet.toDataURL("image/png") } : (tag ?? null));
});

function send(value) {
  props.value = value;
  trigger("input");
}

// Whole pictures

function place(value, source) {
  put(value, source);
  note.textContent = "";
  send(value);
}

function put(value, source) {
  const image = new Image(); // what the browser cannot show, the server may still read, or explain
  image.src = source;
  hand.put(image, value);
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
  } catch (error) {
    note.textContent = noCamera(error);
    return;
  }
  video.hidden = false;
  await video.play();
  cameraButton.textContent = "Take it";
}

// A browser lends the camera to pages that nobody on the way can have changed.
function noCamera(error) {
  if (!window.isSecureContext) {
    return (
      "The browser lends a camera to https and to localhost alone, and this page came over plain http. " +
      "Open the demo on its own machine, or put it behind https. A photo can be uploaded all the same."
    );
  }
  return (
    {
      NotAllowedError: "The browser may not use the camera: allow it in the settings of this page.",
      NotFoundError: "There is no camera on this device.",
      NotReadableError: "The camera is in use by another program: close that, and try again.",
      AbortError: "The camera did not start: try again.",
    }[error.name] ?? `The camera cannot be used: ${error.message}`
  );
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
pad.addEventListener("example", ({ detail }) => place({ kind: "test", ...detail }, detail.src));

// Beside what says so, nothing is drawn: a click chooses a file.
pad.addEventListener(
  "pointerdown",
  (event) => {
    if (!element.closest(".hand")?.querySelector("[data-still]")) return;
    event.stopPropagation();
    if (event.target.closest("canvas")) uploadButton.click();
  },
  true,
);

// The server may put a test image here, or empty the pad when other models are chosen.
function takeOver() {
  const given = props.value;
  if (given?.kind === "drawing") return;
  if (JSON.stringify(given || null) === JSON.stringify(hand.tag())) return;
  if (!given && hand.busy()) return; // a stroke is on its way
  hand.clear();
  if (given?.src) put(given, given.src);
}
watch("value", takeOver);
takeOver();
