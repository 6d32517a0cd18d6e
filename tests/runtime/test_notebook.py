"""What a notebook shows of models, scores and pictures, without Pillow and without trust."""

import base64
import io
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

import vae_onnx
from vae_onnx import evaluation
from vae_onnx.pictures import showing

SCRIPT = "<script>alert('x')</script>"


class Seen(HTMLParser):
    """The elements of some HTML, all of which must be closed, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.opened == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag != "img":
            self.opened.append(tag)

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag

    def handle_data(self, data):
        self.text += f"{data}\n"


def picture(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as opened:
        opened.load()
        assert opened.format == "PNG"
        return np.asarray(opened)


def strip(html: str) -> np.ndarray:
    (content,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return picture(base64.b64decode(content))


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (5, 3, 3), (5, 3, 4), (1, 300, 3)])
def test_pixels_come_back_from_png(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    np.testing.assert_array_equal(picture(showing.png(pixels)), pixels)


def test_small_pictures_are_enlarged_dot_by_dot():
    pixels = np.arange(28 * 28 * 3, dtype=np.uint8).reshape(28, 28, 3)
    large = showing.seen(pixels)
    assert large.shape == (224, 224, 3)
    np.testing.assert_array_equal(large[4::8, 4::8], pixels)
    assert showing.seen(np.zeros((28, 400), np.uint8)).shape == (56, 800)
    assert showing.seen(np.zeros((401, 2), np.uint8)).shape == (401, 2)


@pytest.mark.parametrize("colours", [(), (3,)])
def test_large_pictures_are_reduced_to_means(colours):
    pixels = np.random.default_rng(0).integers(0, 256, (2049, 7, *colours), np.uint8)
    small = showing.seen(pixels)
    assert small.shape == (683, 3, *colours)
    assert (small[0, 0] == np.rint(pixels[:3, :3].mean(axis=(0, 1)))).all()
    assert (small[-1, -1] == np.rint(pixels[2046:, 6:].mean(axis=(0, 1)))).all()


def test_show_is_tile_for_the_eye():
    floats = np.random.default_rng(0).random((5, 4, 6), dtype=np.float32)
    sheet = vae_onnx.show(floats, columns=3)
    np.testing.assert_array_equal(sheet.pixels, vae_onnx.to_uint8(vae_onnx.tile(floats, 3)))
    assert repr(sheet) == "<Sheet: 18 x 8 pixels>"
    np.testing.assert_array_equal(picture(sheet._repr_png_()), showing.seen(sheet.pixels))
    np.testing.assert_array_equal(vae_onnx.show(floats[0]).pixels, vae_onnx.to_uint8(floats[0]))
    np.testing.assert_array_equal(
        vae_onnx.show(floats[..., np.newaxis]).pixels, vae_onnx.show(floats).pixels
    )
    emoji = np.full((2, 4, 4, 3), 7, np.uint8)
    assert picture(vae_onnx.show(emoji)._repr_png_()).shape == (32, 64, 3)
    assert picture(vae_onnx.show(np.zeros((1, 4, 4, 4)))._repr_png_()).shape == (32, 32, 4)


@pytest.mark.parametrize(
    ("pictures", "error", "told"),
    [
        (np.zeros((2, 4, 4, 5)), vae_onnx.InputError, r"1, 3 or 4 channels.*got 5.*\[\.\.\., :3\]"),
        (np.zeros((2, 4, 4), np.int64), vae_onnx.InputTypeError, "float in .0, 1., got int64"),
        (np.full((2, 4, 4), 2.0), vae_onnx.InputError, "0, 1"),
        (np.zeros(4), vae_onnx.InputError, r"\(N, H, W\)"),
        (np.zeros((0, 4, 4)), vae_onnx.InputError, "N >= 1"),
    ],
)
def test_what_cannot_be_shown(pictures, error, told):
    with pytest.raises(error, match=told):
        vae_onnx.show(pictures)


def test_a_picture_that_was_read(picture_files):
    one = vae_onnx.read_picture(picture_files[0].path)
    np.testing.assert_array_equal(picture(one._repr_png_()), showing.seen(one.pixels))


def test_a_model_shows_what_it_is_and_draws(bundled):
    html = bundled._repr_html_()
    seen = Seen(html)
    facts = seen.text.splitlines()
    assert facts[0] == bundled.metadata["name"]
    for name, value in (("kind", bundled.kind), ("device", "cpu"), ("precision", "float32")):
        assert facts[facts.index(name) + 1] == value
    assert facts[facts.index("code") + 1] == str(bundled.latent_dim)
    samples = vae_onnx.show(bundled.sample(8, np.random.default_rng(0)), columns=8)
    np.testing.assert_array_equal(strip(html), showing.seen(samples.pixels))


def test_a_model_of_any_size_or_closed_shows_no_samples(graphs, tiny_vae):
    assert "img" not in Seen(vae_onnx.load(graphs / "open")._repr_html_()).tags
    assert "any x any" in vae_onnx.load(graphs / "open")._repr_html_()
    tiny_vae.close()
    assert "img" not in Seen(tiny_vae._repr_html_()).tags


def test_what_a_stranger_wrote_is_text(tiny_vae, monkeypatch):
    said = {"name": SCRIPT, "dataset": f'"{SCRIPT}', "licence": "x" * 10_000, "latent_mean": SCRIPT}
    monkeypatch.setattr(vae_onnx.Autoencoder, "metadata", said)
    html = tiny_vae._repr_html_()
    seen = Seen(html)
    assert "script" not in seen.tags
    assert "img" in seen.tags
    assert seen.text.replace("\n", "").count(SCRIPT) == 2
    assert len(html) < 5_000
    monkeypatch.setattr(vae_onnx.Autoencoder, "metadata", {**said, "prior": "none"})
    assert "img" not in Seen(tiny_vae._repr_html_()).tags  # whose codes lie nobody knows where


def test_scores_show_how_they_spread(tiny_vae):
    mse = np.array([0.1, 0.2, 0.6])
    text = Seen(evaluation.Scores(mse, mse * 1000)._repr_html_()).text.splitlines()
    assert text[0] == "of 3 images"
    assert text[text.index("median") + 1 :][:3] == ["0.2", "6.99", "200"]
    without = Seen(evaluation.Scores(mse, None)._repr_html_())
    assert "nats" not in without.text
    assert without.tags.count("td") == 8


def test_nothing_of_it_is_imported_before_it_is_shown():
    code = """
import sys
import vae_onnx
model = vae_onnx.load("mnist-vae")
print({"vae_onnx.notebook", "vae_onnx.pictures.showing", "html"} & set(sys.modules))
sys.modules["PIL"] = None
print(len(model._repr_html_()) > 1000)
print("PIL" in vae_onnx.show(model.grid(2))._repr_png_().decode("latin-1"))
"""
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["set()", "True", "False"]
