"""The gate: a graph must compute what its torch module computes."""

from typing import Final

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import Tensor, nn

from export.errors import UserError
from vae_onnx.engine.graph import Array

BATCH_SIZES: Final = (1, 2, 7, 1000)


TOLERANCE: Final = 1e-5


class ParityError(UserError, RuntimeError):
    """A graph does not compute what its torch module computes."""


def check_parity(proto: onnx.ModelProto, module: nn.Module, inputs: Tensor) -> None:
    """Compare a graph with its module at several batch sizes.

    Args:
        proto: The graph.
        module: What it was made from.
        inputs: (N, ...) float32.

    Raises:
        ParityError: An output differs by more than 1e-5, relative to the largest magnitude in it
            where that is above 1.
    """
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    repeats = -(-max(BATCH_SIZES) // len(inputs))  # a small test set is shown more than once
    inputs = torch.cat([inputs] * repeats)
    for batch_size in BATCH_SIZES:
        batch = inputs[:batch_size]
        with torch.inference_mode():
            result = module(batch)
        expected = result if isinstance(result, tuple) else (result,)
        got = session.run(None, {name: batch.numpy()})
        for port, ours, theirs in zip(session.get_outputs(), got, expected, strict=True):
            error = relative_error(ours, theirs.numpy())
            if not error <= TOLERANCE:  # written so that NaN fails too
                raise ParityError(
                    f"{proto.graph.name}: {port.name} differs from torch by {error:.2e} at batch "
                    f"size {batch_size}, allowed is {TOLERANCE:.0e}; nothing was written"
                )


def relative_error(got: Array, expected: Array) -> float:
    """Largest difference, relative to the largest expected magnitude where that is above 1."""
    if got.shape != expected.shape:
        return float("inf")
    return float(np.abs(got - expected).max() / max(1.0, np.abs(expected).max()))
