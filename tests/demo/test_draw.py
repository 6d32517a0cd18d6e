"""The function behind the pad."""

import dataclasses
import shutil
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image, ImageDraw

import vae_onnx
from demo.draw import DrawPage
from demo.page import png_url


@pytest.fixture(scope="module")
def page() -> DrawPage:
    return DrawPage()


def one() -> Image.Image:
    picture = Image.new("RGBA", (280, 280), "black")
    ImageDraw.Draw(picture).line((150, 40, 130, 240), fill="white", width=22)
    return picture


def test_answer_has_all_parts(page: DrawPage) -> None:
    strip, vae_marker, vae_reading, ae_marker, ae_reading = page.look(png_url(one()))
    assert strip
    assert vae_reading
    assert ae_reading
    assert len(set(strip.values())) == 3
    assert vae_marker != ae_marker
    assert vae_reading["name"] == ae_reading["name"] == "1"
    assert vae_reading["votes"] > vae_reading["of"] / 2


@pytest.mark.parametrize("value", [None, "", png_url(Image.new("RGBA", (280, 280), "black"))])
def test_nothing_drawn_is_no_answer(page: DrawPage, value: str | None) -> None:
    assert page.look(value) == (None,) * 5


def test_foreign_data_is_an_error_of_the_page(page: DrawPage) -> None:
    with pytest.raises(gr.Error, match="This is not a drawing") as refused:
        page.look("data:text/html,<script>")
    assert not refused.value.print_exception


def test_drawing_beyond_the_map_is_marked_at_its_edge(page: DrawPage) -> None:
    small = dataclasses.replace(
        page.ae.map, z=page.ae.map.z / np.float32(100)
    )  # a window of the prior's size
    far = dataclasses.replace(page.ae, map=small)
    zero = Image.new("L", (280, 280))
    ImageDraw.Draw(zero).ellipse((60, 40, 220, 240), outline=255, width=24)
    _, marker, reading = far.look(vae_onnx.drawing_to_x(np.asarray(zero)))
    assert marker["off_map"]
    assert reading["off_map"]
    assert {marker["x"], marker["y"]} & {0, 100}
    assert 0 <= marker["x"] <= 100
    assert 0 <= marker["y"] <= 100


def test_models_of_ones_own_take_the_place_of_the_bundled_ones(tmp_path: Path) -> None:
    """A folder as `python -m export all` writes it; what a drawing cannot be shown to is left."""
    for name in ("fashion-mnist-ae", "fashion-mnist-vae", "fashion-mnist-vae-16d"):
        shutil.copytree(vae_onnx.load(name).folder, tmp_path / name)
    page = DrawPage(tmp_path)
    assert page.vae.dataset == page.ae.dataset == "fashion-mnist"
    strip, _, reading, *_ = page.look(png_url(one()))
    assert strip
    assert reading
    assert reading["name"] in ("Trouser", "Dress", "Sandal", "T-shirt/top")


@pytest.mark.parametrize(
    ("names", "found"), [([], "neither"), (["mnist-vae"], "vae"), (["mnist-vae-16d"], "neither")]
)
def test_a_folder_without_such_models_is_told(tmp_path: Path, names: list[str], found: str) -> None:
    for name in names:
        shutil.copytree(vae_onnx.load(name).folder, tmp_path / name)
    with pytest.raises(FileNotFoundError, match=rf"found {found}; `python -m export all` writes"):
        DrawPage(tmp_path)


@pytest.mark.parametrize("missing", ["mnist-vae", "mnist-ae"])
def test_missing_model_passes_the_runtimes_message(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    known = vae_onnx.load

    def load(name: str) -> vae_onnx.Autoencoder:
        return known("no-such-model" if name == missing else name)

    monkeypatch.setattr(vae_onnx, "load", load)
    with pytest.raises(FileNotFoundError, match="no-such-model"):
        DrawPage()
