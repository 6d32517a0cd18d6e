"""vae.js's own engine beside ONNX Runtime: graphs of every operator it knows, and damaged ones.

Whatever the file, who loads it gets the same numbers, or an error of the same type.
"""

import json
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper, parser

from demo.web import join

HERE = Path(__file__).parent
RNG = np.random.default_rng(0)
IMAGE = (1, 3, 5)  # 15 pixels: no row fills its vectors
HEAD = '<ir_version: 8, opset_import: ["" : 18]>'
X, Z = "float[batch, 1, 3, 5] x", "float[batch, 3] z"

# Body of an encoder x -> z, or of a decoder z -> x_recon, with the shapes of its constants.
ENCODERS = {
    "plain": ("f = Flatten(x)  z = Gemm(f, w, b)", {"w": (15, 3), "b": (3,)}),
    "reshape": (
        "f = Reshape<allowzero = 0>(x, keep)  z = Gemm(f, w, b)",
        {"w": (15, 3), "b": (1, 3)},
    ),
    "wide": (
        "f = Flatten(x)  h = Gemm<transB = 1>(f, v, c)  r = Tanh(h)  z = Gemm(r, w, b)",
        {"v": (77, 15), "c": (77,), "w": (77, 3), "b": (3,)},
    ),
    "bare": ("f = Flatten(x)  h = MatMul(f, w)  z = Add(h, b)", {"w": (15, 3), "b": (3,)}),
    "alpha": (
        "f = Flatten(x)  z = Gemm<alpha = 0.5, beta = -2.0>(f, w, s)",
        {"w": (15, 3), "s": (1,)},
    ),
    "gate": (
        "f = Flatten(x)  h = Gemm(f, v, c)  g = Sigmoid(h)  r = Mul(h, g)  z = MatMul(r, w)",
        {"v": (15, 37), "c": (37,), "w": (37, 3)},
    ),
    "shared": (
        "f = Flatten(x)  h = Gemm(f, v, c)  r = Relu(h)  n = Neg(h)  s = Max(r, n)"
        "  d = Sub(s, h)  z = MatMul(d, w)",
        {"v": (15, 33), "c": (33,), "w": (33, 3)},
    ),
    "scaled": (
        "m = Sub(x, half)  d = Div(m, tenth)  f = Flatten(d)  z = MatMul(f, w)",
        {"w": (15, 3)},
    ),
    "convolved": (
        "c = Conv(x, k)  f = Flatten(c)  z = MatMul(f, w)",
        {"k": (1, 1, 1, 1), "w": (15, 3)},
    ),
}
DECODERS = {
    "sigmoid": (
        "h = Gemm(z, w, b)  s = Sigmoid(h)  x_recon = Reshape(s, out)",
        {"w": (3, 15), "b": (15,)},
    ),
    "spelled": (
        "h = Gemm(z, w, b)  n = Neg(h)  e = Exp(n)  o = Add(one, e)  r = Reciprocal(o)"
        "  x_recon = Reshape(r, out)",
        {"w": (3, 15), "b": (15,)},
    ),
    "clipped": (
        "h = Gemm(z, w, b)  c = Clip(h, zero, one)  x_recon = Reshape(c, out)",
        {"w": (3, 15), "b": (15,)},
    ),
    "divided": (
        "h = Gemm(z, w, b)  e = Exp(h)  o = Add(e, one)  q = Div(e, o)  m = Min(q, half)"
        "  x_recon = Reshape(m, out)",
        {"w": (3, 15), "b": (15,)},
    ),
    "ranged": (
        "h = Gemm(z, w, b)  r = Relu(h)  t = ReduceMax(r, axis)  g = Max(t, tenth)  q = Div(r, g)"
        "  x_recon = Reshape(q, out)",
        {"w": (3, 15), "b": (15,)},
    ),
    "whole": (
        "h = Gemm(z, w, b)  r = Relu(h)  q = QuantizeLinear(r, tenth, nought)"
        "  m = MatMulInteger(q, steps)  c = Cast<to = 1>(m)  s = Mul(c, scales)  g = Sigmoid(s)"
        "  x_recon = Reshape(g, out)",
        {"w": (3, 39), "b": (39,)},
    ),
}
CONSTANTS = {
    "keep": np.array([0, -1]),
    "out": np.array([-1, *IMAGE]),
    "axis": np.array([-1]),
    "zero": np.float32(0),
    "one": np.float32(1),
    "half": np.float32(0.5),
    "tenth": np.float32(0.1),
    "nought": np.uint8(0),
    "steps": RNG.integers(-128, 128, (39, 15), np.int8),
    "scales": RNG.uniform(1e-4, 1e-3, 15).astype(np.float32),
}


def graph(body: str, shapes: dict[str, tuple[int, ...]], signature: str) -> onnx.ModelProto:
    text = f"{HEAD} model {signature} {{ {body} }}"
    model = parser.parse_model(text)
    read = {name for node in model.graph.node for name in node.input}
    for name in sorted(read & {*shapes, *CONSTANTS}):
        value = CONSTANTS.get(name)
        if value is None:
            value = RNG.standard_normal(shapes[name], np.float32) / 3
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    onnx.checker.check_model(model, full_check=True)
    return model


