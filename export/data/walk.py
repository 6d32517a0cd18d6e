"""Which files lie under a folder: the pictures among them, and what is left alone and why.

Nothing is opened here. Links are followed, and whatever is reached twice is there once.
"""

import heapq
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from vae_onnx.pictures import files as reader

# Pictures too, to whoever made them. A format that this Pillow lacks (AVIF) joins them.
OTHER_PICTURES: Final = frozenset(
    (
        *(".heic", ".heif", ".hif", ".avif", ".avifs", ".jxl", ".jxr", ".wdp", ".svg", ".svgz"),
        *(".eps", ".ai", ".psd", ".psb", ".xcf", ".tga", ".ico", ".icns", ".exr", ".hdr", ".dds"),
        *(
            ".qoi",
            ".pcx",
            ".sgi",
            ".webp",
            ".jp2",
            ".j2k",
            ".jpx",
            ".raw",
            ".dng",
            ".cr2",
            ".cr3",
            ".crw",
        ),
        *(".nef", ".nrw", ".arw", ".srf", ".sr2", ".orf", ".rw2", ".raf", ".pef", ".srw", ".iiq"),
    )
)

# What systems put beside people's files; whatever begins with a dot is hidden anyway.
SYSTEM: Final = frozenset(
    (
        *("__macosx", "icon\r", "lost+found", "found.000", "system volume information"),
        *("$recycle.bin", "recycler", "recycled", "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db"),
        *("desktop.ini", "@eadir", "@recycle", "@recently-snapshot"),
        *("@tmp", "@sharebin", "@synoresource", "#recycle", "#snapshot", "~snapshot"),
        *("__pycache__", "node_modules", "cvs"),
    )
)
EXAMPLES: Final = 3  # names that a line gives


class File(NamedTuple):
    """A picture file, or what is named like one."""

    path: Path  # to open
    name: str  # below the folder, as one gets there: dark/1.png
    linked: bool  # one gets there by a link
    real: str  # its path without links


@dataclass
class Left:
    """What is left alone, by reason."""

    hidden_folders: list[str] = field(default_factory=list)
    hidden_files: list[str] = field(default_factory=list)
    broken_links: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)  # "LINK is NAME", reached before
    other_pictures: Counter[str] = field(default_factory=Counter)  # by suffix
    others: Counter[str] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """Say how many there are of each, by reason."""
        named = {
            "hidden or system folder": self.hidden_folders,
            "hidden or system file": self.hidden_files,
            "broken link": self.broken_links,
        }
        told = [f"{counted(len(names), what)} ({some(names)})" for what, names in named.items()]
        told = [line for line in told if not line.startswith("0 ")]
        if self.again:
            told.append(
                f"{counted(len(self.again), 'second name')} of what is counted already "
                f"({some(self.again)})"
            )
        if self.others:
            told.append(f"{counted(self.others.total(), 'other file')} ({_suffixes(self.others)})")
        if self.other_pictures:
            told.append(
                f"{counted(self.other_pictures.total(), 'picture')} in formats that are not read "
                f"({_suffixes(self.other_pictures)}): save them as PNG or JPEG"
            )
        return told


def walk(root: Path) -> tuple[list[File], Left]:
    """Find the files of a folder that are named like pictures, sorted by name.

    Folders are gone through once each, those behind links after all others: no link leads in
    circles, and a folder is called by the name that needs no link where there is one.

    Raises:
        OSError: a folder cannot be listed.
    """
    suffixes, left = reader.suffixes(), Left()
    files: list[File] = []
    met: dict[str, str] = {}  # the names of folders by their real path
    waiting = [(False, "", root)]
    while waiting:
        linked, below, folder = heapq.heappop(waiting)
        real = os.path.realpath(folder)
        if real in met:
            left.again.append(f"{below} is {met[real] or root}")
            continue
        met[real] = below
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            name = f"{below}/{entry.name}" if below else entry.name
            kind = _kind(entry)
            by_link = linked or entry.is_symlink()
            suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 a Path takes as long
            if entry.name.startswith((".", "~$")) or entry.name.lower() in SYSTEM:
                (left.hidden_folders if kind == "folder" else left.hidden_files).append(name)
            elif kind == "folder":
                heapq.heappush(waiting, (by_link, name, folder / entry.name))
            elif kind == "nowhere":
                left.broken_links.append(name)
            elif kind == "file" and suffix in suffixes:
                own = os.path.join(real, entry.name)  # noqa: PTH118 as above
                if entry.is_symlink():
                    own = os.path.realpath(folder / entry.name)
                files.append(File(folder / entry.name, name, by_link, own))
            elif kind == "file" and suffix in OTHER_PICTURES:
                left.other_pictures[suffix] += 1
            else:
                left.others[suffix if kind == "file" else kind] += 1
    return sorted(files, key=lambda file: file.name), left


def once(files: Sequence[File], left: Left) -> list[File]:
    """Keep the first name of each real file; the others are told in `left`."""
    names: dict[str, str] = {}
    for file in files:
        if names.setdefault(file.real, file.name) != file.name:
            left.again.append(f"{file.name} is {names[file.real]}")
    return [file for file in files if names[file.real] == file.name]


def counted(count: int, what: str) -> str:
    """Say how many: "1 file", "2,000 files", "2 classes"."""
    ending = "es" if what.endswith("s") else "s"
    return f"{count:,} {what}" + ending * (count != 1)


def some(names: list[str], most: int = EXAMPLES) -> str:
    """Give the first of some names, for a line."""
    return ", ".join([*map(printable, names[:most]), *(["..."] if len(names) > most else [])])


def printable(name: str) -> str:
    """Return a name of a file as text that every stream and file takes."""
    return os.fsencode(name).decode("utf-8", "replace")


def first_process() -> bool:
    """Whether this process is the one, of those that torchrun started, that speaks to the user."""
    return os.environ.get("RANK", "0") == "0"


def say(text: str) -> None:
    """Tell the user something that is no result."""
    if first_process() and sys.stderr is not None:
        print(text, file=sys.stderr)


def _kind(entry: os.DirEntry[str]) -> str:
    """What a name leads to: "folder", "file", "nowhere", or "no regular file", such as a pipe."""
    try:  # the listing tells the kinds of all but links: a million files are not asked one by one
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
        entry.stat()
    except PermissionError:
        raise
    except OSError:  # nothing is at the end of a link, or the link itself
        return "nowhere"
    return "no regular file"


def _suffixes(counts: Counter[str]) -> str:
    """Write "12 .heic, 3 .svg"."""
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return some([f"{count:,} {suffix or 'without a suffix'}" for suffix, count in ordered], most=6)
