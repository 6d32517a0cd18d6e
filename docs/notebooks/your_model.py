# %% [markdown]
# # Your own model, as a web page
#
# A VAE that knows nothing of this package, written and trained here in PyTorch, becomes a folder
# that runs anywhere, then a page whose sliders draw with it in the browser: no server, no Python,
# no PyTorch.
#
# It needs a clone with everything in `.venv` (`make install`).

# %%
import shutil
from pathlib import Path

import numpy as np
import torch
from IPython.display import HTML
from torch import Tensor, nn

import demo.web.join
import vae_onnx.torch

# %% tags=["parameters"]
STEPS = 3000  # of training, twenty seconds on two cores
OUT = "../../build/notebooks/your_model"

# %% [markdown]
# ## Some pictures
#
# Whatever you have, as bytes or as floats in [0, 1]. Here they are drawn: a disc of any colour,
# at any place, of any size, on a ground that fades from top to bottom.

# %% alt="Sixty pictures of coloured discs on a fading ground"
SIDE = 24


def discs(count: int, rng: np.random.Generator) -> np.ndarray:
    """Pictures (count, 24, 24, 3) in [0, 1]."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    cx, cy = rng.uniform(0.3, 0.7, (2, count, 1, 1))
    radius = rng.uniform(0.15, 0.3, (count, 1, 1))
    inside = 1 / (1 + np.exp((np.hypot(x - cx, y - cy) - radius) * 40))[..., np.newaxis]
    colour = rng.uniform(0.2, 1, (count, 1, 1, 3))
    ground = (0.9 - 0.5 * y)[np.newaxis, ..., np.newaxis]
    return (inside * colour + (1 - inside) * ground).astype(np.float32)


pictures = discs(8000, np.random.default_rng(0))
vae_onnx.show(pictures[:60], columns=15)

# %% [markdown]
# ## Your model
#
# Written the way that such models are: pixels in [-1, 1], channels first, an encoder with two
# outputs of which the second is the logarithm of the **deviation**, a decoder that ends in a
# tanh.


# %%
class DiscVAE(nn.Module):
    """6 numbers for each picture."""

    def __init__(self, codes: int = 6, width: int = 256) -> None:
        super().__init__()
        pixels = 3 * SIDE * SIDE
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.mean, self.log_std = nn.Linear(width, codes), nn.Linear(width, codes)
        self.draw = nn.Sequential(
            *(nn.Linear(codes, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()),
            *(nn.Linear(width, pixels), nn.Tanh(), nn.Unflatten(1, (3, SIDE, SIDE))),
        )

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and the logarithm of the deviation."""
        h = self.body(x)
        return self.mean(h), self.log_std(h)

    def decode(self, z: Tensor) -> Tensor:
        """Pictures in [-1, 1]."""
        return self.draw(z)


