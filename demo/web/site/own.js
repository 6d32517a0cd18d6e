// A picture of the visitor's own: from a file, the clipboard or another window. It stays in this page.

/**
 * Take pictures that are chosen with `input`, pasted, or dropped on the page, while `wanted()`.
 *
 * `take(bitmap)` gets each, `fail(error)` what is no picture.
 */
export function attachOwn(input, wanted, take, fail) {
  async function read(file) {
    try {
      take(await createImageBitmap(file, { imageOrientation: "from-image" }));
    } catch {
      fail(new Error(`${file.name || "what was pasted"} is no picture that this browser can read`));
    }
  }
  function receive(event, files) {
    const file = [...(files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (!wanted() || !file) return;
    event.preventDefault();
    read(file);
  }
  input.addEventListener("change", () => {
    if (input.files.length > 0) read(input.files[0]);
    input.value = ""; // the same file again is a choice, too
  });
  document.addEventListener("paste", (event) => receive(event, event.clipboardData?.files));
  document.addEventListener("dragover", (event) => wanted() && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (wanted()) event.preventDefault(); // the browser would leave the page for the picture
    receive(event, event.dataTransfer?.files);
  });
}

/**
 * The middle square of a picture as a model takes it, [3][side][side] numbers; what is transparent lies
 * on the model's ground.
 */
export function squareOf(bitmap, side, ground) {
  const edge = Math.min(bitmap.width, bitmap.height);
  const [left, top] = [bitmap.width, bitmap.height].map((length) => (length - edge) / 2);
  let canvas = square(Math.max(side, edge), ground);
  canvas.getContext("2d").drawImage(bitmap, left, top, edge, edge, 0, 0, canvas.width, canvas.width);
  while (canvas.width > side) canvas = shrunk(canvas, Math.max(side, Math.ceil(canvas.width / 2)), ground);
  const { data } = canvas.getContext("2d").getImageData(0, 0, side, side);
  const area = side * side;
  return Float32Array.from({ length: 3 * area }, (_, i) => data[4 * (i % area) + Math.floor(i / area)] / 255);
}

// By halves: a browser that looks at four pixels for one would leave out most of a large picture.
function shrunk(from, side, ground) {
  const canvas = square(side, ground);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(from, 0, 0, side, side);
  return canvas;
}

function square(side, ground) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  context.fillStyle = ground;
  context.fillRect(0, 0, side, side);
  return canvas;
}
