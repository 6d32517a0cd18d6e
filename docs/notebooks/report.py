# %% [markdown]
# # The report in ten minutes
#
# A published report trains a variational autoencoder (VAE) and a plain autoencoder (AE) on
# Fashion-MNIST: 784 pixels, 400 hidden units, **two** numbers, and all the way back. Here is the
# same on your CPU, in a few epochs where the report has 50, then the step that it does not have:
# both models leave PyTorch and become ONNX graphs.
#
# It needs a clone with everything in `.venv` (`make install`), and downloads the data set (30 MB)
# where `VAE_ONNX_DATA` or `data/` does not hold it.

# %%
import os
import shutil
from pathlib import Path

from IPython.display import Image, Markdown

import vae_onnx
from export.config import Config
from export.data.datasets import load_test, load_train_validation
from export.graphs.model_folder import export_run
from export.recipes import RECIPES
from export.report import figures
from export.training.run import train

# %% tags=["parameters"]
EPOCHS = 6  # of each model, some seconds an epoch on two cores; the report has 50
TRAINED_ON, COMPARED_ON = 50_000, 10_000  # images
DATA = Path(os.environ.get("VAE_ONNX_DATA") or "../../data")
OUT = "../../build/notebooks/report"

# %% [markdown]
# ## Train
#
# A `Config` is all that can be chosen about a run. The recipe "speed" reaches the report's result
# in 14 epochs ([training](../training.md)): its learning rate falls to zero over as many epochs
# as there are. Losses are in nats per image: `recon`, the cross-entropy of the pixels, and for
# the VAE `kld`, what the code itself costs.

# %%
shutil.rmtree(OUT, ignore_errors=True)
runs = {kind: Path(OUT, "runs", kind) for kind in ("vae", "ae")}
recipe = {**RECIPES["mlp"]["speed"], "epochs": EPOCHS, "train_on": "train", "precision": "auto"}
for kind, folder in runs.items():
    config = Config(dataset="fashion-mnist", kind=kind, **recipe)
    training, validation = load_train_validation(config, DATA)
    train(config, training.pixels[:TRAINED_ON], validation.pixels, folder)

# %% [markdown]
# An epoch takes seconds, because the data set lies in memory as one tensor. The curves, from the
# history that each run keeps:

# %% alt="Losses of the VAE over the epochs: total, reconstruction, KLD, and the parts together"
figures.write(runs["vae"], runs["ae"], Path(OUT, "figures"), DATA)
Image(Path(OUT, "figures", "VAE_training_curves.png"), width=700)

# %% [markdown]
# ## The plane of two numbers
#
# Every test image is a point, its colour is its class, which the models were never told. The
# VAE's codes lie around the origin, where its prior N(0, I) is; the AE's lie wherever they came
# to lie.

# %% alt="Codes of the test images in the plane of the VAE, one colour for each class"
Image(Path(OUT, "figures", "VAE_latent_space_2d.png"), width=600)

# %% alt="Codes of the test images in the plane of the AE, one colour for each class"
Image(Path(OUT, "figures", "AE_latent_space_2d.png"), width=600)

# %% [markdown]
# ## Out of PyTorch
#
# `export_run` freezes the best epoch into `encoder.onnx` and `decoder.onnx`. They are only
# written if they agree with the torch modules to 1e-5, at batches that the exporter never saw.
# From here on everything is numpy and onnxruntime.

# %%
for kind, folder in runs.items():
    export_run(folder, Path(OUT, "models", kind), DATA)
vae, ae = (vae_onnx.load(Path(OUT, "models", kind)) for kind in runs)
vae

# %% [markdown]
# The same plane, now decoded: the VAE's pictures at the quantiles of its prior.

# %% alt="Pictures on a grid over the plane of the VAE just trained"
vae_onnx.show(vae.grid(12))

# %% [markdown]
# ## Beside the bundled models
#
# Those have the very same network, and were trained for 250 epochs by today's recipe ([the
# report, retrained](../report.md)). `score` tells how well a model knows each image: of a VAE
# minus its ELBO in nats, of an AE minus log p(x | z). The published VAE has 261.10 = 254.80 +
# 6.30 on the test set, after 50 epochs. Lower is better.

# %%
test = load_test(Config(dataset="fashion-mnist"), DATA)
images = test.pixels[:COMPARED_ON].numpy().reshape(-1, 28, 28)

models = {
    f"VAE, {EPOCHS} epochs, here": vae,
    "`fashion-mnist-vae`, bundled": vae_onnx.load("fashion-mnist-vae"),
    f"AE, {EPOCHS} epochs, here": ae,
    "`fashion-mnist-ae`, bundled": vae_onnx.load("fashion-mnist-ae"),
}
scores = {name: model.score(images) for name, model in models.items()}
rows = [
    f"| {name} | {one.nats.mean():.2f} | {one.psnr.mean():.2f} |" for name, one in scores.items()
]
Markdown("\n".join(["| model | nats per image | PSNR, dB |", "| --- | ---: | ---: |", *rows]))

# %% [markdown]
# One image of each class, and what the four models make of two numbers, in the order of the
# table:

# %% alt="Ten test images, and below them the reconstructions of the four models"
first = [list(test.labels).index(label) for label in range(10)]
chosen = test.pixels[first].numpy().reshape(-1, 28, 28) / 255
lines = [chosen, *(model.reconstruct(chosen) for model in models.values())]
vae_onnx.show([picture for line in lines for picture in line], columns=10)

# %% [markdown]
# More epochs and today's recipe close the gap: [training](../training.md) tells what each part of
# it is worth, and [the report](../report.md) has every epoch of the long runs.
