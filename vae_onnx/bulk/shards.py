"""The files of a result: a range of the input each, which can be checked without another file.

Pages of Parquet have sums of their own, but what says where they are and what is in them has none.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from vae_onnx.bulk.parquet import KEY, about
from vae_onnx.bulk.places import Output, opened
from vae_onnx.errors import FileMissingError, VaeOnnxError

PREFIX: Final = "part-"
SUFFIX: Final = ".parquet"
SUM: Final = "vae_onnx.sha256"  # of the bytes of the file, with zeros where it stands itself
MARK: Final = b"sum of vae_onnx: "
DIGITS: Final = 64


class Shard(NamedTuple):
    """Which images of the input a file of the result is of.

    Attributes:
        number: Of the file, from 0.
        start: The place of the first image in the input.
        stop: The place after the last.
    """

    number: int
    start: int
    stop: int

    @property
    def name(self) -> str:
        """Of the file."""
        return f"{PREFIX}{self.number:05}{SUFFIX}"


def planned(count: int, rows: int) -> list[Shard]:
    """Cut an input of so many images into shards."""
    starts = range(0, count, rows)
    return [Shard(at, start, min(start + rows, count)) for at, start in enumerate(starts)]


def write(
    output: Output,
    shard: Shard,
    job: Mapping[str, Any],
    batches: Sequence[pa.RecordBatch],
    errors: Sequence[tuple[str, str]],
    schema: pa.Schema,
) -> None:
    """Write the file of a shard; it appears once it is complete.

    Args:
        output: Where to.
        shard: Which.
        job: What the work is, the same in all files.
        batches: The rows.
        errors: The ids of images that could not be taken, and why.
        schema: Of the rows.

    Raises:
        FileAccessError: It cannot be written.
    """
    told = {**job, "rows": [shard.start, shard.stop], "errors": list(errors)}
    table = pa.Table.from_batches(batches, schema.with_metadata({KEY: _json(told)}))
    write_table(output, shard.name, table)


def write_table(output: Output, name: str, table: pa.Table) -> None:
    """Write a table, with a sum of all bytes of its file within."""
    file = io.BytesIO()
    with pq.ParquetWriter(
        file, table.schema, compression="zstd", use_dictionary=False, write_page_checksum=True
    ) as writer:
        writer.write_table(table, row_group_size=max(1, len(table)))
        writer.add_key_value_metadata({SUM: MARK.decode() + "0" * DIGITS})
    content = file.getbuffer()
    at = file.getvalue().rfind(MARK) + len(MARK)
    content[at : at + DIGITS] = _sum(content, at)
    output.write(name, lambda target: _fill(target, content))


def look(output: Output, shard: Shard, job: Mapping[str, Any]) -> dict[str, Any] | str:
    """Return what the file of a shard tells, once all of it has been read and found sound.

    Returns:
        Or the reason why the shard must be done again: "missing", "damaged: ...", "another job's".
    """
    try:
        with opened(output.path(shard.name)) as stream:
            content = stream.read()
        at = content.rfind(MARK) + len(MARK)
        if content[at : at + DIGITS] != _sum(memoryview(content), at):
            return "damaged: its bytes are not those that were written"
        file = pq.ParquetFile(pa.BufferReader(content))
        told = about(file.schema_arrow, shard.name)
        rows = file.metadata.num_rows
    except FileMissingError:
        return "missing"
    except (pa.ArrowException, OSError, ValueError, VaeOnnxError) as error:
        return f"damaged: {error}"
    if {key: told.get(key) for key in job} != _plain(job):
        return "another job's"
    if told.get("rows") != [shard.start, shard.stop]:
        return "of other rows"
    if rows + len(told["errors"]) != shard.stop - shard.start:
        return "damaged: rows are missing"
    return told


def _sum(content: memoryview, at: int) -> bytes:
    """Return the sum of the bytes of a file, whatever stands in it at a place for the sum."""
    sha256 = hashlib.sha256(content[:at])
    sha256.update(b"0" * DIGITS)
    sha256.update(content[at + DIGITS :])
    return sha256.hexdigest().encode()


def _fill(file: IO[bytes], content: memoryview) -> None:
    file.write(content)


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _plain(value: Any) -> Any:
    return json.loads(_json(value))
