"""An input -> a source: what it is, is found out by the names of the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.types

from vae_onnx.bulk import parquet, places
from vae_onnx.bulk.places import File
from vae_onnx.bulk.sources import columns, tables
from vae_onnx.bulk.sources.arrays import MappedPart, StreamedPart
from vae_onnx.bulk.sources.columns import Column
from vae_onnx.bulk.sources.parts import Part, Source
from vae_onnx.bulk.sources.pictures import FolderPart, TarPart
from vae_onnx.bulk.sources.tables import ArrowPart, ParquetPart
from vae_onnx.errors import FileError, InputError
from vae_onnx.pictures import files as pictures
from vae_onnx.store.array_files import GZIP

PARQUET: Final = (".parquet", ".pq")
CACHE: Final = "cache-"  # begins what `datasets` keeps of computations
KINDS: Final = {
    "parquet": "Parquet",
    "tar": "tar files",
    "arrow": "Arrow",
    "arrays": ".npy or .npz",
    "idx": "IDX",
    "pictures": "picture files",
}


@dataclass(frozen=True)
class Wanted:
    """What is to be read out of the files.

    Attributes:
        column: Of a table; of a `.npz` file the array; of a tar file how the pictures end.
        id_column: The column of a table that holds the ids.
        raw_bytes: Of an image as the model takes it; None where it takes any size.
        form: "images", or "codes" to decode.
    """

    column: str | None = None
    id_column: str | None = None
    raw_bytes: int | None = None
    form: str = "images"


def open_source(place: str, wanted: Wanted) -> Source:
    """Find out what an input is, and how many images it has.

    Args:
        place: A file, a folder of any depth, or a pattern; an address for Parquet and tar files.
        wanted: What to read out of it.

    Raises:
        FileMissingError: There is nothing.
        FileError: A file is damaged, or none that can be read.
        InputError: There is no image in it; or what is meant is not clear: files of several kinds,
            several columns.
    """
    files, is_folder = places.listed(place)
    by_kind: dict[str, list[File]] = {}
    left: Counter[str] = Counter()
    for file in files:
        kind = _kind(file, alone=not is_folder)
        if kind is None:
            left[PurePosixPath(file.name).suffix or file.name] += 1
        else:
            by_kind.setdefault(kind, []).append(file)
    if not by_kind:
        raise InputError(f"{place} holds no images: {_all_left(left) or 'no file at all'}")
    if len(by_kind) > 1:
        told = ", ".join(f"{len(some)} of {KINDS[kind]}" for kind, some in by_kind.items())
        raise InputError(
            f"{place} holds files of several kinds: {told}; name one kind with a pattern, such as "
            f"'{place.rstrip('/')}/**/*{PurePosixPath(next(iter(by_kind.values()))[0].name).suffix}'"
        )
    ((kind, some),) = by_kind.items()
    source = _OPEN[kind](place, some, wanted)
    if not len(source):
        raise InputError(f"{place} holds no images: its {KINDS[kind]} have no row")
    others = (f"Left out: {_all_left(left)}.",) if left else ()
    named = (wanted.column, wanted.id_column)
    return replace(source, taken=(*source.taken, *others), named=named)


def _all_left(left: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in left.most_common(8))


def _kind(file: File, *, alone: bool) -> str | None:
    path = PurePosixPath(file.name)
    ending = path.suffix.lower()
    if path.name.startswith(places.NO_DATA) and not alone:  # but cameras call pictures so
        return "pictures" if ending in pictures.suffixes() else None
    if ending in PARQUET:
        return "parquet"
    if ending == ".tar" or (alone and path.name.lower().endswith((".tar.gz", ".tgz"))):
        return "tar"
    if ending == ".arrow":
        return None if path.name.startswith(CACHE) else "arrow"
    if ending in (".npy", ".npz"):
        return "arrays"
    name = path.name.removesuffix(".gz")
    if "idx3" in name or "idx4" in name or (alone and _is_idx(file)):
        return "idx"
    return "pictures" if ending in pictures.suffixes() else None


def _is_idx(file: File) -> bool:
    """Whether a file is IDX or packed, whatever its name."""
    with places.opened(file.path) as opened:
        start = opened.read(4)
    return start[:2] in (GZIP, b"\0\0") and len(start) == 4


def _here(file: File, kind: str) -> Path:
    if places.is_remote(file.path):
        raise InputError(
            f"{file.path}: {KINDS[kind]} are read on this machine alone; copy it here, or make "
            "Parquet or tar files of it"
        )
    return Path(file.path)


def _open_pictures(place: str, files: list[File], _: Wanted) -> Source:
    for file in files[:1]:
        _here(file, "pictures")
    root = places.root_of(place)
    part = FolderPart(root, [file.name for file in files])
    return Source([part], "pictures", places.digest(files), has_names=True)


def _open_arrays(_: str, files: list[File], wanted: Wanted) -> Source:
    parts: list[Part] = []
    for file in files:
        path = _here(file, "arrays")
        packed = path.suffix.lower() == ".npz"
        parts.append(StreamedPart.of_npz(path, wanted.column) if packed else MappedPart.of(path))
    return Source(parts, "arrays", places.digest(files))


def _open_idx(_: str, files: list[File], __: Wanted) -> Source:
    parts: list[Part] = []
    for file in files:
        path = _here(file, "idx")
        with places.opened(file.path) as opened:
            packed = opened.read(2) == GZIP
        parts.append(StreamedPart.of_idx(path) if packed else MappedPart.of(path))
    return Source(parts, "idx", places.digest(files))


def _open_tar(_: str, files: list[File], wanted: Wanted) -> Source:
    parts = [TarPart.of(file.path, wanted.column) for file in files]
    return Source(
        parts,
        "tar",
        places.digest(files),
        has_names=True,
        may_repeat=True,
        row_bytes=_mean(files, sum(part.count for part in parts)),
    )


def _open_parquet(_: str, files: list[File], wanted: Wanted) -> Source:
    groups = []
    for file in files:
        with parquet.opened(file.path) as opened:
            told = opened.metadata
            groups.append([told.row_group(at).num_rows for at in range(told.num_row_groups)])
    parts = _tables(
        [(file, sum(each)) for file, each in zip(files, groups, strict=True)],
        lambda path: tables.first_of_parquet(path, wanted.column),
        wanted,
    )
    made = [
        ParquetPart(table.file.path, table.column, table.ids, each)
        for table, each in zip(parts, groups, strict=True)
    ]
    return _table_source("parquet", wanted.form, files, made, parts)


def _open_arrow(place: str, files: list[File], wanted: Wanted) -> Source:
    counts = []
    for file in tables.in_order(place, files):
        with tables.arrow(str(_here(file, "arrow"))) as batches:
            counts.append((file, sum(len(batch) for batch in batches)))
    parts = _tables(counts, tables.first_of_arrow, wanted)
    made = [
        ArrowPart(table.file.path, table.column, table.ids, count)
        for table, (_, count) in zip(parts, counts, strict=True)
    ]
    return _table_source("arrow", wanted.form, files, made, parts)


def _mean(files: Sequence[File], count: int) -> int:
    return sum(file.size for file in files) // max(1, count)


class Table(NamedTuple):
    """A file with a column of images."""

    file: File
    column: Column
    ids: str | None  # the column of them
    id_type: pa.DataType | None
    schema: pa.Schema


def _tables(
    files: Sequence[tuple[File, int]], first: Callable[[str], Any], wanted: Wanted
) -> list[Table]:
    """Look into each file, and see that they go together."""
    found: list[Table] = []
    for file, count in files:
        column, ids, schema = tables.look(
            partial(first, file.path),
            file.path,
            wanted.column,
            wanted.id_column,
            wanted.raw_bytes,
            wanted.form,
        )
        kind = None if ids is None else columns.id_type(schema.field(ids).type)
        this = Table(file, column, ids, kind, schema)
        if found and count and _models(this) != _models(found[0]):
            raise FileError(
                f"{file.path} has codes of another model than {found[0].file.path}; keep them in "
                "folders of their own"
            )
        if found and count and _differ(this, found[0]):
            raise FileError(
                f"{file.path} has its images in {column.name!r} and ids in {ids!r} ({kind}), "
                f"{found[0].file.path} in {found[0].column.name!r} and {found[0].ids!r} "
                f"({found[0].id_type}); embed them apart"
            )
        found.append(this)
    return found


def _models(table: Table) -> Any:
    return parquet.about(table.schema, table.file.path).get("sha256")


def _differ(one: Table, other: Table) -> bool:
    return (one.column.name, one.ids, one.id_type) != (other.column.name, other.ids, other.id_type)


def _table_source(
    kind: str, form: str, files: list[File], parts: Sequence[Part], found: list[Table]
) -> Source:
    file, column, id_column, id_type, schema = found[0]
    what = {
        "pictures": "encoded pictures",
        "bytes": "raw bytes, one a pixel and channel",
        "numbers": "numbers",
    }[column.form]
    ids = f"the column {id_column!r}" if id_column else "the number of the row, from 0"
    named = id_type is not None and pyarrow.types.is_string(id_type)
    return Source(
        parts,
        kind,
        places.digest(files),
        (f"{form.capitalize()} are the column {column.name!r} ({what}), ids {ids}.",),
        has_names=named,
        may_repeat=id_column is not None,
        row_bytes=_mean(files, sum(part.count for part in parts)),
        about=parquet.about(schema, file.path),
    )


_OPEN: Final[dict[str, Callable[[str, list[File], Wanted], Source]]] = {
    "parquet": _open_parquet,
    "tar": _open_tar,
    "arrow": _open_arrow,
    "arrays": _open_arrays,
    "idx": _open_idx,
    "pictures": _open_pictures,
}
