"""The Parquet files that a collection lies in: what there is, what their columns are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from vae_onnx.bulk import parquet
from vae_onnx.bulk.sources.columns import CODES
from vae_onnx.errors import FileError, FileMissingError, InputError, accessing

MODEL: Final = ("model", "precision", "sha256", "latent_shape")  # of KEY; one in all files


class Shard(NamedTuple):
    """One Parquet file, as its end describes it."""

    path: Path
    groups: tuple[int, ...]  # rows of each row group
    schema: Any  # of pyarrow
    about: Mapping[str, Any]  # what `vae-onnx embed` tells; nothing of other people's files

    @property
    def rows(self) -> int:
        """How many there are."""
        return sum(self.groups)


def find(path: Path) -> list[Path]:
    """Return the Parquet files of a folder by name, or the one file that a path names.

    What begins with "_" or "." is no data.

    Raises:
        FileMissingError: There is neither.
        FileAccessError: The folder cannot be read.
        InputError: It holds no such file.
    """
    with accessing(path):
        if path.is_file():
            return [path]
        if not path.is_dir():
            raise FileMissingError(
                f"{path} is missing; name a folder that `vae-onnx embed` wrote, or a Parquet file"
            )
        names = sorted(each.name for each in path.iterdir() if each.suffix == ".parquet")
    found = [path / name for name in names if not name.startswith(("_", "."))]
    if not found:
        raise InputError(
            f"{path} holds no .parquet file; `vae-onnx embed PICTURES {path} --model NAME` writes "
            "some"
        )
    return found


def read_shard(path: Path) -> Shard:
    """Read the end of a Parquet file.

    Raises:
        FileError: It is truncated, or no Parquet file.
        FileAccessError: It cannot be read.
    """
    with parquet.opened(path) as file:
        footer = file.metadata
        groups = tuple(footer.row_group(i).num_rows for i in range(footer.num_row_groups))
        schema = file.schema_arrow
    return Shard(path, groups, schema, parquet.about(schema, path))


def check_same(shards: Sequence[Shard], columns: Sequence[str]) -> None:
    """See that all files are of one model and hold these columns in one way.

    Raises:
        FileError: One differs from the first.
    """
    first = shards[0]
    for shard in shards[1:]:
        for key in MODEL:
            if shard.about.get(key) != first.about.get(key):
                raise FileError(
                    f"{shard.path} is of another model than {first.path.name}: expected {key} "
                    f"{first.about.get(key)}, got {shard.about.get(key)}; embed the pictures into "
                    "an empty folder, or name one file"
                )
        kinds = dict(zip(shard.schema.names, shard.schema.types, strict=True))
        for column in columns:
            expected, got = first.schema.field(column).type, kinds.get(column)
            if got != expected:
                raise FileError(
                    f"{shard.path} is of another kind than {first.path.name}: expected a column "
                    f"{column!r} of {expected}, got {got or 'none'}; move it to another folder"
                )


def vector_column(shard: Shard, wanted: str | None) -> str:
    """Return which column holds the vectors: the one wanted, `mu`, `z`, or the only one.

    Raises:
        InputError: There is no such column, it holds no lists of floats, or none is the only one.
    """
    import pyarrow as pa

    def is_vector(kind: Any) -> bool:
        lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        return any(is_one(kind) for is_one in lists) and pa.types.is_floating(kind.value_type)

    vectors = [each.name for each in shard.schema if is_vector(each.type)]
    there = f"{shard.path} has {', '.join(vectors) or 'none'}"
    if wanted is not None:
        if wanted in vectors:
            return wanted
        raise InputError(f"the column must hold lists of floats, got {wanted!r}; {there}")
    chosen = [name for name in CODES if name in vectors] or vectors
    if len(chosen) == 1 or (chosen and chosen[0] in CODES):
        return chosen[0]
    raise InputError(
        f"one column must hold the vectors, as lists of floats; {there}; name one with --column "
        "(column=...)"
        if vectors
        else f"one column must hold the vectors, as lists of floats; {there}: {parquet.REMEDY}"
    )


def id_column(shard: Shard, wanted: str | None) -> str | None:
    """Return which column names the rows: the one wanted, or `id`; None where there is none.

    Raises:
        InputError: There is no such column, or it holds neither integers nor strings.
    """
    import pyarrow as pa

    names = shard.schema.names
    if wanted is None and "id" not in names:
        return None
    name = wanted or "id"
    if name not in names:
        raise InputError(f"{shard.path} has no column {name!r}; it has {', '.join(names)}")
    kind = shard.schema.field(name).type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    takes = (pa.types.is_integer, pa.types.is_string, pa.types.is_large_string)
    if not any(is_one(kind) for is_one in takes):
        raise InputError(
            f"ids must be integers or strings, got {kind} in column {name!r} of {shard.path}; name "
            "another column with --id-column (ids=...)"
        )
    return name
