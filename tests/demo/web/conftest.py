"""The static site, built once, in a folder of a plain server of files."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

import vae_onnx
from demo.web import join
from demo.web.build import ROOT, build
from demo.web.screenshot import open_site, serve_folder

HERE = Path(__file__).parent
GRAPHS = ROOT / "tests" / "runtime" / "graphs"


@pytest.fixture(scope="session")
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command to its end, whatever it ends with."""

    def run_one(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
        )

    return run_one


@pytest.fixture(scope="session")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """vae.js as it is handed out, its types beside it."""
    folder = tmp_path_factory.mktemp("module")
    join.write(folder)
    return folder / "vae.js"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All bundled models, and folders that are none."""
    folder = tmp_path_factory.mktemp("models") / "models"
    shutil.copytree(Path(vae_onnx.__file__).parent / "models", folder)
    decoder = folder / "mnist-vae" / "decoder.onnx"
    encoders = {
        "mixed": folder / "mnist-ae" / "encoder.onnx",
        "names": GRAPHS / "foreign" / "names.onnx",
        "static_batch": GRAPHS / "foreign" / "static_batch.onnx",
        "no_onnx": ROOT / "LICENSE",
    }
    for name, encoder in encoders.items():
        (folder / "foreign" / name).mkdir(parents=True)
        shutil.copy(encoder, folder / "foreign" / name / "encoder.onnx")
        shutil.copy(decoder, folder / "foreign" / name / "decoder.onnx")
    for name in ("vae", "ae", "colour", "map", "open"):
        shutil.copytree(GRAPHS / name, folder / "tiny" / name)
    placed = {"prior": "none", "latent_mean": "[0.25, 0.75]", "latent_std": "[0, 0]"}
    _retell(folder / "tiny" / "ae", folder / "tiny" / "placed", placed)
    damaged = placed | {"latent_mean": "[0.25]"}
    _retell(folder / "tiny" / "ae", folder / "tiny" / "damaged", damaged)
    _retell(folder / "tiny" / "colour", folder / "tiny" / "white", {"ground": "white"})
    _retell(folder / "tiny" / "open", folder / "tiny" / "halves", {"size_multiple": "2.0"})
    return folder


def _retell(folder: Path, out: Path, told: dict[str, str]) -> None:
    """Copy a model whose metadata say something else."""
    out.mkdir()
    entries = b"".join(_metadata(key, value) for key, value in told.items())
    for source in folder.glob("*.onnx"):
        (out / source.name).write_bytes(source.read_bytes() + entries)


def _metadata(key: str, value: str) -> bytes:
    """One of an ONNX file's metadata_props, which may stand at its end."""
    pair = b"".join(
        bytes([tag, len(text)]) + text.encode() for tag, text in ((0x0A, key), (0x12, value))
    )
    return bytes([0x72, len(pair)]) + pair


