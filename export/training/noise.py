"""All that is random about an epoch: the order of the images, how they vary, and noise on them.

It is drawn for whole batches, of which a process may have some images before it: any number of
processes meets the same.
"""

import itertools
import math
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from export.choices import GREY
from export.config import Config
from export.data.shards import Places
from export.training.step import Batch

ORDERS: Final = torch.tensor(list(itertools.permutations(range(3))))  # of red, green and blue
KNOTS: Final = 4  # of pictures that are bent, a side
ALIKE: Final = 8  # parts of a batch that are moved in so many ways
BYTE_DEVIATION: Final = math.sqrt((256**2 - 1) / 12)  # of a random byte


class Noise:
    """All that is random about an epoch: it follows from the seed and the epoch's number."""

    def __init__(self, config: Config, epoch: int, device: torch.device) -> None:
        self._config = config
        self._bend = config.bend if epoch > config.joint_epochs else 0.0
        self._device = device
        seeds = np.random.SeedSequence((config.seed, epoch)).generate_state(2, np.uint64).tolist()
        # What is small is drawn on the CPU, so that every device sees the same.
        self._host = torch.Generator().manual_seed(seeds[0])
        self._pixels = torch.Generator(device).manual_seed(seeds[1])

    def order(self, images: int) -> Tensor:
        """The indices of all images, shuffled; on the CPU."""
        return torch.randperm(images, generator=self._host)

    def batch(self, x: Tensor, places: Places | None = None) -> Batch:
        """Put noise on what the encoder sees of x, and draw that of z.

        Args:
            x: images (n, pixels) of a batch.
            places: which images of it they are; all, if not given. So for the others.
        """
        batch, taken = places or Places(len(x))
        shape = (self._config.k, batch, *self._config.latent_shape)
        eps = torch.randn(shape, generator=self._host)[:, taken].to(self._device)
        if not self._config.input_noise:
            return Batch(x, x, eps)
        noise = uniform_noise(torch.Size((batch, *x.shape[1:])), self._pixels, taken)
        return Batch(x, noise.mul_(self._config.input_noise).add_(x), eps)

    def varied(self, x: Tensor, places: Places | None = None) -> Tensor:
        """The images to train on as the config lets them vary; x (n, pixels) where it does not."""
        config = self._config
        if not (config.mirror or config.shift or config.recolour):
            return x
        places = places or Places(len(x))
        pictures = x.view(-1, *config.image_shape)
        if config.mirror:
            pictures = torch.where(self._chosen(places, 0.5), pictures.flip(3), pictures)
        if config.recolour:
            drawn = torch.randint(len(ORDERS), (places.batch,), generator=self._host)
            orders = ORDERS[drawn[places.taken]]
            orders = orders.to(self._device)[:, :, None, None].expand_as(pictures)
            exchanged = pictures.gather(1, orders)
            pictures = torch.where(self._chosen(places, config.recolour), exchanged, pictures)
        if config.shift:
            pictures = self._moved(pictures, config.shift, "replicate", places)
        return pictures.flatten(1)

    def _chosen(self, places: Places, share: float) -> Tensor:
        """Whether each of the images is one of this share, (n, 1, 1, 1)."""
        chosen = (torch.rand(places.batch, generator=self._host) < share)[places.taken]
        return chosen.to(self._device)[:, None, None, None]

    @property
    def moves(self) -> bool:
        """Whether the encoder learns from images that `move` has changed."""
        return self._config.moves > 0 or self._bend > 0

    def move(self, x: Tensor, places: Places | None = None) -> Tensor:
        """Move and bend images (n, pixels): move them by some pixels, an eighth all alike.

        What comes in is 0, paper, or in colour what lies at the edge.
        """
        config = self._config
        places = places or Places(len(x))
        grey = config.image_shape[0] == GREY
        pictures = x.view(-1, *config.image_shape)
        if self._bend:
            drawn = torch.randn(places.batch, 2, KNOTS, KNOTS, generator=self._host)
            ways = drawn[places.taken].to(self._device)
            pictures = bent(pictures, self._bend * ways, "zeros" if grey else "border")
        if config.moves:
            edges = "constant" if grey else "replicate"
            pictures = self._moved(pictures, config.moves, edges, places)
        return pictures.flatten(1)

    def _moved(self, pictures: Tensor, most: int, edges: str, places: Places) -> Tensor:
        size = -(-places.batch // ALIKE)
        parts = places.split(pictures, size)
        offsets = torch.randint(-most, most + 1, (len(parts), 2), generator=self._host).tolist()
        side = pictures.shape[-1]
        moved = []
        for part, (right, down) in zip(parts, offsets, strict=True):
            if len(part):
                wider = F.pad(part, [most] * 4, mode=edges)
                moved.append(wider[..., most - down :, most - right :][..., :side, :side])
        return torch.cat(moved)


def bent(pictures: Tensor, ways: Tensor, edges: str = "zeros") -> Tensor:
    """Bend pictures (N, channels, side, side) smoothly.

    Args:
        pictures: what to bend.
        ways: how many pixels away, right and down, each of some points finds what it shows,
            (N, 2, knots, knots): the points lie evenly from edge to edge, and between them the ways
            follow smoothly (Simard et al., Best Practices for Convolutional Neural Networks, 2003,
            bend digits so).
        edges: what lies outside the pictures: "zeros", or "border" for what lies at their edge.
    """
    side = pictures.shape[-1]
    smooth = F.interpolate(ways, (side, side), mode="bicubic", align_corners=True)
    still = torch.eye(2, 3, device=pictures.device).expand(len(pictures), 2, 3)
    places = F.affine_grid(still, [*pictures.shape], align_corners=False)
    places = places + smooth.permute(0, 2, 3, 1) * (2 / side)
    return F.grid_sample(pictures, places, padding_mode=edges, align_corners=False)


def uniform_noise(
    shape: torch.Size, generator: torch.Generator, rows: Tensor | slice = slice(None)
) -> Tensor:
    """Noise of mean 0 and variance 1, uniform over 256 levels, float32; or some rows of it.

    A byte of randomness each: normal noise, which teaches no more, took a tenth of a step.
    """
    count = shape.numel()
    words = torch.empty(-(-count // 8), dtype=torch.int64, device=generator.device)
    words.random_(-(2**63), None, generator=generator)
    if isinstance(rows, Tensor):
        rows = rows.to(generator.device)
    levels = words.view(torch.uint8)[:count].view(shape)[rows].float()
    return levels.sub_(127.5).div_(BYTE_DEVIATION)
