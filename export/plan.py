"""The levels of a convolutional network: what follows from the sizes of picture and code."""

from dataclasses import dataclass
from typing import Final, Self

from export.errors import ConfigError

SMALLEST: Final = range(4, 8)  # sides of the last map: what halving comes to
LARGEST: Final = 128


@dataclass(frozen=True)
class Plan:
    """The levels between a picture and its code."""

    image_shape: tuple[int, int, int]
    latent_shape: tuple[int, ...]
    sides: tuple[int, ...]  # of the maps, the largest first: half the picture's, its quarter, ...
    widths: tuple[int, ...]  # channels of each
    depth: int  # residual blocks a level

    @classmethod
    def of(
        cls,
        image_shape: tuple[int, int, int],
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
            possible = _halves(side)
            raise ConfigError(
                f"latent_side must be one of {', '.join(map(str, possible))} for pictures of "
                f"{side} pixels, or 0 for a flat code, got {least}"
            )
        width = width or (32 if side <= 64 else 24)
        widths = [width * min(level + 1, 3) for level in range(len(sides))]
        return cls(image_shape, latent_shape, tuple(sides), tuple(widths), depth or 1)


def sizes() -> list[int]:
    """The sides of pictures that the network takes."""
    halved = {least * 2**times for least in SMALLEST for times in range(2, 6)}
    return sorted(size for size in halved if size <= LARGEST)


def _halves(side: int) -> list[int]:
    halves = []
    while side % 2 == 0 and side // 2 >= SMALLEST.start:
        side //= 2
        halves.append(side)
    return halves
