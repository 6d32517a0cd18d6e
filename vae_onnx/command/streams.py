"""Files that are none: standard input and output, named pipes, process substitutions."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from vae_onnx.errors import InputError, accessing

STANDARD: Final = Path("-")
OWN: Final = re.compile(r"/dev/std(in|out|err)|/proc/[^/]+/fd/\d+|/dev/fd/\d+")  # this process's
NPY: Final = b"\x93NUMPY"


class Spool:
    """Takes what comes through pipes into files, which can be read from anywhere and mapped."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: dict[Path, Path] = {}  # file -> what the user calls it

    def take(self, options: argparse.Namespace, names: tuple[str, ...]) -> None:
        """Put files into the place of all pipes among some of the options.

        Raises:
            InputError: Standard input is named twice, or is a terminal, or is not there.
            FileAccessError: A pipe cannot be read, or the disk is full.
        """
        for name in names:
            given = getattr(options, name)
            taken = [self._file(path) for path in given] if isinstance(given, list) else given
            setattr(options, name, self._file(taken) if isinstance(taken, Path) else taken)

    def name(self, text: str) -> str:
        """Call files in a text by the names that the user has given."""
        for path, given in self._taken.items():
            text = text.replace(str(path), "stdin" if given == STANDARD else str(given))
        return text

    def _file(self, path: Path) -> Path:
        if path != STANDARD and not is_pipe(path):
            return path
        if path in self._taken.values():
            raise InputError(f"{path} can be read once, and is named twice")
        with accessing(path), _reading(path) as source:
            start = source.read(len(NPY))
            suffix = ".npy" if start == NPY else ""
            called = "stdin" if path == STANDARD else path.name.removesuffix(suffix)
            file = self._folder / str(len(self._taken)) / f"{called}{suffix}"
            file.parent.mkdir()
            with file.open("wb") as copy:
                copy.write(start)
                shutil.copyfileobj(source, copy, 2**20)
        self._taken[file] = path
        return file


@contextmanager
def spooling() -> Iterator[Spool]:
    """Give a spool, whose files are deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="vae-onnx-", ignore_cleanup_errors=True) as folder:
        yield Spool(Path(folder))


def is_pipe(path: Path) -> bool:
    """Whether there is something else than a file or a folder, or a file by a number."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) or bool(OWN.fullmatch(str(path)))


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, a pipe or standard output for writing.

    A file gets its name once it is complete: never half a file, and none if the body raises.

    Raises:
        InputError: Standard output is not there, or is a terminal.
        FileAccessError: The file cannot be written; of standard output, it is an OSError.
    """
    if path == STANDARD:
        stdout = getattr(sys.stdout, "buffer", None)
        if stdout is None or stdout.isatty():
            raise InputError("stdout is a terminal: redirect it, or name a file with --out")
        yield stdout
        stdout.flush()
    elif is_pipe(path):
        with accessing(path), path.open("wb") as pipe:
            yield pipe
    else:
        with accessing(path):
            target = Path(os.path.realpath(path))  # where a link leads
            temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
            try:
                with temporary.open("wb") as file:
                    yield file
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)


@contextmanager
def _reading(path: Path) -> Iterator[IO[bytes]]:
    if path != STANDARD:
        with path.open("rb") as pipe:
            yield pipe
        return
    stdin = getattr(sys.stdin, "buffer", None)
    if stdin is None or stdin.isatty():
        raise InputError("stdin is a terminal: send a file to it, as in `< x.npy`, or name one")
    yield stdin
