"""Tables of Parquet, and of Arrow as `datasets` saves them, with a column of images."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from vae_onnx.bulk import parquet, places
from vae_onnx.bulk.blocks import Items
from vae_onnx.bulk.places import File
from vae_onnx.bulk.sources import columns
from vae_onnx.bulk.sources.columns import Column
from vae_onnx.errors import FileMissingError, InputError, accessing

SAVED: Final = "state.json"  # which `Dataset.save_to_disk` writes beside its files
FIRST: Final = 64  # rows that tell what a column holds


@dataclass(frozen=True)
class ParquetPart:
    """A Parquet file.

    Attributes:
        path: The file, or its address.
        column: Of the images.
        id_column: The column of ids, None for numbers in the order.
        groups: How many rows each group has.
    """

    path: str
    column: Column
    id_column: str | None
    groups: Sequence[int]

    @property
    def count(self) -> int:
        """Of its images."""
        return sum(self.groups)

    def read(self, start: int, stop: int, rows: int) -> Iterator[tuple[pa.Array | None, Items]]:
        """See `Part.read`."""
        ends = list(accumulate(self.groups))
        met = [
            place
            for place, (end, size) in enumerate(zip(ends, self.groups, strict=True))
            if end - size < stop and end > start
        ]
        at = ends[met[0]] - self.groups[met[0]]
        with parquet.opened(self.path) as file:
            names = [self.column.name, *([self.id_column] if self.id_column else [])]
            for batch in file.iter_batches(rows, row_groups=met, columns=names, use_threads=False):
                first, last = max(start - at, 0), min(stop - at, len(batch))
                at += len(batch)
                if first < last:
                    yield _taken(batch.slice(first, last - first), self.column, self.id_column)


@dataclass(frozen=True)
class ArrowPart:
    """A file of Arrow's stream format, as `Dataset.save_to_disk` writes it."""

    path: str
    column: Column
    id_column: str | None
    count: int

    def read(self, start: int, stop: int, rows: int) -> Iterator[tuple[pa.Array | None, Items]]:
        """See `Part.read`."""
        at = 0
        with arrow(self.path) as batches:
            for batch in batches:
                first, last = max(start - at, 0), min(stop - at, len(batch))
                at += len(batch)
                for some in range(first, last, rows):
                    piece = batch.slice(some, min(rows, last - some))
                    yield _taken(piece, self.column, self.id_column)
                if at >= stop:
                    return


@contextmanager
def arrow(path: str) -> Iterator[Any]:
    """Open a file of Arrow's stream format, mapped."""
    with accessing(path), parquet.readable(path, "Arrow"), pa.memory_map(path) as file:
        yield pa.ipc.open_stream(file)


def in_order(place: str, files: list[File]) -> list[File]:
    """Return the files of a data set as its own list has them; others are of it no longer.

    Raises:
        InputError: Its rows are chosen by another file, which was never applied.
        FileMissingError: A file of the list is not there.
    """
    root = Path(places.root_of(place))
    found: list[File] = []
    for state in sorted(root.rglob(SAVED)):
        told = json.loads(state.read_bytes())
        if told.get("_indices_data_files") or told.get("_indices_files"):
            raise InputError(
                f"{state.parent} is a selection of rows that was saved as such; save "
                "dataset.flatten_indices() instead"
            )
        for each in told["_data_files"]:
            path = state.parent / each["filename"]
            if not path.exists():
                raise FileMissingError(f"{path} is missing, which {state} lists")
            found += [file for file in files if Path(file.path) == path]
    return found or files


def look(
    first: Callable[[], tuple[pa.Schema, pa.RecordBatch | None]],
    where: str,
    wanted: str | None,
    wanted_id: str | None,
    raw_bytes: int | None,
    form: str = "images",
) -> tuple[Column, str | None, pa.Schema]:
    """Find out which column of a table holds the images, and as what.

    Raises:
        InputError: That is not clear, or there is none.
    """
    schema, batch = first()
    name = columns.pick(schema, wanted, where, form)
    held = columns.form(batch.column(name), raw_bytes) if batch is not None else None
    return Column(name, held or "pictures"), columns.pick_id(schema, wanted_id, where), schema


def first_of_parquet(path: str, wanted: str | None) -> tuple[pa.Schema, pa.RecordBatch | None]:
    """Return the schema of a file, and some of its first rows."""
    with parquet.opened(path) as file:
        schema = file.schema_arrow
        names = [wanted] if wanted in schema.names else None
        return schema, next(file.iter_batches(FIRST, columns=names), None)


def first_of_arrow(path: str) -> tuple[pa.Schema, pa.RecordBatch | None]:
    """Return the schema of a file, and its first rows."""
    with arrow(path) as batches:
        return batches.schema, next((batch.slice(0, FIRST) for batch in batches), None)


def _taken(
    batch: pa.RecordBatch, column: Column, id_column: str | None
) -> tuple[pa.Array | None, Items]:
    images = columns.images(batch.column(column.name), column.form)
    if id_column is None:
        return None, images
    ids = batch.column(id_column)
    return ids.cast(columns.id_type(ids.type)), images
