"""What stands where a file of a model should: a pointer, a page of the web, another format."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Final, NamedTuple

START: Final = 4096  # bytes that tell what a file is
SHOWN: Final = 40  # characters of a text


class Mistaken(NamedTuple):
    """What a file is that is not what it should be, and what to do."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"it is {self.what}; {self.remedy}"


EXPORT: Final = "export the model to ONNX, and name that file"
OTHER: Final = "name the model's file instead"
AGAIN: Final = "get it again from where it came"
EMPTY: Final = Mistaken("empty, as after a copy that was cut off", AGAIN)
ARRAY: Final = Mistaken("an array of numpy (.npy)", OTHER)
PAGE: Final = Mistaken(
    "a page of the web, such as a login or an error that was saved in its place",
    "open its address in a browser to see, and download the file itself",
)
# By how a file starts, after so many bytes.
KINDS: Final = (
    (0, b"\x1f\x8b", Mistaken("packed with gzip", "`gunzip` unpacks it")),
    (0, b"BZh", Mistaken("packed with bzip2", "`bunzip2` unpacks it")),
    (0, b"\xfd7zXZ\x00", Mistaken("packed with xz", "`unxz` unpacks it")),
    (0, b"\x28\xb5\x2f\xfd", Mistaken("packed with zstd", "`unzstd` unpacks it")),
    (0, b"7z\xbc\xaf\x27\x1c", Mistaken("a 7-Zip archive", "unpack it")),
    (257, b"ustar", Mistaken("a tar archive", "`tar -xf` unpacks it")),
    (4, b"TFL3", Mistaken("a model of TensorFlow Lite", EXPORT)),
    (0, b"\x89HDF\r\n", Mistaken("an HDF5 file, as Keras writes them", EXPORT)),
    (0, b"GGUF", Mistaken("a GGUF file", EXPORT)),
    (0, b"\x93NUMPY", ARRAY),
    (0, b"\x89PNG", Mistaken("a PNG picture", OTHER)),
    (0, b"\xff\xd8\xff", Mistaken("a JPEG picture", OTHER)),
)


def named(content: bytes, path: Path) -> Mistaken | None:
    """Say what a file is that is not what it should be; None if nobody knows.

    Args:
        content: The file, or its start.
        path: Where it is; if its name says .npy or .npz, that is no mistake.
    """
    if not content:
        return EMPTY
    if content.startswith(b"version https://git-lfs.github.com/spec"):
        pull = shlex.join(["git", "-C", str(path.parent), "lfs", "pull"])
        return Mistaken("a pointer of Git LFS, not the file itself", f"`{pull}` brings that")
    for skipped, start, kind in KINDS:
        if content.startswith(start, skipped):
            return kind if kind is not ARRAY or path.suffix != ".npy" else None
    if content.startswith(b"PK\x03\x04"):
        return _of_a_zip(content[:START]) if path.suffix != ".npz" else None
    if content[:1] == b"\x80" and content[1:2] <= b"\x05":
        return Mistaken("a pickle, as older versions of PyTorch save", EXPORT)
    if content[8:10] == b'{"' and int.from_bytes(content[:8], "little") < 2**27:
        return Mistaken("a file of weights alone (safetensors)", EXPORT)
    return _of_a_text(content[:START])


def in_place_of(path: Path) -> Mistaken | None:
    """Say what the file at a path is, as `named` does."""
    try:
        with path.open("rb") as file:
            return named(file.read(START), path)
    except (OSError, ValueError):
        return None


def _of_a_zip(content: bytes) -> Mistaken:
    if b"data.pkl" in content:
        return Mistaken("a checkpoint of PyTorch", EXPORT)
    if b".npy" in content:
        return Mistaken("an archive of numpy (.npz)", OTHER)
    return Mistaken("a zip archive", "`unzip` unpacks it")


def _of_a_text(content: bytes) -> Mistaken | None:
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        if error.start < len(content) - 3:  # not just cut off in the middle of a character
            return None
        text = content[: error.start].decode("utf-8-sig").strip()
    if not text or not all(each.isprintable() or each.isspace() for each in text):
        return None
    start = text[:15].lower()
    if start.startswith(("<!doctype html", "<html", "<head")):
        return PAGE
    if start.startswith("<?xml"):
        return Mistaken("XML, as storage services send with an error", AGAIN)
    shown = json.dumps(text.splitlines()[0][:SHOWN], ensure_ascii=False)
    if start.startswith(("{", "[")):
        return Mistaken(f"JSON, as servers send with an error, and begins {shown}", AGAIN)
    return Mistaken(f"text, and begins {shown}", AGAIN)