@pytest.fixture(scope="session")
def site(npm: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site") / "site"
    build(out)
    return out


@pytest.fixture(scope="session")
def server(
    site: Path, models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """Address and folder of a server that has the site in a sub-folder, and what tests need."""
    root = tmp_path_factory.mktemp("server")
    (root / "some").mkdir()
    (root / "some" / "where").symlink_to(site)
    (root / "models").symlink_to(models)
    (root / "golden").symlink_to(ROOT / "tests" / "golden")
    for name in ("checks.js", "any_shape.js"):
        (root / name).symlink_to(HERE / name)
    with serve_folder(root) as address:
        yield address, root


@pytest.fixture(scope="session")
def url(server: tuple[str, Path]) -> str:
    """Where the site is."""
    return f"{server[0]}some/where/"


@pytest.fixture
def open_page(
    open_window: Callable[..., Page], server: tuple[str, Path], url: str
) -> Callable[..., Page]:
    """Open the site in a new window, which can reach nothing but this machine."""

    def open_one(query: str = "", **options: Any) -> Page:
        page = open_window(server[0], **options)
        open_site(page, url + query)
        return page

    return open_one


@pytest.fixture
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context() as context:
        yield context


@pytest.fixture(scope="session")
def open_stranger(browser: Browser, url: str) -> Callable[[], AbstractContextManager[Page]]:
    """Open a page on the site without the site's own script."""

    @contextmanager
    def open_one() -> Iterator[Page]:
        with browser.new_context(service_workers="block") as context:
            page = context.new_page()
            page.route("**/page.js", lambda route: route.fulfill(content_type="text/javascript"))
            page.goto(url)
            yield page

    return open_one


@pytest.fixture
def stranger(open_stranger: Callable[[], AbstractContextManager[Page]]) -> Iterator[Page]:
    """A page on the site, without the site's own script, that may fail to load things."""
    with open_stranger() as page:
        yield page


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    return json.loads((ROOT / "tests" / "golden" / "golden.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def refused() -> dict[str, str]:
    """What vae.js says to each call of `refusals` in checks.js: how the message begins."""
    return {
        "short image": "InputError: x must hold 1 * 28 * 28 numbers for each image, got 783",
        "no image": "InputError: x must hold 1 * 28 * 28 numbers for each image, got 0",
        "bytes for an image": "InputTypeError: x must be a Float32Array, got Uint8Array; use "
        "Float32Array.from(x, (value) => value / 255)",
        "image in 0..255": "InputError: x must be in [0, 1], got [0, 255]; use "
        "Float32Array.from(x, (value) => value / 255)",
        "image with NaN": "InputError: x must be finite, got NaN at index 7",
        "image below 0": "InputError: x must be in [0, 1], got [-0.5, 0]; use "
        "Float32Array.from(x, (value) => (value + 1) / 2) if they are of [-1, 1]",
        "odd code": "InputError: z must hold 2 numbers for each picture, got 3",
        "code with infinity": "InputError: z must be finite, got Infinity at index 1",
        "list for a code": "InputTypeError: z must be a Float32Array, got Array; use "
        "Float32Array.from(z)",
        "no code": "InputTypeError: z must be a Float32Array, got undefined",
        "no sample": "InputError: n must be an integer from 1 to 2 ** 53 - 1, got 0",
        "no seed": "InputError: seed must be an integer from 0 to 2 ** 53 - 1, got undefined",
        "one step": "InputError: steps must be an integer from 2 to 2 ** 53 - 1, got 1",
        "two images for one": "InputError: a and b must be one image each of the same size, got "
        "codes of shape [2, 2] and [1, 2]",
        "codes of two models": "InputError: zA and zB must be one code each of the same length, "
        "got 2 and 3 numbers",
        "list for an end": "InputTypeError: zA must be a Float32Array, got Array",
        "end with NaN": "InputError: zB must be finite, got NaN at index 1",
        "broken seed": "InputError: seed must be an integer from 0 to 2 ** 53 - 1, got 0.5",
        "negative seed": "InputError: seed must be an integer from 0 to 2 ** 53 - 1, got -1",
        "ink as floats": "InputTypeError: ink must be a Uint8Array or Uint8ClampedArray, 0 paper "
        "to 255 ink, got Float32Array; use Uint8Array.from(ink, (value) => Math.round(",
        "ink of a canvas": "InputError: ink must hold height * width = 4 bytes, one a pixel, got "
        "16; of RGBA, pictureToInk({ data: ink, width, height }) makes it",
        "ink without a size": "InputError: width must be an integer from 1",
        "ink of no height": "InputError: height must be an integer from 1",
        "no drawing graph": "FileMissingError: ",
        "no model": "FileMissingError: ",
        "no folder": "InputTypeError: folder must be a string or a URL, got undefined",
        "no graph": "GraphError: ",
        "mixed models": "GraphError: ",
        "other names": "GraphError: ",
        "static batch": "GraphError: ",
        "foreign runtime": "InputTypeError: ort must be the module onnxruntime-web or",
        "closed model": "VaeError: this model is closed; load it again",
    }
