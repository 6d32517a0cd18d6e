"""Make a folder of pictures as people have them: JPEG files of many sizes and modes.

python tests/export/photographs.py FOLDER --count 2000
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (220, 40, 30), "green": (40, 170, 60), "blue": (40, 60, 210)}
MODES = ("RGB", "RGB", "RGB", "CMYK", "L")
ROTATED = 6  # of EXIF's orientations: shown after a quarter turn
ORIENTATION = 0x0112


def make(folder: Path, count: int, largest: int = 400) -> None:
    """Write `count` pictures of a disc under a sky, in folders named after its colour.

    Args:
        folder: Where to; made if it is missing.
        count: How many.
        largest: Pixels, of the longer side.
    """
    rng = np.random.default_rng(0)
    for number in range(count):
        name = [*COLOURS][number % len(COLOURS)]
        path = folder / name / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        height, width = rng.integers(largest // 8, largest, 2)
        picture = Image.fromarray(scene(rng, height, width, COLOURS[name]))
        exif = Image.Exif()
        if number % 7 == 0:
            exif[ORIENTATION] = ROTATED
        mode = MODES[number % len(MODES)]
        picture.convert(mode).save(path, quality=90, progressive=number % 2 == 0, exif=exif)


def scene(
    rng: np.random.Generator, height: int, width: int, colour: tuple[int, int, int]
) -> np.ndarray:
    """A disc in front of ground and sky, uint8 (height, width, 3)."""
    y, x = np.mgrid[:height, :width]
    sky = np.array([150, 190, 240]) + 80 * (y / height)[..., None] * np.array([1, 0.5, -0.2])
    ground = np.array([90, 110, 60]) * rng.uniform(0.6, 1.3)
    pixels = np.where((y > rng.uniform(0.5, 0.8) * height)[..., None], ground, sky)
    centre = rng.uniform(0.3, 0.7, 2) * (height, width)
    distance = np.hypot(y - centre[0], x - centre[1]) / (
        rng.uniform(0.15, 0.35) * min(height, width)
    )
    light = 1.2 - 0.5 * distance[..., None]
    pixels = np.where((distance < 1)[..., None], light * np.array(colour), pixels)
    return (pixels + rng.normal(0, 4, pixels.shape)).clip(0, 255).astype(np.uint8)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=2000)
    given = parser.parse_args()
    make(given.folder, given.count)
