"""The demo as people meet it: a hand, a pad, a real browser."""

import base64
import io
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, Playwright, expect

from demo.screenshot import (
    DIGITS,
    SHOWN,
    TABS,
    Point,
    Stroke,
    draw,
    launch_browser,
    open_demo,
)

Picture = NDArray[np.uint8]
OpenPage = Callable[..., Page]

SEEN, VAE, AE, WIDE = range(4)  # the pictures of the strip
LOW_SEVEN = [[(0.5 + 0.45 * x, 0.6 + 0.35 * y) for x, y in [(0, 0), (1, 0), (0.4, 1)]]]
SMALL_ZERO = [[(0.1 + 0.3 * x, 0.5 + 0.3 * y) for x, y in stroke] for stroke in DIGITS["0"]]


def pictures(page: Page) -> list[Picture]:
    """The pictures of the strip, each (28, 28) uint8; none while nothing is drawn."""
    sources = page.locator("#draw .strip img").evaluate_all("all => all.map(one => one.src)")
    return [decode(source) for source in sources]


def decode(source: str) -> Picture:
    head, _, body = source.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))


def markers(page: Page) -> NDArray[np.float64]:
    """Where the drawing is on the two maps: (left, top) in percent, the VAE's first."""
    styles = page.locator("#draw .marker").evaluate_all(
        "all => all.map(o => [o.style.left, o.style.top])"
    )
    return np.array([[float(percent.rstrip("%")) for percent in style] for style in styles])


def answer(page: Page, strokes: list[Stroke]) -> tuple[list[Picture], NDArray[np.float64]]:
    """Draw on an empty pad, wait for the last answer, return the pictures and the markers."""
    draw(page, strokes)
    expect(page.locator("#draw .strip img")).to_have_count(4)
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
    expect(page.locator("#draw .strip img")).to_have_count(0)


def centre_of_mass(picture: NDArray[Any]) -> tuple[float, float]:
    rows, columns = np.indices(picture.shape)
    return (picture * rows).sum() / picture.sum(), (picture * columns).sum() / picture.sum()


def test_models_see_the_drawing_centred_and_at_mnist_size(page: Page) -> None:
    for strokes in (DIGITS["0"], SMALL_ZERO, DIGITS["1"], LOW_SEVEN):
        (seen, *_), _ = answer(page, strokes)
        assert seen.shape == (28, 28)
        assert seen.max() > 200
        inked = np.argwhere(seen)
        assert (inked.max(axis=0) - inked.min(axis=0) + 1).max() in (19, 20)
        assert centre_of_mass(seen.astype(float)) == pytest.approx((14, 14), abs=1)
        clear(page)


def test_reconstructions_and_markers_follow_the_drawing(page: Page) -> None:
    zero, zero_at = answer(page, DIGITS["0"])
    clear(page)
    one, one_at = answer(page, DIGITS["1"])
    for picture in (VAE, AE, WIDE):
        assert zero[picture].max() > 100
        assert one[picture].max() > 100
        assert np.abs(zero[picture].astype(int) - one[picture]).mean() > 10
    # A ring of ink has a hole in the middle; a stroke has none.
    for picture in (SEEN, VAE, AE, WIDE):
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
    expect(page.locator("#draw .strip img")).to_have_count(4)
    settle(page)
    before = markers(page)
    page.mouse.move(700, 200)  # the same stroke goes on
    page.wait_for_function(
        "before => document.querySelector('.marker').style.left !== before", arg=f"{before[0][0]}%"
    )
    page.mouse.up()


def test_empty_pad_shows_no_reconstruction_of_nothing(page: Page) -> None:
    expect(page.locator("#draw .strip img, #draw .marker")).to_have_count(0)
    expect(page.get_by_text("Draw here")).to_be_visible()
    expect(page.get_by_role("button", name="Clear")).to_be_disabled()


def test_a_dot_is_a_drawing(page: Page) -> None:
    (seen, *_), _ = answer(page, [[(0.3, 0.3), (0.3, 0.3)]])
    assert seen.max() == 255


