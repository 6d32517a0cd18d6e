"""Graphs: loaded, run once, and adopted as a finished model of somebody's."""

from __future__ import annotations

import contextlib
import random
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper

import vae_onnx
from vae_onnx.decoder import Decoder
from vae_onnx.encoder import Encoder

from ..target import Change, Target, as_file

GRAPHS = Path(__file__).parents[2] / "runtime" / "graphs"
OPERATORS = ("Relu", "Exp", "Log", "MatMul", "Gemm", "Conv", "Reshape", "Expand", "Tile", "Pad",
             "ConstantOfShape", "Range", "Slice", "Gather", "Concat", "Split", "Resize", "If",
             "Loop", "RandomNormal", "ConvTranspose", "TopK", "NonZero", "Cast")  # fmt: skip
NUMBERS = (0, 1, -1, 2, 2**31 - 1, -(2**31), 2**31, 2**63 - 1, -(2**63), 10**9)
FLOATS = (0.0, -1.0, 1e38, -1e38, 1e-45, float("inf"), float("nan"), 0.5)


def _seeds(side: str) -> Callable[[], Iterator[bytes]]:
    def seeds() -> Iterator[bytes]:
        for path in sorted(GRAPHS.glob(f"*/{side}.onnx")):
            yield path.read_bytes()
        if side == "encoder":
            for path in sorted((GRAPHS / "foreign").glob("*.onnx")):
                yield path.read_bytes()

    return seeds


def _within(content: bytes, change: Change, rng: random.Random) -> bytes:
    """Change a graph as such: a node, a number of a weight, a shape, a name."""
    model = onnx.ModelProto.FromString(content)
    graph = model.graph
    for _ in range(rng.choice((1, 1, 2, 3))):
        kinds = (_values, _values, _values, _metadata, _node, _weight, _shape, _versions)
        rng.choice(kinds)(model, graph, change, rng)
    return model.SerializeToString()


def _tensors(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    inside = [a.t for node in graph.node for a in node.attribute if a.HasField("t")]
    return [*graph.initializer, *inside]


def _values(model: onnx.ModelProto, graph: onnx.GraphProto, _: Change, rng: random.Random) -> None:
    tensor = rng.choice([one for one in _tensors(graph) if not one.external_data])
    values = onnx.numpy_helper.to_array(tensor).copy()
    known = FLOATS if values.dtype.kind == "f" else NUMBERS
    values.flat[rng.randrange(values.size)] = rng.choice(
        [n for n in known if abs(n) < 2**62 or n != n]
    )
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))


def _node(model: onnx.ModelProto, graph: onnx.GraphProto, _: Change, rng: random.Random) -> None:
    node = rng.choice(graph.node)
    what = rng.randrange(5)
    if what == 0:
        node.op_type = rng.choice(OPERATORS)
    elif what == 1 and node.input:
        names = [n for each in graph.node for n in (*each.input, *each.output)]
        node.input[rng.randrange(len(node.input))] = rng.choice(names)
    elif what == 2:
        graph.node.add().CopyFrom(node)
    elif what == 3 and node.attribute:
        attribute = rng.choice(node.attribute)
        attribute.i = rng.choice(NUMBERS)
        if attribute.ints:
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(NUMBERS)
    else:
        graph.node.remove(node)


def _weight(
    model: onnx.ModelProto, graph: onnx.GraphProto, change: Change, rng: random.Random
) -> None:
    tensor = rng.choice(_tensors(graph))
    what = rng.randrange(4)
    if what == 0 and tensor.dims:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(NUMBERS)
    elif what == 1:
        tensor.data_type = rng.randrange(-1, 30)
    elif what == 2:
        tensor.raw_data = change(tensor.raw_data)
    else:
        tensor.data_location = rng.randrange(3)
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", "/etc/hostname"


def _shape(model: onnx.ModelProto, graph: onnx.GraphProto, _: Change, rng: random.Random) -> None:
    port = rng.choice([*graph.input, *graph.output])
    dims = port.type.tensor_type.shape.dim
    what = rng.randrange(4)
    if what == 0 or not dims:
        dims.add().dim_value = rng.choice(NUMBERS)
    elif what == 1:
        rng.choice(dims).dim_value = rng.choice(NUMBERS)
    elif what == 2:
        rng.choice(dims).dim_param = "n"
    else:
        port.type.tensor_type.elem_type = rng.randrange(-1, 30)


def _metadata(
    model: onnx.ModelProto, graph: onnx.GraphProto, change: Change, rng: random.Random
) -> None:
    entry = model.metadata_props.add()
    entry.key = rng.choice(
        ("size_multiple", "likelihood", "sigma", "ground", "latent_mean", "prior")
    )
    entry.value = change(b"8").decode("latin-1")


def _versions(
    model: onnx.ModelProto, graph: onnx.GraphProto, _: Change, rng: random.Random
) -> None:
    if rng.random() < 0.5:
        model.ir_version = rng.choice(NUMBERS)
    else:
        model.opset_import.add().version = rng.choice(NUMBERS)


def _take_encoder(content: bytes) -> None:
    encoder = Encoder(as_file(content, "encoder.onnx"), device="cpu", threads=1)
    channels, height, width = encoder.image_shape
    multiple = encoder.size_multiple
    shape = (2, channels, *(multiple if size < 0 else size for size in (height, width)))
    if np.prod(shape, dtype=float) <= 2**20:
        encoder.encode(np.zeros(shape, np.float32))


def _take_decoder(content: bytes) -> None:
    decoder = Decoder(as_file(content, "decoder.onnx"), device="cpu", threads=1)
    shape = (2, *(1 if size < 0 else size for size in decoder.latent_shape))
    if np.prod(shape, dtype=float) <= 2**20:
        decoder.decode(np.zeros(shape, np.float32))


def _take_adopted(content: bytes) -> None:
    path = as_file(content, "adopted-encoder.onnx")
    pictures = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 2, 2)
    decoder = GRAPHS / "vae" / "decoder.onnx"
    with warnings.catch_warnings(), contextlib.redirect_stderr(None):
        warnings.simplefilter("ignore")  # of what is not right with a model that is taken
        vae_onnx.adopt(
            path.parent / "adopted", path, decoder, pictures, strict=False, overwrite=True
        )


TARGETS = (
    Target("encoder", _seeds("encoder"), _take_encoder, within=_within),
    Target("decoder", _seeds("decoder"), _take_decoder, within=_within),
    Target(
        "adopted",
        _seeds("encoder"),
        _take_adopted,
        within=_within,
    ),
)
