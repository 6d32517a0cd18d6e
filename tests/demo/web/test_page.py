"""The static page as people meet it: a hand, a pad, a map, a real browser, a server of files."""

import io
import statistics
from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

import vae_onnx
from demo.screenshot import DIGITS, Point, draw

OpenPage = Callable[..., Page]

FRAME = 1000 / 30  # milliseconds: the slowest frame that looks like motion

STATE = """async () => {
  const { state } = await import("./page.js");
  const list = (numbers) => numbers && Array.from(numbers);
  const lists = (all) => Object.fromEntries(Object.entries(all ?? {}).map(([k, v]) =>
    [k, ArrayBuffer.isView(v) ? list(v) : v]));
  return { ...state, source: lists(state.source), shown: lists(state.shown) };
}"""


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return open_page(viewport={"width": 1440, "height": 900})


def settle(page: Page) -> dict[str, Any]:
    """What the page shows once nothing has changed on it for a quarter of a second."""
    page.evaluate(
        """async () => {
          const { state } = await import("./page.js");
          for (let seen = -1; seen !== state.count || state.name !== state.asked; ) {
            seen = state.count;
            await new Promise((resume) => setTimeout(resume, 250));
          }
        }"""
    )
    return page.evaluate(STATE)


def shown_picture(page: Page, canvas: str) -> NDArray[np.float64]:
    """The grey pixels of a canvas, in 0..255."""
    pixels, height, width = page.locator(canvas).evaluate(
        """(one) => [
          Array.from(one.getContext("2d").getImageData(0, 0, one.width, one.height).data),
          one.height,
          one.width,
        ]"""
    )
    return np.array(pixels, float).reshape(height, width, 4)[..., 0]


def switch(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).check()


def box_of(locator: Locator) -> dict[str, float]:
    box = locator.bounding_box()
    assert box is not None
    return dict(box)


@pytest.mark.parametrize("kind", ["vae", "ae"])
def test_a_drawn_digit_is_what_python_makes_of_it(page: Page, kind: str) -> None:
    switch(page, kind.upper())
    draw(page, DIGITS["6"])
    state = settle(page)
    side = state["source"]["side"]
    ink = np.array(state["source"]["ink"], np.uint8).reshape(side, side)
    assert ink.max() == 255
    assert (ink == 0).mean() > 0.5

    def agree(name: str, expected: NDArray[np.float32]) -> None:
        np.testing.assert_allclose(state["shown"][name], expected.ravel(), rtol=0, atol=1e-4)

    model = vae_onnx.load(f"mnist-{kind}", precision="int8")
    x = vae_onnx.drawing_to_x(ink)
    agree("x", x)
    agree("z", model.encode(x))
    agree("picture", model.reconstruct(x))
    if kind == "vae":
        agree("mu", model.posterior(x).mu)
        agree("logVar", model.posterior(x).log_var)
    np.testing.assert_allclose(shown_picture(page, "#seen"), 255 * x[0, 0], atol=1)
    np.testing.assert_allclose(
        shown_picture(page, "#redrawn"), 255 * model.reconstruct(x)[0], atol=1
    )
    expect(page.locator("#reading b")).to_have_text("6")


def test_a_test_image_is_what_python_makes_of_it(page: Page) -> None:
    switch(page, "Clothes")
    sneaker = page.get_by_role("button", name="Test image: Sneaker").first
    sneaker.click()
    expect(sneaker).to_have_attribute("aria-pressed", "true")
    shown = settle(page)["shown"]
    model = vae_onnx.load("fashion-mnist-vae", precision="int8")
    x = np.array(shown["x"], np.float32).reshape(1, *model.image_shape)
    assert x.max() > 0.5
    np.testing.assert_allclose(shown["z"], model.encode(x)[0], atol=1e-4)
    expect(page.locator("#reading b")).to_have_text("Sneaker")
    expect(page.locator("#pad")).to_be_hidden()


def test_the_picture_follows_the_stroke_while_it_is_drawn(page: Page) -> None:
    draw(page, DIGITS["1"], let_go=False)
    before = settle(page)
    assert "ink" in before["source"]
    page.mouse.move(400, 700)  # the same stroke goes on
    after = settle(page)
    assert after["shown"]["z"] != before["shown"]["z"]
    page.mouse.up()