def test_clear_empties_pad_pictures_and_maps(page: Page) -> None:
    answer(page, DIGITS["3"])
    expect(page.get_by_text("Draw here")).to_be_hidden()
    clear(page)
    expect(page.locator("#draw .marker")).to_have_count(0)
    expect(page.get_by_text("Draw here")).to_be_visible()


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
    expect(page.locator("#draw .strip img")).to_have_count(0)
    draw(page, DIGITS["1"])
    expect(page.locator("#draw .strip img")).to_have_count(4)
    page.keyboard.press("Control+z")
    expect(page.locator("#draw .strip img")).to_have_count(0)
    draw(page, DIGITS["1"])
    page.get_by_role("button", name="Clear").press("Enter")
    expect(page.locator("#pad canvas")).to_be_focused()


def test_every_picture_is_named(page: Page) -> None:
    answer(page, DIGITS["0"])
    names = page.locator("#draw .strip img").evaluate_all("all => all.map(one => one.alt)")
    assert len(set(names)) == 4
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
    expect(page.locator("#draw .strip img")).to_have_count(4)
    settle(page)
    seen = pictures(page)[SEEN]
    assert np.ptp(np.argwhere(seen)[:, 0]) > 17  # the whole stroke arrived
    assert page.evaluate("scrollY") == 0
    expect(page.locator("#draw .strip")).to_be_in_viewport(ratio=1)  # the answer, without scrolling
    assert page.locator("#pad canvas").evaluate("one => one.width / one.clientWidth") == 3


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


def test_the_posterior_is_an_ellipse_on_the_vaes_map_only(page: Page) -> None:
    answer(page, DIGITS["0"])
    expect(page.locator("#vae .sigma")).to_have_count(2)
    expect(page.locator("#ae .sigma")).to_have_count(0)
    outer, inner = page.locator("#vae .sigma").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().width)"
    )
    assert outer > inner > 2


def test_belief_shows_draws_score_and_neighbours(page: Page) -> None:
    answer(page, DIGITS["0"])
    belief = page.locator(".belief")
    expect(belief.locator(".gauge")).to_have_count(2)
    expect(belief).to_contain_text("nats")
    expect(belief).to_contain_text("of real test images")
    expect(belief.get_by_role("img", name="A draw from the posterior")).to_have_count(12)
    expect(belief.get_by_role("img", name="Test image: 0").first).to_be_visible()


def test_a_test_image_can_be_taken_and_undone(page: Page) -> None:
    page.get_by_role("button", name="Test image: 4").click()
    expect(page.locator("#draw .strip img")).to_have_count(4)
    expect(page.locator("#vae .reading")).to_contain_text("nearest test images")
    expect(page.locator("#draw .message").first).to_contain_text("A test image")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#draw .strip img")).to_have_count(0)


def files() -> dict[str, tuple[bytes, str]]:
    """Files that people hand in, and what the page says to each."""
    digit = Image.new("L", (200, 200), 255)
    digit.paste(0, (90, 30, 110, 170))

    def saved(picture: Image.Image, form: str, **options: Any) -> bytes:
        out = io.BytesIO()
        picture.save(out, form, **options)
        return out.getvalue()

    clear = Image.merge("LA", (Image.new("L", (200, 200)), Image.eval(digit, lambda v: 255 - v)))
    deep = Image.fromarray(np.asarray(digit).astype(np.uint16) * 257)
    return {
        "digit.png": (saved(digit, "PNG"), ""),
        "text.png": (b"this is a text", "not a picture that can be taken"),
        "large.png": (saved(Image.new("L", (8000, 8000)), "PNG"), "8000 x 8000 pixels"),
        "black.png": (saved(Image.new("L", (280, 280)), "PNG"), "one even surface"),
        "moving.gif": (
            saved(digit, "GIF", save_all=True, append_images=[Image.new("L", (200, 200))]),
            "the first frame is taken",
        ),
        "print.jpg": (saved(digit.convert("CMYK"), "JPEG"), "Inks of print"),
        "deep.png": (saved(deep, "PNG"), "16 bits a pixel"),
        "clear.png": (saved(clear, "PNG"), "transparent counts as white paper"),
    }


