"""The function behind the pad."""

from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import vae_onnx
from demo.library.models import Library
from demo.page.maps import marker
from demo.page.pictures import png_url
from demo.tabs import draw
from demo.tabs.draw import DrawTab
from demo.tabs.use import UseTab

LIBRARY = Library()
PARTS = (
    "message", "strip", "vae_marker", "vae_reading", "ae_marker", "ae_reading", "belief", "use",
)  # fmt: skip


@pytest.fixture(scope="module")
def tab() -> DrawTab:
    return DrawTab(LIBRARY, UseTab(LIBRARY))


def one() -> Image.Image:
    picture = Image.new("RGBA", (280, 280), "black")
    ImageDraw.Draw(picture).line((150, 40, 130, 240), fill="white", width=22)
    return picture


def look(tab: DrawTab, picture: Image.Image, title: str = "MNIST") -> dict[str, Any]:
    value = {"kind": "drawing", "data": png_url(picture)}
    return dict(zip(PARTS, tab.look(value, title), strict=True))


def test_answer_has_all_parts(tab: DrawTab) -> None:
    answer = look(tab, one())
    assert answer["message"] is None
    sources = [figure["src"] for figure in answer["strip"]]
    assert len(set(sources)) == 4  # seen, VAE, AE, and the VAE of 16 numbers
    assert answer["vae_marker"] != answer["ae_marker"]
    assert answer["vae_reading"]["name"] == answer["ae_reading"]["name"] == "1"
    belief = answer["belief"]
    assert [len(set(draws["pictures"])) for draws in belief["posterior"]] == [
        draw.POSTERIOR_DRAWS,
        draw.POSTERIOR_DRAWS,
    ]
    assert {image["name"] for image in belief["nearest"]} == {"1"}
    assert answer["use"]["model"] == "mnist-vae-16d"


def test_the_same_drawing_gets_the_same_answer(tab: DrawTab) -> None:
    assert look(tab, one()) == look(tab, one())


def test_ellipses_are_one_and_two_sigma_of_the_posterior(tab: DrawTab) -> None:
    answer = look(tab, one())
    vae = LIBRARY.groups["MNIST"].vae
    q = vae.model.posterior(vae_onnx.drawing_to_x(np.asarray(one().convert("L"))))
    sigma = np.exp(0.5 * q.log_var[0])
    outer, inner = answer["vae_marker"]["ellipses"]
    for ellipse, k in ((outer, 2), (inner, 1)):
        widths = 100 * 2 * k * sigma / vae.map.window.side
        assert [ellipse["width"], ellipse["height"]] == pytest.approx(widths, abs=1e-3)
    assert answer["ae_marker"]["ellipses"] == []


def test_a_digit_is_ranked_among_real_ones_and_a_scribble_is_odd(tab: DrawTab) -> None:
    assert not look(tab, one())["belief"]["odd"]
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 2, (28, 28), np.uint8) * 255)
    belief = look(tab, noise.resize((280, 280), Image.Resampling.NEAREST))["belief"]
    assert belief["odd"]
    assert "does not look like a digit to the model" in belief["verdict"]


def test_rank_of_the_median_test_image_is_the_middle() -> None:
    lane = LIBRARY.groups["MNIST"].best
    assert lane.tests is not None
    elbo = lane.elbo(lane.tests.x[:1000], 16)
    middle = int(np.argsort(elbo)[500])
    score = draw._score(lane, lane.tests.x[middle : middle + 1])
    percent = int(score["rank"].split()[1])
    assert 46 <= percent <= 54


@pytest.mark.parametrize("value", [None, ""])
def test_nothing_drawn_is_no_answer(tab: DrawTab, value: object) -> None:
    answer = dict(zip(PARTS, tab.look(value, "MNIST"), strict=True))
    assert answer["message"] is None
    assert answer["vae_marker"] is answer["belief"] is None
    assert {figure["src"] for figure in answer["strip"]} == {None}


def test_foreign_data_is_a_message(tab: DrawTab) -> None:
    message, *_ = tab.look("data:text/html,<script>", "MNIST")
    assert message.startswith("This cannot be shown to the models: expected a drawing")


def test_a_place_beyond_the_map_is_marked_at_its_edge() -> None:
    told = marker(LIBRARY.groups["MNIST"].ae, np.array([1e4, 0]), None)
    assert told["off_map"]
    assert told["x"] == 100
