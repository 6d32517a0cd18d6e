"""The gate: a graph must compute what the model computes that it was made from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np
import onnx
import onnxruntime as ort

from vae_onnx.engine.graph import Array
from vae_onnx.errors import ParityError

Run = Callable[[Array], Sequence[Array]]

BATCH_SIZES: Final = (1, 2, 7)
MOST_ROWS: Final = 1000
MEMORY: Final = 2**27  # bytes of all values between the operators together, at the largest batch
AT_MOST: Final = 16  # times that memory for the few rows that must be: most of it is not live
TOLERANCE: Final = 1e-5


def check_parity(
    proto: onnx.ModelProto,
    run: Run,
    inputs: Array,
    batch_sizes: Iterable[int] = (*BATCH_SIZES, MOST_ROWS),
    tolerance: float = TOLERANCE,
    source: str = "the model",
    remedy: str = "",
) -> float:
    """Compare a graph with what it was made from, at several batch sizes.

    Args:
        proto: The graph.
        run: Computes on float32 (N, ...) what the graph must give.
        inputs: (N, ...) float32, shown more than once where a batch is larger.
        batch_sizes: How many rows at once.
        tolerance: The largest difference allowed.
        source: What an error calls it that the graph was made from.
        remedy: What an error says at its end.

    Returns:
        The largest difference of all, relative to the largest magnitude in the output where that
        is above 1.

    Raises:
        ParityError: An output differs by more, or has another shape, or the graph does not run.
    """
    session, worst = _session(proto), 0.0
    for batch_size in batch_sizes:
        batch = inputs[np.arange(batch_size) % len(inputs)]
        where = f"at batch size {batch_size}"
        try:
            got = session.run(None, {session.get_inputs()[0].name: batch})
        except Exception as error:  # onnxruntime's errors share no base class
            reason = str(error).splitlines()[0]
            raise ParityError(
                f"{proto.graph.name}: the graph does not run {where}, where the model does: "
                f"{reason}; some size of the batch is fixed in it: write -1 or x.shape[0] there"
            ) from error
        for port, ours, theirs in zip(session.get_outputs(), got, run(batch), strict=True):
            error_here = relative_error(ours, theirs)
            if not error_here <= tolerance:  # written so that NaN fails too
                raise ParityError(
                    f"{proto.graph.name}: {port.name} differs from {source} by {error_here:.2e} "
                    f"{where}, allowed is {tolerance:.0e}; nothing was written{remedy}"
                )
            worst = max(worst, error_here)
    return worst


def relative_error(got: Array, expected: Array) -> float:
    """Largest difference, relative to the largest expected magnitude where that is above 1."""
    if got.shape != expected.shape:
        return float("inf")
    return float(np.abs(got - expected).max() / max(1.0, np.abs(expected).max()))


def batches(proto: onnx.ModelProto, shape: tuple[int, ...]) -> list[int]:
    """Return the batch sizes to compare at: 1, 2, 7, and as many as memory allows, up to 1000.

    Args:
        proto: The graph.
        shape: Of one row that goes in.
    """
    numbers = _numbers(proto, shape)
    most = max(1, min(MOST_ROWS, MEMORY // (4 * numbers)))
    few = [size for size in BATCH_SIZES if size <= max(2, most * AT_MOST)]
    return sorted({*few, most})


def _numbers(proto: onnx.ModelProto, shape: tuple[int, ...]) -> int:
    """Count all values between the operators of a graph, for one row of some shape."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(proto)
    dims = fixed.graph.input[0].type.tensor_type.shape.dim
    for dim, size in zip(dims, (1, *shape), strict=True):
        dim.dim_value = size
    for port in fixed.graph.output:
        port.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(fixed, data_prop=True)
    values = [value.type.tensor_type.shape.dim for value in inferred.graph.value_info]
    return max(1, sum(math.prod(dim.dim_value or 1 for dim in value) for value in values))


def _session(proto: onnx.ModelProto) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 4  # what is wrong is said by the gate
    try:
        return ort.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's errors share no base class
        reason = str(error).splitlines()[0]
        raise ParityError(
            f"{proto.graph.name}: onnxruntime does not take the graph: {reason}"
        ) from error
