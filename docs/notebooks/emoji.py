# %% [markdown]
# # Arithmetic on emoji
#
# `emoji-vae` makes 64 numbers of a colour picture of 32x32, and pictures of numbers again. In
# between one can calculate: go from one emoji to another, and add to one what tells two others
# apart.
#
# It needs numpy, onnxruntime, Pillow, and the emoji themselves: `make emoji` puts them into
# `data/emoji`. They are Noto Emoji by Google, under the Apache License 2.0.

# %%
from pathlib import Path

import numpy as np

import vae_onnx
from vae_onnx.pictures import fitting

# %% tags=["parameters"]
EMOJI = "../../data/emoji"

# %%
model = vae_onnx.load("emoji-vae")
model

# %% [markdown]
# ## Codes
#
# Three of the categories, by the code points that the files are named after. What is transparent
# lies on the ground that the model was trained with, which its metadata tell.


# %% alt="Emoji of concepts that the model has never seen, and below them their reconstructions"
def read(path: Path) -> np.ndarray:
    """One emoji, (32, 32, 3) uint8."""
    picture = vae_onnx.read_picture(path, ground=model.metadata["ground"])
    return fitting.to_model(picture.rgb, model.image_shape, model.size_multiple)


def emoji(code: str) -> str:
    """The emoji itself."""
    return "".join(chr(int(point, 16)) for point in code.split("-"))


categories = ("animals-and-nature", "smileys-and-emotion", "symbols")
paths = {
    emoji(path.stem): path
    for category in categories
    for path in sorted(Path(EMOJI).glob(f"*/{category}/*.png"))
}
names = list(paths)
pictures = np.stack([read(path) for path in paths.values()])
z = model.encode(pictures)  # (N, 64)
print(f"{len(names)} emoji, codes {z.shape}")

unseen = [row for row, path in enumerate(paths.values()) if path.parts[-3] == "test"][::6][:12]
vae_onnx.show([*(pictures[unseen] / 255), *model.reconstruct(pictures[unseen])], columns=12)

# %% [markdown]
# ## The way from one to another
#
# A straight line between two codes, decoded:

# %% alt="The ways from a smile to a cat, from a red heart to a green one, from a dog to a cat"
ways = [("😀", "😺"), ("❤️", "💚"), ("🐶", "🐱")]
index = {name: row for row, name in enumerate(names)}
frames = [model.interpolate(pictures[index[a]], pictures[index[b]], 11) for a, b in ways]
vae_onnx.show(np.concatenate(frames), columns=11)

# %% [markdown]
# ## Sums
#
# What a devil has that a smile has not, added to tears: `c + b - a` of three codes. Which emoji lie
# nearest to that, of all that were read but the three that it is made of? Without that exception
# the nearest is often `c` itself: the sum of codes moves less than one thinks. And most of these
# emoji were trained on: this is about the space, not about new pictures.

# %%
sums = [
    ("😀", "😈", "😢"),
    ("😀", "😺", "😍"),
    ("🔴", "🔵", "❤️"),
    ("❤️", "💚", "🟥"),
    ("🟥", "🔴", "🟩"),
    ("💛", "🖤", "🟨"),
]


def nearest(code: np.ndarray, but: tuple[str, ...], count: int = 4) -> list[str]:
    """The emoji whose codes lie nearest."""
    distances = np.linalg.norm(z - code, axis=1)
    distances[[index[name] for name in but]] = np.inf
    return [names[row] for row in np.argsort(distances)[:count]]


codes = [z[index[c]] + z[index[b]] - z[index[a]] for a, b, c in sums]
found = [nearest(code, but) for code, but in zip(codes, sums, strict=True)]
for (a, b, c), near in zip(sums, found, strict=True):
    print(f"{c} + {b} - {a} = {' '.join(near)}")

# %% [markdown]
# As pictures: `a`, `b` and `c`, what the decoder draws at the sum, and the four that lie nearest.

# %% alt="Six sums, a row each: the three emoji, the picture of their sum, and the four nearest"
rows = []
for given, code, near in zip(sums, codes, found, strict=True):
    own = [pictures[index[name]] / 255 for name in (*given, *near)]
    rows += [*own[:3], model.decode(code)[0], *own[3:]]
vae_onnx.show(rows, columns=8)

# %% [markdown]
# ## And from nothing
#
# The prior is N(0, I): emoji that nobody has drawn.

# %% alt="Thirty-six samples"
vae_onnx.show(model.sample(36, np.random.default_rng(1)), columns=12)
