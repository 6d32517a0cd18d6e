"""A network's graph -> a graph of the contract: other names, fixed ports, the steps around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import onnx
from onnx import TensorProto, helper

from vae_onnx.crossing.folding.steps import Nodes, Step

# The versions that every graph is written in: the oldest that hold it, for hosts of old.
OPSET: Final = 18  # the oldest that torch exports to
IR_VERSION: Final = 8  # all that opset 18 asks for; onnxruntime reads it from 1.15 on, or before

LAYOUT: Final = frozenset(("Reshape", "Transpose", "Flatten", "Unsqueeze", "Squeeze", "Identity"))

Dims = Sequence[int | str]  # of a row, without the batch


def wrap(
    network: onnx.ModelProto,
    enter: tuple[str, Dims, Sequence[Step]],
    leave: Sequence[tuple[str, Dims, Sequence[Step]]],
) -> onnx.ModelProto:
    """Return a graph that does the steps before and after a network.

    Args:
        network: A graph of one float input with a dynamic batch.
        enter: Name and dimensions of the new input, and what is done to it before the network.
        leave: The same of each output, and what is done after the network.
    """
    proto = onnx.ModelProto()
    proto.CopyFrom(network)
    strip(proto)
    graph = proto.graph
    _out_of_the_way(graph, {enter[0], *(name for name, _, _ in leave)})
    before, name = Nodes("before"), enter[0]
    for step in enter[2]:
        name = step.write(before, name)
    _rename(graph, {graph.input[0].name: name})
    after = Nodes("after")
    renamed: dict[str, str] = {}
    made = {output for node in graph.node for output in node.output}
    for port, (name, _, steps) in zip(graph.output, leave, strict=True):
        value = port.name
        for step in steps:
            value = step.write(after, value)
        if value == port.name and (value in renamed or value not in made):
            value = after.op("Identity", value)
        renamed[value] = name
    nodes = [*before.nodes, *graph.node, *after.nodes]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*before.constants, *after.constants])
    _rename(graph, renamed)
    ports = [_port(name, dims) for name, dims, _ in (enter, *leave)]
    del graph.input[:], graph.output[:]
    graph.input.append(ports[0])
    graph.output.extend(ports[1:])
    fold_negations(graph)
    drop_idle_clips(graph)
    proto.ir_version = IR_VERSION
    return proto


def describe(proto: onnx.ModelProto, told: Mapping[str, str]) -> None:
    """Name a graph and give it its metadata, and check it."""
    proto.graph.name = f"{told['name']} {told['graph']}"
    helper.set_model_props(proto, dict(told))
    onnx.checker.check_model(proto, full_check=True)


def strip(proto: onnx.ModelProto) -> None:
    """Take out what an exporter tells of its own machine: stack traces and local paths."""
    del proto.metadata_props[:]
    proto.ClearField("doc_string")
    graph = proto.graph
    for part in (graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.ClearField("doc_string")
    del graph.value_info[:]


def fold_negations(graph: onnx.GraphProto) -> None:
    """Let every matrix product whose negative is wanted compute that, which costs nothing."""
    makers = {name: node for node in graph.node for name in node.output}
    given = {port.name for port in graph.output}
    for node in [node for node in graph.node if node.op_type == "Neg"]:
        product = makers.get(node.input[0])
        if product is None or product.op_type != "Gemm" or product.output[0] in given:
            continue
        if sum(product.output[0] in other.input for other in graph.node) > 1:
            continue
        factors = {factor.name: factor for factor in product.attribute}
        for name in ("alpha", "beta"):
            if name in factors:
                factors[name].f = -factors[name].f
            else:
                product.attribute.append(helper.make_attribute(name, -1.0))
        product.output[0] = node.output[0]
        graph.node.remove(node)


def drop_idle_clips(graph: onnx.GraphProto) -> None:
    """Take out a Clip to [0, 1] of what a sigmoid gave, perhaps in another layout by then."""
    makers = {name: node for node in graph.node for name in node.output}
    for clip in [node for node in graph.node if node.op_type == "Clip"]:
        source = makers.get(clip.input[0])
        last = source
        while last is not None and last.op_type in LAYOUT:
            last = makers.get(last.input[0])
        if source is None or last is None or last.op_type != "Sigmoid":
            continue
        if sum(clip.input[0] in node.input for node in graph.node) > 1:
            continue
        source.output[list(source.output).index(clip.input[0])] = clip.output[0]
        graph.node.remove(clip)
        bounds = [tensor for tensor in graph.initializer if tensor.name in clip.input[1:]]
        for tensor in bounds:
            graph.initializer.remove(tensor)


def set_dims(port: onnx.ValueInfoProto, names: Mapping[int, str]) -> None:
    """Name the dynamic dimensions of an input or output."""
    for axis, name in names.items():
        port.type.tensor_type.shape.dim[axis].dim_param = name


def _port(name: str, dims: Dims) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *dims])


def _out_of_the_way(graph: onnx.GraphProto, names: set[str]) -> None:
    """Rename whatever has one of the names already."""
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    taken |= {port.name for port in graph.input} | {tensor.name for tensor in graph.initializer}
    _rename(graph, {name: f"network/{name}" for name in names & taken})


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for part in (*graph.initializer, *graph.input, *graph.output):
        part.name = names.get(part.name, part.name)
