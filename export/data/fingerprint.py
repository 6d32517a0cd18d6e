"""Which pictures a model was trained on, so that it is seen when a folder has changed since."""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from export.data.walk import counted, printable, some
from export.errors import DataError

HASH_BYTES = 10


def content_hash(content: bytes) -> str:
    """A short hash of a file."""
    return hashlib.blake2b(content, digest_size=HASH_BYTES).hexdigest()


@dataclass(frozen=True)
class Fingerprint:
    """The pictures of a folder.

    Two are the same if the same contents lie in the same folders, below wherever they are: times
    do not matter, nor what a file is called within its folder, for neither changes the data set.
    """

    files: Mapping[str, str]  # name below the folder -> hash of its content
    class_names: tuple[str, ...]
    parts: Mapping[str, str]  # name -> train, validation, test or "left out"; follows from the rest

    @cached_property
    def digest(self) -> str:
        """A short hash of it all, which can be told to anyone."""
        lines = sorted(f"{folder}\0{content}" for folder, content in self._placed.elements())
        return content_hash("\n".join(lines).encode("utf-8", "surrogateescape"))

    @cached_property
    def _placed(self) -> Counter[tuple[str, str]]:
        return Counter(map(_place, self.files.items()))

    def changes(self, now: "Fingerprint") -> str:
        """Say what has become different in `now`; nothing if they are the same."""
        lost, found = self._placed - now._placed, now._placed - self._placed
        gone = {name: self.files[name] for name in _names(self.files, lost)}
        new = {name: now.files[name] for name in _names(now.files, found)}
        changed = [name for name in gone if name in new]
        for name in changed:
            del gone[name], new[name]
        moved = _moved(gone, new)
        classes = set(self.class_names), set(now.class_names)
        parts = [
            _told(sorted(classes[1] - classes[0]), "class", "new"),
            _told(sorted(classes[0] - classes[1]), "class", "gone"),
            _told(sorted(new), "picture", "new"),
            _told(sorted(gone), "picture", "gone"),
            _told(sorted(changed), "picture", "changed"),
            _told(moved, "picture", "in another folder"),
        ]
        return "; ".join(part for part in parts if part)


@dataclass(frozen=True)
class Expected:
    """The pictures that a folder must hold, because something was trained on them."""

    of: str  # what was trained, for messages
    digest: str
    fingerprint: Fingerprint | None = None  # where it is known in full

    def find(self, folder: Path) -> None:
        """See that there is such a folder.

        Raises:
            FileNotFoundError: there is none.
        """
        if not folder.is_dir():
            raise FileNotFoundError(
                f"there is no folder {folder}, whose pictures {self.of} was trained on; name where "
                "they are now with --dataset folder:PATH"
            )

    def check(self, folder: Path, now: Fingerprint) -> Fingerprint:
        """Compare; return the pictures with the names that their classes had in training.

        Raises:
            DataError: they are not the same, and what is different.
        """
        if now.digest == self.digest:
            return replace(now, class_names=(self.fingerprint or now).class_names)
        changes = self.fingerprint.changes(now) if self.fingerprint else "they have changed"
        raise DataError(
            f"the pictures in {folder} are not those that {self.of} was trained on: {changes}. "
            "Pictures that were trained on might now be tested with. Put the folder back as it "
            "was, or name a copy that is, with --dataset folder:PATH; or train on what it holds "
            "now, into another --out"
        )


def _place(file: tuple[str, str]) -> tuple[str, str]:
    """The folder and the content of a file; accents are written in one way, as systems differ."""
    name, content = file
    return unicodedata.normalize("NFC", name.rpartition("/")[0]), content


def _names(files: Mapping[str, str], wanted: Counter[tuple[str, str]]) -> list[str]:
    """Names of as many files as there are in `wanted`."""
    open_, names = wanted.copy(), []
    for file in sorted(files.items(), reverse=True):
        if open_[_place(file)] > 0:
            open_[_place(file)] -= 1
            names.append(file[0])
    return names


def _moved(gone: dict[str, str], new: dict[str, str]) -> list[str]:
    """Take out of both what has only another place: "dark/1.png, now light/1.png"."""
    by_content = {content: name for name, content in new.items()}
    moved = []
    for name, content in sorted(gone.items()):
        if content in by_content:
            to = by_content.pop(content)
            moved.append(f"{name}, now {to}")
            del gone[name], new[to]
    return moved


def _told(names: list[str], what: str, how: str) -> str:
    if not names:
        return ""
    verb = "is" if len(names) == 1 else "are"
    return f"{counted(len(names), what)} {verb} {how} ({some([printable(n) for n in names])})"
