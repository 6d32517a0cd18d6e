"""drawing.onnx against MNIST's preprocessing in Pillow and numpy, and against MNIST itself."""

import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import TensorProto, helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator
from PIL import Image, ImageDraw

import vae_onnx
from export.config import Config
from export.data import datasets
from export.graphs import drawing
from vae_onnx.crossing.folding import surgery

Ink = npt.NDArray[np.uint8]
X = npt.NDArray[np.float32]

COMMITTED = Path(vae_onnx.__file__).parent / "models" / "drawing.onnx"


# The reference


def reference(ink: Ink, mode: Literal["F", "L"] = "F") -> npt.NDArray[np.float64]:
    """MNIST's preprocessing (28, 28), resized by Pillow in float ("F") or in 8 bits ("L").

    The position always comes from the float result. In 8 bits Pillow rounds to whole grey levels,
    once per axis, which moves the centre of mass. In 300 of the 10,000 drawings below that
    crosses the limit between two positions (mostly where faint dots round to nothing), and the
    drawing lies one or more pixels off: an artefact of 8 bits, no disagreement about the method.
    """
    x = np.zeros((28, 28))
    if not ink.any():
        return x
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    exact = resize(box, "F")
    height, width = exact.shape
    top = offset(exact.sum(axis=1))
    left = offset(exact.sum(axis=0))
    x[top : top + height, left : left + width] = resize(box, mode)
    return x / 255


def resize(box: Ink, mode: Literal["F", "L"]) -> npt.NDArray[np.float64]:
    half = Fraction(1, 2)
    height, width = (max(1, math.floor(Fraction(20 * n, max(box.shape)) + half)) for n in box.shape)
    image = Image.fromarray(box).convert(mode).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image, np.float64)


def offset(mass: npt.NDArray[np.float64]) -> int:
    """Where the first of these rows goes, so that the centre of mass lies in [13.5, 14.5)."""
    centre = (mass * np.arange(mass.size)).sum() / mass.sum()
    return min(max(math.ceil(13.4999 - float(centre)), 0), 28 - mass.size)


# Random drawings


