"""One ONNX file as a checked function of one float32 or uint8 array."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from vae_onnx import checks
from vae_onnx.engine import device as devices
from vae_onnx.engine import ortvalues, reading, sizes
from vae_onnx.engine import threads as workers
from vae_onnx.engine.device import Device
from vae_onnx.engine.reopening import Reopening
from vae_onnx.engine.sizes import ANY, Sizes
from vae_onnx.engine.wide import Second, Trial, WideSession
from vae_onnx.errors import (
    ClosedError,
    DeviceError,
    GraphError,
    InputError,
)

Array = npt.NDArray[np.float32]

CONTROL_FLOW: Final = frozenset(("If", "Loop", "Scan"))  # what holds graphs of its own
LARGEST: Final = 2**28  # numbers of an image or picture: a gigabyte
WIDE: Final = 2**18  # bytes of a row, of which threads share the inside rather than several rows
LIGHT: Final = 2**25  # bytes of a file that may be in memory twice, once for each kind of session
SHARED: Final = 2  # times what all threads compute at once: more rows are better cut into blocks
DEVICE_ROWS: Final = 8192  # that a device other than the CPU computes at once, where they are small
DEVICE_BYTES: Final = 2**25  # of such a block


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
        self.path: Path = checks.path(path, "path")
        self._reopening = Reopening.of(self.path, device or devices.pick("cpu"), threads)
        threads = workers.check(threads)
        content = reading.read(self.path)
        self.device: Device
        self.inputs: dict[str, Port]
        self.outputs: dict[str, Port]
        try:
            session, self.device = self._reopening.device.open(content)
            self._session: Any = session
            self.inputs = {port.name: _port(port) for port in session.get_inputs()}
            self.outputs = {port.name: _port(port) for port in session.get_outputs()}
            metadata = dict(session.get_modelmeta().custom_metadata_map)
        except DeviceError:
            raise
        except Exception as error:  # onnxruntime's errors share no base class
            raise GraphError(reading.unusable(self.path, content, error)) from error
        if looping := devices.operators(session) & CONTROL_FLOW:
            raise GraphError(
                f"{path} has {', '.join(sorted(looping))} in it, with which it may never end; "
                "export the model as operators in a row, without branches and loops"
            )
        self.metadata: Mapping[str, str] = MappingProxyType(metadata)
        self.threads: int = threads if self.device.on_cpu else 1
        self._input, self._names = next(iter(self.inputs), ""), list(self.outputs)
        self._rows = [_row(port) for port in (*self.inputs.values(), *self.outputs.values())]
        self._single, self._is_slow = self._session, False
        self._second: Second | None = None
        if self.device.on_cpu and self.threads > 1:
            again = partial(_open_wide, self._reopening, self.path, self.device, self.threads)
            if self.device.spin or self.takes_turns:
                # Two sessions at once would need twice the memory, and the one that spins a core.
                self._session = self._single = session = None
                self._session = self._single = WideSession(again)
            elif len(content) <= LIGHT:
                self._second = Second(session, partial(WideSession, again))
                self._single = Trial(session, self._second, self._settle)
        self._few = self._usual()

    @property
    def placement(self) -> dict[str, str]:
        """Which execution provider runs each node: name -> provider; see `device.placement`."""
        return devices.placement(self._session)

    @property
    def takes_turns(self) -> bool:
        """Whether calls at once gain nothing: all threads share each row, or a device has its own.

        Others are quickest in as many calls at once as there are cores, each on one thread.
        """
        return not self.device.on_cpu or not sizes.in_bytes(self._rows) < WIDE

    def close(self) -> None:
        """Let go of the file and of what it takes in memory; every later call raises."""
        self._session = self._single = _Closed(self.path)
        self._second = None

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
        return self._run(self._single, value)

    def batched(
        self,
        batch: npt.NDArray[Any],
        prepare: Callable[[npt.NDArray[Any]], Array],
        make: Callable[[tuple[int, ...]], Array] | None = None,
    ) -> list[Array]:
        """Run the graph on a batch of any size: block by block, on all threads.

        Args:
            batch: (N, ...), N >= 1.
            prepare: Makes what the graph takes of some rows, C-contiguous; called once a block.
            make: Makes the float32 array (N, ...) that an output is written to, by its shape; it
                may be a view of another. A new one unless given.

        Returns:
            The outputs.

        Raises:
            GraphError: The graph contradicts itself, which shows only when it runs.
        """
        few = len(batch) <= (self._few or self._alone(batch.shape[1:]))
        if few and make is None:
            return self._run(self._single, prepare(batch))
        if few or not all(map(sizes.are_fixed, self._rows)):
            done = len(batch) if few else 1
            first = self(prepare(batch[:done]))
            shapes = [output.shape[1:] for output in first]
        else:
            done, first, shapes = 0, [], self._rows[1:]
        outputs = [(make or _new)((len(batch), *shape)) for shape in shapes]
        for output, rows in zip(outputs, first, strict=False):
            output[:done] = rows
        if done < len(batch):
            self._run_blocks(batch[done:], prepare, [output[done:] for output in outputs])
        return outputs

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

    def _alone(self, row: Sizes) -> int:
        """Return how many rows of some shape at most are best computed by whoever asks."""
        row_bytes = sizes.in_bytes([row, *self._rows[1:]])
        if not self.device.on_cpu:
            return _device_rows(row_bytes)
        if self._is_wide or self.threads == 1:
            return self._at_once(row_bytes)
        return max(1, self._fewest(row_bytes) - 1)

    def _at_once(self, row_bytes: float) -> int:
        """Return how many rows are best computed in one call, of all threads where it is wide."""
        return 1 if row_bytes >= WIDE else self.threads * workers.at_once(row_bytes)

    def _run_blocks(
        self,
        batch: npt.NDArray[Any],
        prepare: Callable[[npt.NDArray[Any]], Array],
        outputs: list[Array],
    ) -> None:
        """Run the graph on a batch and let it write to the outputs, on all threads."""
        row_bytes = sizes.in_bytes([batch.shape[1:], *(output.shape[1:] for output in outputs)])
        at_once = self._at_once(row_bytes) if self.device.on_cpu else _device_rows(row_bytes)
        second = self._second
        if second and not second.is_refused and len(batch) <= SHARED * at_once:
            value = prepare(batch)
            if wide := second.on(self._names, {self._input: value}):
                self._run_into(wide, value, outputs)
                return
        if not self.device.on_cpu or self._is_wide:
            blocks = [slice(start, start + at_once) for start in range(0, len(batch), at_once)]
        else:
            fewest = self._fewest(row_bytes)
            blocks = workers.blocks(len(batch), self.threads, row_bytes, fewest)
        workers.each(
            lambda rows: self._run_into(
                self._session, prepare(batch[rows]), [each[rows] for each in outputs]
            ),
            blocks,
            1 if self._is_wide else self.threads,
        )

    def _usual(self) -> int:
        """Return `_alone` of the rows that the graph declares, 0 where some of them are open."""
        return self._alone(self._rows[0]) if all(map(sizes.are_fixed, self._rows)) else 0

    def _fewest(self, row_bytes: float) -> int:
        return 1 if self._is_slow else workers.least(row_bytes)

    def _settle(self, session: Any, is_slow: bool) -> None:
        if not isinstance(self._session, _Closed):
            self._single, self._is_slow = session, is_slow
            self._few = self._usual()

    @property
    def _is_wide(self) -> bool:
        return isinstance(self._session, WideSession)

    def _run(self, session: Any, value: npt.NDArray[Any]) -> list[Array]:
        try:
            outputs: list[Array] = session.run(self._names, {self._input: value})
        except Exception as error:  # onnxruntime's errors share no base class
            self._fail(f"{value.dtype} {list(value.shape)}", error)
        return outputs

    def _run_into(self, session: Any, value: Array, outputs: list[Array]) -> None:
        """Run the graph on one block and let it write to the outputs."""
        if not all(output.flags.c_contiguous for output in outputs):
            for output, rows in zip(outputs, self._run(session, value), strict=True):
                output[...] = rows
            return
        binding = session.io_binding()
        binding.bind_input(self._input, "cpu", 0, np.float32, value.shape, value.ctypes.data)
        for name, output in zip(self._names, outputs, strict=True):
            binding.bind_output(name, "cpu", 0, np.float32, output.shape, output.ctypes.data)
        try:
            session.run_with_iobinding(binding)
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

    def expect_port(self, port: Port, *ranks: int) -> Sizes:
        """Return the dimensions after the batch of a float port of one of those ranks.

        Returns:
            Of [batch, channels, height, width] height and width may be -1: dynamic.

        Raises:
            GraphError: The port is not float32, or has another rank, or a dimension is not fixed
                that must be, or the batch is.
        """
        row = _row(port)
        free = (1, 2) if len(port.shape) == 4 else ()
        fixed = all(size != ANY or place in free for place, size in enumerate(row))
        dynamic = port.shape[:1] and isinstance(port.shape[0], str)
        if port.type == "tensor(float)" and dynamic and fixed and len(port.shape) in ranks:
            if math.prod(abs(size) for size in row) <= LARGEST:
                return row
            raise GraphError(f"{self.path}: more than {LARGEST:,} numbers for a row of {self}")
        raise GraphError(
            f"{self.path}: expected float of rank {' or '.join(map(str, ranks))} with a dynamic "
            f"batch and every other dimension fixed, or height and width dynamic, got {self}"
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


def _open_wide(
    reopening: Reopening, path: Path, device: Device, threads: int
) -> ort.InferenceSession:
    """Open a session of several threads on the file that a graph was opened from."""
    reopening.check_unchanged()
    return device.open(reading.read(path), threads)[0]


def _port(argument: Any) -> Port:
    return Port(argument.type, tuple("?" if size is None else size for size in argument.shape))


def _row(port: Port) -> Sizes:
    """Return the dimensions after the batch."""
    return tuple(size if isinstance(size, int) and size > 0 else ANY for size in port.shape[1:])


def _device_rows(row_bytes: float) -> int:
    return int(max(1, min(DEVICE_ROWS, DEVICE_BYTES // row_bytes)))


def _new(shape: tuple[int, ...]) -> Array:
    return np.empty(shape, np.float32)


def _names(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _signature(ports: Mapping[str, Port]) -> str:
    return "(" + ", ".join(f"{name}: {port}" for name, port in ports.items()) + ")"
