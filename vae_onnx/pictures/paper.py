"""Where a picture is paper and what on it is ink, found and not assumed.

Paper is what the rim of a picture shows. It may be light or dark, of any level, uneven, noisy: a
smooth surface is laid through it, and ink is what differs from that surface clearly and to one
side. A drawing on clean paper, as a computer makes it, is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from vae_onnx.errors import InputError

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

WORKED_SIDE: Final = 640  # a larger picture is reduced: no model sees more than a fraction
FLAT: Final = 24  # levels of grey: a photograph that has no more shows nothing
NOISE: Final = 4  # standard deviations of the paper: what differs less is paper
GRAIN: Final = 0.03  # of the ink's level: more noise is smoothed
ROUGH: Final = (
    0.3  # of faint levels, their mean difference from those around: soft strokes have 0.1
)
# Where ink begins and is full, of its level: in a drawing that a computer made, in one that went
# through a lossy file, and in a photograph, between whose bounds lies the soft rim of a stroke.
CLEAN, LOSSY, PHOTO = (0.0, 1.0), (0.12, 1.0), (0.35, 0.65)
FITTED: Final = 5_000  # pixels that the surface of the paper is laid through

UNCLEAR: Final = "Whether the paper is light or dark is not clear; it was taken for {}."
CONTRARY: Final = "It was said to be {} ink on {} paper; the picture looks the other way round."
MOST: Final = "Most of the picture counts as ink: is it a drawing with paper around it?"
HARDLY: Final = "Hardly anything in the picture counts as ink."
RIM: Final = "Ink reaches the rim: what lies around the paper counts as ink, too."


EVEN: Final = "the picture is one even surface: nothing is drawn on it"


class Ink(NamedTuple):
    """The ink of a picture."""

    ink: Pixels  # (height, width), 0 paper to 255 ink, its larger side at most WORKED_SIDE
    dark: bool  # dark ink on light paper
    clear: bool  # and no doubt about it
    notes: tuple[str, ...] = ()


def expected(metadata: Mapping[str, str]) -> bool:
    """Whether a model knows light ink on dark paper, by what its graphs say of themselves."""
    return "ink" in metadata.get("polarity", "")


def is_light(grey: Pixels) -> bool:
    """Whether the rim of a picture is lighter than its middle level, as white paper is.

    It is so of none of the 20,000 test images of MNIST and Fashion-MNIST, light on dark.
    """
    return bool(
        np.median(grey[_on_rim(grey.shape)].astype(np.float64))
        > (int(grey.max()) + int(grey.min())) / 2
    )


def find(grey: Pixels, *, dark: bool | None = None) -> Ink:
    """Find the ink in a picture.

    Args:
        grey: uint8 (height, width), of any size.
        dark: Whether the ink is darker than the paper, where that is known; otherwise it is found.

    Raises:
        InputError: The picture is one even surface, or shows no ink of that kind.
    """
    levels = _reduced(grey)
    relief = _from_paper(levels, _on_rim(levels.shape))
    found, clear = _is_dark(relief.off)
    dark, said = found if dark is None else dark, dark is not None
    notes = []
    if said and dark != found:
        split = _otsu(levels)
        relief = _from_paper(levels, levels > split if dark else levels <= split)
        notes.append(CONTRARY.format(*(("dark", "light") if dark else ("light", "dark"))))
    elif not said and not clear:
        notes.append(UNCLEAR.format("light" if dark else "dark"))
    ink = _ink(np.maximum(-relief.off if dark else relief.off, 0), relief)
    share = float((ink > 127).mean())
    if share > 0.5:
        notes.append(MOST)
    elif share < 0.0005:
        notes.append(HARDLY)
    elif (ink[_on_rim(ink.shape)] > 127).mean() > 0.1:
        notes.append(RIM)
    return Ink(ink, dark, clear, tuple(notes))


def _reduced(grey: Pixels) -> Floats:
    """The picture at a size worth working at: means of whole squares of its pixels."""
    factor = -(-max(grey.shape) // WORKED_SIDE)
    if factor == 1:
        return grey.astype(np.float32)
    height, width = (-(-side // factor) for side in grey.shape)
    missing = [
        (0, side * factor - own) for side, own in zip((height, width), grey.shape, strict=True)
    ]
    whole = np.pad(grey, missing, mode="edge")
    squares = whole.reshape(height, factor, width, factor)
    means: Floats = squares.mean(axis=(1, 3), dtype=np.float32)
    return means


def _on_rim(shape: tuple[int, ...], wide: int = 1) -> Mask:
    mask = np.ones(shape, bool)
    mask[wide:-wide, wide:-wide] = False
    return mask


class Relief(NamedTuple):
    """A picture as it stands out from its paper."""

    off: Floats  # (height, width), levels above the paper, or below it
    noise: float  # of the paper, in levels
    ramp: tuple[float, float]  # CLEAN, LOSSY or PHOTO


def _from_paper(levels: Floats, paper: Mask) -> Relief:
    """Lay a surface through the paper, most of which is where `paper` says."""
    off = levels - np.quantile(levels[paper], 0.5, method="higher").astype(np.float32)
    if (off[paper] == 0).mean() >= 0.5:  # one exact level, as nothing that was photographed has
        if _is_clean(np.abs(off)):
            return Relief(off, 0, CLEAN)
        if (off == 0).sum() > 0.8 * (np.abs(off) < FLAT).sum():
            return Relief(off, 0, LOSSY)
    return Relief(*_from_surface(levels, paper), PHOTO)


def _is_clean(off: Floats) -> bool:
    """Whether what differs from the paper is a drawing that a computer made.

    There what is faint is the rim of a stroke, or falls off smoothly where the stroke is soft; the
    traces of JPEG lie farther away and are rough.
    """
    most = float(off.max())
    if most < FLAT / 3 and np.unique(off).size > 2:
        return False
    bold = off > most / 5
    stray = (off > 0) & ~_near(bold, 2)
    rough = np.abs(off - _sums(off, 1) / 9)[stray].sum()
    return bool(stray.sum() <= 0.01 * bold.sum() or rough < ROUGH * off[stray].sum())


def _from_surface(levels: Floats, paper: Mask) -> tuple[Floats, float]:
    """How far each pixel is from a surface through the paper, and the noise of that in levels.

    A plane comes first, then a curved surface through all that lies near it.
    """
    height, width = levels.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    basis = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    off = levels - _fit(basis[..., :3], levels, paper)
    for _ in range(3):
        noise = 1.5 * float(np.median(np.abs(off[paper])))
        near = np.abs(off) < max(_otsu(np.abs(off)), NOISE * noise, 1)
        off = levels - _fit(basis, levels, near)
    return off, 1.5 * float(np.median(np.abs(off[near])))


def _fit(basis: npt.NDArray[np.float64], levels: Floats, where: Mask) -> Floats:
    """Lay a surface through some pixels, by absolute differences, so that ink weighs little."""
    rows, values = basis[where], levels[where].astype(np.float64)
    step = -(-len(rows) // FITTED)
    rows, values = rows[::step], values[::step]
    weights = np.ones(len(values))
    for _ in range(12):
        weighted = rows.T * weights
        solution = np.linalg.lstsq(weighted @ rows, weighted @ values, rcond=None)[0]
        weights = 1 / np.maximum(np.abs(values - rows @ solution), 1)
    return (basis @ solution).astype(np.float32)


def _is_dark(contrast: Floats) -> tuple[bool, bool]:
    """Whether ink is darker than the paper, and whether that is clear.

    Cubes count few pixels that differ much, as ink does, for more than many that differ little.
    """
    dark = float((np.maximum(-contrast, 0).astype(np.float64) ** 3).sum())
    light = float((np.maximum(contrast, 0).astype(np.float64) ** 3).sum())
    return dark >= light, max(dark, light) > 2 * min(dark, light)


def _ink(strength: Floats, relief: Relief) -> Pixels:
    """The ink, stretched to 255; specks are left out, which would count for the drawing's size."""
    noise, most = relief.noise, float(strength.max())
    if relief.ramp == CLEAN and most:
        return _rounded(strength * (255 / most))
    if noise > GRAIN * most:
        strength, noise = (_sums(strength, 1) / 9).astype(np.float32), noise / 3
    strong = np.where(strength > max(NOISE * noise, 1), strength, 0)
    if strong.max() < FLAT:
        raise InputError(EVEN)
    level = np.quantile(strong[strong > _otsu(strong)], 0.9)
    low, high = (share * float(level) for share in relief.ramp)
    ink = ((strong - low) * (255 / (high - low))).clip(0, 255)
    side = max(4, max(ink.shape) // 32)
    around = _sums(ink / 255, side)
    return _rounded(np.where(around > side / 4, ink, 0))


def _rounded(ink: npt.NDArray[np.floating]) -> Pixels:
    pixels: Pixels = np.rint(ink).astype(np.uint8)
    return pixels


def _otsu(levels: npt.NDArray[np.floating]) -> float:
    """The level that parts pixels in [0, 255] into the two classes that differ most (Otsu 1979)."""
    counts = np.bincount(levels.clip(0, 255).astype(np.uint8).ravel(), minlength=256).astype(
        np.float64
    )
    below = counts.cumsum()
    mass = (counts * np.arange(256)).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mass[-1] * below / below[-1] - mass) ** 2 / (below * (below[-1] - below))
    return float(np.nanargmax(between)) if np.isfinite(between).any() else 0.0


def _near(mask: Mask, reach: int) -> Mask:
    return _sums(mask.astype(np.float32), reach) > 0.5


def _sums(values: npt.NDArray[np.floating], reach: int) -> npt.NDArray[np.float64]:
    """The sum of the square around each pixel that reaches so far to each side."""
    padded = np.pad(values.astype(np.float64), ((reach + 1, reach), (reach + 1, reach)))
    total = padded.cumsum(axis=0).cumsum(axis=1)
    size = 2 * reach + 1
    tall = total[size:] - total[:-size]
    sums: npt.NDArray[np.float64] = tall[:, size:] - tall[:, :-size]
    return sums
