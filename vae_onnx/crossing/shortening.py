"""The graphs of a model folder in shorter numbers, with what they cost and what they gain.

`python -m export quantize` does this for networks of this project, whose one large product it
rounds with more care.
"""

from __future__ import annotations

import copy
import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from vae_onnx.errors import (
    ExporterError,
    InputError,
    InputTypeError,
    PackageMissingError,
    ReconstructionError,
)

try:
    import onnx
except ImportError as _error:
    raise PackageMissingError(
        "onnx is needed to shorten graphs: pip install onnx (the result runs without it)"
    ) from _error

from onnx import TensorProto, helper, numpy_helper

from vae_onnx import checks, contract
from vae_onnx.autoencoder import Autoencoder
from vae_onnx.crossing import folder as folders
from vae_onnx.crossing.folding import surgery
from vae_onnx.crossing.gates import soundness
from vae_onnx.crossing.gates.roundtrip import psnr
from vae_onnx.crossing.quiet import quiet
from vae_onnx.engine import sizes
from vae_onnx.engine.graph import Array, Graph
from vae_onnx.engine.progress import Said
from vae_onnx.pictures.arrays import scale
from vae_onnx.store import model_files

Shorter = Literal["float16", "int8"]

SIDES: Final = ("encoder", "decoder")
PRODUCTS: Final = ("Conv", "Gemm", "MatMul")
FEWEST: Final = 4  # pictures: half of them to find the ranges, half to measure
TIMES: Final = 7
SEED: Final = 0


def quantize(
    folder: str | os.PathLike[str],
    pictures: npt.ArrayLike,
    precision: Shorter | Sequence[Shorter] = ("float16", "int8"),
    *,
    limit: float = 0.5,
    progress: bool = True,
) -> Path:
    """Write the graphs of a model once more, in shorter numbers: `load(..., precision="int8")`.

    "float16" stores matrices and kernels in 16 bits and computes in float32: half the size, hardly
    any loss, no gain in time. "int8" computes convolutions and products in 8 bits, all but the
    first and the last, which pictures and codes depend on the most; the ranges of what goes in are
    found on every second picture. Both are graphs of ONNX's own operators, with the inputs, outputs
    and metadata that they had, in `encoder.int8.onnx` and so on; `card.json` tells what they cost.

    Args:
        folder: A model folder; it needs the package onnx.
        pictures: Your own, as `Autoencoder.encode` takes them, 4 or more.
        precision: Which.
        limit: By how many dB (PSNR) the reconstructions of every other picture may be worse.
        progress: A line on stderr for each.

    Returns:
        The folder.

    Raises:
        ReconstructionError: One costs more than the limit; nothing is written.
        ExporterError: The model has none of the products that int8 shortens.
        InputError: Too few pictures, no such precision, or the limit is below 0.
        InputTypeError: An argument is of another type.
        FileMissingError: The folder lacks a graph or `card.json`.
        FileAccessError: It cannot be written.
    """
    target, wanted = checks.path(folder, "folder"), _wanted(precision)
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not limit >= 0:
        raise InputError(f"limit must be a number of dB, at least 0, got {limit!r}")
    say = Said("quantize" if progress else None)
    files: dict[str, bytes] = {}
    told: dict[str, Any] = {}
    with Autoencoder(target, threads=1) as model:
        x = scale(model.encoder.as_batch(pictures))
        if len(x) < FEWEST:
            raise InputError(f"pictures must be {FEWEST} or more of your own, got {len(x)}")
        card = model_files.read_card(target)
        for variant in wanted:
            say(f"{variant}: making it and measuring its loss")
            written, told[variant] = _made(model, variant, x, limit)
            say(_line(variant, told[variant]))
            files |= written
    folders.add_variants(target, card, files, told)
    return target


