"""The demo as people meet it: a hand, a pad, a real browser."""

import base64
import io
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect

from demo.screenshot import DIGITS, Point, Stroke, draw

Picture = NDArray[np.uint8]
OpenPage = Callable[..., Page]

SEEN, VAE, AE = range(3)  # the pictures of the strip
SMALL_ZERO = [[(0.1 + 0.3 * x, 0.5 + 0.3 * y) for x, y in stroke] for stroke in DIGITS["0"]]


def pictures(page: Page) -> list[Picture]:
    """The three pictures of the strip, each (28, 28) uint8; none while nothing is drawn."""
    sources = page.locator(".strip img").evaluate_all("all => all.map(one => one.src)")
    return [decode(source) for source in sources]


def decode(source: str) -> Picture:
    head, _, body = source.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))


def markers(page: Page) -> NDArray[np.float64]:
    """Where the drawing is on the two maps: (left, top) in percent, the VAE's first."""
    styles = page.locator(".marker").evaluate_all(
        "all => all.map(o => [o.style.left, o.style.top])"
    )
    return np.array([[float(percent.rstrip("%")) for percent in style] for style in styles])


def answer(page: Page, strokes: list[Stroke]) -> tuple[list[Picture], NDArray[np.float64]]:
    """Draw on an empty pad, wait for the last answer, return the pictures and the markers."""
    draw(page, strokes)
    expect(page.locator(".strip img")).to_have_count(3)
    settle(page)
    assert page.evaluate("window.answered") > 0, "settle() no longer sees the calls"
    return pictures(page), markers(page)


def settle(page: Page) -> None:
    """Wait until no drawing has been on its way for a quarter of a second, and all is shown."""
    page.evaluate("window.quietSince = performance.now()")
    page.wait_for_function(
        """() => {
          if (window.inFlight > 0) window.quietSince = performance.now();
          return performance.now() - window.quietSince > 250;
        }"""
    )


def clear(page: Page) -> None:
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".strip img")).to_have_count(0)


def centre_of_mass(picture: NDArray[Any]) -> tuple[float, float]:
    rows, columns = np.indices(picture.shape)
    return (picture * rows).sum() / picture.sum(), (picture * columns).sum() / picture.sum()


@pytest.mark.parametrize(
    "strokes", [DIGITS["0"], SMALL_ZERO, DIGITS["1"]], ids=["0", "small-0", "1"]
)
def test_models_see_the_drawing_centred_and_at_mnist_size(
    page: Page, strokes: list[Stroke]
) -> None:
    (seen, _, _), _ = answer(page, strokes)
    assert seen.shape == (28, 28)
    assert seen.max() > 200
    inked = np.argwhere(seen)
    assert (inked.max(axis=0) - inked.min(axis=0) + 1).max() in (19, 20)
    assert centre_of_mass(seen.astype(float)) == pytest.approx((14, 14), abs=1)


def test_reconstructions_and_markers_follow_the_drawing(page: Page) -> None:
    zero, zero_at = answer(page, DIGITS["0"])
    clear(page)
    one, one_at = answer(page, DIGITS["1"])
    for picture in (VAE, AE):
        assert zero[picture].max() > 100
        assert one[picture].max() > 100
        assert np.abs(zero[picture].astype(int) - one[picture]).mean() > 10
    # A ring of ink has a hole in the middle; a stroke has none.
    for picture in (SEEN, VAE, AE):
        assert zero[picture][12:16, 13:15].mean() < one[picture][12:16, 13:15].mean()
    assert zero_at.shape == one_at.shape == (2, 2)
    assert (np.hypot(*(zero_at - one_at).T) > 5).all()


def test_words_say_where_the_drawing_landed(page: Page) -> None:
    answer(page, DIGITS["1"])
    vae, ae = (page.locator(f"{lane} .reading") for lane in ("#vae", "#ae"))
    expect(vae).to_contain_text("±")  # a VAE's code is a small cloud
    expect(ae).not_to_contain_text("±")
    for reading in (vae, ae):
        expect(reading.locator("b")).to_have_text("1")


def test_answers_come_while_the_stroke_is_drawn(page: Page) -> None:
    draw(page, DIGITS["1"], let_go=False)
    expect(page.locator(".strip img")).to_have_count(3)
    settle(page)
    before = markers(page)
    page.mouse.move(700, 200)  # the same stroke goes on
    page.wait_for_function(
        "before => document.querySelector('.marker').style.left !== before", arg=f"{before[0][0]}%"
    )
    page.mouse.up()


