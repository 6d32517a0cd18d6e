"""The package of npm, installed from its tarball: what it holds, what Node and TypeScript take."""

import hashlib
import json
import re
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import vae_onnx
from demo.web.build import ROOT
from demo.web.npm.__main__ import HERE as PACKAGE
from demo.web.npm.__main__ import pack, write

HERE = Path(__file__).parent
Run = Callable[..., subprocess.CompletedProcess[str]]
STRICT = ["--noEmit", "--strict", "--skipLibCheck", "false", "--target", "es2022"]

USE = """
import { drawingToX, load, standardNormal } from "vae-onnx";
import { existsSync } from "node:fs";
const isInk = (i) => i > 960 && i < 2880 && i % 48 > 19 && i % 48 < 28;
const ink = Uint8Array.from({ length: 80 * 48 }, (_, i) => (isInk(i) ? 255 : 0));
const x = await drawingToX(ink, 80, 48); // by the file in the package
const model = await load(process.argv[2]);
const picture = await model.reconstruct(x);
const drawing = existsSync(new URL(import.meta.resolve("vae-onnx/models/drawing.onnx")));
const draws = standardNormal(2, 0).length;
const { engine } = model;
console.log(JSON.stringify({ x: [...x], picture: [...picture], engine, draws, drawing }));
"""
TYPED = """
import { load, InputError, type Autoencoder, type Posterior } from "vae-onnx";
const model: Autoencoder = await load("models/mnist-vae/", { precision: "int8" });
if (model.kind === "vae") {
  const told: Posterior = await model.encode(new Float32Array(784));
  const mu: Float32Array = told.mu;
  console.log(mu, InputError.name);
}
// @ts-expect-error: randomness wants a seed
await model.sample(3);
"""


@pytest.fixture(scope="module")
def packed(npm: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("packed"))


@pytest.fixture(scope="module")
def project(npm: str, packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has installed the tarball, and nothing else."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "package.json").write_text('{ "type": "module", "private": true }')
    command = [npm, "install", "--offline", "--no-audit", "--no-fund", str(packed)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


def test_it_holds_the_module_its_types_and_nothing_else(packed: Path) -> None:
    with tarfile.open(packed) as archive:
        names = {member.name.removeprefix("package/") for member in archive}
        manifest = archive.extractfile("package/package.json")
        assert manifest is not None
        told = json.load(manifest)
    own = {"package.json", "README.md", "LICENSE"}
    assert names == own | {"vae.js", "vae.d.ts", "models/drawing.onnx"}
    assert packed.name == f"vae-onnx-{vae_onnx.__version__}.tgz"
    assert (told["name"], told["version"]) == ("vae-onnx", vae_onnx.__version__)
    assert "version" not in json.loads((PACKAGE / "package.json").read_text("utf-8"))


def test_two_packages_are_the_same_bytes(packed: Path, tmp_path: Path) -> None:
    again = pack(tmp_path)
    assert (
        hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(packed.read_bytes()).digest()
    )


def test_node_runs_what_was_installed(project: Path, run: Run) -> None:
    (project / "use.js").write_text(USE, encoding="utf-8")
    result = run("node", "use.js", vae_onnx.load("mnist-vae").folder, cwd=project)
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    ink = np.zeros(80 * 48, np.uint8)
    at = np.arange(80 * 48)
    ink[(at > 960) & (at < 2880) & (at % 48 > 19) & (at % 48 < 28)] = 255
    x = vae_onnx.drawing_to_x(ink.reshape(80, 48))
    np.testing.assert_allclose(told["x"], x.ravel(), rtol=0, atol=1e-5)
    expected = vae_onnx.load("mnist-vae").reconstruct(x)
    np.testing.assert_allclose(told["picture"], expected.ravel(), rtol=0, atol=1e-5)
    assert (told["engine"], told["draws"], told["drawing"]) == ("kernel", 2, True)


@pytest.mark.parametrize("resolution", ["bundler", "nodenext"])
def test_typescript_knows_it(
    project: Path, install: Callable[[Path], Path], run: Run, resolution: str
) -> None:
    (project / "typed.ts").write_text(TYPED, encoding="utf-8")
    tsc = install(HERE) / "node_modules" / "typescript" / "bin" / "tsc"
    module = ["--module", "nodenext" if resolution == "nodenext" else "es2022"]
    result = run(
        "node", tsc, *STRICT, *module, "--moduleResolution", resolution, "typed.ts", cwd=project
    )
    assert (result.stdout, result.returncode) == ("", 0)


def test_the_lines_of_its_page_run(project: Path, run: Run) -> None:
    page = (PACKAGE / "README.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```js\n(.*?)```", page, re.DOTALL)
    models = vae_onnx.load("mnist-vae").folder.parent
    script = (
        lines.replace('"models/', f'"{models}/') + "console.log(digits.length, again.length);\n"
    )
    (project / "page.js").write_text(script, encoding="utf-8")
    result = run("node", "page.js", cwd=project)
    assert result.stdout == f"{16 * 28 * 28} {28 * 28}\n", result.stderr
    assert "npm install vae-onnx" in (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")


def test_the_repository_of_a_release_is_that_of_its_provenance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "owner/name")
    write(tmp_path)
    told = json.loads((tmp_path / "package.json").read_text("utf-8"))
    assert told["repository"] == {"type": "git", "url": "git+https://github.com/owner/name.git"}
