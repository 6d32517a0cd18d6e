"""vae.js and models of colours, of maps of codes and of any size, in Node and in a browser."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page

import vae_onnx
from demo.web.build import ROOT

HERE = Path(__file__).parent
LUMA = (0.299, 0.587, 0.114)

SCRIPT = """
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
const files = process.argv.slice(1, 3).map((path) => pathToFileURL(path).href);
const [vae, checks] = await Promise.all(files.map((file) => import(file)));
const ort = createRequire(process.argv[4])("onnxruntime-node");
console.log(JSON.stringify(await checks.anyShape(vae, `${process.argv[3]}/`, { ort })));
"""
CALL = """async (home) => {
  const vae = await import(`${home}some/where/vae.js`);
  const ort = await import(`${home}some/where/runtime.js`);
  const { anyShape } = await import(`${home}any_shape.js`);
  return anyShape(vae, `${home}models/`, { ort });
}"""


DOCS = """async (home) => {
  const { load } = await import(`${home}some/where/vae.js`);
  const ort = await import(`${home}some/where/runtime.js`);
  const context = new OffscreenCanvas(64, 64).getContext("2d");
  context.fillStyle = "rgb(255 102 51)";
  context.fillRect(0, 0, 64, 64);
  const picture = context.getImageData(0, 0, 64, 64);
  %s
  const shown = context.getImageData(63, 63, 1, 1).data;
  return { shape, shown: [...shown], last: [...pictures[1].data.subarray(-4)] };
}"""


@pytest.fixture(scope="module")
def page(browser: Browser, server: tuple[str, Path]) -> Iterator[Page]:
    """An empty page beside the site and the models."""
    home, root = server
    (root / "empty.html").write_text('<!doctype html><link rel="icon" href="data:," />')
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{home}empty.html")
        yield page


@pytest.fixture(scope="module", params=["node", "browser"])
def told(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What any_shape.js finds."""
    if request.param == "node":
        example, module, models, run = map(
            request.getfixturevalue, ("example", "module", "models", "run")
        )
        files = (module, HERE / "any_shape.js", models, example / "package.json")
        result = run("node", "--input-type=module", "--eval", SCRIPT, *files)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)
    page, (home, _) = request.getfixturevalue("page"), request.getfixturevalue("server")
    return page.evaluate(CALL, home)


@pytest.fixture(scope="module")
def tiny(models: Path) -> Callable[[str], vae_onnx.Autoencoder]:
    return lambda name: vae_onnx.load(models / "tiny" / name)


def squares(n: int) -> NDArray[np.uint8]:
    i, k = np.arange(96), np.arange(n)[:, np.newaxis]
    return ((i * 37 + k * 101) % 256).astype(np.uint8).reshape(n, 6, 4, 4)


def large(height: int, width: int) -> NDArray[np.uint8]:
    count = height * width * 3
    return (np.arange(count) * 53 % 256).astype(np.uint8).reshape(height, width, 3)


def rgba(picture: NDArray[np.float32]) -> list[int]:
    """Width, height and the bytes of a picture (H, W, C) in [0, 1]."""
    height, width, channels = picture.shape
    bytes_ = vae_onnx.to_uint8(picture)
    if channels == 3:
        bytes_ = np.concatenate([bytes_, np.full((height, width, 1), 255, np.uint8)], axis=2)
    return [width, height, *bytes_.ravel().tolist()]


def close(got: object, expected: object) -> None:
    np.testing.assert_allclose(
        np.array(got, np.float64), np.ravel(np.asarray(expected)), rtol=0, atol=1e-6
    )


def test_shapes_are_read_off_the_graphs(told: dict[str, Any]) -> None:
    assert told["shapes"] == [
        [[3, 2, 1], [6], 1],
        [[4, 6, 4], [4, 3, 2], 1],
        [[3, -1, -1]] * 2 + [2],
    ]
    assert told["dims"] == [6, 24]
    assert told["no one dim"].startswith("InputError: this model takes images of any size")


def test_colours(told: dict[str, Any]) -> None:
    close(told["colour z"], [1, 0, 0, 0.4, 0.2, 0.8])
    assert told["colour shape"] == [3, 6]
    assert told["colour again"] == [1, 2, 255, 0, 51, 255, 0, 102, 204, 255]
    # A fifth of yellow lies on black, from which it differs more than from white.
    assert told["transparent"] == [1, 2, 0, 0, 0, 255, 51, 51, 0, 255]
    assert told["on white"] == [1, 2, 255, 255, 255, 255, 255, 255, 204, 255]  # as it states
    close(told["floats z"], [1, 0, 0, 0.25, 0.5, 1])
    assert told["drawn x"] == [[1, 2, 0, 128, 230, 255, 255, 26, 102, 255]]


def test_maps_of_codes(told: dict[str, Any], tiny: Callable[[str], vae_onnx.Autoencoder]) -> None:
    model = tiny("map")
    q = model.posterior(squares(2))
    assert told["map shape"] == [2, 4, 3, 2]
    close(told["map mu"], q.mu)
    close(told["map log_var"], q.log_var[:1])
    close(told["map many"], model.encode(squares(300))[-1])
    assert told["map again"] == [rgba(one) for one in model.reconstruct(squares(2))]
    assert told["map z"] == [0.5] * 96
    assert told["map sample"] == 0


