"""The files of a model's folder: their names, their checksums, and copies of them."""

from __future__ import annotations

import filecmp
import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from vae_onnx.errors import EXPORTING, FileError, InputError, accessing
from vae_onnx.store import mistaken

CARD: Final = "card.json"
GRAPHS: Final = ("encoder.onnx", "decoder.onnx")  # that every model has
VARIANTS: Final = tuple(
    graph.replace(".onnx", f".{precision}.onnx")
    for precision in ("float16", "int8")
    for graph in GRAPHS
)
LATENTS: Final = "latents.npz"
HISTORY: Final = "history.jsonl"  # of the training, an epoch a line
STRIP: Final = "strip.png"  # pictures, and what becomes of them
NAMES: Final = (*GRAPHS, *VARIANTS, CARD, LATENTS, HISTORY, STRIP)  # all that can belong to a model
AGAIN: Final = "get the model again"


def present(folder: Path) -> list[str]:
    """Return which of NAMES are in the folder."""
    return [name for name in NAMES if (folder / name).is_file()]


def read_card(folder: Path, remedy: str = AGAIN) -> dict[str, Any]:
    """Read `card.json`.

    Args:
        folder: Where the model is.
        remedy: What to do if it is damaged.

    Raises:
        FileMissingError: There is none.
        FileError: It is damaged.
    """
    path = folder / CARD
    with accessing(path, f"; {EXPORTING} writes it"):
        content = path.read_bytes()
    try:
        card = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise FileError(
            f"{path} is not a JSON file: {_told(mistaken.named(content, path), remedy, str(error))}"
        ) from error
    if not isinstance(card, dict):
        raise FileError(f"{path} must hold a JSON object, got {type(card).__name__}; {remedy}")
    return card


def checksums(folder: Path, remedy: str = AGAIN) -> dict[str, Any]:
    """Return the sha256 of each file that the card lists, also of variants; see `read_card`.

    Raises:
        FileMissingError: There is no card.
        FileError: It is damaged.
    """
    card = read_card(folder, remedy)
    variants = card.get("variants")
    parts = [card, *(variants.values() if isinstance(variants, dict) else ())]
    lists = [part.get("sha256") for part in parts if isinstance(part, dict)]
    return {
        name: sha256 for each in lists if isinstance(each, dict) for name, sha256 in each.items()
    }


def verify(folder: Path, remedy: str = AGAIN) -> None:
    """Compare a model's files with the sha256 that its card lists: each graph, what else is listed.

    Args:
        folder: Where the model is.
        remedy: What to do about a file that is another one.

    Raises:
        FileMissingError: The folder lacks the card, the encoder or the decoder.
        FileError: The card lists no checksum of a graph, or a file has another one.
    """
    sums = checksums(folder, remedy)
    for name in dict.fromkeys((*GRAPHS, *present(folder))):
        if name not in sums and name.endswith(".onnx"):
            raise FileError(
                f"{folder / CARD} lists no sha256 of {name}, so that nothing tells whether that is "
                f'the file it should be; its owner has to write it there: {{"sha256": {{"{name}": '
                '"..."}}, as `sha256sum` prints it'
            )
        if name not in sums:
            continue
        path = folder / name
        with accessing(path, "; every model has it"), path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if sums[name] != found:
            raise FileError(
                f"{path} is not the file that {CARD} tells of: expected sha256 {sums[name]}, "
                f"found {_told(mistaken.in_place_of(path), remedy, found)}"
            )


def _told(kind: mistaken.Mistaken | None, remedy: str, otherwise: str) -> str:
    """What a file is and what to do: of those on the Hub, to the cache or with their owner."""
    if kind is None:
        return f"{otherwise}; {remedy}"
    return str(kind if remedy == AGAIN else kind._replace(remedy=remedy))


def check_target(source: Path, folder: Path) -> None:
    """See that a folder is missing, empty, or holds nothing but files of the model in `source`.

    Raises:
        InputError: There is something else.
    """
    if not folder.is_dir():
        return
    ours = present(source)
    with accessing(folder):
        for path in sorted(folder.iterdir()):
            if path.name not in ours or not filecmp.cmp(path, source / path.name, shallow=False):
                raise InputError(
                    f"{folder} holds {path.name}, which is no file of this model; name another "
                    "folder, or put the model in its place with overwrite=True (--overwrite)"
                )


def copy(source: Path, folder: Path) -> None:
    """Copy all files of a model to an existing folder.

    Raises:
        FileMissingError: There is no such model any more.
        FileAccessError: A file cannot be read or written.
    """
    for name in present(source):
        with accessing(source / name):
            content = (source / name).read_bytes()
        with accessing(folder / name):
            (folder / name).write_bytes(content)


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder for the files of a model: once all are complete, they go to `folder`.

    There, they take the place of the files of any other model. If the body raises, none of them
    has changed.

    Raises:
        FileAccessError: The folder cannot be written.
    """
    with accessing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as name:
            partial = Path(name)
            yield partial
            names = present(partial)
            for file in names:
                (partial / file).replace(folder / file)
            for file in set(NAMES) - set(names):
                (folder / file).unlink(missing_ok=True)
