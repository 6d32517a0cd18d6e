"""What comes from the network is shown to the models or refused with a reason, never a crash."""

import base64
import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

import vae_onnx
from demo.library.models import Group, Library
from demo.page import pictures
from demo.page.pictures import MAX_BYTES, MAX_SIDE, PictureError, data_url, png_url
from demo.tabs import pad
from vae_onnx.evaluation import knn_accuracy

PREFIX = "data:image/png;base64,"
LIBRARY = Library()


@pytest.fixture(scope="module")
def mnist() -> Group:
    return LIBRARY.groups["MNIST"]


def as_url(data: bytes) -> str:
    return PREFIX + base64.b64encode(data).decode()


def png_of_size(width: int, height: int) -> bytes:
    """The head of a PNG that promises a size, and no pixel of it."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


def saved(picture: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def seven(paper: int = 255, ink: int = 0, side: int = 200) -> Image.Image:
    """A 7 in the upper left quarter."""
    picture = Image.new("L", (side, side), paper)
    unit = side // 20
    picture.paste(ink, (2 * unit, 2 * unit, 9 * unit, 3 * unit))
    picture.paste(ink, (8 * unit, 2 * unit, 9 * unit, 10 * unit))
    return picture


def drawing(picture: Image.Image) -> dict[str, str]:
    return {"kind": "drawing", "data": png_url(picture)}


def file(data: bytes, kind: str = "image/png") -> dict[str, str]:
    return {"kind": "picture", "data": data_url(kind, data)}


# Drawings


def test_a_drawing_is_centred_and_scaled(mnist: Group) -> None:
    picture = seven(paper=0, ink=255)
    seen = pad.read(drawing(picture), mnist)
    assert seen is not None
    np.testing.assert_array_equal(seen.x, vae_onnx.drawing_to_x(np.asarray(picture)))


def test_transparent_paper_of_a_canvas_is_black(mnist: Group) -> None:
    canvas = Image.new("RGBA", (200, 200), (255, 255, 255, 0))
    canvas.paste("white", mask=seven(paper=0, ink=255))
    ours, plain = (pad.read(drawing(one), mnist) for one in (canvas, seven(paper=0, ink=255)))
    assert ours is not None
    assert plain is not None
    np.testing.assert_array_equal(ours.x, plain.x)


@pytest.mark.parametrize("value", [None, "", drawing(Image.new("L", (28, 28)))])
def test_no_ink_is_no_drawing(mnist: Group, value: object) -> None:
    assert pad.read(value, mnist) is None


def test_one_pixel_and_full_ink_are_drawings(mnist: Group) -> None:
    one = Image.new("L", (280, 280))
    one.putpixel((3, 270), 255)
    for picture in (one, Image.new("L", (280, 280), 255)):
        seen = pad.read(drawing(picture), mnist)
        assert seen is not None
        assert seen.x.max() > 0.9


def test_a_test_image_is_shown_as_it_is(mnist: Group) -> None:
    seen = pad.read({"kind": "test", "number": 5}, mnist)
    assert seen is not None
    (z,) = mnist.vae.model.encode(seen.x)
    np.testing.assert_allclose(z, mnist.vae.latents[0][5], atol=2e-3)  # that file is float16


# Files of all kinds


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (saved(seven()), ""),
        (saved(seven(paper=0, ink=255)), ""),
        (saved(seven().convert("1")), ""),
        (saved(seven().convert("P")), ""),
        (saved(seven().convert("RGB"), "JPEG", quality=80), ""),
        (saved(seven().convert("CMYK"), "JPEG", quality=95), "CMYK"),
        (saved(Image.fromarray(np.asarray(seven()).astype(np.uint16) * 257)), "16 bits"),
        (saved(Image.merge("LA", (seven(0, 0), seven(0, 255)))), "transparent"),
        (saved(Image.merge("LA", (seven(255, 255), seven(0, 255)))), "transparent"),
        (saved(seven(), "GIF", save_all=True, append_images=[seven(0, 9)]), "first frame"),
        (saved(seven(), "WEBP"), ""),
        (saved(seven(), "BMP"), ""),
    ],
    ids=[
        "grey", "light on dark", "one bit", "palette", "jpeg", "cmyk", "16 bit", "transparent dark",
        "transparent light", "animated gif", "webp", "bmp",
    ],
)  # fmt: skip
def test_a_digit_is_found_in_any_file(mnist: Group, data: bytes, note: str) -> None:
    seen = pad.read(file(data), mnist)
    assert seen is not None
    assert note in seen.note
    expected = vae_onnx.drawing_to_x(np.asarray(seven(paper=0, ink=255)))
    assert np.abs(seen.x - expected).mean() < 0.02


def test_a_photo_with_uneven_paper_shows_its_digit(mnist: Group) -> None:
    light = np.linspace(150, 225, 400)[:, np.newaxis] + np.random.default_rng(0).normal(
        0, 4, (400, 400)
    )
    photo = np.where(np.asarray(seven(side=400)) == 0, 40, light).clip(0, 255).astype(np.uint8)
    seen = pad.read(file(saved(Image.fromarray(photo), "JPEG")), mnist)
    assert seen is not None
    expected = vae_onnx.drawing_to_x(np.asarray(seven(paper=0, ink=255)))
    assert np.abs(seen.x - expected).mean() < 0.05


def test_clothes_are_fitted_whole() -> None:
    fashion = LIBRARY.groups["Fashion-MNIST"]
    seen = pad.read(file(saved(seven())), fashion)
    assert seen is not None
    inked = np.argwhere(seen.x[0, 0] > 0.5)
    assert inked.max() < 16  # it stays in the upper left


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (7, "expected a drawing"),
        ("hello", "expected a drawing"),
        ({"kind": "drawing"}, "expected a drawing"),
        ({"kind": "drawing", "data": 7}, "data URL"),
        ({"kind": "drawing", "data": PREFIX + "%%%"}, "base64"),
        ({"kind": "drawing", "data": PREFIX + "ä"}, "base64"),
        ({"kind": "picture", "data": PREFIX}, "the file is empty"),
        (file(b"this is a text, renamed"), "not a picture that can be taken: .* unknown kind"),
        (file(png_of_size(28, 28)), "not a picture"),
        (file(png_of_size(2**31 - 1, 2**31 - 1)), "not a picture"),
        (
            file(saved(Image.new("L", (8000, 8000), 255))),
            f"8000 x 8000 pixels; at most {MAX_SIDE} x {MAX_SIDE}",
        ),
        (file(saved(Image.new("L", (300, 300), 0))), "one even surface"),
        (file(saved(Image.effect_noise((64, 64), 50))[:-200]), "not a picture"),
        ({"kind": "picture", "data": PREFIX + "A" * (MAX_BYTES * 3 // 2)}, "larger than 10 MB"),
        ({"kind": "test", "number": 2000}, "no test image"),
        ({"kind": "test", "number": -1}, "no test image"),
        ({"kind": "test", "number": "1"}, "expected a drawing"),
    ],
    ids=range(17),
)  # fmt: skip
def test_anything_else_is_refused_with_the_reason(
    mnist: Group, value: object, message: str
) -> None:
    with pytest.raises(PictureError, match=message):
        pad.read(value, mnist)


def survives(read: Callable[[], object]) -> None:
    try:
        read()
    except PictureError:
        return


@given(st.one_of(st.text(), st.text().map(PREFIX.__add__), st.binary().map(as_url)))
@example(PREFIX + "\ud800")
def test_any_text_is_a_picture_or_refused(text: str) -> None:
    survives(lambda: pad.read({"kind": "picture", "data": text}, LIBRARY.first))


@given(st.data())
def test_any_damage_to_a_picture_is_survived(data: st.DataObject) -> None:
    png = bytearray(saved(seven(side=40)))
    for _ in range(data.draw(st.integers(1, 4))):
        png[data.draw(st.integers(0, len(png) - 1))] = data.draw(st.integers(0, 255))
    survives(lambda: pictures.read(bytes(png)))


# The preprocessing


def test_digits_drawn_anywhere_at_any_size_keep_their_class(mnist: Group) -> None:
    """Upscaled to 280x280, then put on a canvas at random scale and place: the same neighbours."""
    assert mnist.wide is not None
    tests, rng = mnist.wide.tests, np.random.default_rng(0)
    assert tests is not None
    moved = []
    for image in tests.images:
        large = Image.fromarray(image).resize((280, 280), Image.Resampling.BICUBIC)
        side = int(rng.integers(80, 281))
        canvas = Image.new("L", (280, 280))
        place = rng.integers(0, 281 - side, 2).tolist()
        canvas.paste(large.resize((side, side), Image.Resampling.BOX), tuple(place))
        seen = pad.read(drawing(canvas), mnist)
        assert seen is not None
        moved.append(seen.x[0])
    originals, redrawn = (
        knn_accuracy(mnist.wide.model.encode(x), tests.labels) for x in (tests.x, np.stack(moved))
    )
    assert originals > 0.9
    assert redrawn > originals - 0.02, (originals, redrawn)
