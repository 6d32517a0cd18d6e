"""The model of colour on the static page: chosen, pasted, mapped, moved, summed and drawn."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, Route, expect

import vae_onnx
from demo.library.latent_map import read_latents
from demo.web.build import ROOT
from demo.web.plane import Plane

OpenPage = Callable[..., Page]

MODEL = vae_onnx.load("emoji-vae")
WINDOW = {"width": 1440, "height": 900}
READ = """async () => {
  const [{ state }, { way }, { told }] = await Promise.all(
    ["./page.js", "./between.js", "./emoji.js"].map((name) => import(name)));
  const list = (value) => ArrayBuffer.isView(value) ? Array.from(value) : value;
  const lists = (all) =>
    all && Object.fromEntries(Object.entries(all).map(([k, v]) => [k, list(v)]));
  return {
    count: state.count, source: lists(state.source), shown: lists(state.shown), way: lists(way),
    sum: lists(told.sum), seed: told.seed,
  };
}"""
SUMMED = """async (z) => {
  const { told } = await import("./emoji.js");
  return told.sum !== null && Math.abs(told.sum.z[0] - z) < 1e-4;
}"""
PASTE = """([encoded, type]) => {
  const bytes = Uint8Array.from(atob(encoded), (one) => one.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], "mine", { type }));
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
}"""


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return choose(open_page(viewport=WINDOW, reduced_motion="reduce"))


def choose(page: Page) -> Page:
    """Switch to emoji, and wait until all of it is there."""
    page.get_by_role("radio", name="Emoji").check()
    page.locator("#dreams button canvas").last.wait_for()
    return page


def settle(page: Page) -> dict[str, Any]:
    """What the page shows once nothing has changed on it for a quarter of a second."""
    before = None
    while before != (now := page.evaluate(READ))["count"]:
        before = now["count"]
        page.wait_for_timeout(250)
    return now


def unseen() -> NDArray[np.uint8]:
    with np.load(ROOT / "tests" / "runtime" / "images.npz") as archive:
        emoji: NDArray[np.uint8] = archive["emoji"]
    return emoji


def pixels(page: Page, canvas: str) -> NDArray[np.float64]:
    """The colours of a canvas (height, width, 3), in 0..255."""
    told, height, width = page.locator(canvas).evaluate(
        """(one) => [
          Array.from(one.getContext("2d").getImageData(0, 0, one.width, one.height).data),
          one.height, one.width]"""
    )
    return np.array(told, float).reshape(height, width, 4)[..., :3]


def planes(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    return picture.transpose(2, 0, 1).ravel()


def means() -> NDArray[np.float32]:
    z, labels = read_latents(MODEL.folder / "latents.npz")
    return np.stack([z[labels == label].mean(axis=0) for label in range(9)])


def test_an_example_is_what_python_makes_of_it(page: Page) -> None:
    examples = page.get_by_role("button", name="Test image: ")
    expect(examples).to_have_count(16)
    for i in (0, 7):
        examples.nth(i).click()
        shown, image = settle(page)["shown"], unseen()[i]
        np.testing.assert_allclose(shown["mu"], MODEL.encode(image)[0], atol=1e-3)
        again = MODEL.reconstruct(image)[0]
        np.testing.assert_allclose(shown["picture"], planes(again), atol=1e-3)
        np.testing.assert_allclose(pixels(page, "#seen"), image, atol=1)
        np.testing.assert_allclose(pixels(page, "#redrawn"), 255 * again, atol=1.2)
    label = page.locator("#code canvas").get_attribute("aria-label")
    assert label is not None
    assert label.startswith("64 numbers, from \u2212")


def test_an_example_may_be_chosen_before_its_model_is_there(open_page: OpenPage) -> None:
    page = open_page(viewport=WINDOW, service_workers="block")  # which would fetch it unseen
    held: list[Route] = []
    page.route("**/emoji-vae/decoder.onnx", lambda route: held.append(route))
    with page.expect_request("**/emoji-vae/decoder.onnx"):
        page.get_by_role("radio", name="Emoji").check()
    example = page.get_by_role("button", name="Test image: ").nth(7)
    example.click()
    page.wait_for_timeout(250)
    expect(page.get_by_role("alert")).to_be_hidden()
    held[0].continue_()
    page.locator("#dreams button canvas").last.wait_for()
    expect(page.locator("#reading")).to_contain_text("10 nearest test images on this map")
    page.wait_for_timeout(250)
    for canvas in ("#seen", "#sums .picture"):
        np.testing.assert_allclose(pixels(page, canvas), unseen()[7], atol=1)
    again = MODEL.reconstruct(unseen()[7])[0]
    np.testing.assert_allclose(pixels(page, "#redrawn"), 255 * again, atol=1.2)
    expect(example).to_have_attribute("aria-pressed", "true")


def test_there_is_no_ae_and_no_pad(page: Page) -> None:
    expect(page.get_by_role("radio", name="AE", exact=True)).to_be_hidden()
    expect(page.locator("#pad")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "64 numbers are enough to draw an emoji"
    )
    page.get_by_role("radio", name="Digits").check()
    page.get_by_role("radio", name="AE", exact=True).check()
    page.get_by_role("radio", name="Emoji").check()
    expect(page.get_by_role("heading", name="VAE variational")).to_be_visible()
    page.get_by_role("radio", name="Digits").check()
    expect(page.get_by_role("heading", name="AE plain autoencoder")).to_be_visible()
    expect(page.locator("#more")).to_be_hidden()
    assert len(settle(page)["shown"]["z"]) == 2
    assert page.get_by_role("alert").is_hidden()


def own() -> tuple[bytes, NDArray[np.uint8]]:
    """A picture file with transparent parts, larger than the model's, and what is seen of it."""
    rgba = np.zeros((64, 128, 4), np.uint8)
    rgba[:, 32:64] = (200, 30, 60, 255)
    rgba[:, 64:80] = (0, 0, 0, 128)
    seen = np.full((32, 32, 3), 255, np.uint8)
    seen[:, :16] = (200, 30, 60)
    seen[:, 16:24] = 127
    file = io.BytesIO()
    Image.fromarray(rgba).save(file, "PNG")
    return file.getvalue(), seen


