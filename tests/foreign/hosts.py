"""Hosts of the graphs beside Python: each reconstructs x (N, C, H, W) and gives x_recon."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from demo.web import build, join
from demo.web.screenshot import serve_folder

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Reconstruct = Callable[[Path, np.ndarray], np.ndarray]

HOST = Path(__file__).with_name("host.js")
# As text: Playwright would wrap each number by itself.
CALL = """async (line) => {
  const [vae, ort, host] = await Promise.all(
    ["./vae.js", "./runtime.js", "./host.js"].map((file) => import(file)));
  return host.answer(vae, { ort }, line);
}"""


def in_openvino(folder: Path, x: np.ndarray) -> np.ndarray:
    """Reconstruct in OpenVINO."""
    import openvino

    core, full = openvino.Core(), {"INFERENCE_PRECISION_HINT": "f32"}
    encoder, decoder = (
        core.compile_model(folder / f"{part}.onnx", "CPU", full) for part in ("encoder", "decoder")
    )
    return decoder(encoder(x)[0])[0]


@contextmanager
def node(example: Path, folder: Path) -> Iterator[Reconstruct]:
    """Start one Node for all calls.

    Args:
        example: The program of Node, whose onnxruntime-node is taken.
        folder: An empty one for vae.js and what it runs on.
    """
    join.write(folder)
    shutil.copy(HOST, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(example / "node_modules")
    command = ["node", folder / "host.js"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:

        def reconstruct(folder: Path, x: np.ndarray) -> np.ndarray:
            assert process.stdin is not None
            assert process.stdout is not None
            print(_question(str(folder), x), file=process.stdin, flush=True)
            return _answer(process.stdout.readline())

        yield reconstruct
        process.communicate()


@contextmanager
def chromium(browser: "Browser", folder: Path) -> Iterator[Reconstruct]:
    """Open one page for all calls.

    Args:
        browser: Where.
        folder: An empty one for the page.
    """
    write_library(folder)
    shutil.copy(HOST, folder)
    (folder / "index.html").write_text('<!doctype html><link rel="icon" href="data:," />')
    (folder / "models").mkdir()
    with serve_folder(folder) as home, browser.new_context() as context:
        page = context.new_page()
        page.goto(home)

        def reconstruct(model: Path, x: np.ndarray) -> np.ndarray:
            place = folder / "models" / str(len(list((folder / "models").iterdir())))
            place.symlink_to(model)
            url = f"{home}models/{place.name}/"
            return _answer(page.evaluate(CALL, _question(url, x)))

        yield reconstruct


def write_library(folder: Path) -> None:
    """Put vae.js into the folder of a page, and what it runs on."""
    join.write(folder)
    build.write_runtime(folder / "ort")
    shutil.copy(build.SOURCES / "runtime.js", folder)


def _question(folder: str, x: np.ndarray) -> str:
    return json.dumps([folder, x.ravel().tolist(), x.shape])


def _answer(line: str) -> np.ndarray:
    numbers, shape = json.loads(line)
    return np.array(numbers, np.float32).reshape(shape)
