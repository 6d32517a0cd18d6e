"""What the folders that pictures lie in mean: classes, or a split into train, validation and test.

    PATH/CLASS/...            classes; the split is ours
    PATH/...                  one class; the split is ours
    PATH/train/CLASS/...      classes, split already; validation/ and test/ likewise
    PATH/train/...            one class, split already

Whatever could be either is refused by name: pictures to test with must never be trained on.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from export.data.walk import File, Left, once, printable, some
from export.errors import DataError

Part = Literal["train", "validation", "test"]
PARTS: Final[tuple[Part, ...]] = ("train", "validation", "test")

# As people call the folders of a split: train, Training, val, valid, test_set, test-images, ...
_NAMES: Final = re.compile(
    r"(?:(?P<train>train|training)|(?P<validation>val|valid|validation)|(?P<test>test|testing))"
    r"(?:[ _-]?(?:set|data|images|imgs|pictures|pics))?",
    re.IGNORECASE,
)


class Picture(NamedTuple):
    """A file, and what it is for."""

    path: Path
    name: str  # below the folder
    part: Part | None  # None: for the split to come
    label: str  # of its class: the folder it lies in, "" for none


def part_of(folder: str) -> Part | None:
    """Which part of a split a folder is named after, if any."""
    match = _NAMES.fullmatch(folder)
    return next((part for part in PARTS if match[part]), None) if match else None


def arrange(root: Path, files: Sequence[File], left: Left) -> list[Picture]:
    """Tell class and part of each file, and keep one name of each real file.

    Of several names the one is kept that is to be tested with, or else to validate with, or else
    that needs no link.

    Raises:
        DataError: folders of a split are mixed with others, or their classes differ.
    """
    folders = sorted({file.name.split("/")[0] for file in files if "/" in file.name})
    parts = {folder: part for folder in folders if (part := part_of(folder))}
    if parts:
        _check_split(root, folders, parts, [file.name for file in files if "/" not in file.name])
    else:
        _check_no_split_below(root, files)

    def picture(file: File) -> Picture:
        first, _, rest = file.name.partition("/")
        part = parts.get(first)
        label = (rest if part else file.name).rpartition("/")[0]
        return Picture(file.path, file.name, part, printable(label))

    def rank(file: File) -> tuple[int, bool, str]:
        part = parts.get(file.name.split("/")[0])
        return (-PARTS.index(part) if part else 0, file.linked, file.name)

    kept = [picture(file) for file in once(sorted(files, key=rank), left)]
    _check_classes(root, kept, parts)
    return sorted(kept, key=lambda one: one.name)


def _check_split(
    root: Path, folders: Sequence[str], parts: dict[str, Part], loose: Sequence[str]
) -> None:
    names, others = some(list(parts), 9), [name for name in folders if name not in parts]
    if others or loose:
        what = f"the folders {some(others)}" if others else f"the pictures {some(list(loose))}"
        raise DataError(
            f"{root} holds {names}, as if it were split for training and testing, and beside that "
            f"{what}: move those into the train folder, or out of {root}; or, if "
            f"{names} are names of classes, give them others"
        )
    by_part = defaultdict(list)
    for folder, part in parts.items():
        by_part[part].append(folder)
    for part, same in by_part.items():
        if len(same) > 1:
            raise DataError(
                f"{root} holds {' and '.join(same)}, which are both for {part}: put their pictures "
                "into one of them"
            )
    if "train" not in by_part:
        raise DataError(
            f"{root} holds {names}, but no folder train: put pictures to train on there"
        )


def _check_no_split_below(root: Path, files: Sequence[File]) -> None:
    """Refuse folders called test or the like further down: nobody's class is called so."""
    held_out = set()
    for file in files:
        folders = file.name.split("/")[:-1]
        for depth in range(1, len(folders)):
            if part_of(folders[depth]) in ("validation", "test"):
                held_out.add("/".join(folders[: depth + 1]))
    if not held_out:
        return
    above = {name.rpartition("/")[0] for name in held_out}
    (one, *others) = sorted(above)
    inside = not others and all(file.name.startswith(one + "/") for file in files)
    remedy = (
        f"name the folder they are in: --dataset 'folder:{root / one}'"
        if inside
        else "move them up, so that there are train/CLASS and test/CLASS"
    )
    raise DataError(
        f"{root} holds {some(sorted(held_out))}, as if it were split for training and testing, but "
        f"not right below it; {remedy}, or give them another name if they are classes"
    )


def _check_classes(root: Path, pictures: Sequence[Picture], parts: dict[str, Part]) -> None:
    names = {part: folder for folder, part in parts.items()}
    classes: dict[Part, set[str]] = {part: set() for part in names}
    for one in pictures:
        if one.part:
            classes[one.part].add(one.label or "pictures of no class")
    for part, folder in names.items():
        missing = sorted(classes["train"] - classes[part])
        unknown = sorted(classes[part] - classes["train"])
        if missing or unknown:
            differences = [f"lacks {some(missing)}"] * bool(missing)
            differences += [f"has {some(unknown)} besides"] * bool(unknown)
            raise DataError(
                f"the classes in {root / folder} are not those in {root / names['train']}: it "
                f"{' and '.join(differences)}; sort both into folders of the same names, or train "
                f"on one of them alone: --dataset 'folder:{root / names['train']}'"
            )
