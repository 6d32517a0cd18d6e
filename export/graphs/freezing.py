"""A torch module -> an ONNX graph, checked and self-describing."""

import warnings

import onnx
import torch
from torch import Tensor, nn

from export.graphs.versions import IR_VERSION, OPSET
from export.networks.mlp import AE, VAE


class PictureDecoder(nn.Module):
    """The decoder as it is used: z to the means of p(x | z), in the shape of the images.

    The sigmoid is written out: onnxruntime's own gives exactly 0 below a logit of about -16, where
    1 / (1 + exp(-logits)) keeps seven digits down to -87, and with them the nats of p(x | z).
    """

    def __init__(self, model: VAE | AE) -> None:
        super().__init__()
        self.decoder = model.decoder
        self.image_shape = model.image_shape

    def forward(self, z: Tensor) -> Tensor:
        """Decode z (N, latent_dim) to x_recon (N, channels, height, width) in [0, 1]."""
        p = (1 + (-self.decoder(z)).exp()).reciprocal()
        x_recon: Tensor = p.unflatten(1, self.image_shape)
        return x_recon


def to_onnx(
    module: nn.Module, name: str, example: Tensor, outputs: list[str], told: dict[str, str]
) -> onnx.ModelProto:
    """Export a module of one input with a dynamic batch as a checked, self-describing graph.

    Args:
        module: The module, in evaluation mode.
        name: Name of its input.
        example: (N, ...) float32 input, N >= 1.
        outputs: Names of its outputs.
        told: The metadata.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's, about its own inside
        program = torch.onnx.export(
            module,
            (torch.cat([example[:1]] * 3),),  # of a batch of one, torch would make a constant
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            input_names=[name],
            output_names=outputs,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
    assert program is not None  # it is None without dynamo only
    proto = program.model_proto
    proto.ir_version = IR_VERSION
    strip(proto)
    fold_negations(proto.graph)
    proto.graph.name = f"{told['name']} {told['graph']}"
    onnx.helper.set_model_props(proto, told)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def strip(proto: onnx.ModelProto) -> None:
    """Take out what the exporter tells of its own machine: stack traces and local paths."""
    del proto.metadata_props[:]
    graph = proto.graph
    for part in (graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.ClearField("doc_string")
    del graph.value_info[:]


def fold_negations(graph: onnx.GraphProto) -> None:
    """Let every matrix product whose negative is wanted compute that, which costs nothing."""
    makers = {name: node for node in graph.node for name in node.output}
    for node in [node for node in graph.node if node.op_type == "Neg"]:
        product = makers[node.input[0]]
        readers = [other for other in graph.node if product.output[0] in other.input]
        if product.op_type != "Gemm" or len(readers) > 1:
            continue
        for factor in product.attribute:
            if factor.name in ("alpha", "beta"):  # the exporter writes both
                factor.f = -factor.f
        product.output[0] = node.output[0]
        graph.node.remove(node)
