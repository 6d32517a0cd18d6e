"""Which pictures of a folder are trained on, validated with and tested with."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from export.data import folder as own
from export.data.folder import Folder
from export.data.layout import PARTS, Part
from export.data.walk import counted, say, some
from export.errors import DataError

# Not the seed of the run: validation losses can be compared only over the same images.
SPLIT_SEED = 0
LEAST_PART = 2  # of a part that the folder itself sets aside


class Rows(NamedTuple):
    """The rows of the pictures of each part."""

    train: list[int]
    validation: list[int]
    test: list[int]


def order(images: int) -> Tensor:
    """The fixed random order that a split is made by."""
    return torch.randperm(images, generator=torch.Generator().manual_seed(SPLIT_SEED))


def split(path: Path, pictures: Folder) -> Rows:
    """Divide pictures: as their folders say, and by chance where these say nothing.

    A part that the folder does not set aside gets a tenth of the pictures to train on. Pictures
    of the same bytes are never on two sides: chance takes them together, and what a folder has both
    to train on and to test with is not trained on.

    Raises:
        DataError: there are too few.
    """
    rows: dict[Part, list[int]] = {part: [] for part in PARTS}
    for row, part in enumerate(pictures.parts):
        rows[part or "train"].append(row)
    missing = [part for part in PARTS[1:] if not rows[part]]
    held_out = {part: rows[part] for part in PARTS[1:] if rows[part]}
    twice = _take_out(rows, pictures)
    units: dict[str, list[int]] = defaultdict(list)
    for row in rows["train"]:
        units[pictures.contents[row]].append(row)
    copies = len(rows["train"]) - len(units)
    if len(units) < own.LEAST_IMAGES:
        copied = f" ({copies:,} more are byte for byte the same)" if copies else ""
        raise DataError(own.too_few(path, f"got {len(units)}{copied}"))
    shuffled = [units[content] for content in _shuffled(sorted(units))]
    tenth = len(units) // 10
    for part in missing:
        rows[part] = [row for unit in shuffled[:tenth] for row in unit]
        shuffled = shuffled[tenth:]
    rows["train"] = [row for unit in shuffled for row in unit]
    for part in held_out:
        if len(rows[part]) < LEAST_PART:
            raise DataError(
                f"{path} sets {counted(len(rows[part]), 'picture')} aside for {part}, which are "
                f"too few: put {LEAST_PART} there or more, or none, and they come out of train"
            )
    _tell(pictures, copies, missing, twice)
    return Rows(rows["train"], rows["validation"], rows["test"])


def _take_out(rows: dict[Part, list[int]], pictures: Folder) -> list[tuple[int, int]]:
    """Leave pictures to test with out of the others, and those to validate with out of train."""
    held_out: dict[str, int] = {}
    twice = []
    for part in reversed(PARTS):
        twice += [
            (row, held_out[pictures.contents[row]])
            for row in rows[part]
            if pictures.contents[row] in held_out
        ]
        rows[part] = [row for row in rows[part] if pictures.contents[row] not in held_out]
        held_out |= {pictures.contents[row]: row for row in rows[part]}
    return twice


def _shuffled(contents: Sequence[str]) -> list[str]:
    return [contents[index] for index in order(len(contents)).tolist()]


def _tell(pictures: Folder, copies: int, missing: list[Part], twice: list[tuple[int, int]]) -> None:
    if twice:
        pairs = [f"{pictures.names[one]} is {pictures.names[other]}" for one, other in twice]
        say(
            f"  {counted(len(twice), 'picture')} to train on or validate with left out, being held "
            f"out byte for byte as well ({some(pairs)})"
        )
    if copies and missing:
        say(f"  {counted(copies, 'picture')} byte for byte like another: kept on the same side")