torch.manual_seed(0)
net = DiscVAE()
x = torch.from_numpy(2 * pictures - 1).permute(0, 3, 1, 2)
adam = torch.optim.Adam(net.parameters(), lr=1e-3)
SIGMA = 0.1  # of p(x | z), for pixels in [-1, 1]
for step in range(STEPS):
    batch = x[torch.randint(len(x), (64,))]
    mean, log_std = net.encode(batch)
    again = net.decode(mean + log_std.exp() * torch.randn_like(mean))
    recon = ((again - batch) ** 2).sum(dim=(1, 2, 3)) / (2 * SIGMA**2)
    kld = 0.5 * (mean**2 + torch.exp(2 * log_std) - 1 - 2 * log_std).sum(dim=1)
    loss = (recon + kld).mean()
    adam.zero_grad()
    loss.backward()
    adam.step()
    if step % (STEPS // 5) == 0 or step == STEPS - 1:
        print(f"step {step:4}: recon {recon.mean().item():7.1f}  kld {kld.mean().item():5.1f}")

# %% [markdown]
# ## Across the wall
#
# `vae_onnx.torch.export` finds `encode` and `decode`, and proves the graphs equal to your model
# before it writes anything. It cannot know what your second output is, or which pixels your
# network was made for; say nothing of the latter, and it finds out that something is wrong:

# %%
unseen = discs(32, np.random.default_rng(1))
shutil.rmtree(OUT, ignore_errors=True)
page = Path(OUT, "page")
try:
    vae_onnx.torch.export(page / "discs", net, unseen, spread="log_std")
except vae_onnx.ExportError as error:
    print(f"{type(error).__name__}: {error}")

# %% [markdown]
# With that said the model passes every gate. Its range and its deviation are nodes of the graphs
# now, so that no host needs to know of them: all take pixels in [0, 1], and get `mu` and
# `log_var`.

# %%
vae_onnx.torch.export(
    page / "discs",
    net,
    unseen,
    spread="log_std",
    pixel_range=(-1, 1),
    likelihood="gaussian",
    sigma=SIGMA / 2,
    name="discs",
    licence="CC0-1.0",
)
model = vae_onnx.load(page / "discs")
model

# %% alt="Twelve pictures that the model has never seen, and what it makes of six numbers each"
vae_onnx.show([*unseen[:12], *model.reconstruct(unseen[:12])], columns=12)

# %% [markdown]
# ## To a page
#
# `demo.web.join` writes `vae.js`, which runs dense layers by its own kernel of 7 KB, so that
# nothing else is needed; a model of convolutions has onnxruntime-web beside it
# ([embedding](../embedding.md#browser)). The page itself has a canvas and a slider for each number.

# %%
demo.web.join.write(page)
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Discs</title>
<style>
  :root { color-scheme: light dark }
  body { font: 1rem system-ui; max-width: 30rem; margin: 1rem auto; padding: 0 1rem }
  canvas { width: 240px; image-rendering: pixelated; display: block; margin: 1rem 0 }
  label { display: flex; align-items: center; gap: 1rem }
  input { flex: 1 }
  button { margin: 1rem 0 }
</style>
<h1>Six numbers, one disc</h1>
<canvas width="24" height="24" role="img" aria-label="What the model draws"></canvas>
<form></form>
<button type="button">Another one</button>
<script type="module">
  import { load } from "./vae.js";

  const model = await load("discs/");
  const form = document.querySelector("form");
  const context = document.querySelector("canvas").getContext("2d");
  for (let i = 0; i < model.latentDim; i++) {
    form.innerHTML += `<label><span>z<sub>${i + 1}</sub></span>
      <input type="range" min="-2" max="2" step="0.01"></label>`;
  }
  const sliders = [...form.querySelectorAll("input")];
  const draw = async () => {
    const z = Float32Array.from(sliders, (slider) => slider.value);
    const [picture] = await model.decodeToPictures(z);
    context.putImageData(picture, 0, 0);
  };
  form.addEventListener("input", draw);
  document.querySelector("button").onclick = () => {
    for (const slider of sliders) slider.value = 4 * Math.random() - 2;
    draw();
  };
  await draw();
</script>
</html>
"""
Path(page, "index.html").write_text(PAGE, encoding="utf-8")
for path in sorted(page.rglob("*.*")):
    print(f"{path.stat().st_size:9,} bytes  {path.relative_to(page).as_posix()}")

# %% [markdown]
# Any server of files hands it out, from any folder: `python -m http.server --directory
# build/notebooks/your_model/page`. Here it is:

# %%
title = "A page with six sliders, which draws discs with the model"
frame = f'<iframe src="{OUT}/page/index.html" title="{title}" width="100%" height="580"></iframe>'
HTML(f"<div>{frame}</div>")

# %% [markdown]
# Python says the same: along each of the six numbers from -2 to 2, the others in the middle.

# %% alt="What the model draws along each of its six numbers from -2 to 2, a row each"
steps = np.linspace(-2, 2, 11, dtype=np.float32)
z = np.concatenate([np.outer(steps, axis) for axis in np.eye(model.latent_dim, dtype=np.float32)])
vae_onnx.show(model.decode(z), columns=11)
