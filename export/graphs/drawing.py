"""MNIST's preprocessing as one graph: ink of any size -> x (1, 1, 28, 28), the same on every host.

Bounding box of the ink -> fit into 20x20 keeping the aspect ratio, anti-aliased by a triangle
filter (Pillow's BILINEAR; small drawings are enlarged) -> centre of mass to the centre of 28x28
by whole pixels.

Matrix products of fixed shape do all of it: no Resize (OpenVINO ignores its `antialias`), no Slice
or Pad of a computed size, no If. Sizes are computed in int64 and the filter from whole numbers,
which float32 holds exactly, so hosts differ by the rounding of their sums and nothing else. But
they must compute in float32: where the CPU has bfloat16, OpenVINO takes that unless it is given
INFERENCE_PRECISION_HINT=f32; one drawing in seven was then off by more than 1/255 on average.

Which centre MNIST uses was measured on all 70,000 images: in 139,998 of the 140,000 coordinates the
centre of mass lies in [13.5, 14.5), evenly spread. So it was moved to index 14, half a pixel below
and right of the geometric centre, and the three exact ties all went to 13.5.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import onnx
import onnxruntime as ort
import onnxscript
from onnx import TensorProto, inliner, numpy_helper
from onnxscript import optimizer, script

import vae_onnx
from export.writing import atomic
from vae_onnx.crossing.folding.surgery import IR_VERSION

# onnxscript declares unions for its operators that no expression satisfies: mypy is to see Any.
op: Any = onnxscript.opset18
types: Any = onnxscript.onnx_types
if TYPE_CHECKING:
    FLOAT: TypeAlias = Any
    INT64: TypeAlias = Any
    UINT8: TypeAlias = Any
else:
    from onnxscript import FLOAT, INT64, UINT8

CELL = numpy_helper.from_array(np.arange(20, dtype=np.float32))
# Row minus column of a 28x20 matrix: its value k marks "moved by k".
SHIFT = numpy_helper.from_array(
    np.subtract.outer(np.arange(28, dtype=np.float32), np.arange(20, dtype=np.float32))
)

METADATA = {
    "name": "drawing",
    "description": "MNIST's preprocessing: bounding box of the ink, fitted into 20x20 keeping the "
    "aspect ratio (triangle filter), centre of mass to index (14, 14) of 28x28",
    "input": "ink uint8 [height, width], any size from 1x1; 0 = paper, 255 = full ink",
    "output": "x float32 [1, 1, 28, 28] in [0, 1]; 0.0 = paper, 1.0 = full ink; "
    "an empty drawing gives zeros",
    "version": vae_onnx.__version__,
    "licence": "MIT",
}


@script()
def extent(profile: FLOAT) -> tuple[INT64, INT64]:
    """First index and length [1] of the part of an axis that holds ink; all of it without ink."""
    holds_ink = op.Min(profile, 1.0)
    first = op.ArgMax(holds_ink, axis=0)
    last = op.ArgMax(holds_ink, axis=0, select_last_index=1)
    size = last - first + 1
    return first, size


@script()
def fit(profile: FLOAT, first: INT64, size: INT64, longest: INT64) -> tuple[FLOAT, FLOAT]:
    """Filter [20, n] that takes the box to `fitted` [1] cells; all further cells are zero.

    With s = size / fitted, cell i takes from pixel j of the box the share
    max(0, 1 - |j + 0.5 - (i + 0.5) s| / max(s, 1)), normalised to sum 1. Everything is multiplied
    by 2 max(size, fitted) first, which makes whole numbers of it.
    """
    half_up = (40 * size + longest) / (2 * longest)  # round(20 size / longest) in int64
    fitted = op.Cast(op.Max(half_up, 1), to=TensorProto.FLOAT)
    box = op.Cast(size, to=TensorProto.FLOAT)
    pixel = op.Cast(op.Range(0, op.Size(profile), 1) - first, to=TensorProto.FLOAT)
    cells = op.Unsqueeze(op.Constant(value=CELL), [1])
    cell_middle = 2.0 * cells + 1.0
    pixel_middle = 2.0 * pixel + 1.0
    distance = op.Abs(pixel_middle * fitted - cell_middle * box)
    triangle = op.Relu(2.0 * op.Max(box, fitted) - distance)
    in_box = op.And(pixel >= 0.0, pixel < box)
    weight = op.Where(op.And(in_box, cells < fitted), triangle, 0.0)
    total = op.Max(op.ReduceSum(weight, [1]), 1.0)  # below 1 only where all weights are 0
    share = weight / total
    return share, fitted


@script()
def place(mass: FLOAT, fitted: FLOAT) -> FLOAT:
    """Selection [28, 20] that moves cells with ink `mass` [20] to put their centre of mass at 14.

    It ends in [13.5, 14.5). A symmetrical drawing on an even number of cells can end at 13.5 or
    14.5 exactly, where rounding noise (2e-6 pixel at most was seen) would decide, differently on
    each host: 0.0001 pixel of tolerance sends all of them to 13.5, which is MNIST's side and the
    geometric centre. No ink leaves 28x28, however lopsided the drawing.
    """
    cell = op.Constant(value=CELL)
    total = op.Max(op.ReduceSum(mass), 1e-12)  # an empty drawing has no mass
    centre = op.ReduceSum(mass * cell) / total
    wanted = op.Ceil(13.4999 - centre)
    offset = op.Max(op.Min(wanted, 28.0 - fitted), 0.0)
    shift = op.Constant(value=SHIFT)
    return op.Cast(op.Equal(shift, offset), to=TensorProto.FLOAT)


@script()
def drawing(ink: UINT8) -> FLOAT:
    """MNIST's preprocessing: ink [height, width], 0 = paper, 255 = ink -> x in [0, 1], 1 = ink."""
    pixels = op.Cast(ink, to=TensorProto.FLOAT)
    rows = op.ReduceMax(pixels, [1], keepdims=0)
    columns = op.ReduceMax(pixels, [0], keepdims=0)
    top, height = extent(rows)
    left, width = extent(columns)
    longest = op.Max(height, width)
    vertical, fitted_height = fit(rows, top, height, longest)
    horizontal, fitted_width = fit(columns, left, width, longest)
    squeezed = op.MatMul(vertical, pixels)  # [20, width]
    small = op.MatMul(squeezed, op.Transpose(horizontal))  # [20, 20]
    row_mass = op.ReduceSum(small, [1], keepdims=0)
    column_mass = op.ReduceSum(small, [0], keepdims=0)
    down = place(row_mass, fitted_height)
    right = place(column_mass, fitted_width)
    moved_down = op.MatMul(down, small)  # [28, 20]
    centred = op.MatMul(moved_down, op.Transpose(right))  # [28, 28]
    image = op.Clip(centred / 255.0, 0.0, 1.0)
    x = op.Unsqueeze(image, [0, 1])
    return x  # noqa: RET504, the variable names the output


