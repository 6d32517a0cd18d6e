"""What a model and its graphs are asked, but for the numbers themselves."""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx

from vae_onnx.crossing.gates.parity import relative_error
from vae_onnx.crossing.model import Half
from vae_onnx.engine.graph import CONTROL_FLOW, Array
from vae_onnx.errors import BatchError, DrawsError, ModelRunError, OperatorError

RANDOM: Final = frozenset(
    (
        *("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
        *("Multinomial", "Bernoulli"),
    )
)
LARGEST: Final = 2**31  # bytes of a file: what protobuf reads
SAME: Final = 1e-3  # relative: far above the rounding of another order of sums


def check_draws(half: Half, value: Array) -> None:
    """Run a half twice on the same few rows.

    Raises:
        DrawsError: The results differ.
    """
    for first, second in zip(half(value), half(value), strict=True):
        if not np.array_equal(first, second):
            part = half.original.part
            raise DrawsError(
                f"two runs of the {part} on the same rows differ: it draws, and no graph may. "
                "Give the mean in place of a sample, as in "
                + half.original.lambda_for("{}, without reparameterize")
                + "; or something acts in evaluation mode that should not, as F.dropout without "
                "training=self.training does"
            )


def check_rows(half: Half, value: Array) -> None:
    """Compare what a half gives for a row with what it gives for that row alone.

    Raises:
        BatchError: The others in the batch change it, or it does not take one row.
    """
    part = half.original.part
    mixed = np.concatenate([value[:1], value.max() + value.min() - value[:2]])
    try:
        together, alone = half(mixed), half(mixed[:1])
    except ModelRunError as error:
        raise BatchError(
            f"the {part} takes {len(value)} rows, and not one or three: the size of the batch is "
            f"fixed in it, or batch norm has no running statistics. It says: {error}"
        ) from error
    for one, many in zip(alone, together, strict=True):
        if relative_error(one, many[:1]) > SAME:
            raise BatchError(
                f"what the {part} gives for a row depends on the other rows of its batch: batch "
                "norm that acts in evaluation mode (track_running_stats=False, or F.batch_norm "
                "with training=True), or a view that mixes rows; use running statistics"
            )


def check_operators(proto: onnx.ModelProto) -> None:
    """See that every host can run a graph, and that it gives the same each time.

    Raises:
        DrawsError: It has an operator of random numbers in it.
        OperatorError: Branches, loops, functions, operators of other domains, weights elsewhere.
    """
    name, nodes = proto.graph.name, proto.graph.node
    found = {node.op_type for node in nodes}
    if random := found & RANDOM:
        raise DrawsError(
            f"{name} has {', '.join(sorted(random))} in it: it draws. Give the mean in place of a "
            "sample"
        )
    if looping := found & CONTROL_FLOW:
        raise OperatorError(
            f"{name} has {', '.join(sorted(looping))} in it: branches or loops on data cannot be "
            "taken; write torch.where(condition, a, b) in place of an if"
        )
    domains = {node.domain for node in nodes if node.domain not in ("", "ai.onnx")}
    if domains or proto.functions:
        raise OperatorError(
            f"{name} needs operators beyond ONNX's own "
            f"({', '.join(sorted(domains)) or 'functions'}), which other hosts lack; export the "
            "model without them"
        )
    if any(tensor.external_data for tensor in proto.graph.initializer):
        raise OperatorError(
            f"{name} keeps weights in another file; load it with them (onnx.load does where the "
            "file lies beside it)"
        )


def check_file(proto: onnx.ModelProto) -> bytes:
    """Return a graph as one file.

    Raises:
        OperatorError: It has 2 GB or more.
    """
    if proto.ByteSize() < LARGEST:
        try:
            content: bytes = proto.SerializeToString(deterministic=True)
        except ValueError:  # protobuf's own limit, which lies a little below
            pass
        else:
            return content
    raise OperatorError(
        f"{proto.graph.name} has {proto.ByteSize() / 1e9:.1f} GB, and one file holds less than "
        "2 GB; a smaller model is needed"
    )