def strokes(rng: np.random.Generator, height: int, width: int) -> Ink:
    image = Image.new("L", (width, height))
    pen = ImageDraw.Draw(image)
    thickness = int(rng.integers(1, max(2, min(height, width) // 6)))
    for _ in range(rng.integers(1, 5)):
        corners = rng.uniform(-0.1, 1.1, (int(rng.integers(2, 6)), 2)) * [width, height]
        points = [(float(x), float(y)) for x, y in corners]
        pen.line(points, fill=int(rng.integers(1, 256)), width=thickness, joint="curve")
    return np.array(image)


def noise(rng: np.random.Generator, height: int, width: int) -> Ink:
    ink: Ink = rng.integers(0, 256, (height, width), dtype=np.uint8)
    ink[rng.random((height, width)) >= rng.choice([0.003, 0.1, 1.0])] = 0
    return ink


def blob(rng: np.random.Generator, height: int, width: int) -> Ink:
    """A soft spot, strongest somewhere off its middle."""
    y, x = np.ogrid[:height, :width]
    (cy, cx), size = rng.uniform(0, 1, 2) * [height, width], rng.uniform(1, 1 + height + width)
    ink: Ink = (255 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / size)).astype(np.uint8)
    return ink


def dots(rng: np.random.Generator, height: int, width: int) -> Ink:
    """One to three single pixels, with any distance between them."""
    ink = np.zeros((height, width), np.uint8)
    for _ in range(rng.integers(1, 4)):
        ink[rng.integers(height), rng.integers(width)] = rng.integers(1, 256)
    return ink


def far_corners(rng: np.random.Generator, height: int, width: int) -> Ink:
    ink = np.zeros((height, width), np.uint8)
    ink[0, 0], ink[-1, -1] = rng.integers(1, 256, 2)
    return ink


def diagonal(rng: np.random.Generator, height: int, width: int) -> Ink:
    """One pixel thin, from corner to corner."""
    ink = np.zeros((height, width), np.uint8)
    n = max(height, width)
    steps = np.arange(n)
    ink[steps * height // n, steps * width // n] = 255
    return ink if rng.random() < 0.5 else np.ascontiguousarray(ink[::-1])


def border(rng: np.random.Generator, height: int, width: int) -> Ink:
    """A line along one to four edges."""
    ink = np.zeros((height, width), np.uint8)
    for edge in rng.permutation(4)[: rng.integers(1, 5)]:
        [ink[0], ink[-1], ink[:, 0], ink[:, -1]][edge][:] = rng.integers(1, 256)
    return ink


def rectangle(rng: np.random.Generator, height: int, width: int) -> Ink:
    """Symmetrical: its centre of mass is exactly half way between two pixels, or exactly on one."""
    ink = np.zeros((height, width), np.uint8)
    top, left = rng.integers(height), rng.integers(width)
    ink[top : rng.integers(top, height) + 1, left : rng.integers(left, width) + 1] = 255
    return ink


def full(rng: np.random.Generator, height: int, width: int) -> Ink:
    return np.full((height, width), rng.integers(1, 256), np.uint8)


def empty(rng: np.random.Generator, height: int, width: int) -> Ink:
    del rng
    return np.zeros((height, width), np.uint8)


KINDS: list[Callable[[np.random.Generator, int, int], Ink]]
KINDS = [strokes, noise, blob, dots, far_corners, diagonal, border, rectangle, full, empty]


def random_drawing(seed: int, largest: int | None = None) -> Ink:
    """The drawing number `seed`: its kind in turn, its sides 1 to `largest`, small ones more often.

    Unless told otherwise `largest` is 2000 for one drawing in a hundred, and 300 for the others.
    Every seventh is one pixel high or wide.
    """
    rng = np.random.default_rng(seed)
    largest = largest or (2000 if rng.random() < 0.01 else 300)
    height, width = (largest ** rng.uniform(0, 1, 2)).round().astype(int).tolist()
    if seed % 7 == 0:
        height, width = (1, width) if rng.random() < 0.5 else (height, 1)
    return KINDS[seed % len(KINDS)](rng, height, width)


@pytest.fixture(scope="module")
def run() -> Callable[[Ink], X]:
    session = ort.InferenceSession(COMMITTED, providers=["CPUExecutionProvider"])

    def x(ink: Ink) -> X:
        outputs: list[Any] = session.run(["x"], {"ink": ink})
        assert outputs[0].shape == (1, 1, 28, 28)
        assert outputs[0].dtype == np.float32
        picture: X = outputs[0][0, 0]
        return picture

    return x


# The same as Pillow


@pytest.mark.parametrize("part", range(10))
def test_random_drawings(run: Callable[[Ink], X], part: int) -> None:
    for seed in range(1000 * part, 1000 * (part + 1)):
        ink = random_drawing(seed)
        x = run(ink)
        assert x.min() >= 0, seed
        assert x.max() <= 1, seed
        assert x.any() == ink.any(), seed
        np.testing.assert_allclose(x, reference(ink), atol=1e-5, err_msg=f"drawing {seed}")
        assert np.abs(x - reference(ink, "L")).mean() <= 1 / 255, seed


small_ink = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=45))


@settings(deadline=None, max_examples=300)
@given(ink=small_ink)
@example(ink=np.ones((1, 1), np.uint8))
@example(ink=np.full((1, 45), 255, np.uint8))
def test_found_drawings(run: Callable[[Ink], X], ink: Ink) -> None:
    x = run(ink)
    np.testing.assert_allclose(x, reference(ink), atol=1e-5)
    assert np.abs(x - reference(ink, "L")).mean() <= 1 / 255


@pytest.mark.parametrize("kind", KINDS)
def test_the_largest(run: Callable[[Ink], X], kind: Any) -> None:
    ink = kind(np.random.default_rng(0), 2000, 1999)
    np.testing.assert_allclose(run(ink), reference(ink), atol=1e-5)


# What must hold whatever the filter


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (280, 280), (2000, 2000)])
def test_empty_gives_zeros(run: Callable[[Ink], X], shape: tuple[int, int]) -> None:
    assert not run(np.zeros(shape, np.uint8)).any()


