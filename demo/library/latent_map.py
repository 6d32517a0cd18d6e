"""The test set as a map of the latent plane, and where a drawing lands on it.

A map is a square window of the plane in which z lives. Positions on it are percent of its side from
the left and from the top: what CSS wants, whatever size the map has on the screen.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from vae_onnx.errors import FileError
from vae_onnx.store import mistaken, model_files

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vae_onnx import Autoencoder

# Matthew A. Petroff's ten colours (arXiv:2107.02270), chosen to stay apart for colour-blind
# readers. Middling lightness: they carry on a light and on a dark page. Their order is ours: digits
# that lie side by side on a map (3 5 8, 4 7 9, 0 6) get colours that differ most.
COLOURS = (
    "#3f90da",  # blue
    "#94a4a2",  # grey
    "#b9ac70",  # tan
    "#bd1f01",  # red
    "#ffa90e",  # orange
    "#92dadd",  # cyan
    "#e76300",  # dark orange
    "#717581",  # slate
    "#832db6",  # purple
    "#a96b59",  # brown
)

PRIOR_RADIUS = 3.0
"""Within this distance of the origin lies 99 % of a two-dimensional standard normal."""

NAME_HEIGHT = 5.8
"""Percent of a map's side that the name of a class on it is high, with a little room."""

NEIGHBOURS = 50
"""How many of the nearest test images tell where a drawing landed."""


@dataclass(frozen=True)
class Window:
    """The square part of the latent plane that a map shows."""

    left: float
    bottom: float
    side: float

    @classmethod
    def around(cls, z: NDArray[np.float32]) -> Window:
        """The window that shows nearly all of z (N, 2) and the whole circle of the prior.

        Percentiles instead of extremes: a handful of far outliers would shrink everything else.
        """
        low, high = np.percentile(z, [0.5, 99.5], axis=0)
        low, high = np.minimum(low, -PRIOR_RADIUS), np.maximum(high, PRIOR_RADIUS)
        side = 1.06 * float((high - low).max())
        left, bottom = ((low + high) - side) / 2
        return cls(float(left), float(bottom), side)

    def place(self, z: NDArray[np.floating]) -> NDArray[np.float64]:
        """Place z (..., 2) on the map: (..., 2) percent from the left and from the top."""
        right, up = z[..., 0] - self.left, z[..., 1] - self.bottom
        return 100 * np.stack([right, self.side - up], axis=-1) / self.side

    def at(self, place: NDArray[np.floating]) -> NDArray[np.float32]:
        """The z (..., 2) that stands at a place on the map; `place` the other way round."""
        right, up = place[..., 0] / 100, 1 - place[..., 1] / 100
        z = np.stack([self.left + right * self.side, self.bottom + up * self.side], axis=-1)
        return z.astype(np.float32)

    def cells(self, side: int) -> NDArray[np.float32]:
        """The middles of side x side equal squares, (side * side, 2), row by row from the top."""
        middles = 100 * (np.arange(side) + 0.5) / side
        down, right = np.meshgrid(middles, middles, indexing="ij")
        return self.at(np.stack([right.ravel(), down.ravel()], axis=-1))

    def ticks(self) -> list[float]:
        """Round numbers for both axes, three to six in sight on each."""
        step = _round_step(self.side / 6)
        low, high = min(self.left, self.bottom), max(self.left, self.bottom) + self.side
        first, last = int(np.ceil(low / step)), int(np.floor(high / step))
        return [i * step for i in range(first, last + 1)]


def _round_step(length: float) -> float:
    """The smallest of .., 0.5, 1, 2, 5, 10, 20, .. that is not below length."""
    power = 10.0 ** np.floor(np.log10(length))
    return float(power * min(factor for factor in (1, 2, 5, 10) if factor * power >= length))