@pytest.mark.parametrize("way", ["file", "paste"])
def test_a_picture_of_ones_own_lies_on_white(page: Page, way: str) -> None:
    content, seen = own()
    if way == "file":
        file = {"name": "mine.png", "mimeType": "image/png", "buffer": content}
        page.get_by_label("A picture of your own").set_input_files([file])
    else:
        page.evaluate(PASTE, [base64.b64encode(content).decode(), "image/png"])
    page.wait_for_function(
        "async () => (await import('./page.js')).state.source.label === undefined"
    )
    state = settle(page)
    x = np.array(state["source"]["x"], np.float32)
    np.testing.assert_allclose(x, planes(seen / np.float32(255)), atol=2 / 255)
    picture = x.reshape(3, 32, 32).transpose(1, 2, 0)
    np.testing.assert_allclose(state["shown"]["mu"], MODEL.encode(picture)[0], atol=1e-3)
    expect(page.locator("#examples [aria-pressed=true]")).to_have_count(0)


def test_what_is_no_picture_is_told(browser: Any, url: str) -> None:
    with browser.new_context() as context:  # its console may hold what the page says
        page = context.new_page()
        page.goto(url)
        choose(page)
        page.evaluate(PASTE, [base64.b64encode(b"no PNG").decode(), "image/png"])
        expect(page.get_by_role("alert")).to_contain_text("mine is no picture that this browser")


def test_the_map_is_the_principal_plane(page: Page, site: Path) -> None:
    z, _ = read_latents(MODEL.folder / "latents.npz")
    plane = Plane.of(z)
    box = page.locator(".map").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + 0.4 * box["height"])
    state = settle(page)
    told = json.loads((site / "models" / "emoji-vae" / "map.json").read_text())
    window = told["window"]
    place = np.array(
        [[window["left"] + 0.3 * window["side"], window["bottom"] + 0.6 * window["side"]]],
        np.float32,
    )
    got = np.array(state["source"]["z"], np.float32)
    np.testing.assert_allclose(got, plane.lift(place)[0], atol=0.03)  # to within a pixel
    np.testing.assert_allclose(state["shown"]["picture"], planes(MODEL.decode(got)[0]), atol=1e-3)
    marker = page.locator(".marker").evaluate(
        "one => [one.style.left, one.style.top].map(parseFloat)"
    )
    assert marker == pytest.approx([30, 40], abs=0.5)
    expect(page.locator("#reading")).to_contain_text("10 nearest test images on this map")
    expect(page.locator("#classes p")).to_have_count(9)
    expect(page.locator("#share")).to_have_text(f"{100 * plane.share:.0f}\u00a0%")
    page.locator(".map").press("ArrowRight")
    moved = settle(page)["source"]["z"]
    step = (np.array(moved) - got) @ plane.axes.T
    assert step == pytest.approx([0.02 * window["side"], 0], abs=1e-3)


