"""One ONNX file as a checked function of one float32 or uint8 array."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from vae_onnx import checks
from vae_onnx.engine import device as devices
from vae_onnx.engine import ortvalues
from vae_onnx.engine import threads as workers
from vae_onnx.engine.device import Device
from vae_onnx.engine.reopening import Reopening
from vae_onnx.errors import (
    EXPORTING,
    ClosedError,
    DeviceError,
    FileMissingError,
    GraphError,
    InputError,
    accessing,
)
from vae_onnx.store.mistaken import named

Array = npt.NDArray[np.float32]

# The key of a reference to another file, after its length. onnxruntime would follow it anywhere.
EXTERNAL: Final = (b"\x08location", b"\x00location")
NEWER: Final = re.compile(r"Unsupported model IR version|official support for domain")
CONTROL_FLOW: Final = frozenset(("If", "Loop", "Scan"))  # what holds graphs of its own
LARGEST: Final = 2**28  # numbers of an image or picture: a gigabyte
DEVICE_ROWS: Final = 8192  # that a device other than the CPU computes at once


class Port(NamedTuple):
    """An input or output of a graph; a dynamic dimension is given by its name (str)."""

    type: str  # as onnxruntime spells it, "tensor(float)"
    shape: tuple[int | str, ...]

    def __str__(self) -> str:
        return f"{self.type.removeprefix('tensor(').removesuffix(')')} {list(self.shape)}"


class Graph:
    """An ONNX file with one input, opened on a device.

    Safe to call from several threads at once and, on the CPU, after a fork during no call. A copy,
    or what comes out of a pickle, is opened anew from the file (`reopening`).

    Attributes:
        path: The file.
        device: What it runs on.
        threads: How many threads share the work on a large batch; devices other than the CPU have
            threads of their own, and are given one block after another.
        inputs: Name -> Port, in the order of the graph.
        outputs: Name -> Port, in the order of the graph.
        metadata: The `metadata_props` of the file.

    Raises:
        FileMissingError: There is no such file.
        FileAccessError: It cannot be read.
        GraphError: It is truncated, or not ONNX, or needs another file or what onnxruntime lacks.
        DeviceError: The device cannot be had, or does not run this graph.
        InputError: `threads` is below 1.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        device: Device | None = None,
        threads: int | None = None,
    ) -> None:
        self.path = checks.path(path, "path")
        self._reopening = Reopening.of(self.path, device or devices.pick("cpu"), threads)
        threads = workers.check(threads)
        content = _read(self.path)
        try:
            session, self.device = self._reopening.device.open(content)
            self._session: Any = session
            self.inputs = {port.name: _port(port) for port in session.get_inputs()}
            self.outputs = {port.name: _port(port) for port in session.get_outputs()}
            metadata = dict(session.get_modelmeta().custom_metadata_map)
        except DeviceError:
            raise
        except Exception as error:  # onnxruntime's errors share no base class
            raise GraphError(_unusable(self.path, content, error)) from error
        if looping := devices.operators(session) & CONTROL_FLOW:
            raise GraphError(
                f"{path} has {', '.join(sorted(looping))} in it, with which it may never end; "
                "export the model as operators in a row, without branches and loops"
            )
        self.metadata: Mapping[str, str] = MappingProxyType(metadata)
        self.threads = threads if self.device.on_cpu else 1
        self._alone = workers.alone(self.threads) if self.device.on_cpu else DEVICE_ROWS
        self._input, self._names = next(iter(self.inputs), ""), list(self.outputs)

    @property
    def placement(self) -> dict[str, str]:
        """Which execution provider runs each node: name -> provider; see `device.placement`."""
        return devices.placement(self._session)

    def close(self) -> None:
        """Let go of the file and of what it takes in memory; every later call raises."""
        self._session = _Closed(self.path)

    def __reduce__(self) -> tuple[Callable[..., Graph], tuple[object, ...]]:
        if isinstance(self._session, _Closed):
            self._session.refuse()
        return _reopened, (self._reopening, self._reopening.digest())

    def __str__(self) -> str:
        return f"{_signature(self.inputs)} -> {_signature(self.outputs)}"

    def __call__(self, value: npt.NDArray[Any]) -> list[Array]:
        """Run the graph on its one input; the outputs come in the order of the graph.

        Raises:
            GraphError: The graph contradicts itself, which shows only when it runs.
        """
        try:
            outputs: list[Array] = self._session.run(self._names, {self._input: value})
        except Exception as error:  # onnxruntime's errors share no base class
            self._fail(f"{value.dtype} {list(value.shape)}", error)
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
        if len(batch) <= self._alone and outputs is None:
            return self(prepare(batch))
        if outputs is None:
            outputs = [
                np.empty((len(batch), *self.expect_port(port, len(port.shape))), np.float32)
                for port in self.outputs.values()
            ]
        filled = outputs
        workers.each(
            lambda rows: self._run_into(prepare(batch[rows]), [out[rows] for out in filled]),
            self._blocks(len(batch)),
            self.threads,
        )
        return filled

    def on_device(self, value: ort.OrtValue) -> list[ort.OrtValue]:
        """Run the graph on a value where it lies; the outputs come to lie there too.

        Raises:
            InputError: The value lies on a device, and the graph runs on the CPU.
            GraphError: The graph does not take the value.
        """
        kind, number = ortvalues.place(value)
        if self.device.on_cpu and kind != "cpu":
            raise InputError(
                f"{self._input} lies on {kind}, and the model runs on the CPU: load it with "
                f"device={kind!r}, or pass {self._input} from the CPU's memory"
            )
        binding = self._session.io_binding()
        try:
            binding.bind_ortvalue_input(self._input, value)
            for name in self._names:
                binding.bind_output(name, kind, number)
            binding.synchronize_inputs()  # what made the value may yet be at work on a GPU's stream
            self._session.run_with_iobinding(binding)
        except Exception as error:  # onnxruntime's errors share no base class
            self._fail(f"{value.data_type()} {value.shape()}", error)
        values: list[ort.OrtValue] = binding.get_outputs()
        return values

    def _blocks(self, rows: int) -> list[slice]:
        if self.device.on_cpu:
            return workers.blocks(rows, self.threads)
        return [slice(start, start + DEVICE_ROWS) for start in range(0, rows, DEVICE_ROWS)]

    def _run_into(self, value: Array, outputs: list[Array]) -> None:
        """Run the graph on one block and let it write to the outputs."""
        binding = self._session.io_binding()
        binding.bind_input(self._input, "cpu", 0, np.float32, value.shape, value.ctypes.data)
        for name, output in zip(self._names, outputs, strict=True):
            binding.bind_output(name, "cpu", 0, np.float32, output.shape, output.ctypes.data)
        try:
            self._session.run_with_iobinding(binding)
        except Exception as error:  # onnxruntime's errors share no base class
            self._fail(f"{value.dtype} {list(value.shape)}", error)

    def _fail(self, what: str, error: Exception) -> NoReturn:
        if isinstance(error, ClosedError):
            raise error
        raise GraphError(
            f"{self.path} failed on {self._input} {what}, which it declares to take; "
            f"export it again. onnxruntime says: {error}"
        ) from error

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
    with accessing(path):
        content = path.read_bytes() if path.is_file() else None
    if content is None:
        raise FileMissingError(
            f"{path} is missing or no file; get the whole folder of the model again from where it "
            f"came; {EXPORTING} writes it"
        )
    if any(key in content for key in EXTERNAL):
        raise GraphError(
            f"{path} keeps its weights in another file; a graph must hold them itself: "
            f"`import onnx; onnx.save(onnx.load({str(path)!r}), {str(path)!r})` takes them in, and "
            "torch.onnx.export(..., external_data=False) leaves them there"
        )
    return content


