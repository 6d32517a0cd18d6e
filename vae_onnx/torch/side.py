"""One half of a model of PyTorch, as `vae_onnx.crossing` takes it."""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from vae_onnx.crossing.model import Measure
from vae_onnx.engine.graph import Array
from vae_onnx.errors import ModelRunError, OutputError
from vae_onnx.torch import freezing, outputs
from vae_onnx.torch.sides import Copier


class Side(nn.Module):
    """A copy of an encoder or decoder, and what it gives understood.

    Args:
        part: "encoder" or "decoder".
        call: A module, a method or a function.
        copier: Makes the copy; one for both halves of a model.
    """

    def __init__(self, part: str, call: Any, copier: Copier) -> None:
        super().__init__()
        self.part = part
        self.measure: Measure | None = None
        self._written = _written(call, part)
        self.network: Any = copier(call)
        if not isinstance(self.network, nn.Module):  # which registers itself
            for number, module in enumerate(copier.modules):
                self.add_module(f"model{number or ''}", module)

    def forward(self, value: Tensor) -> tuple[Tensor, ...]:
        """Compute what the graph is to give."""
        return self._understood(self.network(value)).parts

    def run(self, value: Array) -> list[Array]:
        """Compute; see `vae_onnx.crossing.model.Original.run`."""
        tensor = torch.from_numpy(value)
        try:
            out = self.network(tensor)
        except Exception as error:  # a model may raise anything
            raise ModelRunError(
                f"the {self.part} raises {type(error).__name__} on float32 {value.shape}: "
                f"{_first_line(error)}{_remedy(error)}"
            ) from error
        understood = self._understood(out)
        self.measure = understood.measure
        return [part.detach().cpu().numpy().copy() for part in understood.parts]

    def graph(self, example: Array, dynamic: Sequence[int]) -> onnx.ModelProto:
        """Export it; see `vae_onnx.crossing.model.Original.graph`."""
        count = len(self.run(example[:2]))
        names = [f"out_{number}" for number in range(count)]
        axes = {0: "batch"} | {axis: f"size_{axis}" for axis in dynamic}
        return freezing.to_graph(self, "value", torch.from_numpy(example), names, axes)

    def lambda_for(self, body: str) -> str:
        """Return what to write; see `vae_onnx.crossing.model.Original.lambda_for`."""
        name = "x" if self.part == "encoder" else "z"
        return f"lambda {name}: {body.format(f'{self._written}({name})')}"

    def _understood(self, out: Any) -> outputs.Codes:
        try:
            if self.part == "encoder":
                understood = outputs.codes(out)
            else:
                understood = outputs.Codes((outputs.picture(out),))
        except OutputError as error:
            remedy = self.lambda_for(outputs.remedy(out, self.part == "encoder"))
            raise OutputError(f"{error}: {remedy}") from None
        parts = tuple(
            part.float() if part.is_floating_point() else part for part in understood.parts
        )
        return understood._replace(parts=parts)


def _written(call: Any, part: str) -> str:
    """Return how a user would write the call."""
    if isinstance(call, types.MethodType):
        return f"model.{call.__func__.__name__}"
    if isinstance(call, types.FunctionType) and call.__name__ != "<lambda>":
        return call.__name__
    return f"model.{part}" if isinstance(call, nn.Module) else part


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "")


def _remedy(error: BaseException) -> str:
    text = str(error)
    if "cuda" in text.lower() or "NVIDIA" in text:
        return "; it must run on the CPU: make tensors with device=x.device in place of 'cuda'"
    if "Half" in text or "BFloat16" in text or "dtype" in text:
        return "; it must run in float32: make tensors with dtype=x.dtype"
    return ""
