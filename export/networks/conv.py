"""Residual convolutions, from 16x16 to 128x128 pixels, grey or in colour, variational and plain.

Both halves halve or double the side level by level, from the picture to the map that the code is
read from or put on. Every level is a few residual blocks (He et al., Identity Mappings in Deep
Residual Networks, 2016) of GroupNorm (Wu & He 2018), SiLU and 3x3 convolutions. Pictures grow by
PixelShuffle after a convolution (Shi et al. 2016), without the overlaps of transposed convolutions
that draw checkerboards (Odena et al. 2016).
"""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn

from export.plan import Plan

GROUP: Final = 8  # channels that a GroupNorm takes together
NARROW: Final = 16  # channels of the last map as the dense layer reads it
DENSE: Final = 256  # width of that layer


def norm(channels: int) -> nn.GroupNorm:
    """GroupNorm in groups of 8 channels, or of as many as divide them."""
    groups = next(
        count for count in range(max(1, channels // GROUP), 0, -1) if channels % count == 0
    )
    return nn.GroupNorm(groups, channels)


class Conv(nn.Conv2d):
    """A convolution whose products may be of shorter numbers in training, as of `mlp.Large`."""

    products: torch.dtype = torch.float32

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, in_channels, height, width) to (N, out_channels, ...)."""
        if not self.training or self.products == torch.float32:
            return super().forward(x)
        bias = None if self.bias is None else self.bias.to(self.products)
        short = x.to(self.products), self.weight.to(self.products)
        result: Tensor = self._conv_forward(*short, bias)
        return result.to(x.dtype)


class Block(nn.Module):
    """x + f(x), where f begins as zero: an untrained network is its shortest path."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Sequential(norm(width), nn.SiLU(), Conv(width, width, 3, padding=1))
        self.second = nn.Sequential(norm(width), nn.SiLU(), Conv(width, width, 3, padding=1))
        for weights in self.second[2].parameters():
            nn.init.zeros_(weights)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, width, side, side) to the same shape."""
        result: Tensor = x + self.second(self.first(x))
        return result


def blocks(width: int, depth: int) -> list[nn.Module]:
    """The residual blocks of a level."""
    return [Block(width) for _ in range(depth)]


class Trunk(nn.Module):
    """A picture to the map that its code is read from."""

    layout = torch.channels_last  # of the maps: what CPUs and GPUs convolve fastest

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        before: Sequence[int] = (plan.image_shape[0], *plan.widths)
        layers: list[nn.Module] = []
        for level, width in enumerate(plan.widths):
            size, padding = (4, 1) if level == 0 else (2, 0)
            layers += [Conv(before[level], width, size, stride=2, padding=padding)]
            layers += blocks(width, plan.depth)
        self.levels = nn.Sequential(*layers, norm(plan.widths[-1]), nn.SiLU())
        self.image_shape = plan.image_shape
        if len(plan.latent_shape) == 1:
            narrow = NARROW * plan.sides[-1] ** 2
            self.read: nn.Module = nn.Sequential(
                Conv(plan.widths[-1], NARROW, 1),
                nn.Flatten(),
                nn.Linear(narrow, DENSE),
                nn.SiLU(),
            )
        else:
            self.read = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, pixels) or (N, channels, side, side) to what the code is a linear map of."""
        pictures = x.reshape(-1, *self.image_shape).contiguous(memory_format=self.layout)
        result: Tensor = self.read(self.levels(pictures))
        return result


def head(plan: Plan) -> nn.Module:
    """A linear map from the end of the trunk to codes."""
    if len(plan.latent_shape) == 1:
        return nn.Linear(DENSE, plan.latent_shape[0])
    return nn.Conv2d(plan.widths[-1], plan.latent_shape[0], 1)


class GaussianEncoder(nn.Module):
    """x to the mean and the logarithm of the variance of q(z | x)."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.trunk = Trunk(plan)
        self.mu = head(plan)
        self.log_var = head(plan)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode x (N, pixels) or (N, channels, side, side) to mu, log_var (N, *latent_shape)."""
        h = self.trunk(x)
        return self.mu(h), self.log_var(h)


class Encoder(nn.Module):
    """x to one point z."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.trunk = Trunk(plan)
        self.z = head(plan)

    def forward(self, x: Tensor) -> Tensor:
        """Encode x (N, pixels) or (N, channels, side, side) to z (N, *latent_shape)."""
        z: Tensor = self.z(self.trunk(x))
        return z


class Decoder(nn.Module):
    """z to the logits of the means of p(x | z)."""

    layout = torch.channels_last

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        top, side = plan.widths[-1], plan.sides[-1]
        if len(plan.latent_shape) == 1:
            self.hidden: nn.Module = nn.Linear(plan.latent_shape[0], DENSE)
            self.write: nn.Module = nn.Sequential(
                nn.SiLU(),
                nn.Linear(DENSE, NARROW * side**2),
                nn.Unflatten(1, (NARROW, side, side)),
                Conv(NARROW, top, 1),
            )
        else:
            self.hidden = nn.Conv2d(plan.latent_shape[0], top, 1)
            self.write = nn.Identity()
        layers = blocks(top, plan.depth)
        for width, wider in zip(plan.widths[-2::-1], plan.widths[:0:-1], strict=True):
            layers += [Conv(wider, 4 * width, 1), nn.PixelShuffle(2)]
            layers += blocks(width, plan.depth)
        layers += [norm(plan.widths[0]), nn.SiLU()]
        layers += [Conv(plan.widths[0], 4 * plan.image_shape[0], 3, padding=1)]
        layers += [nn.PixelShuffle(2)]
        self.levels = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """Decode z (N, *latent_shape) to logits (N, pixels)."""
        start = self.write(self.hidden(z)).contiguous(memory_format=self.layout)
        logits: Tensor = self.levels(start).flatten(1)
        return logits
