"""What stands between the contract and a network, each step as numbers and as nodes of a graph.

The same list of steps is run on arrays, to say what a finished graph must give, and written into
the graph.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from vae_onnx.engine.graph import Array


class Nodes:
    """Nodes and constants that are to be added to a graph, under names that begin alike."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: npt.NDArray[Any]) -> str:
        """Add a constant; returns its name."""
        name = f"{self.prefix}/constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def op(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator of one output; returns the name of that."""
        name = f"{self.prefix}/{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name


class Step(Protocol):
    """One thing that is done to a value (N, ...)."""

    def __call__(self, value: Array) -> Array:
        """Do it."""

    def write(self, nodes: Nodes, value: str) -> str:
        """Add what does it to a graph; returns the name of the result."""


def through(steps: Iterable[Step], value: Array) -> Array:
    """Do all steps."""
    for step in steps:
        value = step(value)
    return value


@dataclass(frozen=True)
class Affine:
    """value * factor + shift, for each channel of (N, C, H, W)."""

    factor: Array  # (C, 1, 1)
    shift: Array

    def __call__(self, value: Array) -> Array:
        """Scale and shift it."""
        return value * self.factor + self.shift

    def write(self, nodes: Nodes, value: str) -> str:
        """Add a product and a sum, where they change anything."""
        if (self.factor != 1).any():
            value = nodes.op("Mul", value, nodes.constant(self.factor))
        if (self.shift != 0).any():
            value = nodes.op("Add", value, nodes.constant(self.shift))
        return value


@dataclass(frozen=True)
class Channels:
    """The channels in another order."""

    order: tuple[int, ...]

    def __call__(self, value: Array) -> Array:
        """Order them."""
        return value[:, list(self.order)]

    def write(self, nodes: Nodes, value: str) -> str:
        """Add a Gather."""
        return nodes.op("Gather", value, nodes.constant(np.array(self.order, np.int64)), axis=1)


@dataclass(frozen=True)
class Reshape:
    """Each row in another shape."""

    shape: tuple[int, ...]

    def __call__(self, value: Array) -> Array:
        """Shape each row."""
        return value.reshape(len(value), *self.shape)

    def write(self, nodes: Nodes, value: str) -> str:
        """Add a Reshape whose batch is whatever comes."""
        return nodes.op("Reshape", value, nodes.constant(np.array([-1, *self.shape], np.int64)))


@dataclass(frozen=True)
class Transpose:
    """The axes in another order."""

    order: tuple[int, ...]

    def __call__(self, value: Array) -> Array:
        """Order them."""
        return value.transpose(self.order)

    def write(self, nodes: Nodes, value: str) -> str:
        """Add a Transpose."""
        return nodes.op("Transpose", value, perm=list(self.order))


@dataclass(frozen=True)
class Log:
    """The logarithm times a factor: 2 makes a log variance of a standard deviation."""

    factor: float

    def __call__(self, value: Array) -> Array:
        """Take it."""
        with np.errstate(divide="ignore"):
            return np.log(np.maximum(value, TINY)) * np.float32(self.factor)

    def write(self, nodes: Nodes, value: str) -> str:
        """Add a Log that an underflow to 0 does not take to minus infinity, and a product."""
        value = nodes.op("Log", nodes.op("Max", value, nodes.constant(np.array(TINY))))
        return Times(self.factor).write(nodes, value)


@dataclass(frozen=True)
class Times:
    """Everything times a number."""

    factor: float

    def __call__(self, value: Array) -> Array:
        """Take it."""
        return value * np.float32(self.factor)

    def write(self, nodes: Nodes, value: str) -> str:
        """Add a product, where it changes anything."""
        if self.factor == 1:
            return value
        return nodes.op("Mul", value, nodes.constant(np.array(self.factor, np.float32)))


@dataclass(frozen=True)
class Sigmoid:
    """Logits to means.

    It is written out: onnxruntime's own gives exactly 0 below a logit of about -16, where
    1 / (1 + exp(-logits)) keeps seven digits down to -87, and with them the nats of p(x | z).
    """

    def __call__(self, value: Array) -> Array:
        """Take it."""
        with np.errstate(over="ignore"):
            p = 1 / (1 + np.exp(-value))
        return np.asarray(p, np.float32)

    def write(self, nodes: Nodes, value: str) -> str:
        """Add its four operators."""
        one = nodes.constant(np.array(1, np.float32))
        return nodes.op("Reciprocal", nodes.op("Add", nodes.op("Exp", nodes.op("Neg", value)), one))


@dataclass(frozen=True)
class Clip:
    """What is below 0 or above 1 becomes 0 or 1."""

    def __call__(self, value: Array) -> Array:
        """Clip it."""
        return value.clip(0, 1)

    def write(self, nodes: Nodes, value: str) -> str:
        """Add a Clip."""
        bounds = (nodes.constant(np.array(bound, np.float32)) for bound in (0, 1))
        return nodes.op("Clip", value, *bounds)


TINY: Final = np.finfo(np.float32).tiny  # the smallest deviation or variance that has a logarithm