def drag(page: Page, seconds: float = 2) -> None:
    """Circle over the map with the mouse, as fast as moves can be sent."""
    box = box_of(page.locator(".map"))

    def at(turn: float) -> Point:
        x, y = 0.5 + 0.3 * np.cos(turn), 0.5 + 0.3 * np.sin(turn)
        return float(box["x"] + x * box["width"]), float(box["y"] + y * box["height"])

    page.mouse.move(*at(0))
    page.mouse.down()
    start = page.evaluate("performance.now()")
    turn = 0.0
    while page.evaluate("performance.now()") - start < 1000 * seconds:
        turn += 0.05
        page.mouse.move(*at(turn))
    page.mouse.up()


def test_a_drag_over_the_map_decodes_at_display_rate(page: Page) -> None:
    page.evaluate(Path(__file__).with_name("frames.js").read_text(encoding="utf-8"))
    drag(page)
    times = page.evaluate("window.frames_")
    assert len(times) > 30
    median = statistics.median(np.diff(times))
    assert median <= FRAME, f"a frame takes {median:.1f} ms"


def test_the_map_decodes_the_place_that_is_pointed_at(page: Page) -> None:
    box = box_of(page.locator(".map"))
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 0.75 * box["height"])
    state = settle(page)
    z = np.array(state["source"]["z"], np.float32)
    assert z[0] < -0.5 > z[1]  # left of the middle, and below it
    expected = vae_onnx.load("mnist-vae", precision="int8").decode(z)[0]
    np.testing.assert_allclose(state["shown"]["picture"], expected.ravel(), atol=1e-4)
    marker = page.locator(".marker")
    assert marker.evaluate("one => [one.style.left, one.style.top].map(parseFloat)") == (
        pytest.approx([25, 75], abs=0.5)
    )
    expect(page.locator("#seen")).to_have_class("blank")
    expect(page.locator("#code")).not_to_contain_text("±")


def test_keyboard_reaches_everything(page: Page) -> None:
    page.locator(".map").focus()
    before = settle(page)["source"]["z"]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    after = settle(page)["source"]["z"]
    assert after[0] > before[0]
    assert after[1] - before[1] == pytest.approx(5 * (after[0] - before[0]), rel=1e-3)
    page.get_by_role("button", name="Test image: 3").press("Enter")
    assert "x" in settle(page)["source"]
    page.get_by_role("radio", name="VAE").press("ArrowRight")
    expect(page.get_by_role("heading", name="AE plain autoencoder")).to_be_visible()
    draw(page, DIGITS["1"])
    page.keyboard.press("Delete")  # the pad has the focus
    assert settle(page)["source"].keys() == {"z"}
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.name")
        )
    assert {"dataset", "kind", "Test image: 9"} <= reached
    assert any(name and name.startswith(("Map of", "Drawing pad")) for name in reached)


def test_undo_and_clear(page: Page) -> None:
    draw(page, DIGITS["1"])
    one = settle(page)["shown"]["x"]
    draw(page, [[(0.2, 0.3), (0.8, 0.3)]])
    assert settle(page)["shown"]["x"] != one
    page.get_by_role("button", name="Undo").click()
    assert settle(page)["shown"]["x"] == one
    page.get_by_role("button", name="Clear").click()
    assert settle(page)["source"].keys() == {"z"}
    expect(page.get_by_text("Draw a digit here")).to_be_visible()


def test_switches_keep_the_drawing_and_change_the_model(page: Page) -> None:
    draw(page, DIGITS["0"])
    vae = settle(page)
    switch(page, "AE")
    ae = settle(page)
    assert ae["shown"]["x"] == vae["shown"]["x"]
    assert "mu" in vae["shown"]
    assert "mu" not in ae["shown"]
    switch(page, "Clothes")
    clothes = settle(page)
    assert clothes["source"].keys() == {"z"}
    expect(page.locator(".names")).to_contain_text("Ankle boot")
    switch(page, "Digits")
    expect(page.locator(".names")).not_to_contain_text("Ankle boot")
    expect(page.get_by_text("Draw a digit here")).to_be_visible()