@dataclass(frozen=True)
class LatentMap:
    """Encoded test images in a two-dimensional latent space."""

    z: NDArray[np.float32]  # (N, 2)
    labels: NDArray[np.uint8]  # (N,) index into class_names
    class_names: tuple[str, ...]

    @classmethod
    def of(cls, model: Autoencoder) -> LatentMap:
        """Read the map that lies beside a model's graphs.

        Raises:
            ValueError: The model's latent space is no plane, or its classes have no names.
            FileNotFoundError: The model has no `latents.npz`.
        """
        if model.latent_dim != 2:
            raise ValueError(f"a map needs latent_dim 2, {model.folder} has {model.latent_dim}")
        if "class_names" not in model.metadata:
            raise ValueError(f"{model.folder}: the graphs lack the metadata `class_names`")
        z, labels = read_latents(model.folder / "latents.npz")
        return cls(z, labels, tuple(json.loads(model.metadata["class_names"])))

    @cached_property
    def window(self) -> Window:
        """What the map shows."""
        return Window.around(self.z)

    def name_spots(self) -> dict[int, NDArray[np.float64]]:
        """Where to write the name of a class that has dots: their median, (2,) percent."""
        present = np.unique(self.labels).tolist()
        middles = [np.median(self.z[self.labels == label], axis=0) for label in present]
        sizes = [(4.5 + 1.8 * len(self.class_names[label]), NAME_HEIGHT) for label in present]
        spots = _apart(self.window.place(np.stack(middles)), np.array(sizes))
        return dict(zip(present, spots, strict=True))

    def nearest_class(self, z: NDArray[np.float32]) -> tuple[str, int, int]:
        """The commonest class among the test images nearest to z (2,), its count, and theirs.

        They are NEIGHBOURS, or all where there are fewer.
        """
        distance = np.square(self.z - z).sum(axis=1)
        nearest = self.labels[np.argsort(distance)[:NEIGHBOURS]]
        votes = np.bincount(nearest, minlength=len(self.class_names))
        return self.class_names[votes.argmax()], int(votes.max()), len(nearest)

    def picture(self, side: int = 720) -> Image.Image:
        """Draw one dot per test image, coloured by class, on a transparent ground.

        Args:
            side: Width and height in pixels.
        """
        return dots(self.window.place(self.z), self.labels, side)


def dots(
    places: NDArray[np.float64],
    labels: NDArray[np.integer],
    side: int = 720,
    rim: str | None = None,
) -> Image.Image:
    """Draw one dot at each place, coloured by class, on a transparent ground.

    Args:
        places: (N, 2) percent from the left and from the top.
        labels: Classes (N,).
        side: Width and height in pixels.
        rim: A colour around each, where dots lie on pictures.
    """
    dot = min(max(200 / max(len(places), 1) ** 0.5, 2), 5)  # radius: few dots must not get lost
    fine = 3  # drawn this much larger, then reduced: smooth edges
    picture = Image.new("RGBA", (side * fine, side * fine))
    draw = ImageDraw.Draw(picture)
    centres = places / 100 * side * fine
    # In a shuffled order no class lies on top of all others.
    for i in np.random.default_rng(0).permutation(len(centres)):
        hue = COLOURS[labels[i] % len(COLOURS)]
        width = fine if rim else 0
        draw.circle(tuple(centres[i]), dot * fine + width, fill=hue, outline=rim, width=width)
    return picture.reduce(fine)


def _apart(spots: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Push labels of some sizes (N, 2) at spots (N, 2) apart until none lies on another.

    Two that do give way along the axis on which less is lacking, as far as there is room.
    """
    first = np.tri(len(spots), k=-1)[..., None] * 2 - 1  # says who gives way to which side in a tie
    needed = (sizes[:, None] + sizes[None]) / 2
    for _ in range(100):
        gaps = spots[:, None] - spots[None]  # (N, N, 2), from each other spot to this one
        lacking = (needed - np.abs(gaps)).clip(0)
        lacking *= lacking.all(axis=-1, keepdims=True) & ~np.eye(len(spots), dtype=bool)[..., None]
        lacking *= lacking == lacking.min(axis=-1, keepdims=True)
        signs = np.where(gaps == 0, first, np.sign(gaps))
        spots = spots + (signs * lacking).sum(axis=1) / 4
        spots = spots.clip(sizes / 2, 100 - sizes / 2)
    return spots


def read_latents(path: Path) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Codes (N, latent_dim) and classes (N,) of the test set, as a model's folder has them.

    Raises:
        FileNotFoundError: There is no such file.
        FileError: It holds something else.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; `make train` writes it")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as latents:
            return latents["z"].astype(np.float32), latents["labels"]
    except Exception as error:  # numpy, zipfile and zlib each have their own
        told = mistaken.in_place_of(path) or f"{error}; {model_files.AGAIN}"
        raise FileError(f"{path} holds no codes of the test set: {told}") from error
