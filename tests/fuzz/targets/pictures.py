"""Pictures, as files and as what the demo's page, its programs and tools send."""

from __future__ import annotations

import base64
import json
import os
import random
import struct
import zlib
from collections.abc import Iterator
from functools import cache

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

from demo.library.asked import RangeError
from demo.library.models import Library
from demo.page import pictures
from demo.page.pictures import PictureError
from demo.server.endpoints import Endpoints
from demo.tabs import pad
from vae_onnx.errors import VaeOnnxError
from vae_onnx.pictures import drawing, files

from ..target import Change, Target, as_file
from .seeds import picture_seeds


def _url_seeds() -> Iterator[bytes]:
    for content in picture_seeds()[:8]:
        yield b"data:image/png;base64," + base64.b64encode(content)


def _pad_seeds() -> Iterator[bytes]:
    for url in _url_seeds():
        for kind in ("drawing", "picture"):
            yield json.dumps({"kind": kind, "data": url.decode()}).encode()
    yield json.dumps({"kind": "test", "number": 3}).encode()


def _endpoint_seeds() -> Iterator[bytes]:
    calls = (
        ["decode", [[0.5, -1]], "mnist-vae"], ["decode", [0.5, -1], "mnist-vae"],
        ["sample", "mnist-ae", 4, 1, 0.5], ["grid", "mnist-vae", 2], ["grid", "mnist-vae-16d", 2],
        ["averages", "mnist-ae"], ["directions", "mnist-vae"], ["models"],
        ["sample", "emoji-vae", 2, 0, 1.0],
    )  # fmt: skip
    return (json.dumps(call).encode() for call in calls)


@cache
def _library() -> Library:
    return Library()


def _take_drawing(content: bytes) -> None:
    drawing.picture_to_x(files.read(content).grey)


def _take_pad(content: bytes) -> None:
    group = next(iter(_library().groups.values()))
    pad.read(_json(content), group)


def _take_call(content: bytes) -> None:
    told = _json(content)
    if not (isinstance(told, list) and told and told[0] in _CALLS):
        raise PictureError("no call")
    try:
        getattr(Endpoints(_library()), told[0])(*told[1:])
    except TypeError as error:
        if "positional argument" not in str(error):  # which the page counts before it calls
            raise


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise PictureError("no JSON, of which the server tells") from error


def _within_png(content: bytes, change: Change, rng: random.Random) -> bytes:
    """Change one chunk of a PNG, and its sum with it; other files as they are."""
    if not content.startswith(_PNG):
        return change(content)
    chunks, at = [], len(_PNG)
    while at + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, at)
        chunks.append(content[at + 4 : at + 8 + size])
        at += 12 + size
    chosen = rng.randrange(len(chunks))
    chunks[chosen] = chunks[chosen][:4] + change(chunks[chosen][4:])
    return _PNG + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in chunks
    )


def _within_url(content: bytes, change: Change, rng: random.Random) -> bytes:
    start, comma, body = content.partition(b",")
    return start + comma + base64.b64encode(_within_png(base64.b64decode(body), change, rng))


def _within_pad(content: bytes, change: Change, rng: random.Random) -> bytes:
    told = json.loads(content)
    told["data"] = _within_url(told["data"].encode(), change, rng).decode()
    return json.dumps(told).encode()


_PNG = b"\x89PNG\r\n\x1a\n"
_CALLS = ("decode", "sample", "grid", "averages", "directions", "models")
_PAGE = (VaeOnnxError, PictureError, RangeError)
_WORDS = (b'"kind"', b'"drawing"', b'"picture"', b'"test"', b'"number"', b'"data"', b"null",
          b"true", b"1e999", b"NaN", b"-1", b"[[]]", b'"mnist-vae"', b'"emoji-vae"')  # fmt: skip
_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT", b"iCCP",
           b"\xff\xd8", b"\xff\xc0", b"\xff\xc2", b"\xff\xe1\x00\x10Exif\0\0", b"\xff\xda",
           b"GIF89a", b"RIFF", b"WEBPVP8L", b"II*\0", b"MM\0*", b"P6\n", b"BM")  # fmt: skip

TARGETS = (
    Target(
        "picture",
        picture_seeds,
        lambda content: files.read(as_file(content, "input.png")),
        words=_CHUNKS,
        within=_within_png,
    ),
    Target(
        "drawing",
        picture_seeds,
        _take_drawing,
        words=_CHUNKS,
        within=_within_png,
    ),
    Target(
        "data_url",
        _url_seeds,
        lambda content: pictures.read(pictures.from_data_url(content.decode("latin-1"))),
        _PAGE,
        (b"data:", b";base64,"),
        _within_url,
    ),
    Target("pad", _pad_seeds, _take_pad, _PAGE, _WORDS, _within_pad),
    Target(
        "endpoint",
        _endpoint_seeds,
        _take_call,
        _PAGE,
        _WORDS,
    ),
)
