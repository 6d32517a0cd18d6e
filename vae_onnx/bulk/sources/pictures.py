"""Picture files: in folders, and in the tar files of WebDataset."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import pyarrow as pa

from vae_onnx.bulk.blocks import Item, Unusable, printable
from vae_onnx.bulk.places import opened
from vae_onnx.errors import FileError, InputError
from vae_onnx.pictures import files as pictures

CUT: Final = Unusable("the tar file is cut off or damaged here")
Member = tuple[str, int, int]  # key, where the picture begins, how many bytes: 0 and -1 for none


@dataclass(frozen=True)
class FolderPart:
    """Picture files below a folder, each by its name there.

    Attributes:
        root: The folder.
        names: Of the files, with slashes.
    """

    root: str
    names: Sequence[str]

    @property
    def count(self) -> int:
        """Of its images."""
        return len(self.names)

    def read(self, start: int, stop: int, rows: int) -> Iterator[tuple[pa.Array, list[Item]]]:
        """See `Part.read`; the files themselves are opened by who decodes them."""
        for first in range(start, stop, rows):
            names = self.names[first : min(first + rows, stop)]
            ids = pa.array(map(printable, names), pa.string())
            yield ids, [Path(self.root, name) for name in names]


@dataclass(frozen=True)
class TarPart:
    """A tar file of samples, files that have all in common before the first dot of their names.

    https://github.com/webdataset/webdataset has the format.
    """

    path: str
    members: Sequence[Member]

    @classmethod
    def of(cls, path: str, wanted: str | None) -> TarPart:
        """Look through a tar file for its samples; pictures are not read yet.

        Args:
            path: The file.
            wanted: How the names of the pictures end, such as "jpg", where samples have several.

        Raises:
            FileError: It is no tar file, or a packed one.
            InputError: A sample has several pictures.
        """
        return cls(path, list(_samples(path, wanted)))

    @property
    def count(self) -> int:
        """Of its samples."""
        return len(self.members)

    def read(self, start: int, stop: int, rows: int) -> Iterator[tuple[pa.Array, list[Item]]]:
        """See `Part.read`."""
        with opened(self.path) as file:
            end = file.seek(0, 2)
            for first in range(start, stop, rows):
                some = self.members[first : min(first + rows, stop)]
                items: list[Item] = []
                for _, offset, size in some:
                    if not offset:
                        items.append(CUT if size < 0 else Unusable("there is no picture with it"))
                        continue
                    if offset + size > end:  # which it may promise
                        items.append(CUT)
                        continue
                    file.seek(offset)
                    items.append(file.read(size))
                yield pa.array([printable(key) for key, *_ in some], pa.string()), items


def _samples(path: str, wanted: str | None) -> Iterator[Member]:
    """Yield the samples of a tar file; where it is cut off, a last one says so."""
    endings = {f".{wanted.lower().lstrip('.')}"} if wanted else pictures.suffixes()
    key, found = None, None
    for name, offset, size in _files(path):
        if offset < 0:
            if key is not None:
                yield found or (key, 0, 0)
            yield name, 0, -1
            return
        folder, _, base = name.rpartition("/")
        if base.startswith("."):
            continue
        stem, _, ending = base.partition(".")
        this = f"{folder}/{stem}" if folder else stem
        if this != key:
            if key is not None:
                yield found or (key, 0, 0)
            key, found = this, None
        if any(f".{ending.lower()}".endswith(each) for each in endings):
            if found:
                raise InputError(
                    f"the sample {key} of {path} has several pictures, one of them {base}; name "
                    "the ending of those to take with --column, such as --column left.jpg"
                )
            found = (key, offset, size)
    if key is not None:
        yield found or (key, 0, 0)


def _files(path: str) -> Iterator[Member]:
    """Yield the files in a tar file: name, offset and size; (path, -1, 0) where it is cut off."""
    with opened(path) as file:
        try:
            with tarfile.open(fileobj=file, mode="r:") as archive:
                while (member := archive.next()) is not None:
                    # which tarfile keeps: all of a large one
                    archive.members.clear()  # type: ignore[attr-defined]
                    if member.isfile():
                        yield member.name, member.offset_data, member.size
                cut = not _is_end(file, archive.offset)
        except tarfile.ReadError as error:
            if "empty" in str(error) or "unexpected end" not in str(error):
                raise FileError(
                    f"{path} is not a plain tar file: {error}; unpack it with gunzip if it ends "
                    "in .gz"
                ) from error
            cut = True
        except (ValueError, OverflowError):  # a member that no disk could hold
            cut = True
        if cut:
            yield path, -1, 0


def _is_end(file: IO[bytes], place: int) -> bool:
    """Whether a tar file ends where `tarfile` saw no more: it takes what is damaged for an end."""
    if place > file.seek(0, 2):
        return False
    file.seek(place)
    rest = file.read(tarfile.BLOCKSIZE)
    return not rest or rest == bytes(tarfile.BLOCKSIZE)
