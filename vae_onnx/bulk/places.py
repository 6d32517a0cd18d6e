"""Where files are: on this machine, or behind an address such as s3://bucket/folder."""

from __future__ import annotations

import glob
import hashlib
import os
import posixpath
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from vae_onnx.errors import FileMissingError, InputError, PackageMissingError, accessing

REMOTE: Final = "://"
LOCAL: Final = "file://"
HIDDEN: Final = "."
NO_DATA: Final = "_"  # begins folders and tables beside data, as Spark and others have them
STAMPS: Final = ("ETag", "etag", "mtime", "LastModified", "last_modified", "created")


class File(NamedTuple):
    """A file of the input."""

    path: str  # where it is opened
    name: str  # within the input, with slashes
    size: int  # bytes
    stamp: str  # changes when the file does


def is_remote(place: str) -> bool:
    """Whether a place is an address."""
    return REMOTE in place and not place.startswith(LOCAL)


def system(place: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path there.

    Raises:
        PackageMissingError: fsspec, or its part for this kind of address, is not installed.
        InputError: There is no such kind.
    """
    try:
        from fsspec.core import url_to_fs

        return url_to_fs(place)  # type: ignore[no-any-return]
    except ImportError as error:
        raise PackageMissingError(
            f"{place} needs fsspec and its part for this address: {error}; "
            "pip install 'vae-onnx[bulk]', and s3fs for s3://, gcsfs for gs://"
        ) from error
    except ValueError as error:
        raise InputError(f"{place} is no address that fsspec knows: {error}") from error


@contextmanager
def opened(place: str) -> Iterator[IO[bytes]]:
    """Open a file for reading, here or elsewhere.

    Raises:
        FileMissingError: There is no such file.
        FileAccessError: It cannot be read.
    """
    with accessing(place):
        if is_remote(place):
            files, path = system(place)
            with files.open(path, "rb") as file:
                yield file
        else:
            with Path(place).open("rb") as file:
                yield file


def listed(place: str) -> tuple[list[File], bool]:
    """Return the files of an input, by name, and whether it is a folder.

    Args:
        place: A file, a folder of any depth, or a pattern such as "shards/*.tar"; a path or an
            address.

    Raises:
        FileMissingError: There is no such file or folder, or the pattern meets none.
    """
    found, is_folder = (_elsewhere if is_remote(place) else _here)(place)
    if not found and not is_folder:
        raise FileMissingError(f"there is no file or folder {place}")
    return sorted(found, key=lambda file: file.name), is_folder


def digest(files: Iterable[File]) -> str:
    """Return what tells a list of files from every other: their names, sizes and times."""
    sha256 = hashlib.sha256()
    for file in files:
        sha256.update(f"{file.name}\0{file.size}\0{file.stamp}\n".encode(errors="surrogateescape"))
    return sha256.hexdigest()


def _absolute(place: str) -> str:
    """A path that means the same to processes elsewhere on this machine."""
    path = os.path.expanduser(place.removeprefix(LOCAL))  # noqa: PTH111, which keeps links
    return os.path.abspath(path)  # noqa: PTH100, likewise


def _here(place: str) -> tuple[list[File], bool]:
    path = Path(_absolute(place))
    with accessing(path):
        if path.is_dir():
            return list(_walked(str(path), "", (os.path.realpath(path),))), True
        if path.exists():
            return [_file(str(path), path.name, path.stat())], False
        met = glob.glob(str(path), recursive=True)  # noqa: PTH207, which takes no absolute pattern
        root = root_of(place)
        return [
            _file(each, os.path.relpath(each, root), Path(each).stat())
            for each in met
            if Path(each).is_file()
        ], False


def root_of(place: str) -> str:
    """Return the folder that the names of the files of an input are within.

    Of a pattern it is the folder before its first sign: "shards/*.tar" -> "shards".
    """
    path = Path(_absolute(place))
    if path.is_dir():
        return str(path)
    for at, part in enumerate(path.parts):
        if glob.has_magic(part) and not path.exists():
            return str(Path(*path.parts[:at]))
    return str(path.parent)


def _walked(folder: str, name: str, above: tuple[str, ...]) -> Iterator[File]:
    """Yield the files below a folder, but hidden ones.

    Args:
        folder: Where it is.
        name: Of it within the input, with a slash at the end.
        above: The folders that were come through, without links: a link to one of them would be
            followed without an end.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(HIDDEN):
                continue
            inner = f"{name}{entry.name}"
            try:
                is_folder, is_file = entry.is_dir(), entry.is_file()
            except OSError:  # a link to itself
                is_folder = is_file = False
            if is_folder:
                target = os.path.realpath(entry.path)
                if not entry.name.startswith(NO_DATA) and target not in above:
                    yield from _walked(entry.path, f"{inner}/", (*above, target))
            elif is_file:
                yield _file(entry.path, inner, entry.stat())
            elif entry.is_symlink():  # to nowhere: told as a file that cannot be read
                yield File(entry.path, inner, 0, "")


def _file(path: str, name: str, stat: os.stat_result) -> File:
    return File(path, name.replace(os.sep, "/"), stat.st_size, str(stat.st_mtime_ns))


def _elsewhere(place: str) -> tuple[list[File], bool]:
    files, path = system(place)
    with accessing(place):
        if glob.has_magic(path):
            infos: Sequence[Any] = list(files.glob(path, detail=True).values())
            root, is_folder = "", False
        elif files.isfile(path):
            infos, root, is_folder = [files.info(path)], posixpath.dirname(path), False
        elif files.isdir(path):
            infos, root, is_folder = list(files.find(path, detail=True).values()), path, True
        else:
            return [], False
    found = []
    for info in infos:
        name = posixpath.relpath(info["name"], root) if root else info["name"]
        if info["type"] == "file" and not (is_folder and _is_aside(name)):
            stamp = next((info[key] for key in STAMPS if info.get(key)), "")
            found.append(
                File(files.unstrip_protocol(info["name"]), name, info["size"] or 0, str(stamp))
            )
    return found, is_folder


def _is_aside(name: str) -> bool:
    """Whether a file of a folder is hidden, or lies in a folder that is."""
    *folders, base = name.split("/")
    return base.startswith(HIDDEN) or any(part.startswith((HIDDEN, NO_DATA)) for part in folders)


class Output:
    """A folder that results appear in, each whole or not at all.

    Args:
        place: A path, or an address. Made when the first file is written.
    """

    def __init__(self, place: str) -> None:
        self.place: str = place if is_remote(place) else _absolute(place)

    def __str__(self) -> str:
        return self.place

    def path(self, name: str) -> str:
        """Return where a file of the folder is."""
        return f"{self.place.rstrip('/')}/{name}"

    def names(self) -> list[str]:
        """Return what lies directly in the folder, sorted; nothing where it is missing."""
        with accessing(self.place):
            if not is_remote(self.place):
                path = Path(self.place)
                if path.exists() and not path.is_dir():
                    raise InputError(f"{path} is a file; name a folder for the results")
                return sorted(each.name for each in path.iterdir()) if path.is_dir() else []
            files, path_there = system(self.place)
            if not files.isdir(path_there):
                return []
            return sorted(posixpath.basename(each) for each in files.ls(path_there, detail=False))

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        if not is_remote(self.place):
            return Path(self.path(name)).is_file()
        files, path = system(self.path(name))
        with accessing(self.path(name)):
            return bool(files.isfile(path))

    def read(self, name: str) -> bytes:
        """Return the content of a small file."""
        with opened(self.path(name)) as file:
            return file.read()

    def write(self, name: str, fill: Callable[[IO[bytes]], None]) -> None:
        """Write a file, which appears once it is complete and takes the place of another.

        Raises:
            FileAccessError: It cannot be written; nothing is left of it.
        """
        with accessing(self.path(name)):
            if is_remote(self.place):
                _write_elsewhere(self.path(name), fill)
                return
            target = Path(self.path(name))
            target.parent.mkdir(parents=True, exist_ok=True)
            # Two machines that do the same work anew may have processes of one number.
            temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
            try:
                with temporary.open("wb") as file:
                    fill(file)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what runs that were killed have left half written."""
        if not is_remote(self.place):
            for folder in (Path(self.place), Path(self.place) / "_job"):
                for left in folder.glob(".*.tmp"):
                    left.unlink(missing_ok=True)


def _write_elsewhere(place: str, fill: Callable[[IO[bytes]], None]) -> None:
    files, path = system(place)
    try:
        with files.transaction, files.open(path, "wb") as file:
            fill(file)
    except FileNotFoundError:  # where folders are more than a part of the name
        files.makedirs(posixpath.dirname(path), exist_ok=True)
        with files.transaction, files.open(path, "wb") as file:
            fill(file)