def test_empty_pad_shows_no_reconstruction_of_nothing(page: Page) -> None:
    expect(page.locator(".strip img, .marker")).to_have_count(0)
    expect(page.get_by_text("Draw a digit here")).to_be_visible()
    expect(page.get_by_role("button", name="Clear")).to_be_disabled()


def test_clear_empties_pad_pictures_and_maps(page: Page) -> None:
    answer(page, DIGITS["3"])
    expect(page.get_by_text("Draw a digit here")).to_be_hidden()
    clear(page)
    expect(page.locator(".marker")).to_have_count(0)
    expect(page.get_by_text("Draw a digit here")).to_be_visible()


def test_undo_takes_the_last_stroke_back(page: Page) -> None:
    one, _ = answer(page, DIGITS["1"])
    answer(page, [[(0.2, 0.3), (0.8, 0.3)]])
    page.get_by_role("button", name="Undo").click()
    settle(page)
    np.testing.assert_array_equal(pictures(page)[SEEN], one[SEEN])


def test_keyboard_reaches_pad_and_buttons(page: Page) -> None:
    answer(page, DIGITS["1"])
    page.locator("#pad canvas").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Delete")
    expect(page.locator(".strip img")).to_have_count(0)
    draw(page, DIGITS["1"])
    expect(page.locator(".strip img")).to_have_count(3)
    page.keyboard.press("Control+z")
    expect(page.locator(".strip img")).to_have_count(0)
    draw(page, DIGITS["1"])
    page.get_by_role("button", name="Clear").press("Enter")
    expect(page.locator("#pad canvas")).to_be_focused()


def test_every_picture_is_named(page: Page) -> None:
    answer(page, DIGITS["0"])
    names = page.locator(".strip img").evaluate_all("all => all.map(one => one.alt)")
    assert len(set(names)) == 3
    assert all(names)
    expect(page.get_by_role("img", name="Map of the")).to_have_count(2)
    expect(page.get_by_role("img", name="Your drawing on this map")).to_have_count(2)
    expect(page.get_by_role("img", name="Drawing pad")).to_have_count(1)


def test_finger_draws_on_a_phone_without_scrolling_it(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, device_scale_factor=3)
    box = page.locator("#pad canvas").bounding_box()
    assert box is not None
    fingers = page.context.new_cdp_session(page)

    def touch(kind: str, *points: Point) -> None:
        touches = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in points
        ]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    touch("touchStart", DIGITS["1"][0][0])
    for point in DIGITS["1"][0][1:]:
        touch("touchMove", point)
    touch("touchEnd")
    expect(page.locator(".strip img")).to_have_count(3)
    settle(page)
    seen = pictures(page)[SEEN]
    assert np.ptp(np.argwhere(seen)[:, 0]) > 17  # the whole stroke arrived
    assert page.evaluate("scrollY") == 0
    expect(page.locator(".strip")).to_be_in_viewport(ratio=1)  # the answer, without scrolling
    assert page.locator("#pad canvas").evaluate("one => one.width / one.clientWidth") == 3


@pytest.mark.parametrize("width", [320, 390, 820, 1600])
def test_no_width_scrolls_sideways(open_page: OpenPage, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_light_and_dark_follow_the_system(open_page: OpenPage) -> None:
    def brightness(scheme: str) -> float:
        page = open_page(color_scheme=scheme)
        picture = Image.open(io.BytesIO(page.screenshot())).convert("L")
        return float(np.asarray(picture).mean())

    assert brightness("light") > 150 > 80 > brightness("dark")


def test_two_windows_do_not_mix(open_page: OpenPage) -> None:
    first, second = open_page(), open_page()
    (zero, *_), _ = answer(first, DIGITS["0"])
    answer(second, DIGITS["1"])
    np.testing.assert_array_equal(pictures(first)[SEEN], zero)


@pytest.mark.parametrize("value", ["no drawing", "data:image/png;base64,AAAA", 7, ["x"], {"a": 1}])
def test_foreign_data_is_refused_without_a_traceback(
    page: Page, url: str, log: Path, value: object
) -> None:
    config = json.load(urllib.request.urlopen(f"{url}/config"))
    (handler,) = (d["id"] for d in config["dependencies"] if not d["queue"])
    body = json.dumps({"data": [value], "fn_index": handler, "session_hash": "test"}).encode()
    request = urllib.request.Request(
        f"{url}/gradio_api/run/predict", body, {"Content-Type": "application/json"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(request):
        pass
    with refused.value as response:
        assert "This is not a drawing" in json.load(response)["error"]
    assert "Traceback" not in log.read_text()