def write(folder: Path, encoder: onnx.ModelProto, decoder: onnx.ModelProto) -> Path:
    folder.mkdir()
    onnx.save(encoder, folder / "encoder.onnx")
    onnx.save(decoder, folder / "decoder.onnx")
    n = 18  # more than one pass
    x = RNG.random(n * 15).astype(np.float32) * (RNG.random(n * 15) > 0.5)
    (folder / "x.json").write_text(json.dumps({"n": n, "x": x.tolist()}))
    return folder


def encoder_of(name: str) -> onnx.ModelProto:
    body, shapes = ENCODERS[name]
    return graph(body, shapes, f"({X}) => ({Z})")


def decoder_of(name: str) -> onnx.ModelProto:
    body, shapes = DECODERS[name]
    return graph(body, shapes, f"({Z}) => ({X.replace(' x', ' x_recon')})")


def fare(example: Path, folders: list[Path], out: Path) -> dict[str, list]:
    """How the models do in the engine that is chosen, and in ONNX Runtime."""
    join.write(out)
    (out / "package.json").write_text('{"type": "module"}')
    command = ["node", str(HERE / "kernel.js"), str(out / "vae.js"), *map(str, folders)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def assert_same(ours: list, theirs: list) -> None:
    for got, expected in zip(ours[1:3], theirs[1:3], strict=True):
        got, expected = (np.array(list(map(float, each))) for each in (got, expected))
        scale = max(1, np.abs(expected[np.isfinite(expected)]).max(initial=0))
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5 * scale)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "vae").mkdir()
    return tmp_path / "vae"


def test_every_operator_does_what_onnxruntime_does(
    example: Path, tmp_path: Path, out: Path
) -> None:
    pairs = [(name, "sigmoid") for name in ENCODERS] + [("plain", name) for name in [*DECODERS][1:]]
    folders = [
        write(tmp_path / "-".join(pair), encoder_of(pair[0]), decoder_of(pair[1])) for pair in pairs
    ]
    told = fare(example, folders, out)
    for folder in folders:
        ours, theirs = told[str(folder)]
        known = "onnxruntime" if "convolved" in folder.name else "kernel"
        assert ours[0] == known, (folder.name, ours)
        assert theirs[0] == "onnxruntime", theirs
        assert_same(ours, theirs)


def test_constants_may_stand_one_by_one(example: Path, tmp_path: Path, out: Path) -> None:
    """As onnx.helper writes them: float_data and int64_data in the place of raw bytes."""
    models = [encoder_of("reshape"), decoder_of("whole")]
    for model in models:
        for tensor in model.graph.initializer:
            array = numpy_helper.to_array(tensor)
            tensor.CopyFrom(
                helper.make_tensor(
                    tensor.name, tensor.data_type, array.shape, array.ravel().tolist()
                )
            )
        assert not any(tensor.raw_data for tensor in model.graph.initializer)
    ((ours, theirs),) = fare(example, [write(tmp_path / "listed", *models)], out).values()
    assert ours[0] == "kernel"
    assert_same(ours, theirs)


def test_what_a_weight_that_is_not_finite_does_is_left_to_onnxruntime(
    example: Path, tmp_path: Path, out: Path
) -> None:
    model = encoder_of("plain")
    weight = next(each for each in model.graph.initializer if each.name == "w")
    broken = numpy_helper.to_array(weight).copy()
    broken[0, 0] = np.inf
    weight.CopyFrom(numpy_helper.from_array(broken, "w"))
    ((ours, _),) = fare(
        example, [write(tmp_path / "inf", model, decoder_of("sigmoid"))], out
    ).values()
    assert isinstance(ours, str) or ours[0] == "onnxruntime"


def test_damaged_files_fare_as_they_do_in_onnxruntime(
    example: Path, tmp_path: Path, out: Path
) -> None:
    """Bytes are changed at random in 300 files: the same numbers, or an error of the same type."""
    folders = []
    for number in range(300):
        folder = write(tmp_path / str(number), encoder_of("wide"), decoder_of("whole"))
        part = folder / ("encoder.onnx" if number % 2 else "decoder.onnx")
        content = bytearray(part.read_bytes())
        for _ in range(RNG.integers(1, 4)):
            # Outside the large constants, or nearly all changes would be to numbers.
            at = int(RNG.integers(len(content) if number % 3 else min(len(content), 400)))
            content[at] = RNG.integers(256)
        part.write_bytes(content)
        folders.append(folder)
    kinds = {"same": 0, "refused": 0, "kernel": 0}
    for folder, (ours, theirs) in fare(example, folders, out).items():
        if isinstance(theirs, str) or isinstance(ours, str):
            assert isinstance(ours, str), (folder, ours[0], theirs)
            assert isinstance(theirs, str), (folder, ours, theirs[0])
            assert ours.partition(":")[0] == theirs.partition(":")[0], (ours, theirs)
            kinds["refused"] += 1
            continue
        assert_same(ours, theirs)
        kinds["kernel" if ours[0] == "kernel" else "same"] += 1
    assert kinds["refused"] > 20
    assert kinds["kernel"] > 20
