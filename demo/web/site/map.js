// The test set as a map of the latent plane. Positions are percent of its side from the left and from
// the top, as in demo/library/latent_map.py, which works out what map.json holds.

const DOTS = { least: 2 / 720, most: 5 / 720, all: 0.28 }; // radius of a dot, of the map's side: few are larger

/** Encoded test images in a two-dimensional latent space. */
export class LatentMap {
  constructor({ count, window, ticks, classes, prior_radius, neighbours }, latents) {
    this.window = window; // left, bottom and side in units of z
    this.ticks = ticks;
    this.classes = classes; // name, colour and, where it has dots, the spot for its name
    this.priorRadius = prior_radius;
    this.neighbours = neighbours;
    this.z = new Float32Array(latents, 0, 2 * count);
    this.labels = new Uint8Array(latents, this.z.byteLength, count);
  }

  /** The code that is shown at first, and where the prior has its middle. */
  get home() {
    return Float32Array.of(0, 0);
  }

  get centre() {
    return [0, 0];
  }

  /** Where z lies: percent from the left and from the top. */
  place([x, y]) {
    const { left, bottom, side } = this.window;
    return [(100 * (x - left)) / side, 100 - (100 * (y - bottom)) / side];
  }

  /** The z at a place. */
  at([x, y]) {
    const { left, bottom, side } = this.window;
    return Float32Array.of(left + (x / 100) * side, bottom + (1 - y / 100) * side);
  }

  /** The commonest class among the test images nearest to z, how many of them, and of how many. */
  nearestClass([x, y]) {
    const squares = new Float32Array(this.labels.length);
    for (let i = 0; i < squares.length; i++) {
      squares[i] = (this.z[2 * i] - x) ** 2 + (this.z[2 * i + 1] - y) ** 2;
    }
    const farthest = squares.slice().sort()[Math.min(this.neighbours, squares.length) - 1];
    const votes = this.classes.map(() => 0);
    let of = 0;
    for (let i = 0; i < squares.length && of < this.neighbours; i++) {
      if (squares[i] <= farthest) {
        votes[this.labels[i]] += 1;
        of += 1;
      }
    }
    const most = Math.max(...votes);
    return { name: this.classes[votes.indexOf(most)].name, votes: most, of };
  }

  /** Draw one dot per test image. They lie in the order of the test set: no class covers another. */
  paint(canvas) {
    const side = (canvas.width = canvas.height = Math.round(canvas.clientWidth * devicePixelRatio));
    const context = canvas.getContext("2d");
    const radius = Math.min(Math.max(DOTS.all / Math.sqrt(this.labels.length), DOTS.least), DOTS.most);
    for (let i = 0; i < this.labels.length; i++) {
      const [x, y] = this.place(this.z.subarray(2 * i, 2 * i + 2));
      context.fillStyle = this.classes[this.labels[i]].colour;
      context.beginPath();
      context.arc((x / 100) * side, (y / 100) * side, radius * side, 0, 2 * Math.PI);
      context.fill();
    }
  }

  /** The ticks, the circle of the prior and the names of the classes, as elements to lay over it. */
  labelsOver() {
    const [x, y] = this.place(this.centre);
    const size = (200 * this.priorRadius) / this.window.side;
    return [
      ...this.ticks.flatMap((value) => this.#tick(value)),
      span("prior", "", { left: x, top: y, width: size }),
      ...this.classes
        .filter(({ spot }) => spot)
        .map(({ name, colour, spot }) => span("name", name, { left: spot[0], top: spot[1] }, colour)),
    ];
  }

  #tick(value) {
    const [x, y] = this.place([value, value]);
    const text = words(value);
    // The corner belongs to both axes: left out, nothing collides there.
    return [
      ...(x > 8 && x < 96 ? [span("tick across", text, { left: x })] : []),
      ...(y > 4 && y < 92 ? [span("tick up", text, { top: y })] : []),
    ];
  }
}

/** Move names that lie over each other apart, up and down: only the page knows how wide they are. */
export function moveApart(names) {
  for (const name of names) name.style.translate = "";
  const boxes = names.map((name) => {
    const { left, right, top, bottom } = name.getBoundingClientRect();
    return { left, right, top, bottom, shift: 0 };
  });
  for (let round = 0; round < 50; round++) {
    for (const upper of boxes) {
      for (const lower of boxes) {
        const over = upper.bottom + upper.shift - (lower.top + lower.shift);
        const beside = upper.right <= lower.left || lower.right <= upper.left;
        if (upper.top >= lower.top || beside || over <= 0) continue;
        upper.shift -= over / 2;
        lower.shift += over / 2;
      }
    }
  }
  names.forEach((name, i) => {
    name.style.translate = `0 ${boxes[i].shift}px`;
  });
}

/** A number with the sign that typesetters use. */
export function words(value, digits) {
  return (digits === undefined ? String(value) : value.toFixed(digits)).replace("-", "\u2212");
}

function span(kind, text, percents, hue) {
  const element = document.createElement("span");
  element.className = kind;
  element.textContent = text;
  for (const [key, value] of Object.entries(percents)) element.style[key] = `${value}%`;
  if (hue) element.style.setProperty("--hue", hue);
  return element;
}