def to_float16(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a graph that stores its matrices in float16 and computes in float32 as before."""
    short = copy.deepcopy(proto)
    casts = []
    for tensor in short.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim < 2:
            continue
        name, stored = tensor.name, f"{tensor.name}.float16"
        with np.errstate(over="ignore"):  # the measured quality tells of it
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *map(copy.deepcopy, short.graph.node)]
    del short.graph.node[:]
    short.graph.node.extend(nodes)
    return short


def to_int8(proto: onnx.ModelProto, inputs: Array) -> onnx.ModelProto:
    """Return a graph whose convolutions and products, but the first and last, are of 8 bits.

    Weights have 7 bits and a scale for each output: processors without instructions of their own
    for this (VNNI) add two products in 16 bits, and so all of them compute the same.

    Args:
        proto: The graph in float32.
        inputs: (N, ...) that it is given in use.

    Raises:
        ExporterError: There is nothing to shorten.
    """
    from onnxruntime import quantization

    named = copy.deepcopy(proto)
    for number, node in enumerate(named.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
    found = [node.name for node in named.graph.node if node.op_type in PRODUCTS]
    if len(found) < 3:
        raise ExporterError(
            f"{proto.graph.name or 'a graph'} has {len(found)} convolutions and products, and "
            "int8 leaves the first and the last as they are; take float16"
        )
    name = proto.graph.input[0].name

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._rows: Iterator[Array] = iter(inputs[:, np.newaxis])

        def get_next(self) -> dict[str, Array] | None:
            row = next(self._rows, None)
            return None if row is None else {name: row}

    with tempfile.TemporaryDirectory() as place, quiet():
        source, target = Path(place) / "float32.onnx", Path(place) / "int8.onnx"
        source.write_bytes(named.SerializeToString())
        quantization.quantize_static(
            source,
            target,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            op_types_to_quantize=list(PRODUCTS),
            nodes_to_exclude=[found[0], found[-1]],
        )
        short = onnx.load(target)
    surgery.strip(short)
    del short.opset_import[:]
    short.opset_import.append(helper.make_opsetid("", surgery.OPSET))
    return short


def _wanted(precision: Any) -> list[Shorter]:
    asked = [precision] if isinstance(precision, str) else precision
    if not isinstance(asked, Sequence) or not all(isinstance(name, str) for name in asked):
        raise InputTypeError(f"precision must be a text or a list of them, got {precision!r}")
    if not asked or not set(asked) <= set(get_args(Shorter)):
        raise InputError(f"precision must be of {', '.join(get_args(Shorter))}, got {precision!r}")
    return list(dict.fromkeys(asked))


def _made(
    model: Autoencoder, variant: Shorter, x: Array, limit: float
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return the files of a variant, and what the card tells of it.

    Raises:
        ReconstructionError: It costs too much.
        ExporterError: There is nothing to shorten.
    """
    protos = _shorten(model, variant, x[::2])
    told = _measure(model, protos, x[1::2])
    if not told["psnr_change"] >= -limit:  # written so that NaN fails too
        raise ReconstructionError(
            f"{_line(variant, told)}; allowed are {limit:g} dB, nothing was written. A larger "
            "limit allows more, and float16 costs hardly anything"
        )
    files = {
        f"{side}.{variant}.onnx": proto.SerializeToString(deterministic=True)
        for side, proto in protos.items()
    }
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return files, {**told, "sha256": sums}


def _line(variant: Shorter, told: dict[str, Any]) -> str:
    decode = told["time_ratio"]["decode"]["1"]
    return (
        f"{variant}: {told['psnr_change']:+.2f} dB, decodes a picture in {decode:.2f} of the time"
    )


def _shorten(model: Autoencoder, variant: Shorter, x: Array) -> dict[str, onnx.ModelProto]:
    """Return both graphs in shorter numbers, checked."""
    graphs = {side: onnx.load(model.folder / f"{side}.onnx") for side in SIDES}
    inputs = {"encoder": x, "decoder": _codes(model, x)}
    made = {}
    for side, proto in graphs.items():
        short = to_float16(proto) if variant == "float16" else to_int8(proto, inputs[side])
        short.ir_version = surgery.IR_VERSION
        told = {entry.key: entry.value for entry in proto.metadata_props}
        surgery.describe(short, told | {"precision": variant})
        soundness.check_operators(short)
        made[side] = short
    return made


def _codes(model: Autoencoder, x: Array) -> Array:
    """Return z that the decoder is asked for: those of pictures, and draws where it has a prior."""
    z = model.encode(x)
    prior = contract.has_normal_prior(model.metadata, model.kind)
    if not prior or not sizes.are_fixed(model.latent_shape):
        return z
    rng = np.random.default_rng(SEED)
    return np.concatenate([z, rng.standard_normal(z.shape, dtype=np.float32)])


def _measure(model: Autoencoder, protos: dict[str, onnx.ModelProto], x: Array) -> dict[str, Any]:
    """Return by how many dB the shorter graphs reconstruct better, and how long they take."""
    with tempfile.TemporaryDirectory() as place:
        for side, proto in protos.items():
            (Path(place) / f"{side}.onnx").write_bytes(proto.SerializeToString())
        with Autoencoder(place, threads=1) as short:
            change = psnr(x, _back(short, x)) - psnr(x, _back(model, x))
            z = model.encode(x[:1])
            ratios = {
                "encode": {"1": _ratio(short.encoder.graph, model.encoder.graph, x[:1])},
                "decode": {"1": _ratio(short.decoder.graph, model.decoder.graph, z)},
            }
    return {"psnr_change": round(change, 3), "time_ratio": ratios}


def _back(model: Autoencoder, x: Array) -> Array:
    return model.decoder.to_x_recon(model.encode(x))


def _ratio(ours: Graph, theirs: Graph, value: Array) -> float:
    """Return how long one graph takes, in times of the other: medians in turns, one thread each."""
    pairs = [(_seconds(ours, value), _seconds(theirs, value)) for _ in range(1 + TIMES)][1:]
    first, second = (statistics.median(times) for times in zip(*pairs, strict=True))
    return float(round(first / second, 2))


def _seconds(graph: Graph, value: Array) -> float:
    start = time.perf_counter()
    graph(value)
    return time.perf_counter() - start
