"""The bundled model of emoji: of colours, with classes and a history, shown by itself."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

import vae_onnx
from demo import single
from demo.library.latent_map import COLOURS
from demo.library.models import Library
from demo.library.single import Single
from demo.page.pictures import png_url
from demo.single import explore, facts, frame

from .test_page import explore as explore_on
from .test_page import go, shown
from .test_single import decoded, opened

TITLE = "Emoji"


@pytest.fixture(scope="module")
def own() -> Library:
    return Library()


@pytest.fixture(scope="module")
def emoji(own: Library) -> Single:
    return own.singles[TITLE]


def test_what_is_transparent_is_white_as_in_training(emoji: Single) -> None:
    half = np.zeros((64, 128, 4), np.uint8)
    half[:, :64] = [255, 0, 0, 255]
    value = {"kind": "picture", "data": png_url(Image.fromarray(half))}
    seen = {fit: frame.read(value, emoji, fit) for fit in ("crop", "pad", "stretch")}
    for one in seen.values():
        assert one is not None
        np.testing.assert_allclose(one.picture[0, 16, -1], 1)
        assert one.picture[0, 16, 0, 0] == pytest.approx(1, abs=0.01)
        assert one.picture[0, 16, 0, 1] == pytest.approx(0, abs=0.01)
    assert seen["pad"] is not None
    np.testing.assert_allclose(seen["pad"].picture[0, :6], 1)  # the bars


@pytest.mark.parametrize(("told", "first"), [("pad", "pad"), ("zoom", "crop"), (None, "crop")])
def test_the_fit_of_the_training_is_the_first_choice(told: str | None, first: str) -> None:
    one = Single("one", Path(), {})
    one.__dict__["model"] = SimpleNamespace(metadata={"fit": told}, image_shape=(3, 32, 32))
    assert frame.fit_shown(one)["value"] == first


def test_a_sum_is_that_of_the_averages(own: Library, emoji: Single) -> None:
    z, labels = emoji.latents, emoji.classes.labels
    flags, symbols = (z[labels == emoji.classes.names.index(n)] for n in ("flags", "symbols"))
    sums = single.GenerateTab(own, single.UseTab()).sums
    first = frame.example(emoji, 7)
    message, told, use = sums.calculate(first, "symbols", "flags", 2, "crop", TITLE)
    assert message is None
    assert [one["name"] for one in told["averages"]] == list(emoji.classes.names)
    start = emoji.model.encode(emoji.examples[7])[0]
    path = start + np.linspace(0, 2, 7)[:, None] * (flags.mean(axis=0) - symbols.mean(axis=0))
    expected = vae_onnx.to_uint8(emoji.model.decode(path.astype(np.float32)))
    for one, picture in zip(told["path"], expected, strict=True):
        assert np.abs(decoded(one).astype(int) - picture).max() <= 1
    assert np.abs(decoded(use["picture"]).astype(int) - expected[-1]).max() <= 1
    for refused in (99, None, "2"):
        message, *_ = sums.calculate(first, "symbols", "flags", refused, "crop", TITLE)
        assert "strength must be 0 to 3" in message
    assert sums.calculate(None, "symbols", "flags", 1, "crop", TITLE)[1] is None


def test_there_are_no_sums_without_classes(library: Library) -> None:
    sums = single.GenerateTab(library, single.UseTab()).sums
    for name in ("faces", "maps", "open"):
        assert sums.values(name)[0]["visible"] is False
        assert len(sums.calculate(None, "a", "b", 1, "crop", name)) == 3


@pytest.mark.parametrize("right", [explore.PRINCIPAL, "z[3]"])
def test_points_stand_where_their_codes_are(emoji: Single, right: str) -> None:
    plane = explore.plane_of(emoji, right, "z[5]")
    assert plane is not None
    places = np.array([[10, 20], [50, 50], [90.0, 35]])
    np.testing.assert_allclose(plane.place(plane.at(places)), places, atol=1e-3)
    points = explore._points(emoji, plane)
    assert [one["label"] for one in points] == list(range(9))


def test_the_colour_of_a_class_is_that_of_its_points(emoji: Single) -> None:
    plane = explore.plane_of(emoji, explore.PRINCIPAL, None)
    assert plane is not None
    point = next(one for one in explore._points(emoji, plane) if one["label"] == 2)
    picture = opened(point["src"]).convert("RGBA")
    place = plane.place(emoji.latents[emoji.classes.labels == 2])[0] / 100 * picture.width
    hue = picture.getpixel((int(place[0]), int(place[1])))
    assert np.abs(np.array(hue[:3]) - [*bytes.fromhex(COLOURS[2][1:])]).max() < 24
    assert f'--hue: {COLOURS[2]}"><label><input type="checkbox" data-class="2"' in (
        explore._switches(emoji)
    )


def test_draws_stand_beside_those_near_the_codes(own: Library, emoji: Single) -> None:
    tab = single.GenerateTab(own, single.UseTab())
    _, (prior, near), _ = tab.sample(4, 5, 1.0, TITLE)
    z = np.random.default_rng(5).standard_normal((4, 64), dtype=np.float32)
    for sheet, codes in ((prior, z), (near, emoji.directions.at(z))):
        expected = vae_onnx.to_uint8(vae_onnx.tile(emoji.model.decode(codes), 4))
        assert np.abs(decoded(sheet["src"]).astype(int) - expected).max() <= 1


def test_curves_and_licence(own: Library, emoji: Single) -> None:
    told = facts.facts(emoji)
    assert told["licence"] == "Apache-2.0"
    assert told["test"].endswith("nats per picture, of 424 pictures")
    (page,) = single.FactsTab(own).values(TITLE)
    assert page.count("<svg") == 3
    assert "not told" not in page


def test_emoji_in_a_browser(page: Page) -> None:
    page.get_by_label(TITLE, exact=True).check()
    expect(page.locator(".pair img")).to_have_count(2)
    before = page.locator(".pair img").nth(1).get_attribute("src") or ""
    page.get_by_role("button", name="Example 4").first.click()
    expect(page.locator(".pair img").nth(1)).not_to_have_attribute("src", before)
    assert shown(page, ".pair img").shape == (32, 32, 3)

    explore_on(page)
    expect(page.locator("#plane .points:visible")).to_have_count(9)
    page.get_by_label("flags").uncheck()
    expect(page.locator("#plane .points:visible")).to_have_count(8)
    before = page.locator(".single-plane .peek img").get_attribute("src") or ""
    page.locator("#plane .walker").press("ArrowUp")
    expect(page.locator(".single-plane .peek img")).not_to_have_attribute("src", before)
    page.get_by_label("test pictures").uncheck()
    expect(page.locator("#plane .points:visible")).to_have_count(0)

    go(page, "Generate")
    moving = page.locator("#single-generate .moving")
    before = moving.get_attribute("src") or ""
    page.locator("#single-generate .ends:not(.one) [data-number='3']").first.click()
    expect(moving).not_to_have_attribute("src", before)
    last = page.locator("#single-sums .path img").last
    before = last.get_attribute("src") or ""
    page.locator("#single-sums").get_by_label("Add", exact=True).click()
    page.get_by_role("option", name="smileys-and-emotion").click()
    expect(last).not_to_have_attribute("src", before)
    before = last.get_attribute("src") or ""
    page.locator("#single-sums").get_by_label("number input for Strength").fill("3")
    expect(last).not_to_have_attribute("src", before)