def test_any_size(told: dict[str, Any], tiny: Callable[[str], vae_onnx.Autoencoder]) -> None:
    model = tiny("open")
    x = (np.arange(144, dtype=np.float32) % 7 / 7).reshape(2, 3, 4, 6)
    assert told["open again"] == rgba(model.reconstruct(large(6, 10))[0])
    assert told["open shape"] == [2, 3, 2, 3]
    close(told["open z"], model.encode(x))
    close(told["open x_recon"], model.reconstruct(x).transpose(0, 3, 1, 2))
    assert told["open drawn"] == [[6, 4, *[255] * 96]]


def test_grey_pictures(told: dict[str, Any]) -> None:
    np.testing.assert_allclose(told["grey z"], [1, LUMA[0]], atol=0.5 / 255)
    assert told["grey drawn"] == [2, 2, *[51] * 3, 255, *[255] * 4, *[0, 0, 0, 255] * 2]


def test_lines_are_straight_as_python_s(
    told: dict[str, Any], tiny: Callable[[str], vae_onnx.Autoencoder]
) -> None:
    ends = np.array([[1, 0, 0.5, 0, 0.25, 1], [0] * 6], np.float32).reshape(2, 3, 2, 1)
    line = tiny("colour").interpolate(*ends, 3)
    close(told["colour line"], line.transpose(0, 3, 1, 2))
    assert [picture[:2] for picture in told["drawn line"]] == [[1, 2]] * 3
    close(told["code line"], [0, 8, 0.25, 4, 0.5, 0, 0.75, -4, 1, -8])
    assert told["map line"] == [rgba(one) for one in tiny("map").interpolate(*squares(2), 4)]
    assert told["open line"] == 2 * 72


def test_samples_lie_where_the_codes_do(told: dict[str, Any]) -> None:
    close(told["placed sample"], np.tile([0.25, 0.75, 0, 0], 3))


def test_what_cannot_be_taken_is_refused(told: dict[str, Any]) -> None:
    refused = {
        "no shape": "InputError: the sizes of x follow from the pictures in this model: pass its "
        "shape [n, 3, any, any] behind it, or pictures with width and height",
        "no shape of z": "InputError: the sizes of z follow from the pictures in this model: pass "
        "its shape [n, 3, any, any] behind it",
        "wrong shape": "InputError: the shape of x must be [n, 3, any, any], got [2, 4, 3, 6]",
        "another count": "InputError: x of shape [1, 3, 4, 6] must hold 72 numbers, got 144",
        "shape in words": "InputTypeError: the shape of x must be [n, 3, any, any], got 4x6",
        "odd size": "InputError: height and width of the images must be multiples of 2, got 7x10; "
        "cut or scale them to 6x10, or fill them up to 8x10",
        "tiny size": "InputError: height and width of the images must be multiples of 2, got 1x3; "
        "cut or scale them to 2x2, or fill them up to 2x4",
        "two sizes": "InputError: pictures of one call must be 4 pixels wide and 4 high, got 4 and",
        "another size": "InputError: pictures must be 1 pixels wide and 2 high, got 5 and 3; a "
        "canvas scales: drawImage(picture, 0, 0, 1, 2)",
        "five channels": "InputError: the data of a picture must hold 3 * width * height = 6 "
        "numbers, got 10",
        "words for pixels": "InputTypeError: the data of a picture must be a Uint8ClampedArray or",
        "floats out of range": "InputError: x must be in [0, 1], got [2, 2]",
        "canvas for grey": "InputError: the data of a picture must hold 1 * width * height = 4 "
        "numbers, got 16; pictureToInk and drawingToX make x of a drawing, pictureToGrey keeps a "
        "photograph",
        "line of two sizes": "InputError: a and b must be one image each of the same size, got "
        "codes of shape [1, 3, 2, 2] and [1, 3, 1, 2]",
        "open sample": "InputError: sample does not know how large to draw; decode a z of your "
        "own, of the shape [n, 3, any, any]",
        "damaged codes": "GraphError: the metadata latent_mean must be 2 finite numbers in JSON, "
        "got [0.25]",
        "short map": "InputError: z must hold 4 * 3 * 2 numbers for each picture, got 23",
        "two channels": "InputError: a picture for a canvas has 1, 3 or 4 channels, these have 2",
        "half a picture": "InputError: x must hold 3 * 2 * 1 numbers for each image, got 7",
    }
    for what, expected in refused.items():
        assert str(told[what]).startswith(expected), (what, told[what])
    assert told["no multiple"].startswith("GraphError: ")
    assert told["no multiple"].endswith('size_multiple must be a number above 0, got "2.0"')


def test_the_lines_of_the_docs(page: Page, server: tuple[str, Path]) -> None:
    text = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
    (lines,) = (block for block in text.split("```") if "decodeToPictures" in block)
    lines = lines.removeprefix("js\n").replace("models/mine/", f"{server[0]}models/tiny/open/")
    told = page.evaluate(DOCS % lines, server[0])
    orange = [255, 102, 51, 255]
    assert told == {"shape": [2, 3, 32, 32], "shown": orange, "last": orange}
