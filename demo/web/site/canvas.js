// Pictures as the models have them, on the page.

/** Show a picture in [0, 1], or its absence. */
export function paint(canvas, pixels, [channels, height, width]) {
  canvas.classList.toggle("blank", !pixels);
  if (!pixels) return;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const plane = height * width;
  const image = new ImageData(width, height);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = 255 * pixels[i + plane * (c % channels)];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
