"""vae.js in Node: the golden vectors, the example with its PNG files, and the types."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import vae_onnx
from demo.web import join
from demo.web.build import ROOT

HERE = Path(__file__).parent
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session", params=["kernel where it can", "onnxruntime"])
def told(
    request: pytest.FixtureRequest, example: Path, module: Path, models: Path, run: Run
) -> dict[str, Any]:
    """What checks.js finds in Node, with the engine that `load` chooses and with the other one."""
    vectors = ROOT / "tests" / "golden"
    named = [request.param] if request.param == "onnxruntime" else []
    result = run("node", HERE / "node.js", module, models, vectors, *named)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return json.loads(result.stdout)


def test_golden_vectors_in_node(told: dict[str, Any], golden: dict[str, Any]) -> None:
    tensors = sum({"vae": 5, "ae": 3}[entry["kind"]] for entry in golden["models"] + golden["tiny"])
    assert len(told["golden"]) == len(golden["drawings"]) + tensors
    assert [row for row in told["golden"] if not row[1] <= row[2]] == []


def test_batches_of_any_size(told: dict[str, Any]) -> None:
    assert len(told["batches"]) == 6 * 3 * 2 + 1
    assert [row for row in told["batches"] if not row[1] <= 1e-5] == []


def test_what_cannot_be_taken_is_refused(told: dict[str, Any], refused: dict[str, str]) -> None:
    assert told["refusals"].keys() == refused.keys()
    for what, expected in refused.items():
        assert told["refusals"][what].startswith(expected), (what, told["refusals"][what])


def test_the_kernel_does_what_onnxruntime_does(told: dict[str, Any]) -> None:
    assert len(told["engines"]) in (0, 6 * 3 * 2 * 3 + 4 * 3 * 2 * 2)
    assert [row for row in told["engines"] if not row[1] <= row[2]] == []


def test_onnxruntime_is_found_where_the_module_lies(
    example: Path, module: Path, run: Run, tmp_path: Path
) -> None:
    """`load(folder)` alone, as in a project that has installed onnxruntime-node."""
    shutil.copy(module, tmp_path / "vae.mjs")
    folder = vae_onnx.load("emoji-vae").folder
    script = (
        f"const m = await (await import('./vae.mjs')).load({str(folder)!r}); console.log(m.kind)"
    )
    missing = run("node", "--input-type=module", "--eval", script, cwd=tmp_path)
    assert "PackageMissingError: onnxruntime-node cannot be imported" in missing.stderr
    assert "The kernel cannot run" in missing.stderr
    assert "encoder.onnx: it has the operator Conv" in missing.stderr
    (tmp_path / "node_modules").symlink_to(example / "node_modules")
    found = run("node", "--input-type=module", "--eval", script, cwd=tmp_path)
    assert found.stdout == "vae\n", found.stderr


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_the_example_redraws_a_png_as_python_does(
    example: Path, run: Run, tmp_path: Path, mode: str
) -> None:
    drawing = Image.new(mode, (200, 260), 255 if mode == "L" else (0, 0, 0, 0))
    ink = 0 if mode == "L" else (0, 0, 0, 255)
    ImageDraw.Draw(drawing).ellipse((50, 50, 150, 210), outline=ink, width=18)
    drawing.save(tmp_path / "drawing.png")
    result = run("node", example / "reconstruct.js", "drawing.png", "redrawn.png", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    on_white = Image.alpha_composite(
        Image.new("RGBA", drawing.size, "white"), drawing.convert("RGBA")
    )
    x = vae_onnx.drawing_to_x(255 - np.asarray(on_white.convert("L")))
    model = vae_onnx.load("mnist-vae")
    (z,), (picture,) = model.encode(x), model.reconstruct(x)
    assert result.stdout == f"z = ({z[0]:.2f}, {z[1]:.2f}), written to redrawn.png\n"
    redrawn = np.asarray(Image.open(tmp_path / "redrawn.png"))
    assert redrawn.shape == (28, 28)
    assert np.abs(redrawn - 255.0 * (1 - picture)).max() <= 0.501


def test_the_example_takes_colours_of_any_size(example: Path, run: Run, tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (6, 10, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "in.png")
    folder = ROOT / "tests" / "runtime" / "graphs" / "open"
    result = run("node", example / "reconstruct.js", "in.png", "out.png", folder, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "z of shape 1, 3, 3, 5, written to out.png\n"
    redrawn = np.asarray(Image.open(tmp_path / "out.png"))
    expected = vae_onnx.to_uint8(vae_onnx.load(folder).reconstruct(picture)[0])
    np.testing.assert_array_equal(redrawn, expected)


def test_the_lines_of_the_docs_run_beside_the_example(example: Path, run: Run) -> None:
    page = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
    lines = page.partition("## Node")[2].partition("```js\n")[2].partition("```")[0]
    script = f"{lines}console.log(pictures.length)"
    result = run("node", "--input-type=module", "--eval", script, cwd=example)
    assert result.stdout == f"{2 * 28 * 28}\n", result.stderr


def test_the_example_says_how_it_is_called(example: Path, run: Run) -> None:
    result = run("node", example / "reconstruct.js")
    assert result.returncode == 1
    assert "usage: node reconstruct.js drawing.png redrawn.png" in result.stderr


def test_types(
    example: Path, install: Callable[[Path], Path], module: Path, run: Run, tmp_path: Path
) -> None:
    """A TypeScript program against vae.d.ts, and vae.js against its own comments."""
    assert example.is_dir()  # the program imports onnxruntime-node's types
    paths = {"onnxruntime-node": [f"{example}/node_modules/onnxruntime-node"]}
    options = {
        "noEmit": True,
        "strict": True,
        "noUncheckedIndexedAccess": True,
        "target": "es2022",
        "lib": ["es2022", "dom", "dom.iterable"],
        "module": "es2022",
        "moduleResolution": "bundler",
        "types": [],
        "paths": paths,
    }
    tsc = install(HERE) / "node_modules" / "typescript" / "bin" / "tsc"
    program = {"compilerOptions": options, "files": [str(HERE / "types.mts")]}
    options = {**options, "allowJs": True, "checkJs": True, "noUncheckedIndexedAccess": False}
    sources = [str(module), str(join.SOURCES / "vae.js")]  # joined, and as it is written
    for config in (program, {"compilerOptions": options, "files": sources}):
        (tmp_path / "tsconfig.json").write_text(json.dumps(config))
        result = run("node", tsc, "--project", tmp_path)
        assert result.stdout == ""
        assert result.returncode == 0
