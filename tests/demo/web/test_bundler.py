"""The lines of docs/embedding.md for bundlers, under Vite's dev server, which moves packages."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

import vae_onnx
from demo.web.build import ROOT

HERE = Path(__file__).parent
PAGE = """<!doctype html>
<title>A page that is bundled</title>
<link rel="icon" href="data:," />
<script type="module">
  import { redraw } from "./main.js";
  const ink = Uint8Array.from({ length: 80 * 48 }, (_, i) =>
    i > 20 * 48 && i < 60 * 48 && i % 48 > 19 && i % 48 < 28 ? 255 : 0);
  window.told = await redraw(ink, 80, 48).then(
    (picture) => [...picture],
    ({ name, message }) => `${name}: ${message}`,
  );
</script>
"""


@pytest.fixture
def project(install: Callable[[Path], Path], module: Path, models: Path, tmp_path: Path) -> Path:
    """A project as the docs have it: what they say to copy, and their lines as main.js."""
    packages = install(HERE / "bundler") / "node_modules"
    (tmp_path / "node_modules").symlink_to(packages)
    shutil.copy(module, tmp_path)
    (tmp_path / "public" / "models").mkdir(parents=True)
    shutil.copy(models / "drawing.onnx", tmp_path / "public" / "models")
    shutil.copytree(models / "mnist-vae", tmp_path / "public" / "models" / "mnist-vae")
    text = (
        (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8").partition("**Bundlers.**")[2]
    )
    copy, lines = re.findall(r"```(?:sh|js)\n(.*?)```", text, re.DOTALL)[:2]
    subprocess.run(shlex.split(copy), cwd=tmp_path, check=True)
    (tmp_path / "main.js").write_text(lines, encoding="utf-8")
    (tmp_path / "index.html").write_text(PAGE, encoding="utf-8")
    return tmp_path


@contextmanager
def dev_server(project: Path) -> Iterator[str]:
    """Run Vite's dev server, nothing kept of an earlier run; yields its address."""
    command = ["node", "node_modules/vite/bin/vite.js", "--host", "127.0.0.1", "--force"]
    plain = {**os.environ, "NO_COLOR": "1"}
    with subprocess.Popen(
        command, cwd=project, env=plain, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        assert server.stdout is not None
        said = []
        try:
            for line in server.stdout:
                said.append(line)
                if found := re.search(r"Local: +(http://\S+)", line):
                    yield found[1]
                    break
            else:
                raise AssertionError("".join(said))
        finally:
            server.terminate()


def told(page: Page, address: str) -> object:
    page.goto(address)
    return page.wait_for_function("window.told").json_value()


def test_the_lines_of_the_docs_run(open_window: Callable[..., Page], project: Path) -> None:
    ink = np.zeros((80, 48), np.uint8)
    ink[20:60, 20:28] = 255
    expected = vae_onnx.load("mnist-vae").reconstruct(vae_onnx.drawing_to_x(ink))
    with dev_server(project) as address:
        picture = told(open_window(address), address)
    np.testing.assert_allclose(picture, expected.ravel(), rtol=0, atol=1e-4)


def test_what_is_missing_is_named(browser: Browser, project: Path) -> None:
    """Vite has its own page for every file that it lacks, and says 200."""
    with dev_server(project) as address, browser.new_context() as context:
        encoder = project / "public" / "models" / "mnist-vae" / "encoder.onnx"
        encoder.unlink()
        said = told(context.new_page(), address)
        assert str(said).startswith("GraphError: models/mnist-vae/encoder.onnx (")
        assert "is an HTML page" in str(said)
        lines = (project / "main.js").read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith("ort.env")]
        named = "".join(kept).replace("{ ort }", '{ ort, engine: "onnxruntime" }')
        (project / "main.js").write_text(named, encoding="utf-8")
        shutil.copy(vae_onnx.load("mnist-vae").folder / encoder.name, encoder)
        said = told(context.new_page(), address)
        assert str(said).startswith("PackageMissingError: onnxruntime-web does not start")
        assert len(kept) == len(lines) - 1
