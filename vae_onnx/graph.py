"""One ONNX file as a checked function of one float32 or uint8 array."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from vae_onnx import threads as workers
from vae_onnx.errors import FileMissingError, GraphError, accessing

Array = npt.NDArray[np.float32]

# The key of a reference to another file, after its length. onnxruntime would follow it anywhere.
EXTERNAL: Final = re.compile(rb"[\x08\x00]location")
LARGEST: Final = 2**28  # numbers of an image or picture: a gigabyte


@dataclass(frozen=True)
class Port:
    """An input or output of a graph; a dynamic dimension is given by its name (str)."""

    type: str  # as onnxruntime spells it, "tensor(float)"
    shape: tuple[int | str, ...]

    def __str__(self) -> str:
        return f"{self.type.removeprefix('tensor(').removesuffix(')')} {list(self.shape)}"


class Graph:
    """An ONNX file with one input, opened for the CPU.

    Safe to call from several threads at once, and after a fork.

    Attributes:
        path: The file.
        threads: How many threads share the work on a large batch.
        inputs: Name -> Port, in the order of the graph.
        outputs: Name -> Port, in the order of the graph.
        metadata: The `metadata_props` of the file.

    Raises:
        FileMissingError: There is no such file.
        FileAccessError: It cannot be read.
        GraphError: It is truncated, or not ONNX, or needs another file or what onnxruntime lacks.
        InputError: `threads` is below 1.
    """

    def __init__(self, path: str | os.PathLike[str], threads: int | None = None) -> None:
        self.path = Path(path)
        self.threads = workers.check(threads)
        content = _read(self.path)
        try:
            self._session = session = _open(content)
            self.inputs = {port.name: _port(port) for port in session.get_inputs()}
            self.outputs = {port.name: _port(port) for port in session.get_outputs()}
            metadata = dict(session.get_modelmeta().custom_metadata_map)
        except Exception as error:  # onnxruntime's errors share no base class
            raise GraphError(
                f"{path} ({len(content)} bytes) is not a complete ONNX graph that onnxruntime "
                f"{ort.__version__} can run; copy or export it again. onnxruntime says: {error}"
            ) from error
        self.metadata: Mapping[str, str] = MappingProxyType(metadata)

    def __str__(self) -> str:
        return f"{_signature(self.inputs)} -> {_signature(self.outputs)}"

    def __call__(self, value: npt.NDArray[Any]) -> list[Array]:
        """Run the graph on its one input; the outputs come in the order of the graph.

        Raises:
            GraphError: The graph contradicts itself, which shows only when it runs.
        """
        (name,) = self.inputs
        try:
            outputs: list[Array] = self._session.run(None, {name: value})
        except Exception as error:  # onnxruntime's errors share no base class
            raise self._failed(value, error) from error
        return outputs

    def batched(
        self,
        batch: npt.NDArray[Any],
        prepare: Callable[[npt.NDArray[Any]], Array],
        outputs: list[Array] | None = None,
    ) -> list[Array]:
        """Run the graph on a batch of any size: block by block, on all threads.

        Args:
            batch: (N, ...), N >= 1.
            prepare: Makes what the graph takes of some rows; called once for each block.
            outputs: Where to write what the graph gives: C-contiguous float32 arrays (N, ...) in
                the order of the graph. New ones unless given.

        Returns:
            The outputs.

        Raises:
            GraphError: The graph contradicts itself, which shows only when it runs.
        """
        parts = workers.blocks(len(batch), self.threads)
        if len(parts) == 1 and outputs is None:
            return self(prepare(batch))
        if outputs is None:
            outputs = [
                np.empty((len(batch), *self.expect_port(port, len(port.shape))), np.float32)
                for port in self.outputs.values()
            ]
        filled = outputs
        workers.each(
            lambda rows: self._run_into(prepare(batch[rows]), [out[rows] for out in filled]),
            parts,
            self.threads,
        )
        return filled

    def _run_into(self, value: Array, outputs: list[Array]) -> None:
        """Run the graph on one block and let it write to the outputs."""
        (name,) = self.inputs
        binding = self._session.io_binding()
        for port, given in ((name, value), *zip(self.outputs, outputs, strict=True)):
            bind = binding.bind_input if given is value else binding.bind_output
            bind(port, "cpu", 0, np.float32, given.shape, given.ctypes.data)
        try:
            self._session.run_with_iobinding(binding)
        except Exception as error:  # onnxruntime's errors share no base class
            raise self._failed(value, error) from error

    def _failed(self, value: npt.NDArray[Any], error: Exception) -> GraphError:
        (name,) = self.inputs
        return GraphError(
            f"{self.path} failed on {name} {value.dtype} {list(value.shape)}, which it "
            f"declares to take; export it again. onnxruntime says: {error}"
        )

    def expect(self, inputs: set[str], *outputs: set[str]) -> None:
        """Raise GraphError unless the inputs, and one of the sets of outputs, have these names."""
        if set(self.inputs) == inputs and any(set(self.outputs) == names for names in outputs):
            return
        raise GraphError(
            f"{self.path} must have the input {_names(inputs)} and the outputs "
            f"{' or '.join(_names(names) for names in outputs)}; "
            f"it has {self}"
        )

    def expect_port(self, port: Port, rank: int) -> tuple[int, ...]:
        """Return the fixed dimensions of a float port [batch, ...] of that rank.

        Raises:
            GraphError: The port is not float32, or has another rank, or a dimension after the
                batch is not fixed, or the batch is.
        """
        fixed = tuple(size for size in port.shape[1:] if isinstance(size, int) and size > 0)
        dynamic = port.shape[:1] and isinstance(port.shape[0], str)
        if (
            port.type == "tensor(float)"
            and dynamic
            and len(fixed) == len(port.shape) - 1 == rank - 1
        ):
            if math.prod(fixed) <= LARGEST:
                return fixed
            raise GraphError(f"{self.path}: more than {LARGEST:,} numbers for a row of {self}")
        raise GraphError(
            f"{self.path}: expected float of rank {rank} with a dynamic batch and every other "
            f"dimension fixed, got {self}"
        )


def _read(path: Path) -> bytes:
    if not path.is_file():
        message = f"{path} is missing or no file; `python -m export onnx` writes it"
        raise FileMissingError(message)
    with accessing(path):
        content = path.read_bytes()
    if EXTERNAL.search(content):
        raise GraphError(
            f"{path} keeps its weights in another file; a graph must hold them itself: save it "
            "with external_data=False, as `python -m export onnx` does"
        )
    return content


def _open(content: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    # Threads of our own share the blocks of a batch. Those of onnxruntime would share each matrix
    # product, which is slower, would spin between calls, and are lost in a forked process.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(
        content, options, providers=["CPUExecutionProvider"], enable_fallback=0
    )


def _port(argument: Any) -> Port:
    return Port(argument.type, tuple("?" if size is None else size for size in argument.shape))


def _names(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _signature(ports: Mapping[str, Port]) -> str:
    return "(" + ", ".join(f"{name}: {port}" for name, port in ports.items()) + ")"