def test_the_way_between_two_pictures(page: Page) -> None:
    examples = page.get_by_role("button", name="Test image: ")
    for i, end in ((1, 0), (6, 1)):
        examples.nth(i).click()
        settle(page)
        page.locator("#between .put").nth(end).click()
    page.locator("#between").scroll_into_view_if_needed()
    slider = page.get_by_label("Place on the way")
    line = MODEL.interpolate(unseen()[1], unseen()[6], 121)
    for step in (0, 60, 120):
        slider.fill(str(step))
        page.wait_for_timeout(500)
        np.testing.assert_allclose(pixels(page, ".way canvas"), 255 * line[step], atol=1.2)


def test_it_moves_until_it_is_paused(open_page: OpenPage) -> None:
    page = choose(open_page(viewport=WINDOW))
    page.locator("#between").scroll_into_view_if_needed()
    page.wait_for_function("async () => (await import('./between.js')).way.frames > 20")
    page.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(300)
    before = page.evaluate(READ)["way"]
    page.wait_for_timeout(400)
    after = page.evaluate(READ)["way"]
    assert (after["step"], after["frames"]) == (before["step"], before["frames"])
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(
        "async (n) => (await import('./between.js')).way.frames > n", arg=after["frames"] + 10
    )
    page.get_by_role("radio", name="Digits").check()  # nothing moves where nobody sees it
    page.wait_for_timeout(300)
    before = page.evaluate(READ)["way"]["frames"]
    page.wait_for_timeout(300)
    assert page.evaluate(READ)["way"]["frames"] == before


def test_who_wants_no_motion_has_none(page: Page) -> None:
    page.locator("#between").scroll_into_view_if_needed()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.wait_for_timeout(400)
    assert page.evaluate(READ)["way"]["step"] == 0


def test_sums_of_categories(page: Page) -> None:
    page.get_by_role("button", name="Test image: Food & drink").click()
    code = MODEL.encode(unseen()[3])[0]
    less, more = page.get_by_label("Less the mean of"), page.get_by_label("Plus the mean of")
    expect(less).to_have_value("3")  # its own category
    more.select_option("Symbols")
    expected = code - means()[3] + means()[7]
    page.wait_for_function(SUMMED, arg=float(expected[0]))
    state = settle(page)
    assert (state["sum"]["minus"], state["sum"]["plus"]) == (3, 7)
    np.testing.assert_allclose(state["sum"]["z"], expected, atol=2e-3)
    np.testing.assert_allclose(
        pixels(page, "#sums .sum"), 255 * MODEL.decode(expected)[0], atol=1.5
    )
    np.testing.assert_allclose(
        pixels(page, "#sums .less"), 255 * MODEL.decode(means()[3])[0], atol=1.5
    )


def test_samples_are_drawn_from_the_prior(page: Page) -> None:
    draws = page.get_by_role("button", name="Drawn picture")
    expect(draws).to_have_count(12)
    z = np.array(
        page.evaluate(
            """async () => Array.from(
              (await import("./vae.js")).standardNormal(12 * 64, 0))"""
        ),
        np.float32,
    ).reshape(12, 64)
    draws.nth(4).click()
    state = settle(page)
    np.testing.assert_allclose(state["source"]["z"], z[4], atol=1e-6)
    np.testing.assert_allclose(state["shown"]["picture"], planes(MODEL.decode(z[4])[0]), atol=1e-3)
    first = pixels(page, "#dreams button:first-child canvas")
    page.get_by_role("button", name="Twelve others").click()
    page.wait_for_function("async () => (await import('./emoji.js')).told.seed === 1")
    page.wait_for_timeout(500)
    assert np.abs(pixels(page, "#dreams button:first-child canvas") - first).max() > 20


def test_graphs_of_emoji_are_fetched_by_who_chooses_them(open_page: OpenPage) -> None:
    page = open_page(viewport=WINDOW)
    page.get_by_text("Works offline").wait_for()
    names = "performance.getEntriesByType('resource').map(({ name }) => name)"
    assert not [name for name in page.evaluate(names) if "emoji-vae" in name]
    choose(page)
    assert [name for name in page.evaluate(names) if name.endswith("emoji-vae/decoder.onnx")]


@pytest.mark.parametrize("width", [320, 390, 820, 1101, 1600])
def test_no_width_scrolls_sideways(open_page: OpenPage, width: int) -> None:
    page = choose(open_page(viewport={"width": width, "height": 900}))
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
