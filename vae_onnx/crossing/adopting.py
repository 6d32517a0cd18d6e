"""`adopt`: an encoder and a decoder that are ONNX graphs already -> a model folder."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Unpack

import numpy.typing as npt

from vae_onnx.errors import (
    BatchError,
    ExporterError,
    GraphError,
    InputTypeError,
    ModelRunError,
    OutputError,
    PackageMissingError,
    SizeError,
    accessing,
)

try:
    import onnx
except ImportError as _error:
    raise PackageMissingError(
        "onnx is needed to adopt graphs: pip install onnx (the result runs without it)"
    ) from _error

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, inliner, numpy_helper, version_converter

from vae_onnx import checks
from vae_onnx.crossing import door, options
from vae_onnx.crossing import folder as folders
from vae_onnx.crossing.folding import surgery
from vae_onnx.crossing.gates import soundness
from vae_onnx.crossing.model import Measure
from vae_onnx.crossing.options import Options
from vae_onnx.engine.graph import Array

OLDEST: Final = 13  # opset, whose operators newer ones only add to
NAMES: Final[dict[str, Measure | None]] = {  # of second outputs that say what they are
    **dict.fromkeys(("log_var", "logvar", "z_log_var", "log_variance"), "log_var"),
    **dict.fromkeys(("std", "sigma", "z_std"), "std"),
    **dict.fromkeys(("var", "variance"), "var"),
}


def adopt(
    folder: str | os.PathLike[str],
    encoder: str | os.PathLike[str] | onnx.ModelProto,
    decoder: str | os.PathLike[str] | onnx.ModelProto,
    pictures: npt.ArrayLike,
    **said: Unpack[Options],
) -> Path:
    """Write the model folder of two graphs that exist already, from Keras or an older export.

    They are renamed, brought to the opset of all others, given what they lack around them (another
    range of pixels, a sigmoid, channels in front), and pass the same gates as models of PyTorch;
    what they are compared with is what they were. It needs the package onnx, and no other.

    Args:
        folder: Where to; missing or empty, or with `overwrite=True` anything.
        encoder: A file, or a graph of onnx: one input of pictures (N, C, H, W), (N, H, W, C) or
            flat, with a dynamic batch; its outputs are z, or the mean and the log variance.
        decoder: The same: z to pictures.
        pictures: 2 to 64 of your own; see `vae_onnx.torch.export`.
        said: What you know of the model; see `vae_onnx.crossing.options.Options`.

    Returns:
        The folder, which `vae_onnx.load` takes.

    Raises:
        ExportError: The graphs cannot be taken as they are; each reason is a kind of its own, with
            what to do about it.
        GraphError: A file is no complete graph.
        FileMissingError: There is no such file.
        InputError: Pictures or an option cannot be taken, or the folder holds something.
        InputTypeError: They are of another type.
        FileAccessError: A file cannot be read, or the folder not be written.
    """
    target, wishes = checks.path(folder, "folder"), options.read(said)
    folders.check_target(target, wishes.overwrite)
    x = options.pictures(pictures)
    wishes.pixels(x.shape[1])
    halves = [Given("encoder", encoder), Given("decoder", decoder)]
    about = {
        "made_by": "vae_onnx.adopt",
        "parameters": sum(half.parameters for half in halves),
        "versions": {},
    }
    return door.cross(target, halves[0], halves[1], x, wishes, about)


class Given:
    """An encoder or decoder that is a graph, as `vae_onnx.crossing` takes it.

    Args:
        part: "encoder" or "decoder".
        source: A file or a graph.
    """

    def __init__(self, part: str, source: Any) -> None:
        self.part = part
        self.measure: Measure | None = None
        given = _read(source, part)
        self._proto = _modern(given, part)
        self._session = _open(given, part)  # as it was: what the new graph is compared with
        (self._input,) = self._session.get_inputs()
        batch = next(iter(self._input.shape), None)
        self._batch = batch if isinstance(batch, int) and batch > 0 else None
        if self._batch:
            _free_batch(self._proto.graph, self._batch)
        outputs = self._session.get_outputs()
        if part == "encoder" and len(outputs) == 2:
            self.measure = NAMES.get(outputs[1].name.rpartition("/")[2].lower())
        tensors = self._proto.graph.initializer
        self.parameters: int = sum(math.prod(tensor.dims) for tensor in tensors)

    def run(self, value: Array) -> list[Array]:
        """Compute; see `vae_onnx.crossing.model.Original.run`."""
        rows, batch = len(value), self._batch or len(value)
        fitting = value[np.arange(-(-rows // batch) * batch) % rows]
        pieces = [fitting[start : start + batch] for start in range(0, rows, batch)]
        try:
            results = [self._session.run(None, {self._input.name: piece}) for piece in pieces]
        except Exception as error:  # onnxruntime's errors share no base class
            reason = str(error).strip().splitlines()[0]
            raise ModelRunError(
                f"the {self.part} takes {self._input.type} {self._input.shape}, and does not run "
                f"on float32 {value.shape}: {reason}"
            ) from error
        if self._batch and any(len(part) != batch for result in results for part in result):
            raise BatchError(
                f"the {self.part} is for batches of {batch} and gives other rows; export it again "
                "with a dynamic batch"
            )
        outputs = [np.concatenate(parts) for parts in zip(*results, strict=True)]
        return [output[:rows] if self._batch else output for output in outputs]

    def graph(self, example: Array, dynamic: Sequence[int]) -> onnx.ModelProto:
        """Return it; see `vae_onnx.crossing.model.Original.graph`."""
        for axis in dynamic:
            size = self._input.shape[axis]
            if isinstance(size, int):
                raise SizeError(
                    f"the {self.part} has the size {size} fixed on axis {axis}: leave "
                    "dynamic_size out, or export it again with dynamic sizes"
                )
        return self._proto

    def lambda_for(self, body: str) -> str:
        """Return what to do; see `vae_onnx.crossing.model.Original.lambda_for`."""
        return f"export it again, with {body.format(f'the {self.part}')}"


def _read(source: Any, part: str) -> onnx.ModelProto:
    """Return a graph with its weights in it, checked for what is asked of one."""
    if isinstance(source, onnx.ModelProto):
        proto = onnx.ModelProto()
        proto.CopyFrom(source)
    else:
        path = checks.path(source, part)
        with accessing(path, f"; the {part} must be an .onnx file"):
            path.open("rb").close()
            try:
                proto = onnx.load(path)
            except OSError:
                raise
            except Exception as error:  # protobuf's, and those of weights elsewhere
                raise GraphError(f"{path} is not a complete ONNX graph: {error}") from error
    if not proto.graph.node or not proto.graph.output:
        raise GraphError(f"the {part} is no ONNX graph: it has no nodes or no outputs")
    given = {tensor.name for tensor in proto.graph.initializer}
    inputs = [port for port in proto.graph.input if port.name not in given]
    if len(inputs) != 1:
        names = ", ".join(port.name for port in inputs) or "none"
        raise InputTypeError(f"the {part} must have one input, it has {len(inputs)}: {names}")
    del proto.graph.input[:]
    proto.graph.input.extend(inputs)
    _check_ports(proto, part)
    return proto


def _check_ports(proto: onnx.ModelProto, part: str) -> None:
    most = 2 if part == "encoder" else 1
    outputs = proto.graph.output
    if len(outputs) > most:
        names = ", ".join(port.name for port in outputs)
        raise OutputError(
            f"the {part} must have {'1 or 2 outputs' if most == 2 else '1 output'}, it has "
            f"{len(outputs)}: {names}; keep those that are wanted: "
            "onnx.utils.extract_model(file, new_file, input_names, output_names)"
        )
    for port in (*proto.graph.input, *outputs):
        kind = port.type.tensor_type.elem_type
        if kind != TensorProto.FLOAT:
            raise OutputError(
                f"{port.name} of the {part} is {TensorProto.DataType.Name(kind)}, and must be "
                "float32: export it again in float32; codes that are places in a table (VQ-VAE) "
                "are not supported yet"
            )


def _modern(given: onnx.ModelProto, part: str) -> onnx.ModelProto:
    """Return a graph in the opset of all others, without functions."""
    given.graph.name = given.graph.name or part
    proto = inliner.inline_local_functions(given)
    soundness.check_operators(proto)
    version = max((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")), default=0)
    if version != surgery.OPSET:
        try:
            proto = version_converter.convert_version(proto, surgery.OPSET)
        except Exception as error:  # its own, without a base class
            reason = str(error).strip().splitlines()[-1]
            raise ExporterError(
                f"the {part} is of opset {version} and does not become one of {surgery.OPSET}: "
                f"{reason}; export it again with opset {surgery.OPSET}"
            ) from error
    del proto.opset_import[:]
    proto.opset_import.append(onnx.helper.make_opsetid("", surgery.OPSET))
    _constants(proto.graph)
    return proto


def _constants(graph: onnx.GraphProto) -> None:
    """Keep constants where weights are, which is where every host looks for them."""
    for node in [node for node in graph.node if node.op_type == "Constant"]:
        value = next((a for a in node.attribute if a.name == "value"), None)
        if value is not None:
            graph.initializer.append(
                numpy_helper.from_array(numpy_helper.to_array(value.t), node.output[0])
            )
            graph.node.remove(node)


def _free_batch(graph: onnx.GraphProto, batch: int) -> None:
    """Let a graph of a fixed batch take any, where only reshapes hold the number.

    Whether that is so, the comparison with the old graph tells.
    """
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type != "Reshape" or node.input[1] not in constants:
            continue
        tensor = constants[node.input[1]]
        shape = numpy_helper.to_array(tensor).copy()
        if len(shape) > 0 and shape[0] == batch:
            shape[0] = 0  # as many as come in
            tensor.CopyFrom(numpy_helper.from_array(shape, tensor.name))


def _open(proto: onnx.ModelProto, part: str) -> ort.InferenceSession:
    settings = ort.SessionOptions()
    settings.log_severity_level = 4
    try:
        return ort.InferenceSession(
            soundness.check_file(proto), settings, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's errors share no base class
        reason = str(error).strip().splitlines()[0]
        raise GraphError(f"the {part} is no graph that onnxruntime runs: {reason}") from error
