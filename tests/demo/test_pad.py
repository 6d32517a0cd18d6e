"""What comes from the network is a drawing or refused, never a crash."""

import base64
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from demo.pad import MAX_CHARS, MAX_SIDE, PREFIX, DrawingError, read_ink
from demo.page import png_url


def as_url(data: bytes) -> str:
    return PREFIX + base64.b64encode(data).decode()


def png_of_size(width: int, height: int) -> bytes:
    """The head of a PNG that promises a size, and no pixel of it."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


Colour = int | str | tuple[int, ...]


def dot(mode: str = "L", paper: Colour = 0, ink: Colour = 255) -> Image.Image:
    picture = Image.new(mode, (20, 20), paper)
    picture.paste(ink, (4, 6, 9, 8))
    return picture


@pytest.mark.parametrize(
    "picture",
    [
        dot(),
        dot("RGB", paper="black", ink="white"),
        dot("RGBA", paper="black", ink="white"),
        dot("RGBA", paper=(255, 255, 255, 0), ink="white"),  # transparent: lies on black paper
    ],
    ids=["grey", "colour", "canvas", "transparent"],
)
def test_ink_is_what_is_white(picture: Image.Image) -> None:
    expected = np.zeros((20, 20), np.uint8)
    expected[6:8, 4:9] = 255
    ink = read_ink(png_url(picture))
    assert ink is not None
    assert ink.dtype == np.uint8
    np.testing.assert_array_equal(ink, expected)


@pytest.mark.parametrize("value", [None, "", png_url(Image.new("L", (28, 28)))])
def test_no_ink_is_no_drawing(value: str | None) -> None:
    assert read_ink(value) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (7, "data URL"),
        (["x"], "data URL"),
        ("hello", "data URL"),
        ("data:image/jpeg;base64,AAAA", "data URL"),
        (PREFIX + "%%%", "base64"),
        (PREFIX + "ä", "base64"),
        (PREFIX, "not a PNG"),
        (as_url(b"GIF89a" + bytes(60)), "not a PNG"),
        (as_url(png_of_size(28, 28)), "not a readable PNG"),
        (as_url(png_of_size(0, 28)), "not a readable PNG"),
        (as_url(png_of_size(MAX_SIDE + 1, 1)), f"at most {MAX_SIDE} x {MAX_SIDE}"),
        (as_url(png_of_size(2**31 - 1, 2**31 - 1)), f"at most {MAX_SIDE} x {MAX_SIDE}"),
        (PREFIX + "A" * MAX_CHARS, "at most 1,000,000 characters"),
        (png_url(Image.new("I;16", (28, 28), 9)), "8-bit"),
        (png_url(Image.new("P", (28, 28), 9)), "8-bit"),
    ],
)
def test_anything_else_is_refused_with_the_reason(value: object, message: str) -> None:
    with pytest.raises(DrawingError, match=message):
        read_ink(value)


def test_truncated_picture_is_refused() -> None:
    picture = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(picture, "PNG")
    with pytest.raises(DrawingError, match="not a readable PNG"):
        read_ink(as_url(picture.getvalue()[:-200]))


def accepts_or_refuses(value: str) -> None:
    try:
        ink = read_ink(value)
    except DrawingError:
        return
    assert ink is None or (ink.dtype == np.uint8 and ink.ndim == 2)


@given(st.one_of(st.text(), st.text().map(PREFIX.__add__), st.binary().map(as_url)))
@example(PREFIX + "\ud800")
def test_any_text_is_a_drawing_or_refused(text: str) -> None:
    accepts_or_refuses(text)


@given(st.data())
def test_any_damage_to_a_picture_is_survived(data: st.DataObject) -> None:
    png = bytearray(base64.b64decode(png_url(dot()).removeprefix(PREFIX)))
    for _ in range(data.draw(st.integers(1, 4))):
        png[data.draw(st.integers(0, len(png) - 1))] = data.draw(st.integers(0, 255))
    accepts_or_refuses(as_url(bytes(png)))
