"""A torch module -> an ONNX graph, checked and self-describing."""

import onnx
import torch
from torch import Tensor, nn

from export.networks.autoencoder import AE, VAE
from vae_onnx.crossing.folding import surgery
from vae_onnx.torch.freezing import to_graph


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
        """Decode z (N, *latent_shape) to x_recon (N, channels, height, width) in [0, 1]."""
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
    rows = torch.cat([example[:1]] * 3)  # of a batch of one, torch would make a constant
    proto = to_graph(module, name, rows, outputs, {0: "batch"})
    for port in proto.graph.output:
        surgery.set_dims(port, {0: "batch"})
    surgery.fold_negations(proto.graph)
    surgery.describe(proto, told)
    return proto