@settings(deadline=None, max_examples=200)
@given(
    seed=st.integers(0, 10**6),
    margins=st.tuples(*[st.integers(0, 70)] * 4),
)
def test_place_on_the_canvas_does_not_matter(
    run: Callable[[Ink], X], seed: int, margins: tuple[int, int, int, int]
) -> None:
    """Neither translation nor padding changes the drawing; only sums are ordered otherwise."""
    ink = random_drawing(seed, largest=150)
    above, below, left, right = margins
    padded = np.pad(ink, ((above, below), (left, right)))
    np.testing.assert_allclose(run(padded), run(ink), atol=1e-6)


def test_scale_hardly_matters(run: Callable[[Ink], X]) -> None:
    """The same drawing with pixels of 2x2 to 5x5; rarely it comes to lie one pixel off."""
    differences = []
    for seed in range(300):
        ink = strokes(np.random.default_rng(seed), 60, 60)
        one, other = run(ink), run(np.kron(ink, np.ones((2 + seed % 4,) * 2, np.uint8)))
        moved = [np.roll(other, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        differences.append(min(np.abs(one - candidate).mean() for candidate in moved))
    assert np.mean(differences) < 0.002
    assert max(differences) < 0.03


@settings(deadline=None, max_examples=200)
@given(seed=st.integers(0, 10**6))
def test_longest_side_is_twenty(run: Callable[[Ink], X], seed: int) -> None:
    rows, columns = (run(random_drawing(seed, largest=150)) > 0).nonzero()
    if rows.size:
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20


@pytest.mark.parametrize(
    ("shape", "rows", "columns"),
    [
        ((1, 1), slice(4, 24), slice(4, 24)),
        ((300, 300), slice(4, 24), slice(4, 24)),
        ((30, 60), slice(9, 19), slice(4, 24)),
        ((39, 60), slice(8, 21), slice(4, 24)),  # an odd height has a middle pixel: 14
        ((1, 39), slice(14, 15), slice(4, 24)),
        ((2, 80), slice(14, 15), slice(4, 24)),  # 0.5 of a pixel rounds up
        ((2, 200), slice(14, 15), slice(4, 24)),  # 0.2 too: ink never vanishes
        ((6, 80), slice(13, 15), slice(4, 24)),  # 1.5 is two pixels
        ((1999, 1000), slice(4, 24), slice(9, 19)),
    ],
)
def test_symmetrical_drawings(
    run: Callable[[Ink], X], shape: tuple[int, int], rows: slice, columns: slice
) -> None:
    expected = np.zeros((28, 28))
    expected[rows, columns] = 1
    np.testing.assert_allclose(run(np.full(shape, 255, np.uint8)), expected, atol=1e-6)


@pytest.mark.parametrize("turns", range(4))
def test_no_ink_is_lost_at_the_border(run: Callable[[Ink], X], turns: int) -> None:
    """A heavy edge and one faint far pixel: the middle of mass cannot be reached."""
    ink = np.zeros((200, 200), np.uint8)
    ink[:, :10] = 255
    ink[100, 199] = 1
    x = np.rot90(run(np.rot90(ink, turns)), -turns)
    columns = np.flatnonzero(x.any(axis=0))
    assert (columns[0], columns[-1]) == (8, 27)


# MNIST itself


@pytest.fixture(scope="module")
def mnist() -> Ink:
    images: Ink = datasets.load_test(Config(dataset="mnist")).pixels.reshape(-1, 28, 28).numpy()
    return images


def test_mnist_images_stay_as_they_are(run: Callable[[Ink], X], mnist: Ink) -> None:
    """All but the few that NIST drew to 19 pixels, or that lie within 0.0001 pixel of the limit."""
    same = [np.allclose(run(image), image / np.float32(255), atol=1e-6) for image in mnist]
    assert np.mean(same) >= 0.9995


def test_enlarged_mnist_images_come_back(run: Callable[[Ink], X], mnist: Ink) -> None:
    """Pixels of 10x10 filtered down again: a little softer, at the same place."""
    images = mnist[:500]
    back = np.stack([run(np.kron(image, np.ones((10, 10), np.uint8))) for image in images])
    assert np.abs(back - images / 255).mean() < 0.02


# The file


def test_committed_file_computes_what_the_code_says(
    run: Callable[[Ink], X], tmp_path: Path
) -> None:
    """Not byte by byte: a newer onnxscript may fold or name the same computation otherwise."""
    drawing.write(tmp_path / "drawing.onnx")
    generated = ort.InferenceSession(tmp_path / "drawing.onnx", providers=["CPUExecutionProvider"])
    for seed in range(300):
        ink = random_drawing(seed)
        (x,) = generated.run(["x"], {"ink": ink})
        np.testing.assert_allclose(x[0, 0], run(ink), atol=1e-6, err_msg="run `make train`")


def test_the_same_code_gives_the_same_bytes() -> None:
    assert drawing.model().SerializeToString() == drawing.model().SerializeToString()


def test_contract() -> None:
    proto = onnx.load(COMMITTED)
    onnx.checker.check_model(proto, full_check=True)
    shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    (ink,), (x,) = proto.graph.input, proto.graph.output
    assert ink == helper.make_tensor_value_info("ink", TensorProto.UINT8, ["height", "width"])
    assert x == helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 28, 28])
    assert proto.ir_version == surgery.IR_VERSION
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", surgery.OPSET)]
    assert not proto.functions
    operators = {node.op_type for node in proto.graph.node}
    assert operators.isdisjoint({"If", "Loop", "Resize", "Slice", "Pad", "Constant", "CastLike"})


