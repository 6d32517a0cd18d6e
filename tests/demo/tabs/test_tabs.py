"""The other tabs as people meet them, in a real browser."""

import base64
import io
import json
import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from demo.screenshot import DIGITS, draw

OpenPage = Callable[..., Page]
TABS = ("Draw", "Explore", "Generate", "Training", "Use it")


def go(page: Page, tab: str) -> None:
    page.get_by_role("tab", name=tab, exact=True).click()


def source(page: Page, selector: str) -> str:
    return str(page.locator(selector).first.get_attribute("src"))


def changed(page: Page, selector: str, before: str) -> None:
    """Wait until a picture is another one."""
    expect(page.locator(selector).first).not_to_have_attribute("src", before)


def decoded(source: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))))


# Explore


def test_a_click_on_the_map_decodes_the_place(page: Page) -> None:
    go(page, "Explore")
    for kind in ("vae", "ae"):
        picture = f"#walk-{kind} .peek img"
        before = source(page, picture)
        box = page.locator(f"#walk-{kind} .walker").bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + 0.6 * box["height"])
        changed(page, picture, before)
        marker = page.locator(f"#walk-{kind} .marker")
        left, top = marker.evaluate("one => [one.style.left, one.style.top].map(parseFloat)")
        assert (left, top) == pytest.approx((20, 60), abs=0.2)


def test_the_picture_of_a_place_is_on_the_screen_with_its_map(page: Page) -> None:
    go(page, "Explore")
    for kind in ("vae", "ae"):
        for part in (".walker", ".peek"):
            box = page.locator(f"#walk-{kind} {part}").bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= 900, part


def test_dragging_decodes_on_the_way_and_arrows_move_on(page: Page) -> None:
    go(page, "Explore")
    picture, box = "#walk-vae .peek img", page.locator("#walk-vae .walker").bounding_box()
    assert box is not None
    seen = [source(page, picture)]
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    for place in (100, 200, 300):
        page.mouse.move(box["x"] + place, box["y"] + place, steps=4)
        changed(page, picture, seen[-1])
        page.wait_for_timeout(150)
        seen.append(source(page, picture))
    page.mouse.up()
    assert len(set(seen)) == 4
    page.wait_for_timeout(150)
    before = source(page, picture)
    page.locator("#walk-vae .walker").press("Shift+ArrowRight")
    changed(page, picture, before)


def test_decoded_pictures_lie_behind_the_points_on_request(page: Page) -> None:
    go(page, "Explore")
    grid = page.locator("#walk-vae .grid")
    expect(grid).to_be_hidden()
    box = page.get_by_label("Decoded pictures behind the points")
    box.check()
    assert box.evaluate("one => getComputedStyle(one).appearance") == "auto"  # it shows a tick
    expect(grid).to_be_visible()
    page.wait_for_function("document.querySelector('#walk-vae .grid').naturalWidth > 400")


def test_sliders_move_along_the_directions(page: Page) -> None:
    go(page, "Explore")
    middle = source(page, ".slid img")
    slider = page.get_by_label("Direction 1,")
    slider.focus()
    slider.fill("2.5")
    changed(page, ".slid img", middle)
    expect(slider).to_have_value("2.5")  # the answer does not take the slider away
    expect(page.locator(".sliders output").first).to_have_text("2.5")
    page.get_by_role("button", name="Back to the middle").click()
    expect(page.locator(".slid img")).to_have_attribute("src", middle)


# Generate


def test_samples_follow_count_seed_and_temperature(page: Page) -> None:
    go(page, "Generate")
    expect(page.locator(".sheets figure")).to_have_count(3)
    for label, value in (("Seed", "5"), ("number input for Count", "6")):
        before = source(page, ".sheets img")
        field = page.get_by_label(label).first
        field.fill(value)
        field.press("Enter")
        changed(page, ".sheets img", before)
    assert decoded(source(page, ".sheets img")).shape == (56, 84)


def test_a_number_out_of_range_is_clipped_or_told(page: Page) -> None:
    go(page, "Generate")
    expect(page.locator(".sheets figure")).to_have_count(3)
    before = source(page, ".sheets img")
    field = page.get_by_label("number input for Count").first
    field.fill("500")
    field.press("Enter")
    changed(page, ".sheets img", before)
    assert decoded(source(page, ".sheets img")).shape == (7 * 28, 10 * 28)  # 64 pictures
    seed = page.get_by_label("Seed").first
    seed.fill("-4")
    seed.press("Enter")
    expect(page.locator("#generate .message").first).to_contain_text("seed must be 0 to")


def test_the_way_between_two_drawings(page: Page) -> None:
    go(page, "Generate")
    expect(page.locator(".walks figure")).to_have_count(3)
    before = source(page, ".walks .pixels")
    draw(page, DIGITS["1"], pad="#pad-a")
    changed(page, ".walks .pixels", before)
    strip = decoded(source(page, ".walks .pixels"))
    assert strip.shape == (28, 280)
    links = page.locator(".walks figure").first.locator("a")
    expect(links).to_have_text(["PNG", "GIF", "WebP"])
    with page.expect_download() as download:
        links.nth(1).click()
    with Image.open(download.value.path()) as animation:
        assert animation.format == "GIF"
        assert animation.n_frames == 18  # ten there, eight back
    page.locator("#pad-a").get_by_role("button", name="Clear").click()
    expect(page.locator("#generate .message").nth(1)).to_contain_text("both frames")


def test_sums_of_class_averages(page: Page) -> None:
    go(page, "Generate")
    path = ".sums .path img"
    expect(page.locator(path)).to_have_count(7)
    before = page.locator(path).last.get_attribute("src")
    page.locator("#generate").get_by_label("Add").click()
    page.get_by_role("option", name="0", exact=True).click()
    expect(page.locator(path).last).not_to_have_attribute("src", str(before))


