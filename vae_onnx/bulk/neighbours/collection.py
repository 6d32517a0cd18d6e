"""Many vectors in Parquet files, read block by block: what `vae-onnx embed` wrote, or others."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vae_onnx import checks
from vae_onnx.bulk import parquet
from vae_onnx.bulk.neighbours import columns, shards
from vae_onnx.bulk.neighbours.columns import Ids, Positions
from vae_onnx.bulk.neighbours.shards import Shard
from vae_onnx.engine.graph import Array
from vae_onnx.errors import FileError, InputError

BYTES: Final = 2**22  # of the vectors of a block: they stay in a core's cache, or nearly
ROWS: Final = 2**16  # of a block at most

Convert = Callable[[Any, Positions], npt.NDArray[Any]]


class Collection:
    """Vectors and their ids in one Parquet file or a folder of them.

    All that is in memory at once is a block. Files are opened when they are read, and not kept.

    Args:
        path: A folder whose `*.parquet` belong together, in the order of their names, or one file.
        column: Which column holds the vectors, lists of floats; by default `mu`, `z`, or the only
            one.
        ids: Which column names the rows, integers or strings; by default `id`. Without one, the
            ids are the positions.

    Attributes:
        path: As given.
        column: Of the vectors.
        id_column: None where there is none.
        length: Numbers of a vector.
        about: What `vae-onnx embed` told of the first file: "model", "precision", "sha256" ...;
            nothing of other people's files.
        shards: The files.

    Raises:
        FileMissingError: There is no such file or folder.
        FileAccessError: It cannot be read.
        FileError: A file is truncated, no Parquet, or of another model or kind than the others.
        InputError: There is no Parquet file, no row, or no such column.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        column: str | None = None,
        ids: str | None = None,
    ) -> None:
        self.path: Path = checks.path(path, "path")
        self.shards: tuple[Shard, ...] = tuple(
            shards.read_shard(file) for file in shards.find(self.path)
        )
        first = self.shards[0]
        self.column: str = shards.vector_column(first, column)
        self.id_column: str | None = shards.id_column(first, ids)
        shards.check_same(self.shards, [self.column, *filter(None, [self.id_column])])
        self.about: Mapping[str, Any] = first.about
        if not len(self):
            raise InputError(f"{self.path} must hold at least one row, got none")
        self.length: int = self._length()

    def __len__(self) -> int:
        return sum(shard.rows for shard in self.shards)

    def __repr__(self) -> str:
        return f"<{self.path}: {len(self):,} vectors of {self.length}, column {self.column!r}>"

    @property
    def missing(self) -> list[tuple[int, int]]:
        """Ranges [start, stop) of the embedded pictures that no file tells of, between others."""
        parts = sorted(tuple(shard.about["rows"]) for shard in self.shards if "rows" in shard.about)
        return [(end, start) for (_, end), (start, _) in itertools.pairwise(parts) if start > end]

    def blocks(self, rows: int | None = None) -> Iterator[tuple[Ids, Array]]:
        """Yield ids (n,) and vectors float32 (n, length), in order; not to be written to.

        Args:
            rows: Most that a block has; by default as many as are 4 MB.

        Raises:
            FileError: A file is damaged, or has changed.
            InputError: A vector or id is null, or a vector of another length or not finite; `rows`
                is below 1.
        """
        named = [self.id_column] if self.id_column is not None else []
        for positions, (lists, *ids) in self._read([self.column, *named], self._rows(rows)):
            yield (
                columns.to_ids(ids[0] if ids else None, positions, self.path),
                self._to_vectors(lists, positions),
            )

    def vectors(self, rows: int | None = None) -> Iterator[Array]:
        """Yield the vectors alone; see `blocks`."""
        for positions, (lists,) in self._read([self.column], self._rows(rows)):
            yield self._to_vectors(lists, positions)

    def ids_at(self, positions: Positions) -> Ids:
        """Return the ids at positions of any shape, in an array of that shape.

        Raises:
            FileError: A file is damaged, or has changed.
            InputError: An id is null.
        """
        if self.id_column is None:
            return positions
        return self._gathered(positions, self.id_column, self._to_ids)

    def vectors_at(self, positions: Positions) -> Array:
        """Return the vectors at positions (n,), float32 (n, length); see `blocks` for errors."""
        return self._gathered(positions, self.column, self._to_vectors)

    def position(self, named: str | int) -> int:
        """Return where the row with an id is, the first if there are several.

        Args:
            named: The id; integers may be given as text.

        Raises:
            InputError: There is no such row.
        """
        if self.id_column is None:
            return self._in_range(_integer(named, "the position of a row"))
        import pyarrow as pa
        import pyarrow.compute as compute

        integers = pa.types.is_integer(self.shards[0].schema.field(self.id_column).type)
        wanted = _integer(named, "an id of this collection") if integers else str(named)
        for positions, (ids,) in self._read([self.id_column], ROWS):
            plain = columns.plain(ids)
            try:
                found = int(compute.index(plain, pa.scalar(wanted, plain.type)).as_py())
            except (pa.ArrowInvalid, OverflowError):  # no id of so few bits
                break
            if found >= 0:
                return positions[found]
        some = self.ids_at(np.arange(min(3, len(self)))).tolist()
        raise InputError(f"{self.path} has no row with the id {wanted!r}; its ids are {some} ...")

    def _length(self) -> int:
        kind = self.shards[0].schema.field(self.column).type
        length = getattr(kind, "list_size", None)
        if length is None:
            positions, (lists,) = next(self._read([self.column], 1))
            length = columns.to_vectors(lists, positions, None, self.path).shape[1]
        if not length:
            raise InputError(f"{self.path}: a vector must have at least one number, got none")
        return int(length)

    def _rows(self, rows: int | None) -> int:
        usual = min(ROWS, max(1, BYTES // (4 * self.length)))
        return usual if rows is None else checks.integer(rows, "rows", at_least=1)

    def _read(self, names: list[str], rows: int) -> Iterator[tuple[range, list[Any]]]:
        """Yield positions and columns, in blocks."""
        start = end = 0
        for shard in self.shards:
            end += shard.rows
            with parquet.opened(shard.path) as file:
                for batch in file.iter_batches(rows, columns=names):
                    yield range(start, start + len(batch)), [batch.column(name) for name in names]
                    start += len(batch)
            if start != end:
                raise FileError(f"{shard.path} has changed since it was opened; open it again")

    def _gathered(self, positions: Positions, column: str, convert: Convert) -> npt.NDArray[Any]:
        """Read a column at positions, of those row groups alone that they are in."""
        wanted, places = np.unique(positions, return_inverse=True)
        for position in wanted[[0, -1]]:
            self._in_range(int(position))
        start = 0
        parts: list[npt.NDArray[Any]] = []
        for shard in self.shards:
            low, high = np.searchsorted(wanted, (start, start + shard.rows))
            if low < high:
                parts += _groups(shard, start, wanted[low:high], column, convert)
            start += shard.rows
        return np.concatenate(parts)[places.reshape(positions.shape)]

    def _to_vectors(self, lists: Any, positions: range | Positions) -> Array:
        return columns.to_vectors(lists, positions, self.length, self.path)

    def _to_ids(self, ids: Any, positions: range | Positions) -> Ids:
        return columns.to_ids(ids, positions, self.path)

    def _in_range(self, position: int) -> int:
        if not 0 <= position < len(self):
            raise InputError(
                f"the position of a row must be from 0 to {len(self) - 1}, got {position}"
            )
        return position


def _groups(
    shard: Shard, start: int, wanted: Positions, column: str, convert: Convert
) -> Iterator[npt.NDArray[Any]]:
    """Yield a column at positions that are all in one file, whose first row is at `start`."""
    with parquet.opened(shard.path) as file:
        for group, rows in enumerate(shard.groups):
            low, high = np.searchsorted(wanted, (start, start + rows))
            if low < high:
                read = file.read_row_group(group, columns=[column]).column(0)
                some = wanted[low:high]
                yield convert(read.take(some - start).combine_chunks(), some)
            start += rows


def _integer(named: str | int, what: str) -> int:
    try:
        return int(named)
    except ValueError as error:
        raise InputError(f"{what} is an integer, got {named!r}") from error
