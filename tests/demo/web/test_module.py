"""vae.js in a real browser: the golden vectors, drawings of all kinds, and what is refused."""

import itertools
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, Playwright

import vae_onnx
from demo.screenshot import launch_browser
from demo.web.build import ROOT
from demo.web.screenshot import open_site

OpenPage = Callable[..., Page]
Ink = NDArray[np.uint8]

SOFTWARE_GPU = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")

CALL = """async ([home, check, ...rest]) => {
  const vae = await import(`${home}some/where/vae.js`);
  const ort = await import(`${home}some/where/runtime.js`);
  const checks = await import(`${home}checks.js`);
  const read = async (path) => (await fetch(`${home}golden/${path}`)).arrayBuffer();
  const [options, ...more] = rest;
  const call = [`${home}models/`, { ort, ...options }, ...more];
  return check === "golden" ? checks.golden(vae, read, ...call) : checks[check](vae, ...call);
}"""

# A page with one vertical line for a drawing.
THEIRS = """<!doctype html>
<title>A page of their own</title>
<link rel="icon" href="data:," />
<script type="module">
  const [height, width] = [80, 48];
  const inside = (i) => i > 19 && i < 60;
  const ink = Uint8Array.from({ length: height * width }, (_, i) =>
    inside(Math.floor(i / width)) && i %% width > 19 && i %% width < 28 ? 255 : 0);
  %s
  window.told = { mu: [...mu], picture: [...picture], digits: digits.length };
</script>
"""

ENGINES = """<!doctype html>
<title>Engines</title>
<link rel="icon" href="data:," />
<script type="module">
  import { load } from "./vae.js";
  import * as ort from "./runtime.js";
  const engines = [];
  %s
  window.told = engines;
</script>
"""


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return open_page("?provider=wasm")


@pytest.fixture(scope="module")
def gpu_page(driver: Playwright, url: str) -> Iterator[Page]:
    """A page that may use WebGPU, on a GPU in software."""
    with launch_browser(driver, *SOFTWARE_GPU) as browser:
        page = browser.new_page()
        open_site(page, url + "?provider=webgpu")
        yield page


def assert_golden(rows: list[list[Any]], golden: dict[str, Any], models: list[str]) -> None:
    """No tensor is missing, and each is within what is allowed."""
    told = [entry for entry in golden["models"] + golden["tiny"] if entry["name"] in models]
    assert len(rows) == len(golden["drawings"]) + sum(
        {"vae": 5, "ae": 3}[entry["kind"]] for entry in told
    )
    assert [row for row in rows if not row[1] <= row[2]] == []


@pytest.fixture(params=["kernel where it can", "onnxruntime"])
def options(request: pytest.FixtureRequest) -> dict[str, str]:
    """The engine that `load` chooses, and the other one."""
    return {"engine": request.param} if request.param == "onnxruntime" else {}


def test_golden_vectors_in_the_browser(
    page: Page, server: tuple[str, Path], golden: dict[str, Any], options: dict[str, str]
) -> None:
    rows = page.evaluate(CALL, [server[0], "golden", options])
    assert_golden(rows, golden, [entry["name"] for entry in golden["models"] + golden["tiny"]])


def write_theirs(folder: Path, site: Path, page: str) -> None:
    """A page of somebody's own, beside what docs/embedding.md says to copy."""
    folder.mkdir(parents=True)
    for name in ("vae.js", "runtime.js", "ort", "models"):
        (folder / name).symlink_to(site / name)
    (folder / "index.html").write_text(page, encoding="utf-8")


def test_the_example_of_the_docs_runs_in_a_page_of_ones_own(
    open_window: Callable[..., Page], server: tuple[str, Path], site: Path
) -> None:
    """docs/embedding.md: what it says to copy, beside a page that holds nothing but its example."""
    home, root = server
    browser = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8").split("\n## ")[1]
    example = browser.partition("```js\n")[2].partition("```")[0]
    write_theirs(root / "their" / "page", site, THEIRS % example)
    page = open_window(home)
    page.goto(f"{home}their/page/")
    told = page.wait_for_function("window.told").json_value()
    x = vae_onnx.drawing_to_x(np.pad(np.full((40, 8), 255, np.uint8), 20))
    model = vae_onnx.load("mnist-vae")
    np.testing.assert_allclose(told["mu"], model.encode(x)[0], rtol=0, atol=1e-4)
    np.testing.assert_allclose(told["picture"], model.reconstruct(x).ravel(), rtol=0, atol=1e-4)
    assert told["digits"] == 100 * 28 * 28


