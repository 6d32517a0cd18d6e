"""A torch module of one input -> an ONNX graph, by PyTorch's own exporter."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import onnx
import torch
from torch import Tensor, nn

from vae_onnx.crossing.folding import surgery
from vae_onnx.crossing.quiet import quiet
from vae_onnx.errors import BatchError, ExporterError, SizeError

STAGES: Final = {
    "TorchExportError": "following the model with torch.export",
    "ConversionError": "turning its operators into ONNX",
    "DispatchError": "turning its operators into ONNX",
}
DYNAMIC: Final = torch.export.Dim.DYNAMIC


def to_graph(
    module: nn.Module,
    name: str,
    example: Tensor,
    outputs: Sequence[str],
    dynamic: Mapping[int, str],
) -> onnx.ModelProto:
    """Export a module of one input as a graph.

    Args:
        module: The module, in evaluation mode.
        name: Name of its input.
        example: (N, ...) float32 input, N >= 2.
        outputs: Names of its outputs.
        dynamic: Axis of the input -> name of its dimension, for those that are free; 0 is one.

    Raises:
        BatchError: The batch is fixed in the module.
        SizeError: Another axis is.
        ExporterError: The exporter cannot do it.
    """
    try:
        with quiet():
            program = torch.onnx.export(
                module,
                (example,),
                dynamo=True,
                external_data=False,
                opset_version=surgery.OPSET,
                input_names=[name],
                output_names=list(outputs),
                dynamic_shapes=(dict.fromkeys(dynamic, DYNAMIC),),
                verbose=False,
            )
    except Exception as error:  # the exporter's, and those of all that it is made of
        raise _explained(error, name) from error
    assert program is not None  # it is None without dynamo only
    proto = program.model_proto
    proto.ir_version = surgery.IR_VERSION
    surgery.strip(proto)
    surgery.set_dims(proto.graph.input[0], dynamic)
    return proto


def _explained(error: Exception, name: str) -> Exception:
    """Return an error of ours for what the exporter says in a hundred lines."""
    causes = [error]
    while isinstance(causes[-1].__cause__, Exception):
        causes.append(causes[-1].__cause__)
    root = causes[-1]
    lines = [line.strip(" -") for line in str(root).splitlines() if line.strip()]
    fixed = next((re.search(r"shape\[(\d+)\]", line) for line in lines if "static" in line), None)
    if fixed and fixed[1] == "0":
        return BatchError(
            f"the size of the batch of {name} is fixed in the model: write x.flatten(1) or "
            f"x.view(x.shape[0], -1) in place of a number; torch.export says: {lines[-1]}"
        )
    if fixed:
        return SizeError(
            f"height or width of {name} is fixed in the model: leave dynamic_size out; "
            f"torch.export says: {lines[-1]}"
        )
    stage = next((STAGES[type(e).__name__] for e in causes if type(e).__name__ in STAGES), "export")
    reason = lines[0] if lines else type(root).__name__
    remedy = "give a function that computes the same in other operators"
    if "data-dependent" in reason or "data-dependent" in str(error):
        remedy = "an if on data cannot be taken: write torch.where(condition, a, b)"
    return ExporterError(f"PyTorch's exporter fails at {stage}: {reason[:400]}; {remedy}")
