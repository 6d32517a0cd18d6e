"""Models that are shown by themselves, as people meet them in a real browser."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from .conftest import photo

TABS = ("Picture", "Explore", "Generate", "Training", "Use it")
OpenWindow = Callable[..., Page]


@pytest.fixture
def open_strange(open_window: OpenWindow, strange_url: str) -> OpenWindow:
    """Open the demo of strangers' models in a new window, and wait until the first is shown."""

    def open_one(**options: object) -> Page:
        page = open_window(strange_url, **options)
        page.goto(strange_url)
        expect(page.locator(".pair img")).to_have_count(2)
        return page

    return open_one


@pytest.fixture
def page(open_strange: OpenWindow) -> Page:
    return open_strange(viewport={"width": 1440, "height": 900})


def go(page: Page, tab: str) -> None:
    page.get_by_role("tab", name=tab, exact=True).click()


def explore(page: Page) -> None:
    """Go to the plane, which is decoded after the first picture."""
    go(page, "Explore")
    page.locator("#plane .decoded").wait_for()


def shown(page: Page, selector: str) -> np.ndarray:
    source = page.locator(selector).first.get_attribute("src")
    assert source is not None
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))))


def test_a_picture_is_handed_in_and_redrawn(page: Page, tmp_path: Path) -> None:
    photo(5).save(tmp_path / "photo.png")
    before = page.locator(".pair img").first.get_attribute("src")
    page.locator("#frame input[type=file]").set_input_files(tmp_path / "photo.png")
    expect(page.locator(".pair img").first).not_to_have_attribute("src", before or "")
    assert shown(page, ".pair img").shape == (64, 64, 3)
    expect(page.locator(".measured, .belief.two")).to_contain_text("dB")
    cut = page.locator(".pair img").first.get_attribute("src")
    page.get_by_label("padded").first.check()
    expect(page.locator(".pair img").first).not_to_have_attribute("src", cut or "")
    assert shown(page, ".pair img")[:5].max() == 0


def test_nothing_is_drawn_on_the_frame_and_it_can_be_emptied(page: Page) -> None:
    with page.expect_file_chooser():
        page.locator("#frame canvas").click()
    expect(page.locator(".pair img")).to_have_count(2)
    page.locator("#frame").get_by_role("button", name="Clear").click()
    expect(page.locator(".pair img")).to_have_count(0)
    expect(page.locator("#frame .pad-hint")).to_be_visible()


def test_a_walk_on_the_plane_is_decoded_and_handed_over(page: Page) -> None:
    explore(page)
    box = page.locator("#plane .walker").bounding_box()
    assert box is not None
    before = page.locator(".single-plane .peek img").get_attribute("src")
    page.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + 0.7 * box["height"])
    expect(page.locator(".single-plane .peek img")).not_to_have_attribute("src", before or "")
    picture = shown(page, ".single-plane .peek img")
    go(page, "Use it")
    result = page.locator(".side.alone .use")
    expect(result).to_contain_text("The place on the plane")
    made = shown(page, ".side.alone .use .result")
    assert np.abs(made.astype(int) - picture).max() <= 1


def test_the_plane_can_be_turned(page: Page) -> None:
    explore(page)
    before = page.locator("#plane .decoded").get_attribute("src")
    page.get_by_label("To the right").click()
    page.get_by_role("option", name="z[5]", exact=True).click()
    expect(page.locator("#plane .decoded")).not_to_have_attribute("src", before or "")
    expect(page.locator(".single-plane .peek")).to_contain_text("z[5] = ")


def test_the_digits_are_a_click_away(page: Page) -> None:
    expect(page.locator("#pad")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_contain_text("A picture in")
    page.get_by_label("MNIST", exact=True).check()
    expect(page.locator("#pad canvas")).to_be_visible()
    expect(page.locator("#frame")).to_be_hidden()
    expect(page.get_by_role("tab", name="Draw", exact=True)).to_be_visible()
    page.get_by_role("button", name="Test image: 4").first.click()
    expect(page.locator("#draw .strip img")).to_have_count(4)
    page.get_by_label("open", exact=True).check()
    expect(page.get_by_role("heading", level=1)).to_contain_text("of any size")
    go(page, "Explore")
    expect(page.locator(".side.alone .sentence")).to_contain_text("no plane to walk on")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_tab_scrolls_sideways(open_strange: OpenWindow, scheme: str) -> None:
    page = open_strange(viewport={"width": 1440, "height": 900}, color_scheme=scheme)
    for name in ("faces", "maps", "open", "Emoji"):
        page.get_by_label(name, exact=True).check()
        page.wait_for_timeout(600)
        for tab in TABS:
            go(page, tab)
            for width in (1440, 820, 390, 320):
                page.set_viewport_size({"width": width, "height": 900})
                page.wait_for_timeout(50)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (tab, width)
            page.set_viewport_size({"width": 1440, "height": 900})


JAVASCRIPT = """async ([code, picture, seen]) => {
  class Tensor { constructor(type, data, dims) { Object.assign(this, { type, data, dims }); } }
  const given = [];
  const run = async (inputs) => {
    const [name, tensor] = Object.entries(inputs)[0];
    given.push([name, tensor.dims, [...tensor.data]]);
    return { z: { ...tensor }, mu: { ...tensor }, x_recon: { data: Float32Array.from(picture) } };
  };
  const ort = { Tensor, InferenceSession: { create: async () => ({ run }) } };
  const Run = Object.getPrototypeOf(async () => {}).constructor;
  await new Run("ort", code.replace(/^import.*$/m, "").replace('"seen.png"', `"${seen}"`))(ort);
  const canvas = document.body.lastElementChild;
  const { width, height } = canvas;
  const made = [...canvas.getContext("2d").getImageData(0, 0, width, height).data];
  canvas.remove();
  return { given, made, width, height };
}"""


def in_javascript(page: Page) -> tuple[dict[str, Any], np.ndarray]:
    """Run the JavaScript of the Use tab; what it gave the graphs and made, and what it should."""
    go(page, "Use it")
    use = page.locator(".side.alone .use")
    expected = shown(page, ".side.alone .use .result")
    seen = use.locator("a[download='seen.png']")
    source = seen.get_attribute("href") if seen.count() else ""
    planes = (expected.transpose(2, 0, 1) / 255).ravel().tolist()
    code = use.locator("code").last.text_content()
    return page.evaluate(JAVASCRIPT, [code, planes, source]), expected


def test_the_javascript_takes_colours_to_the_graphs_and_back(page: Page) -> None:
    told, expected = in_javascript(page)
    (name, dims, x), (decoded, *_) = told["given"]
    assert (name, dims, decoded) == ("x", [1, 3, 64, 64], "z")
    seen = shown(page, ".pair img")
    np.testing.assert_allclose(x, (seen.transpose(2, 0, 1) / 255).ravel(), atol=1e-6)
    made = np.reshape(told["made"], (64, 64, 4))
    np.testing.assert_array_equal(made[..., :3], expected)
    assert made[..., 3].min() == 255

    explore(page)
    page.locator("#plane .walker").press("ArrowRight")
    expect(page.locator(".side.alone .use")).to_contain_text("The place on the plane")
    told, expected = in_javascript(page)
    assert told["given"][0][0] == "z"
    np.testing.assert_array_equal(np.reshape(told["made"], (64, 64, 4))[..., :3], expected)
