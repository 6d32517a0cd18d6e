"""What each of several processes holds of the images that they train on together.

As they lie in their files, every so manieth image is read by a process, and by no other. Batches
are the same for any number of processes: each takes part with those images of one that it holds.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True)
class Share:
    """Which images a process reads: every `size`-th from its rank on; by default all of them."""

    rank: int = 0
    size: int = 1
    neighbours: int = 1  # processes on this machine, with this one: they share its memory
    gather: Callable[[Any], list[Any]] = lambda mine: [mine]  # what each process gives, by rank

    def of(self, items: Sequence[T]) -> Sequence[T]:
        """Those of all items that are this process's."""
        return items[self.rank :: self.size]

    def places(self, numbers: Tensor) -> Tensor | None:
        """Where this process's are among some numbers (n,) of images; None: all are.

        Returns:
            Indices (m,) int64 of the numbers, ascending.
        """
        if self.size == 1:
            return None
        return (numbers % self.size == self.rank).nonzero().flatten()

    def merged(self, mine: Sequence[T]) -> list[T]:
        """Put together, in the order of all items, what the processes have made of theirs."""
        parts = self.gather(list(mine))
        merged: list[T] = [part[0] for part in parts for _ in part]
        for rank, part in enumerate(parts):
            merged[rank :: self.size] = part
        return merged

    def here(self, images: int) -> int:
        """How many of so many images the processes on this machine read, all together."""
        return -(-images * self.neighbours // self.size)


ALL: Final = Share()


class Places(NamedTuple):
    """Which images of a batch a process has before it."""

    batch: int  # images of the whole batch
    taken: Tensor | slice = slice(None)  # (n,) int64 on the CPU, ascending

    def split(self, values: Tensor, size: int) -> Sequence[Tensor]:
        """Part values (n, ...) of these images as the batch falls into parts of a size."""
        if isinstance(self.taken, slice):
            return torch.split(values, size)
        parts = -(-self.batch // size)
        counts = torch.bincount(self.taken // size, minlength=parts)
        return torch.split(values, counts.tolist())


class Part(NamedTuple):
    """What a process has of a batch."""

    images: Tensor  # (n, pixels), at least one: a blank one, if none is its own
    places: Places
    counted: int  # images that count: none of a blank one


@dataclass(frozen=True)
class Shard:
    """Those images of a whole that a process holds."""

    pixels: Tensor  # (n, pixels) uint8, or float32 in [0, 1]
    rows: Tensor | None = None  # (n,) int64 on the CPU, ascending: rows of the whole; None: all
    whole: int | None = None  # images of the whole; None: as many as there are here

    @classmethod
    def of(cls, images: "Tensor | Shard") -> "Shard":
        """Take a tensor (N, pixels) for the whole."""
        return cls(images) if isinstance(images, Tensor) else images

    def __len__(self) -> int:
        """Number of images of the whole."""
        return len(self.pixels) if self.whole is None else self.whole

    def __add__(self, other: "Shard") -> "Shard":
        """What is held of two wholes, one after the other."""
        pixels = torch.cat([self.pixels, other.pixels])
        if self.rows is None or other.rows is None:
            return Shard(pixels)
        rows = torch.cat([self.rows, len(self) + other.rows])
        return Shard(pixels, rows, len(self) + len(other))

    def to(self, device: torch.device) -> "Shard":
        """The same, with its pixels on a device."""
        return Shard(self.pixels.to(device), self.rows, self.whole)

    def batches(self, order: Tensor, size: int) -> Iterator[Part]:
        """Go through rows of the whole (N,), on the CPU, in batches of a size."""
        if self.rows is None:
            for rows in torch.split(order.to(self.pixels.device), size):
                yield Part(self.pixels.index_select(0, rows), Places(len(rows)), len(rows))
            return
        for rows in torch.split(order, size):
            yield self._part(rows, self.rows)

    def _part(self, rows: Tensor, held: Tensor) -> Part:
        found = torch.searchsorted(held, rows).clamp(max=max(0, len(held) - 1))
        is_held = held[found] == rows if len(held) else torch.zeros(len(rows), dtype=torch.bool)
        taken = is_held.nonzero().flatten()
        if len(taken) == 0:
            blank = self.pixels.new_zeros(1, self.pixels.shape[1])
            return Part(blank, Places(len(rows), torch.zeros(1, dtype=torch.int64)), 0)
        images = self.pixels.index_select(0, found[taken].to(self.pixels.device))
        return Part(images, Places(len(rows), taken), len(taken))
