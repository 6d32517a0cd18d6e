# %% [markdown]
# # Anomaly scores: what a model has never seen
#
# A VAE that was trained on digits alone tells how unlike a digit any picture is, and nobody had
# to show it what is wrong. Two scores do so, both of `model.score`: the squared error of the
# reconstruction, and minus the ELBO in nats. Here is how well they tell clothes, noise and less
# from digits, and what both get wrong.
#
# Scoring needs numpy and onnxruntime alone. The test sets of MNIST and Fashion-MNIST come from
# `VAE_ONNX_DATA` or `data/`, or are downloaded, by the side of this repository that trains.

# %%
import os
from pathlib import Path

import numpy as np
from IPython.display import Markdown

import vae_onnx
from export.config import Config
from export.data.datasets import load_test

# %% tags=["parameters"]
IMAGES = 10_000  # of each kind
DATA = Path(os.environ.get("VAE_ONNX_DATA") or "../../data")

# %% [markdown]
# ## Kinds of pictures
#
# Digits of the test set, and others of the same size that are none. Shuffled digits have the very
# pixels of digits, in another order; those upside down are nearly digits.


# %% alt="Twelve pictures of each kind, a row each: digits, clothes, noise, shuffled, upside down"
def read(dataset: str) -> np.ndarray:
    """Test images (N, 28, 28) uint8."""
    pixels = load_test(Config(dataset=dataset), DATA).pixels.numpy()
    return pixels[:IMAGES].reshape(-1, 28, 28)


rng = np.random.default_rng(0)
digits = read("mnist")
kinds = {
    "digits": digits,
    "clothes": read("fashion-mnist"),
    "noise": rng.integers(0, 256, digits.shape, np.uint8),
    "shuffled digits": rng.permuted(digits.reshape(-1, 784), axis=1).reshape(-1, 28, 28),
    "digits upside down": digits[:, ::-1],
}
vae_onnx.show(np.concatenate([pictures[:12] for pictures in kinds.values()]), columns=12)

# %% [markdown]
# ## Scores
#
# High is unlike what the model was trained on. A notebook shows how they spread.

# %%
model = vae_onnx.load("mnist-vae-16d")
scores = {kind: model.score(pictures, draws=4) for kind, pictures in kinds.items()}
scores["digits"]

# %%
scores["clothes"]

# %% [markdown]
# The AUROC is the share of pairs, a digit and another picture, of which the other one has the
# higher score: 1 is perfect, 0.5 is a coin.


# %%
def auroc(known: np.ndarray, other: np.ndarray) -> float:
    """The share of pairs in which the other one is higher; half of those that are equal."""
    known = np.sort(known)
    below = np.searchsorted(known, other, "left") + np.searchsorted(known, other, "right")
    return float(below.mean() / (2 * len(known)))


lines = [
    f"| {kind} | {one.nats.mean():,.1f} | {auroc(scores['digits'].nats, one.nats):.4f} "
    f"| {one.mse.mean():.4f} | {auroc(scores['digits'].mse, one.mse):.4f} |"
    for kind, one in scores.items()
]
head = "| | nats, mean | AUROC | squared error, mean | AUROC |\n| --- | ---: | ---: | ---: | ---: |"
Markdown("\n".join([head, *lines]))

# %% [markdown]
# Clothes, noise and shuffled digits are told from digits nearly always. Turned digits are the
# hard ones: 0, 1 and 8 are digits still, and the model reads many others as digits that it knows.

# %% alt="Turned digits, those most like digits first, and below them what the model makes of them"
turned = kinds["digits upside down"]
order = np.argsort(scores["digits upside down"].nats)
chosen = turned[order[:: max(1, len(order) // 11)][:12]]
vae_onnx.show([*(chosen / 255), *model.reconstruct(chosen)], columns=12)

# %% [markdown]
# ## What no such score sees
#
# An ELBO is a likelihood, and a likelihood is high for what is **simple**, seen or not. An empty
# sheet is no digit, and yet the model knows it better than any digit (Nalisnick et al., Do Deep
# Generative Models Know What They Don't Know?, 2019):

# %%
blank = model.score(np.zeros((1, 28, 28), np.uint8))
usual = scores["digits"].nats
print(f"an empty sheet: {blank.nats[0]:.1f} nats; digits: {usual.mean():.1f} in the mean")
print(
    f"AUROC by nats: {auroc(usual, blank.nats):.4f}, by squared error: "
    f"{auroc(scores['digits'].mse, blank.mse):.4f}"
)

# %% [markdown]
# Who must not miss such pictures asks for what is unusual in either direction, by how far the
# nats are from those of known pictures:

# %%
centre = np.median(usual)
away = {kind: np.abs(one.nats - centre) for kind, one in scores.items()}
away["an empty sheet"] = np.abs(blank.nats - centre)
for kind, values in away.items():
    print(f"{kind:20} AUROC {auroc(away['digits'], values):.4f}")

# %% [markdown]
# In a shell, of any pictures and any model: `vae-onnx score MODEL *.png -o scores.csv` ([the
# command](../commands/vae-onnx.md#score)).