def _unusable(path: Path, content: bytes, error: Exception) -> str:
    """Say why onnxruntime does not take a file, and what to do."""
    mistaken = named(content, path)
    if mistaken:
        return f"{path} ({len(content)} bytes) is not a complete ONNX graph: {mistaken}"
    if NEWER.search(str(error)):
        return (
            f"{path} is newer than onnxruntime {ort.__version__}: pip install --upgrade "
            f"onnxruntime, or export it for IR version 8 and opset 18. onnxruntime says: {error}"
        )
    return (
        f"{path} ({len(content)} bytes) is not a complete ONNX graph that onnxruntime "
        f"{ort.__version__} can run; copy or export it again. onnxruntime says: {error}"
    )


class _Closed:
    """What stands where a session was: whatever is asked of it, it refuses."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __getattr__(self, name: str) -> Any:
        self.refuse()

    def refuse(self) -> NoReturn:
        raise ClosedError(f"{self._path} was closed; load the model again to use it")


def _reopened(reopening: Reopening, digest: str) -> Graph:
    """Open a graph again, in this process or another, on this machine or another."""
    reopening.check(digest)
    return Graph(reopening.path, reopening.device, reopening.threads)


def _port(argument: Any) -> Port:
    return Port(argument.type, tuple("?" if size is None else size for size in argument.shape))


def _names(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _signature(ports: Mapping[str, Port]) -> str:
    return "(" + ", ".join(f"{name}: {port}" for name, port in ports.items()) + ")"