def test_the_engines_of_the_docs_are_chosen(
    open_window: Callable[..., Page], server: tuple[str, Path], site: Path
) -> None:
    """docs/embedding.md: what each line about engines takes, which are four."""
    home, root = server
    text = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
    (lines,) = (part for part in text.split("```") if 'precision: "int8"' in part)
    lines = lines.removeprefix("js\n").replace("models/mine/", "models/emoji-vae/")
    told = re.sub(r"(?m)^await (load\(.*\));", r"engines.push((await \1).engine);", lines)
    write_theirs(root / "their" / "engines", site, ENGINES % told)
    page = open_window(home)
    page.goto(f"{home}their/engines/")
    chosen = page.wait_for_function("window.told").json_value()
    assert chosen == ["kernel", "kernel", "onnxruntime", "onnxruntime"]


def test_golden_vectors_on_webgpu(
    gpu_page: Page, server: tuple[str, Path], golden: dict[str, Any]
) -> None:
    options = {"sessionOptions": {"executionProviders": ["webgpu"]}}
    names = ["mnist-vae", "fashion-mnist-ae", "map"]
    rows = gpu_page.evaluate(CALL, [server[0], "golden", options, names])
    assert_golden(rows, golden, names)


def test_the_page_runs_on_webgpu_where_it_is_asked_to(gpu_page: Page) -> None:
    assert gpu_page.evaluate("async () => (await import('./page.js')).state.device") == "webgpu"
    gpu_page.get_by_text("Runs in this page, on WebGPU").wait_for()


def test_the_kernel_does_what_onnxruntime_does(page: Page, server: tuple[str, Path]) -> None:
    rows = page.evaluate(CALL, [server[0], "engines", {}])
    assert len(rows) == 6 * 3 * 2 * 3 + 4 * 3 * 2 * 2
    assert [row for row in rows if not row[1] <= row[2]] == []


def test_batches_of_any_size(page: Page, server: tuple[str, Path], options: dict[str, str]) -> None:
    rows = page.evaluate(CALL, [server[0], "batches", options])
    assert len(rows) == 6 * 3 * 2 + 1
    assert [row for row in rows if not row[1] <= 1e-5] == []


def test_what_cannot_be_taken_is_refused(
    browser: Browser,
    server: tuple[str, Path],
    url: str,
    refused: dict[str, str],
    options: dict[str, str],
) -> None:
    # Not `open_page`, which takes Chromium's word on each missing file for an error.
    with browser.new_context() as context:
        page = context.new_page()
        open_site(page, url)
        told = page.evaluate(CALL, [server[0], "refusals", options])
    assert told.keys() == refused.keys()
    for what, expected in refused.items():
        assert told[what].startswith(expected), (what, told[what])


def random_drawings(count: int, rng: np.random.Generator) -> list[Ink]:
    """Drawings of any size up to 2000: strokes, noise, lines at the border, full, empty."""
    return [KINDS[i % len(KINDS)](*size(rng), rng) for i in range(count)]


def size(rng: np.random.Generator) -> tuple[int, int]:
    height, width = np.exp(rng.uniform(0, np.log(2000), 2)).round().astype(int)
    return int(height), int(width)


def strokes(height: int, width: int, rng: np.random.Generator) -> Ink:
    picture = Image.new("L", (width, height))
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.integers(1, 4)):
        points = rng.uniform((0, 0), (width, height), (rng.integers(2, 6), 2))
        thick = max(1, int(rng.uniform(0, 0.1) * max(height, width)))
        draw.line([tuple(point) for point in points], int(rng.integers(1, 256)), thick)
    return np.asarray(picture)


def noise(height: int, width: int, rng: np.random.Generator) -> Ink:
    dense = rng.random((height, width), np.float32) < rng.uniform(0, 0.5)
    return np.where(dense, rng.integers(0, 256, (height, width)), 0).astype(np.uint8)


def border(height: int, width: int, rng: np.random.Generator) -> Ink:
    ink = np.zeros((height, width), np.uint8)
    edges = (ink[0], ink[-1], ink[:, 0], ink[:, -1])
    edges[rng.integers(4)][:] = rng.integers(1, 256)
    return ink


