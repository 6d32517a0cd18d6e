"""The two halves of a stranger's model, as they are and as the contract has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

import numpy as np
import onnx

from vae_onnx.crossing.folding import surgery
from vae_onnx.crossing.folding.steps import Step, through
from vae_onnx.engine.graph import Array

Measure = Literal["log_var", "log_std", "std", "var"]  # what the second output of an encoder says


AT_ONCE: Final = 2**20  # numbers that go in


class Original(Protocol):
    """An encoder or a decoder as somebody has it: of torch, or a graph.

    Attributes:
        part: "encoder" or "decoder".
        measure: What the second output is, where the model says so itself.
    """

    part: str
    measure: Measure | None

    def run(self, value: Array) -> list[Array]:
        """Compute: one array, or for an encoder two, each (N, ...).

        Raises:
            ExportError: It raises, or gives what is not understood.
        """

    def graph(self, example: Array, dynamic: Sequence[int]) -> onnx.ModelProto:
        """Return it as a graph of one input, whose batch and the axes `dynamic` are free.

        Raises:
            ExportError: It does not become one.
        """

    def lambda_for(self, body: str) -> str:
        """Return what a user would write to change what comes out, as `body` of `{}` says."""


@dataclass(frozen=True)
class Half:
    """An encoder or decoder with all that stands between it and the contract.

    Attributes:
        original: The network.
        enter: Name of the input, and what is done to it before the network.
        leave: The same of each output, after the network.
    """

    original: Original
    enter: tuple[str, Sequence[Step]]
    leave: tuple[tuple[str, Sequence[Step]], ...]

    def __call__(self, value: Array) -> list[Array]:
        """Compute what the finished graph must give."""
        outputs = self.original.run(np.ascontiguousarray(through(self.enter[1], value)))
        return [
            through(steps, output) for (_, steps), output in zip(self.leave, outputs, strict=True)
        ]

    def all(self, value: Array) -> list[Array]:
        """Compute the same, a few rows at once where these are large."""
        rows = max(1, AT_ONCE // value[0].size)
        pieces = [self(value[start : start + rows]) for start in range(0, len(value), rows)]
        return [np.concatenate(outputs) for outputs in zip(*pieces, strict=True)]

    def graph(
        self,
        example: Array,
        dims: tuple[surgery.Dims, surgery.Dims],
    ) -> onnx.ModelProto:
        """Return the finished graph, without its metadata.

        Args:
            example: Some rows of input.
            dims: Of a row of the input and of each output; a name where it is dynamic.
        """
        dynamic = [axis + 1 for axis, size in enumerate(dims[0]) if isinstance(size, str)]
        inside = np.ascontiguousarray(through(self.enter[1], example))
        network = self.original.graph(inside, dynamic)
        enter = (self.enter[0], dims[0], self.enter[1])
        return surgery.wrap(network, enter, [(name, dims[1], steps) for name, steps in self.leave])

    def without(self, *kinds: type[Step]) -> Half:
        """Return the half without the steps of some kinds after the network."""
        leave = tuple(
            (name, [step for step in steps if not isinstance(step, kinds)])
            for name, steps in self.leave
        )
        return replace(self, leave=leave)
