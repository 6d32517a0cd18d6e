"""Picture files in a browser, by the lines of docs/embedding.md, beside the reader of the demo."""

import base64
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from playwright.sync_api import Page

import vae_onnx
from demo.page import pictures
from demo.web.build import ROOT

SHAPE = (1, 28, 28)


def drawn(mode: str, size: tuple[int, int], paper: object, ink: object) -> Image.Image:
    """A 7 upright in a corner of a sheet: neither turned nor mirrored it looks like itself."""
    picture = Image.new(mode, size, paper)  # type: ignore[arg-type]
    side = min(size)
    points = [(0.15 * side, 0.2 * side), (0.55 * side, 0.2 * side), (0.3 * side, 0.8 * side)]
    ImageDraw.Draw(picture).line(points, ink, max(2, side // 14), "curve")  # type: ignore[arg-type]
    return picture


def photograph(size: tuple[int, int]) -> Image.Image:
    """Blue ink on paper that is not white, darker towards one side, with the camera's noise."""
    clean = np.asarray(drawn("RGB", size, (225, 219, 208), (40, 50, 120)), np.float64)
    shade = np.linspace(1, 0.82, size[0])[np.newaxis, :, np.newaxis]
    noise = np.random.default_rng(0).normal(0, 4, clean.shape)
    return Image.fromarray((clean * shade + noise).clip(0, 255).astype(np.uint8))


def turned(picture: Image.Image) -> tuple[Image.Image, Image.Exif]:
    """As a phone that was held upright stores it: on its side, with a note on how to turn it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return picture.transpose(Image.Transpose.ROTATE_90), exif


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return data.getvalue()


SIDEWAYS, EXIF = turned(photograph((420, 560)))
FILES = {
    "clean.png": encoded(drawn("L", (200, 260), 255, 0), "PNG"),
    "clean-light-on-dark.png": encoded(drawn("L", (200, 260), 0, 255), "PNG"),
    "grey-paper.png": encoded(drawn("L", (200, 260), 236, 30), "PNG"),
    "transparent.png": encoded(drawn("RGBA", (200, 260), (0, 0, 0, 0), (20, 20, 20, 255)), "PNG"),
    "transparent-white-ink.png": encoded(
        drawn("RGBA", (200, 260), (0, 0, 0, 0), (250, 250, 250, 255)), "PNG"
    ),
    "colour.png": encoded(drawn("RGB", (200, 260), (255, 250, 240), (200, 30, 30)), "PNG"),
    "palette.gif": encoded(drawn("L", (200, 260), 250, 10).convert("P"), "GIF"),
    "sixteen.png": encoded(
        Image.fromarray(np.asarray(drawn("L", (200, 260), 240, 20)).astype(np.uint16) * 257), "PNG"
    ),
    "photograph.jpg": encoded(photograph((560, 420)), "JPEG", quality=80),
    "turned.jpg": encoded(SIDEWAYS, "JPEG", quality=80, exif=EXIF),
    "large.jpg": encoded(photograph((2000, 1500)), "JPEG", quality=80),
    "huge.jpg": encoded(photograph((4000, 3000)), "JPEG", quality=60),
}
SEE = """async ([content, type]) => {
  const bytes = Uint8Array.from(atob(content), (byte) => byte.charCodeAt(0));
  const file = new File([bytes], "picture", { type });
  const ort = await import("./runtime.js");
  const { drawingToX, pictureToInk } = await import("./vae.js");
  %s
  return Array.from(await drawingToX(ink, height, width, { ort }));
}"""


@pytest.fixture(scope="module")
def page(open_stranger: Callable[[], AbstractContextManager[Page]]) -> Iterator[Page]:
    with open_stranger() as page:
        yield page


def lines_of_the_docs() -> str:
    text = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
    (block,) = (part for part in text.split("```") if "createImageBitmap" in part)
    return block.removeprefix("js\n").replace('import { pictureToInk } from "./vae.js";\n', "")


def seen(page: Page, name: str) -> NDArray[np.float32]:
    kind = {"jpg": "jpeg"}.get(name.rpartition(".")[2], name.rpartition(".")[2])
    content = base64.b64encode(FILES[name]).decode("ascii")
    made = page.evaluate(SEE % lines_of_the_docs(), [content, f"image/{kind}"])
    return np.array(made, np.float32).reshape(1, *SHAPE)


@pytest.mark.parametrize("name", FILES)
def test_a_browser_sees_what_the_demo_sees(page: Page, name: str) -> None:
    model = vae_onnx.load("mnist-vae")
    expected, _ = pictures.picture_to_x(pictures.read(FILES[name]), model, digits=True)
    x = seen(page, name)
    assert expected.max() > 0.9
    if name.endswith("jpg"):  # two decoders, which differ by a level here and there
        assert np.abs(x - expected).mean() < 0.01
        z = [model.encode(one)[0] for one in (x, expected)]
        np.testing.assert_allclose(z[0], z[1], rtol=0, atol=0.1)
    else:
        np.testing.assert_allclose(x, expected, rtol=0, atol=2 / 255)


def test_a_picture_of_nothing_is_refused(page: Page) -> None:
    call = """async (picture) => {
      const { pictureToInk } = await import("./vae.js");
      try { pictureToInk(picture); } catch ({ name, message }) { return `${name}: ${message}`; }
    }"""
    even = {"data": None, "width": 2, "height": 2}
    assert page.evaluate(call, even).startswith(
        "InputTypeError: picture must be an ImageData, or {"
    )
    assert "got undefined" in page.evaluate(call, None) or "got null" in page.evaluate(call, None)
    told = page.evaluate(call.replace("(picture);", "(new ImageData(4, 4));"))
    assert told == "InputError: the picture is one even surface: nothing is drawn on it"
    short = call.replace("(picture);", "({ data: new Uint8Array(16), width: 2, height: 3 });")
    assert "must hold 4 * width * height = 24 bytes, got 16" in page.evaluate(short)
