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
from IPython.display import Markdown

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
# What a devil has that a smile has not, added to tears. Each row has four pictures: the three
# that are given, and the decoded sum `c + b - a`.

# %% alt="Six sums: three emoji that are given in each row, and the picture of their sum"
sums = [
    ("😀", "😈", "😢"),
    ("😀", "😺", "😍"),
    ("🔴", "🔵", "❤️"),
    ("❤️", "💚", "🟥"),
    ("🟥", "🔴", "🟩"),
    ("💛", "🖤", "🟨"),
]
rows = []
codes = []
for a, b, c in sums:
    code = z[index[c]] + z[index[b]] - z[index[a]]
    codes.append(code)
    rows += [*(pictures[[index[a], index[b], index[c]]] / 255), *model.decode(code)]
vae_onnx.show(rows, columns=12)  # three sums in a line, of four pictures each

# %% [markdown]
# Which emoji lie nearest to each sum, of all that were read but the three that it is made of?
# Without that exception the nearest is often `c` itself: the sum of codes moves less than one
# thinks. Most of these emoji were trained on, so this is about the space, not about new pictures.

# %%
lines = ["| a | b | c | c + b - a is nearest to |", "| :-: | :-: | :-: | --- |"]
for (a, b, c), code in zip(sums, codes, strict=True):
    distances = np.linalg.norm(z - code, axis=1)
    distances[[index[name] for name in (a, b, c)]] = np.inf
    nearest = " ".join(names[row] for row in np.argsort(distances)[:5])
    lines.append(f"| {a} | {b} | {c} | {nearest} |")
Markdown("\n".join(lines))

# %% [markdown]
# ## And from nothing
#
# The prior is N(0, I): emoji that nobody has drawn.

# %% alt="Thirty-six samples"
vae_onnx.show(model.sample(36, np.random.default_rng(1)), columns=12)