def test_the_page_says_where_the_models_run(page: Page) -> None:
    draw(page, DIGITS["3"])
    expect(page.locator("#status")).to_contain_text("on WebAssembly, ")
    expect(page.locator("#status")).to_contain_text("ms a picture, by vae.js alone")


def touch(page: Page, points: list[Point]) -> None:
    """Drag one finger over the screen."""
    fingers = page.context.new_cdp_session(page)

    def send(kind: str, *touches: Point) -> None:
        told = [{"x": x, "y": y} for x, y in touches]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": told})

    send("touchStart", points[0])
    for point in points[1:]:
        send("touchMove", point)
    send("touchEnd")


def test_a_finger_draws_and_drags_on_a_phone(open_page: OpenPage) -> None:
    phone = {"width": 390, "height": 844}
    page = open_page(viewport=phone, has_touch=True, is_mobile=True, device_scale_factor=3)
    box = box_of(page.locator("#pad canvas"))
    (stroke,) = DIGITS["1"]
    touch(page, [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke])
    drawn = settle(page)
    seen = np.array(drawn["shown"]["x"]).reshape(28, 28)
    assert np.ptp(np.argwhere(seen)[:, 0]) > 17  # the whole stroke arrived
    expect(page.locator("#reading b")).to_have_text("1")
    assert page.evaluate("scrollY") == 0
    expect(page.locator("#redrawn")).to_be_in_viewport(ratio=1)  # the answer, without scrolling

    page.locator(".map").scroll_into_view_if_needed()
    scrolled = page.evaluate("scrollY")
    box = box_of(page.locator(".map"))
    path = [(box["x"] + (0.2 + 0.01 * i) * box["width"], box["y"] + 100) for i in range(50)]
    touch(page, path)
    dragged = settle(page)
    assert dragged["source"].keys() == {"z"}
    assert dragged["count"] > drawn["count"] + 3
    assert page.evaluate("scrollY") == scrolled
    expect(page.locator("#redrawn")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("width", [320, 390, 820, 1101, 1600])
@pytest.mark.parametrize("dataset", ["Digits", "Clothes"])
def test_no_width_scrolls_sideways(open_page: OpenPage, width: int, dataset: str) -> None:
    page = open_page(viewport={"width": width, "height": 900})
    switch(page, dataset)
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [390, 1600])
def test_no_name_on_a_map_covers_another(open_page: OpenPage, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 900})
    for dataset, kind in product(("Digits", "Clothes"), ("VAE", "AE")):
        switch(page, dataset)
        switch(page, kind)
        settle(page)
        names = page.locator(".map .name").all()
        assert len(names) == 10
        for one, other in combinations(map(box_of, names), 2):
            beside = abs(one["x"] - other["x"]) >= (
                one["width"] if one["x"] < other["x"] else other["width"]
            )
            above = abs(one["y"] - other["y"]) >= one["height"] - 1
            assert beside or above, (dataset, kind, one, other)


def test_light_and_dark_follow_the_system(open_page: OpenPage) -> None:
    def brightness(scheme: str) -> float:
        page = open_page(color_scheme=scheme)
        picture = Image.open(io.BytesIO(page.screenshot())).convert("L")
        return float(np.asarray(picture).mean())

    assert brightness("light") > 150 > 80 > brightness("dark")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(
    open_page: OpenPage, barriers: Callable[[Page], list[str]], scheme: str
) -> None:
    page = open_page(viewport={"width": 1440, "height": 900}, color_scheme=scheme)
    draw(page, DIGITS["6"])
    settle(page)
    assert barriers(page) == []
    page.get_by_role("radio", name="Emoji").check()
    page.locator("#dreams button canvas").last.wait_for()
    assert barriers(page) == []


def test_a_missing_file_is_told_to_the_reader(browser: Browser, url: str) -> None:
    with browser.new_context(service_workers="block") as context:
        page = context.new_page()
        page.route("**/decoder.int8.onnx", lambda route: route.fulfill(status=404))
        page.goto(url)
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("models/mnist-vae/decoder.int8.onnx is missing")
        expect(alert).to_contain_text("Reload the page")