def model() -> onnx.ModelProto:
    """The graph as one plain model: functions inlined, constants folded, every value named."""
    scripted = drawing.to_model_proto(  # type: ignore[no-untyped-call]
        input_types=[types.UINT8["height", "width"]], output_types=[types.FLOAT[1, 1, 28, 28]]
    )
    calls = [node.output[0] for node in scripted.graph.node if node.domain]
    proto: onnx.ModelProto = optimizer.optimize(inliner.inline_local_functions(scripted))
    _rename(proto.graph, calls)
    del proto.graph.value_info[:]
    proto.ir_version = IR_VERSION
    proto.producer_name = "vae-onnx"
    proto.producer_version = vae_onnx.__version__
    proto.doc_string = METADATA["description"]
    onnx.helper.set_model_props(proto, METADATA)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _rename(graph: onnx.GraphProto, calls: list[str]) -> None:
    """Give values the names that a reader of the functions above looks for.

    `triangle__3` of the third call, whose result is `vertical`, becomes `vertical/triangle`;
    an unnamed value gets its operator's name, and a short constant its value.
    """
    names = {value.name: value.name for value in (*graph.input, *graph.output)} | {"": ""}
    for constant in graph.initializer:
        array = numpy_helper.to_array(constant)
        names[constant.name] = str(array) if array.size < 20 else constant.name.partition("__")[0]
        constant.name = names[constant.name]
    for node in graph.node:
        for output in node.output:
            name, _, call = output.partition("__")
            if name.startswith("tmp"):
                name = name.replace("tmp", node.op_type)
            names.setdefault(output, f"{calls[int(call) - 1]}/{name}" if call else name)
        node.name = names[node.output[0]]
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]


def write(out: Path) -> None:
    """Write the graph to `out`, checked; a graph that fails its check leaves no file."""
    serialized = model().SerializeToString()
    _self_test(serialized)
    with atomic(out) as partial:
        partial.write_bytes(serialized)


def _self_test(serialized: bytes) -> None:
    """Raise RuntimeError unless the graph gives the two results that are known without it."""
    session = ort.InferenceSession(serialized, providers=["CPUExecutionProvider"])
    ink = np.zeros((100, 300), np.uint8)
    expected = np.zeros((1, 1, 28, 28), np.float32)
    for _ in range(2):  # an empty drawing, then a rectangle of 30x60 that becomes 10x20
        (x,) = session.run(["x"], {"ink": ink})
        if not np.allclose(x, expected, atol=1e-6):
            raise RuntimeError(f"drawing.onnx is off by {np.abs(x - expected).max():g}")
        ink[5:35, 201:261] = 255
        expected[..., 9:19, 4:24] = 1.0