def full(height: int, width: int, rng: np.random.Generator) -> Ink:
    return np.full((height, width), rng.integers(1, 256), np.uint8)


def empty(height: int, width: int, rng: np.random.Generator) -> Ink:
    return np.zeros((height, width), np.uint8)


KINDS = (strokes, noise, strokes, border, strokes, noise, full, strokes, noise, empty)


def test_200_drawings_become_what_python_makes_of_them(
    page: Page, server: tuple[str, Path]
) -> None:
    home, folder = server
    inks = random_drawings(200, np.random.default_rng(0))
    (folder / "drawings").mkdir()
    for i, ink in enumerate(inks):
        (folder / "drawings" / f"{i}.u8").write_bytes(ink.tobytes())
    xs = page.evaluate(
        """async ([home, shapes]) => {
          const { drawingToX } = await import("./vae.js");
          const ort = await import("./runtime.js");
          const xs = [];
          for (const [i, shape] of shapes.entries()) {
            const response = await fetch(`${home}drawings/${i}.u8`);
            const ink = new Uint8Array(await response.arrayBuffer());
            xs.push(Array.from(await drawingToX(ink, ...shape, { ort })));
          }
          return xs;
        }""",
        [home, [ink.shape for ink in inks]],
    )
    expected = np.concatenate([vae_onnx.drawing_to_x(ink).reshape(1, -1) for ink in inks])
    np.testing.assert_allclose(np.array(xs), expected, rtol=0, atol=1e-5)


def xoshiro128(state: list[int]) -> Iterator[int]:
    """xoshiro128** 1.1 by D. Blackman and S. Vigna, public domain."""
    s0, s1, s2, s3 = state
    while True:
        yield rotate(s1 * 5, 7) * 9 % 2**32
        shifted = s1 << 9
        s2, s3 = s2 ^ s0, s3 ^ s1
        s1, s0 = s1 ^ s2, s0 ^ s3
        s2, s3 = (s2 ^ shifted) % 2**32, rotate(s3, 11)


def rotate(x: int, by: int) -> int:
    x %= 2**32
    return (x << by | x >> (32 - by)) % 2**32


def splitmix32(state: int) -> Iterator[int]:
    while True:
        state = (state + 0x9E3779B9) % 2**32
        z = (state ^ state >> 16) * 0x85EBCA6B % 2**32
        z = (z ^ z >> 13) * 0xC2B2AE35 % 2**32
        yield z ^ z >> 16


def standard_normal(count: int, seed: int) -> list[float]:
    """What `standardNormal` of vae.js documents."""
    low, high = splitmix32(seed % 2**32), splitmix32(seed // 2**32 ^ 0x5BD1E995)
    numbers = xoshiro128([next(low), next(low), next(high), next(high)])
    draws: list[float] = []
    while len(draws) < count:
        u, v = ((next(numbers) + 1) / 2**32 for _ in range(2))
        r, t = math.sqrt(-2 * math.log(u)), 2 * math.pi * v
        draws += [r * math.cos(t), r * math.sin(t)]
    return draws[:count]


def test_the_generator_is_the_published_one() -> None:
    assert list(itertools.islice(xoshiro128([1, 2, 3, 4]), 4)) == [11520, 0, 5927040, 70819200]


@pytest.mark.parametrize("seed", [0, 7, 2**32, 2**53 - 1])
def test_draws_are_the_documented_ones_and_standard_normal(page: Page, seed: int) -> None:
    draws, again, odd = page.evaluate(
        """async (seed) => {
          const { standardNormal } = await import("./vae.js");
          return [40000, 40000, 3].map((count) => Array.from(standardNormal(count, seed)));
        }""",
        seed,
    )
    assert draws == again
    assert draws[:3] == odd
    assert draws[:1000] == pytest.approx(standard_normal(1000, seed), rel=1e-6)
    z = np.array(draws)
    assert abs(z.mean()) < 4 / 200  # standard errors of 40,000 draws
    assert abs(z.var() - 1) < 4 * 2**0.5 / 200
    assert abs((z**3).mean()) < 4 * 15**0.5 / 200
    assert (np.abs(z) > 1.959964).mean() == pytest.approx(0.05, abs=4 * 0.2179 / 200)
    assert abs(np.corrcoef(z[:-1], z[1:])[0, 1]) < 4 / 200