def test_any_file_is_shown_or_explained(page: Page, log: Path) -> None:
    for name, (data, message) in files().items():
        kind = "image/jpeg" if name.endswith("jpg") else f"image/{name[-3:]}"
        page.locator("#pad input[type=file]").set_input_files(
            {"name": name, "mimeType": kind, "buffer": data}
        )
        refused = name in ("text.png", "large.png", "black.png")
        expect(page.locator("#draw .strip img")).to_have_count(0 if refused else 4)
        if message:
            expect(page.locator("#draw .message").first).to_contain_text(message)
        if not refused:
            expect(page.locator("#vae .reading b")).to_have_text("1")
        clear(page)
        expect(page.locator("#draw .message").first).to_have_text("")
    assert "Traceback" not in log.read_text()


def test_a_file_too_large_never_leaves_the_browser(page: Page) -> None:
    page.locator("#pad input[type=file]").set_input_files(
        {"name": "x.png", "mimeType": "image/png", "buffer": bytes(10_000_001)}
    )
    expect(page.locator("#pad .pad-note")).to_contain_text("larger than 10 MB")
    expect(page.locator("#draw .strip img")).to_have_count(0)


def test_without_a_camera_the_page_says_so(page: Page) -> None:
    page.get_by_role("button", name="Camera").click()
    expect(page.locator("#pad .pad-note")).to_contain_text("There is no camera on this device")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("NotAllowedError", "allow it in the settings of this page"),
        ("NotReadableError", "in use by another program"),
        ("AbortError", "did not start: try again"),
        ("TypeError", "The camera cannot be used: told by the test"),
    ],
)
def test_each_way_to_have_no_camera_has_its_words(page: Page, name: str, told: str) -> None:
    page.evaluate(
        """(name) => {
          const refuse = () => Promise.reject(new DOMException("told by the test", name));
          navigator.mediaDevices.getUserMedia = refuse;
        }""",
        name,
    )
    page.get_by_role("button", name="Camera").click()
    expect(page.locator("#pad .pad-note")).to_contain_text(told)


def test_a_page_over_plain_http_says_why_it_has_no_camera(driver: Playwright, url: str) -> None:
    """As on a phone that opens the demo of another machine by its address."""
    port = url.rstrip("/").rpartition(":")[2]
    with launch_browser(driver, "--host-resolver-rules=MAP machine.lan 127.0.0.1") as browser:
        page = browser.new_page()
        open_demo(page, f"http://machine.lan:{port}")
        page.get_by_role("button", name="Camera").click()
        expect(page.locator("#pad .pad-note")).to_contain_text("https and to localhost alone")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(
    open_page: OpenPage, barriers: Callable[[Page], list[str]], scheme: str
) -> None:
    page = open_page(viewport={"width": 1440, "height": 900}, color_scheme=scheme)
    draw(page, DIGITS["6"])
    page.locator(".marker").first.wait_for()
    for tab in TABS:
        page.get_by_role("tab", name=tab, exact=True).click()
        page.wait_for_function(SHOWN)
        page.wait_for_timeout(500)  # pictures and words fade in
        assert barriers(page) == [], tab


@pytest.mark.parametrize("value", ["no drawing", {"kind": "drawing", "data": "x"}, 7, ["x"]])
def test_foreign_data_is_refused_without_a_traceback(url: str, log: Path, value: object) -> None:
    config = json.load(urllib.request.urlopen(f"{url}/config"))
    (pad,) = (c["id"] for c in config["components"] if c["props"].get("elem_id") == "pad")
    (handler,) = (
        d["id"] for d in config["dependencies"] if [pad, "input"] in [[*t] for t in d["targets"]]
    )
    body = json.dumps(
        {"data": [value, "MNIST"], "fn_index": handler, "session_hash": "test"}
    ).encode()
    request = urllib.request.Request(
        f"{url}/gradio_api/run/predict", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:
        message, *_ = json.load(response)["data"]
    assert message.startswith("This cannot be shown to the models")
    assert "Traceback" not in log.read_text()