def test_everything_is_named_and_nothing_is_local() -> None:
    proto = onnx.load(COMMITTED)
    outputs = [name for node in proto.graph.node for name in node.output]
    assert len(set(outputs)) == len(outputs)
    assert [node.name for node in proto.graph.node] == outputs
    assert {"longest", "vertical", "horizontal/distance", "small", "down/centre"} <= set(outputs)
    assert not any(node.doc_string or node.metadata_props for node in proto.graph.node)
    assert str(Path(drawing.__file__).parent).encode() not in COMMITTED.read_bytes()
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    assert metadata["name"] == "drawing"
    assert metadata["version"]
    assert metadata["licence"] == "MIT"
    assert "0 = paper, 255 = full ink" in metadata["input"]


def test_onnx_reference_agrees(run: Callable[[Ink], X]) -> None:
    evaluator = ReferenceEvaluator(onnx.load(COMMITTED))
    for seed in range(60):
        ink = random_drawing(seed)
        outputs: Any = evaluator.run(None, {"ink": ink})
        np.testing.assert_allclose(outputs[0][0, 0], run(ink), atol=1e-5, err_msg=str(seed))


def test_write_replaces_and_makes_folders(tmp_path: Path) -> None:
    out = tmp_path / "new" / "drawing.onnx"
    drawing.write(out)
    written = out.read_bytes()
    out.write_bytes(b"old")
    drawing.write(out)
    assert out.read_bytes() == written
    assert [path.name for path in out.parent.iterdir()] == ["drawing.onnx"]


def test_unwritable_output(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        drawing.write(tmp_path / "file" / "drawing.onnx")


def test_wrong_graph_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = drawing.model()
    target = next(c for c in wrong.graph.initializer if c.name == "13.4999")
    target.CopyFrom(numpy_helper.from_array(np.array(12.4999, np.float32), target.name))
    monkeypatch.setattr(drawing, "model", lambda: wrong)
    with pytest.raises(RuntimeError, match="off by 1"):
        drawing.write(tmp_path / "drawing.onnx")
    assert not list(tmp_path.iterdir())
