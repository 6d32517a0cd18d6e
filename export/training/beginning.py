"""The weights that a dense network begins with: hidden units that turn where the data are.

A hidden unit with ReLU is of use where some of what it reads lies on either side of it. PyTorch's
initial weights are short (0.6 of length, whatever the layer) beside Adam's steps, which soon carry
most units to where nothing turns them on; longer weights stay where they are put.
"""

from typing import Any, Final, cast

import numpy as np
import torch
from torch import Tensor

from export.choices import BATCH
from export.config import Config
from export.data.shards import Shard
from export.networks.autoencoder import AE, VAE, as_float
from export.training.distributed import Group

WHITE: Final = 255
DARKEST: Final = 1e-3  # mean of a pixel that may yet be otherwise in another image


@torch.no_grad()
def begin(model: VAE | AE, config: Config, x: Shard, group: Group) -> None:
    """Set the initial weights of an untrained model as `z_init`, `x_init` and `mean_bias` say.

    Any number of processes, each with its share of the images x (N, pixels), comes to the same.
    """
    seed = np.random.SeedSequence((config.seed, 0)).generate_state(1, np.uint64)
    generator = torch.Generator().manual_seed(int(seed[0]))
    encoder, decoder = cast("Any", model.encoder), cast("Any", model.decoder)
    if config.z_init:
        z = torch.randn(config.hidden_dim, config.latent_dim, generator=generator)
        length = config.z_init / config.latent_dim
        _turn_at(decoder.hidden, z.to(group.device), length, [decoder.logits])
    if config.x_init:
        images = _some(x, torch.randint(len(x), (config.hidden_dim,), generator=generator), group)
        heads = [layer for name, layer in encoder.named_children() if name != "hidden"]
        _turn_at(encoder.hidden, images, config.x_init, heads)
    if config.mean_bias:
        decoder.logits.bias.copy_(_mean(x, group).clamp(DARKEST, 1 - DARKEST).logit())


def _turn_at(layer: Any, points: Tensor, length: float, readers: list[Any]) -> None:
    """Give each unit weights of a length, and let it turn at its point (units, inputs).

    Those that read the units get weights that are as much shorter, so that what they make of them
    is at first as large as before.
    """
    lengths = layer.weight.norm(dim=1, keepdim=True)
    layer.weight.mul_(length / lengths)
    layer.bias.copy_(-(layer.weight * points).sum(dim=1))
    for reader in readers:
        reader.weight.mul_(lengths.mean() / length)


def _some(x: Shard, rows: Tensor, group: Group) -> Tensor:
    """Some images (n, pixels) float32 of the whole, for all processes."""
    images = torch.zeros(len(rows), x.pixels.shape[1], device=x.pixels.device)
    part = next(iter(x.batches(rows, len(rows))))
    if part.counted:
        images[part.places.taken] = as_float(part.images)
    return group.sum(images)


def _mean(x: Shard, group: Group) -> Tensor:
    """The mean image (pixels,) in [0, 1]; sums of bytes are exact, however they are divided."""
    total = torch.zeros(x.pixels.shape[1], dtype=torch.float64, device=x.pixels.device)
    for images in torch.split(x.pixels, BATCH):
        total += images.sum(0, dtype=torch.float64)
    mean = (group.sum(total) / len(x)).float()
    return mean / (1 if x.pixels.is_floating_point() else WHITE)
