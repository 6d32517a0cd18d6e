"""Residual convolutions, from 28x28 grey pixels to 128x128 in colour, variational and plain.

Both halves halve or double the side level by level, from the picture to the map that the code is
read from or put on. Every level is a few residual blocks (He et al., Identity Mappings in Deep
Residual Networks, 2016) of GroupNorm (Wu & He 2018), SiLU and 3x3 convolutions. Pictures grow by
PixelShuffle after a convolution (Shi et al. 2016), which gives every pixel weights of its own and
therefore draws no checkerboard.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import torch
from torch import Tensor, nn

from export.errors import ConfigError
from export.networks.autoencoder import ImageShape

SMALLEST: Final = range(4, 8)  # sides of the last map: what halving comes to
LARGEST: Final = 128
GROUP: Final = 8  # channels that a GroupNorm takes together
NARROW: Final = 16  # channels of the last map as the dense layer reads it
DENSE: Final = 256  # width of that layer
FINE: Final = 16  # channels at the full size, before the pixels themselves


@dataclass(frozen=True)
class Plan:
    """The levels between a picture and its code."""

    image_shape: ImageShape
    latent_shape: tuple[int, ...]
    sides: tuple[int, ...]  # of the maps, the largest first: half the picture's, its quarter, ...
    widths: tuple[int, ...]  # channels of each
    depth: int  # residual blocks a level

    @classmethod
    def of(
        cls,
        image_shape: ImageShape,
        latent_shape: tuple[int, ...],
        width: int | None,
        depth: int | None,
    ) -> Self:
        """Plan a network.

        Args:
            image_shape: (channels, side, side).
            latent_shape: (latent_dim,), or (latent_dim, side, side) of a map of codes.
            width: channels of the first level; the others have twice and three times as many.
                None: 32, and 24 above 64 pixels, where a level takes four times as long.
            depth: residual blocks a level. None: 1.

        Raises:
            ConfigError: the side cannot be halved down to 4 to 7, or never is the code's.
        """
        side = image_shape[1]
        if side not in sizes():
            near = sorted(sizes(), key=lambda size: (abs(size - side), size))[:2]
            raise ConfigError(
                f"image_size of --network conv must be 4, 5, 6 or 7 times a power of two, from 16 "
                f"to {LARGEST}: it is halved down to a map of 4 to 7. Got {side}; "
                f"{' or '.join(map(str, sorted(near)))} is near"
            )
        sides = [side // 2]
        least = latent_shape[1] if len(latent_shape) == 3 else SMALLEST.stop - 1
        while sides[-1] > least:
            sides.append(sides[-1] // 2)
        if len(latent_shape) == 3 and sides[-1] != least:
            possible = [size for size in _halves(side)]
            raise ConfigError(
                f"latent_side must be one of {', '.join(map(str, possible))} for pictures of "
                f"{side} pixels, or 0 for a flat code, got {least}"
            )
        width = width or (32 if side <= 64 else 24)
        widths = [width * min(level + 1, 3) for level in range(len(sides))]
        return cls(image_shape, latent_shape, tuple(sides), tuple(widths), depth or 1)


def sizes() -> list[int]:
    """The sides of pictures that the network takes."""
    powers = [2**power for power in range(2, 6)]
    return sorted({least * power for least in SMALLEST for power in powers} & set(range(LARGEST + 1)))


def _halves(side: int) -> list[int]:
    halves = []
    while side % 2 == 0 and side // 2 >= SMALLEST.start:
        side //= 2
        halves.append(side)
    return halves


def norm(channels: int) -> nn.GroupNorm:
    """GroupNorm in groups of 8 channels, or of as many as divide them."""
    groups = next(count for count in range(max(1, channels // GROUP), 0, -1) if channels % count == 0)
    return nn.GroupNorm(groups, channels)


class Block(nn.Module):
    """x + f(x), where f begins as zero: an untrained network is its shortest path."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Sequential(norm(width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1))
        self.second = nn.Sequential(norm(width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1))
        last = self.second[2]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, width, side, side) to the same shape."""
        result: Tensor = x + self.second(self.first(x))
        return result


def blocks(width: int, depth: int) -> list[nn.Module]:
    """The residual blocks of a level."""
    return [Block(width) for _ in range(depth)]


class Trunk(nn.Module):
    """A picture to the map that its code is read from."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        before: Sequence[int] = (plan.image_shape[0], *plan.widths)
        layers: list[nn.Module] = []
        for level, width in enumerate(plan.widths):
            size, padding = (4, 1) if level == 0 else (2, 0)
            layers += [nn.Conv2d(before[level], width, size, stride=2, padding=padding)]
            layers += blocks(width, plan.depth)
        self.levels = nn.Sequential(*layers, norm(plan.widths[-1]), nn.SiLU())
        self.image_shape = plan.image_shape
        if len(plan.latent_shape) == 1:
            narrow = NARROW * plan.sides[-1] ** 2
            self.read: nn.Module = nn.Sequential(
                nn.Conv2d(plan.widths[-1], NARROW, 1), nn.Flatten(), nn.Linear(narrow, DENSE), nn.SiLU()
            )
        else:
            self.read = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, pixels) or (N, channels, side, side) to what the code is a linear map of."""
        pictures = x.reshape(-1, *self.image_shape).contiguous(memory_format=torch.channels_last)
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

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        top, side = plan.widths[-1], plan.sides[-1]
        if len(plan.latent_shape) == 1:
            self.hidden: nn.Module = nn.Linear(plan.latent_shape[0], DENSE)
            self.write: nn.Module = nn.Sequential(
                nn.SiLU(),
                nn.Linear(DENSE, NARROW * side**2),
                nn.Unflatten(1, (NARROW, side, side)),
                nn.Conv2d(NARROW, top, 1),
            )
        else:
            self.hidden = nn.Conv2d(plan.latent_shape[0], top, 1)
            self.write = nn.Identity()
        layers = blocks(top, plan.depth)
        for width, wider in zip(plan.widths[-2::-1], plan.widths[:0:-1], strict=True):
            layers += [nn.Conv2d(wider, 4 * width, 1), nn.PixelShuffle(2)]
            layers += blocks(width, plan.depth)
        layers += [norm(plan.widths[0]), nn.SiLU()]
        layers += [nn.Conv2d(plan.widths[0], 4 * FINE, 3, padding=1), nn.PixelShuffle(2), nn.SiLU()]
        layers += [nn.Conv2d(FINE, plan.image_shape[0], 3, padding=1)]
        self.levels = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """Decode z (N, *latent_shape) to logits (N, pixels)."""
        start = self.write(self.hidden(z)).contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.levels(start).flatten(1)
        return logits
