// The map of a latent space of many dimensions: the plane in which the codes of the test images differ most.
// demo/web/plane.py works it out. A picture's code lies above that plane, and its marker below it.

import { LatentMap } from "./map.js";

/** Encoded test images on their principal plane: z = mean + a * axes[0] + b * axes[1]. */
export class PlaneMap extends LatentMap {
  constructor(told, latents) {
    super(told, latents);
    this.mean = Float32Array.from(told.plane.mean);
    this.axes = told.plane.axes.map((axis) => Float32Array.from(axis));
    this.deviations = told.plane.deviations; // of the codes, along the axes
    this.share = told.plane.share; // of their variance
    this.classMeans = told.class_means.map((mean) => Float32Array.from(mean));
  }

  /** The code in the middle of the map. */
  get home() {
    return this.mean;
  }

  get centre() {
    return this.#project(new Float32Array(this.mean.length));
  }

  place(z) {
    return super.place(this.#project(z));
  }

  /** The code at a place, in the plane. */
  at(place) {
    const [a, b] = super.at(place);
    return this.mean.map((value, i) => value + a * this.axes[0][i] + b * this.axes[1][i]);
  }

  nearestClass(z) {
    return super.nearestClass(this.#project(z));
  }

  /** The class whose mean code is nearest to z, in all dimensions. */
  nearestMean(z) {
    const squares = this.classMeans.map((mean) =>
      mean.reduce((sum, value, i) => sum + (value - z[i]) ** 2, 0),
    );
    return squares.indexOf(Math.min(...squares));
  }

  #project(z) {
    if (z.length === 2) return z; // a place of the plane already
    return this.axes.map((axis) =>
      axis.reduce((sum, value, i) => sum + value * (z[i] - this.mean[i]), 0),
    );
  }
}
