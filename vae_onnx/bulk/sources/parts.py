"""Parts of a source: files, each of which knows how many images it has and reads some of them."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol

from vae_onnx.bulk.blocks import Block, Items, numbers
from vae_onnx.errors import FileError

if TYPE_CHECKING:
    import pyarrow as pa


class Part(Protocol):
    """A file of images, or a folder of picture files."""

    @property
    def count(self) -> int:
        """Of its images."""

    def read(self, start: int, stop: int, rows: int) -> Iterator[tuple[pa.Array | None, Items]]:
        """Yield the images from `start` to before `stop`, at most about `rows` at once.

        Yields:
            Their ids, None where a number in the order is all that there is, and the images.
        """


@dataclass(frozen=True)
class Source:
    """Images in files, always in the same order. It can be pickled.

    Attributes:
        parts: The files.
        kind: What it is: "folder of pictures", "parquet" ...
        digest: Of names, sizes and times of the files, to see whether they have changed.
        taken: What was decided about them, for the user.
        has_names: Whether ids are strings; otherwise they are integers.
        may_repeat: Whether an id may come twice.
        row_bytes: Of an encoded picture as it is read, on average; 0 where none is kept.
        about: What the files say of themselves, if this package has written them.
        named: Which columns the user named for images and ids.
    """

    parts: Sequence[Part]
    kind: str
    digest: str
    taken: tuple[str, ...] = ()
    has_names: bool = False
    may_repeat: bool = False
    row_bytes: int = 0
    about: Mapping[str, Any] = field(default_factory=dict)
    named: tuple[str | None, str | None] = (None, None)
    starts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "starts", [0, *accumulate(part.count for part in self.parts)])

    def __len__(self) -> int:
        return self.starts[-1]

    def read(self, start: int, stop: int, rows: int) -> Iterator[Block]:
        """Yield the images from `start` to before `stop` in blocks of about `rows`."""
        import numpy as np

        at = start
        while at < stop:
            place = bisect.bisect_right(self.starts, at) - 1
            first, end = self.starts[place], min(stop, self.starts[place + 1])
            for ids, items in self.parts[place].read(at - first, end - first, rows):
                count = len(items)
                yield Block(at, numbers(np.arange(at, at + count)) if ids is None else ids, items)
                at += count
            if at != end:
                raise FileError(
                    f"the input has changed while it was read: it had {len(self):,} images, now "
                    f"number {at:,} is missing or there are more; start anew in another folder"
                )