# Training


def test_training_has_curves_and_figures(page: Page) -> None:
    go(page, "Training")
    expect(page.locator(".training svg")).to_have_count(7)  # 3 + 1 + 3
    expect(page.locator(".training table")).to_contain_text("141.46 (134.91 + 6.55)")
    page.get_by_label("Fashion-MNIST").check()
    expect(page.locator(".training table")).to_contain_text("261.10 (254.80 + 6.30)")
    expect(page.locator(".training circle.published").first).to_be_visible()
    rows = page.locator(".training tbody th").all_text_contents()
    assert rows[rows.index("epoch 10, validation") + 1] == "published, epoch 10, validation"


# Use it


def test_the_code_makes_the_picture_on_the_screen(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    draw(page, DIGITS["0"])
    expect(page.locator("#draw .strip img")).to_have_count(4)
    page.wait_for_timeout(300)
    go(page, "Use it")
    expected = decoded(source(page, ".side.pairs .use .result"))
    codes = page.locator(".side.pairs .use code").all_text_contents()[
        1:
    ]  # the first names the client
    monkeypatch.chdir(tmp_path)
    with page.expect_download() as download:
        page.get_by_role("link", name="decoder.onnx").click()
    download.value.save_as("decoder.onnx")
    programs = [code for code in codes if "import" in code]
    assert len(programs) == 3
    assert max(len(line) for program in programs for line in program.splitlines()) < 100
    for i, made in enumerate(("picture.png", "picture-0.png")):
        Path("program.py").write_text(programs[i])
        runpy.run_path("program.py")
        np.testing.assert_array_equal(np.asarray(Image.open(made)), expected)


JAVASCRIPT = """async ([code, pixels]) => {
  class Tensor { constructor(type, data, dims) { Object.assign(this, { type, data, dims }); } }
  const decoder = { run: async ({ z }) => {
    if (z.type !== "float32" || z.dims[0] * z.dims[1] !== z.data.length) throw new Error("z");
    return { x_recon: { data: Float32Array.from(pixels) } };
  } };
  const ort = { Tensor, InferenceSession: { create: async () => decoder } };
  const Run = Object.getPrototypeOf(async () => {}).constructor;
  await new Run("ort", code.replace(/^import.*$/m, ""))(ort);
  const canvas = document.body.lastElementChild;
  const made = [...canvas.getContext("2d").getImageData(0, 0, 28, 28).data];
  canvas.remove();
  return made.filter((_, i) => i % 4 === 0);
}"""


def test_the_javascript_hands_z_over_and_shows_what_comes_back(page: Page) -> None:
    go(page, "Use it")
    expected = decoded(source(page, ".side.pairs .use .result"))
    code = page.locator(".side.pairs .use code").last.text_content()
    made = page.evaluate(JAVASCRIPT, [code, (expected / 255).ravel().tolist()])
    np.testing.assert_array_equal(made, expected.ravel())


def test_numbers_can_be_saved(page: Page) -> None:
    go(page, "Use it")
    with page.expect_download() as download:
        page.get_by_role("link", name="Its numbers").click()
    assert json.loads(Path(download.value.path()).read_text()) == [[0.0, 0.0]]


# All of it


def test_other_models_change_every_tab(page: Page) -> None:
    page.get_by_label("Fashion-MNIST").check()
    expect(page.locator("#legend")).to_contain_text("Sneaker")
    expect(page.locator("#vae .dots")).to_have_attribute("src", "maps/fashion-mnist-vae.png")
    page.get_by_role("button", name="Test image: Sneaker").click()
    expect(page.locator("#vae .reading b")).to_have_text("Sneaker")
    go(page, "Explore")
    expect(page.locator("#walk-ae .dots")).to_have_attribute("src", "maps/fashion-mnist-ae.png")
    go(page, "Generate")
    expect(page.locator(".sums")).to_contain_text("Trouser")
    go(page, "Use it")
    expect(page.locator(".side.pairs .use")).to_contain_text("fashion-mnist-vae")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_tab_scrolls_sideways_and_all_text_is_readable(open_page: OpenPage, scheme: str) -> None:
    page = open_page(viewport={"width": 1600, "height": 900}, color_scheme=scheme)
    for tab in TABS:
        page.set_viewport_size({"width": 1600, "height": 900})
        go(page, tab)
        for width in (1600, 820, 390, 320):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(100)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (tab, width)
            assert page.evaluate(SMALL_TEXT) == [], (tab, width)


SMALL_TEXT = """() => [...document.querySelectorAll(".gradio-container *")]
  .filter((one) => one.checkVisibility() && !one.closest("svg"))
  .filter((one) => [...one.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
  .filter((one) => parseFloat(getComputedStyle(one).fontSize) < 10.9)
  .map((one) => one.outerHTML.slice(0, 80))"""


def test_every_control_has_a_name(page: Page) -> None:
    for tab in TABS:
        go(page, tab)
        page.wait_for_timeout(200)
        nameless = page.evaluate(NAMELESS)
        assert nameless == [], tab


NAMELESS = """() => [...document.querySelectorAll("#tabs :is(button, input, [tabindex='0'])")]
  .filter((one) => one.checkVisibility() && !one.closest("pre"))
  .filter((one) => !(one.textContent.trim() || one.ariaLabel || one.title || one.labels?.length
    || one.querySelector("img[alt]") || one.getAttribute("aria-labelledby")))
  .map((one) => one.outerHTML.slice(0, 120))"""
