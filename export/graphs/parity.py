"""The gate: a graph must compute what its torch module computes."""

from typing import Final

import onnx
import torch
from torch import Tensor, nn

import vae_onnx.errors
from export.errors import UserError
from vae_onnx.crossing.gates import parity
from vae_onnx.crossing.gates.parity import TOLERANCE, relative_error
from vae_onnx.engine.graph import Array

__all__ = ["BATCH_SIZES", "TOLERANCE", "ParityError", "check_parity", "relative_error"]

BATCH_SIZES: Final = (*parity.BATCH_SIZES, parity.MOST_ROWS)


class ParityError(UserError, vae_onnx.errors.ParityError):
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

    def run(value: Array) -> list[Array]:
        with torch.inference_mode():
            result = module(torch.from_numpy(value))
        return [part.numpy() for part in (result if isinstance(result, tuple) else (result,))]

    try:
        parity.check_parity(proto, run, inputs.numpy(), BATCH_SIZES, source="torch")
    except vae_onnx.errors.ParityError as error:
        raise ParityError(str(error)) from error
