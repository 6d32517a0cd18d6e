"""The bundled graphs in other engines: OpenVINO, and onnx's own reference."""

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import openvino
import pytest
from onnx.reference import ReferenceEvaluator

import vae_onnx

ROOT = Path(__file__).parents[2]
FLOAT32 = {"INFERENCE_PRECISION_HINT": "f32"}


def in_openvino(path, value):
    compiled = openvino.Core().compile_model(path, "CPU", FLOAT32)
    result = compiled(value)
    return {port.get_any_name(): result[port] for port in compiled.outputs}


def in_reference(path, value):
    evaluator = ReferenceEvaluator(str(path))
    outputs = evaluator.run(None, {evaluator.input_names[0]: value})
    return dict(zip(evaluator.output_names, outputs, strict=True))


@pytest.fixture(params=[in_openvino, in_reference])
def run(request):
    return request.param


# The sigmoid is 1 / (1 + exp(-x)), which is right at exp's overflow too.
overflow = pytest.mark.filterwarnings("ignore:overflow encountered in exp:RuntimeWarning")


@overflow
def test_the_graphs_agree(run, golden, assert_agree):
    codes = run(golden.folder / "encoder.onnx", golden.tensors["x"])
    assert codes.keys() == golden.codes.keys()
    for name, expected in golden.codes.items():
        assert_agree(codes[name], expected)
    decoded = run(golden.folder / "decoder.onnx", golden.tensors["z"])
    assert_agree(decoded["x_recon"], golden.tensors["x_recon"])


def test_the_drawing_agrees(run, drawing, assert_agree):
    path = Path(vae_onnx.__file__).parent / "models" / "drawing.onnx"
    assert_agree(run(path, drawing["ink"])["x"], drawing["x"])


def test_openvino_takes_any_batch(golden, assert_agree):
    """One compiled graph, batch after batch."""
    compiled = openvino.Core().compile_model(golden.folder / "decoder.onnx", "CPU", FLOAT32)
    z, x_recon = golden.tensors["z"], golden.tensors["x_recon"]
    for size in (1, 2, 7, len(z)):
        assert_agree(np.asarray(compiled(z[:size])[0]), x_recon[:size])


@overflow
def test_the_blocks_of_the_page_print_what_stands_below_them(monkeypatch):
    page = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
    section = page.partition("## Other engines")[2]
    blocks = re.findall(r"```python\n(.*?)```\n+```text\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 2
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    for code, printed in blocks:
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(code, "embedding.md", "exec"), names)
        assert output.getvalue() == printed
