"""The errors that this package raises on purpose: each is also the built-in one that it is."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

# The exporter is not in the wheel: whoever has that alone is told where it is.
EXPORTING: Final = "in a clone of vae-onnx, `python -m export onnx`"

# What a system says where nothing is, and Windows where nothing can be called so.
NOTHING: Final = (errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP)
NO_NAME: Final = (21, 123, 1921)


class VaeOnnxError(Exception):
    """Base of them all. The message says what was expected, what came, and the remedy."""


class InputError(VaeOnnxError, ValueError):
    """A value cannot be taken: its shape, its range or its size is another one."""


class InputTypeError(VaeOnnxError, TypeError):
    """A value is of another type or dtype than the one that is taken."""


class FileError(VaeOnnxError, ValueError):
    """A file is truncated, damaged, or of another kind."""


class GraphError(FileError):
    """A file is not an ONNX graph of the shape that this package runs."""


class FileMissingError(VaeOnnxError, FileNotFoundError):
    """There is no such file, folder or model."""


class FileAccessError(VaeOnnxError, OSError):
    """The system does not let a file be read or written."""


class PackageMissingError(VaeOnnxError, ModuleNotFoundError):
    """An optional package is not installed."""


class DeviceError(VaeOnnxError, RuntimeError):
    """A device cannot be had, or does not run what it was asked to."""


class ClosedError(VaeOnnxError, ValueError):
    """A model was closed and cannot be used any more."""


class DeviceWarning(UserWarning):
    """A model runs, but elsewhere than it might."""


class ExportError(VaeOnnxError):
    """A model of somebody else's cannot become a pair of graphs as it is; nothing was written."""


class ModelTypeError(ExportError, TypeError):
    """What was given is no module, method or function: a state dict, a class, a scripted module."""


class ModelRunError(ExportError, RuntimeError):
    """The model itself raises on the pictures, or on its own codes."""


class OutputError(ExportError, TypeError):
    """What comes out of the model is not understood, or is of a kind that cannot be taken."""


class OutputShapeError(ExportError, ValueError):
    """What comes out of the model has another shape than its input suggests."""


class NotFiniteError(ExportError, ArithmeticError):
    """The model gives NaN or infinity."""


class DrawsError(ExportError, ValueError):
    """The model draws: two runs on the same pictures differ."""


class BatchError(ExportError, ValueError):
    """The size of a batch is baked in, or a row depends on the others in its batch."""


class SizeError(ExportError, ValueError):
    """Height and width are baked in, or no multiple of any number fits."""


class SpreadError(ExportError, ValueError):
    """The second output of an encoder may be no log variance."""


class ExporterError(ExportError, RuntimeError):
    """An exporter cannot do it, or a graph cannot be brought to the opset of all hosts."""


class ParityError(ExportError, RuntimeError):
    """A graph does not compute what the model computes that it was made from."""


class PixelRangeError(ExportError, ValueError):
    """Pictures come back better where the pixels are taken to be in another range."""


class ReconstructionError(ExportError, ValueError):
    """Pictures do not come back at all."""


class OperatorError(ExportError, ValueError):
    """A graph holds what no host should have to run: loops, random numbers, other domains."""


class WeightsError(ExportError, ValueError):
    """Saved weights do not fit a module, or are none."""


class ExportWarning(UserWarning):
    """A gate was not passed, and with `strict=False` the model was written all the same."""


@contextmanager
def accessing(path: str | os.PathLike[str], remedy: str = "") -> Iterator[None]:
    """Turn what the system says about a file into errors of this package.

    Args:
        path: Read or written within.
        remedy: What to do where it is missing.

    Raises:
        FileMissingError: The system finds no such file.
        FileAccessError: It refuses, or the disk is full or broken.
    """
    try:
        yield
    except VaeOnnxError:
        raise
    except FileNotFoundError as error:
        raise FileMissingError(f"{os.fspath(path)} is missing{remedy}") from error
    except OSError as error:
        reason = error.strerror or error
        raise FileAccessError(f"{os.fspath(path)} cannot be read or written: {reason}") from error


def exists(path: Path) -> bool:
    """Whether something is there; as all three here, raises OSError where nobody is to know.

    From Python 3.14 on, the methods of Path say no then.
    """
    return _mode(path) != 0


def is_folder(path: Path) -> bool:
    """Whether a folder is there."""
    return stat.S_ISDIR(_mode(path))


def is_file(path: Path) -> bool:
    """Whether a file is there."""
    return stat.S_ISREG(_mode(path))


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except ValueError:  # a NUL in the name
        return 0
    except OSError as error:
        if error.errno in NOTHING or getattr(error, "winerror", None) in NO_NAME:
            return 0
        raise
