"""`vae-onnx nearest`: the pictures of an embedded collection that are most like others."""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from vae_onnx import checks
from vae_onnx.command import inputs, outputs, rows
from vae_onnx.errors import InputError
from vae_onnx.pictures.arrays import from_x, to_uint8
from vae_onnx.pictures.fitting import FITS

if TYPE_CHECKING:
    from vae_onnx.bulk.neighbours import Collection, Neighbours

SUMMARY: Final = "pictures -> those of an embedded collection that are most like each"
SUFFIXES: Final = (".csv", ".parquet", ".png")

Codes = npt.NDArray[np.float32]
Picture = Path | npt.NDArray[np.uint8]


class Queries(NamedTuple):
    """What is looked for."""

    names: list[str]
    codes: Codes  # (Q, length)
    pictures: list[Picture]  # as a sheet shows them
    rows: list[int] | None = None  # of the collection, where the queries are its own


class _Id(argparse.Action):
    """Takes the id of a row, in whose place no picture is required."""

    def __init__(self, *arguments: Any, spares: argparse.Action, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._spares = spares

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), values])
        self._spares.required = False


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Say what can be typed."""
    path = functools.partial(checks.path, name="path")
    command.set_defaults(suffixes=SUFFIXES, reads=("images",))
    command.add_argument(
        "collection",
        type=path,
        metavar="COLLECTION",
        help="the folder that `vae-onnx embed` wrote, or one Parquet file",
    )
    # Not "*": that takes no picture, and none later, where an option stands before the first.
    images = command.add_argument(
        "images",
        nargs="+",
        type=path,
        default=[],
        metavar="PICTURE",
        help="picture files, or one .npy file of images, as for `encode`; or --id",
    )
    command.add_argument(
        "--id",
        action=_Id,
        default=[],
        spares=images,
        help="look for what is most like a row of the collection instead; may be repeated",
    )
    command.add_argument("-k", type=int, default=10, help="how many (default %(default)s)")
    command.add_argument(
        "--metric",
        choices=("euclidean", "cosine"),
        default="euclidean",
        help="(default %(default)s)",
    )
    command.add_argument(
        "--index",
        action="store_true",
        help="through an index of faiss, which is built beside the collection the first time: "
        "nearly all of the nearest, faster where there are millions",
    )
    command.add_argument("--threads", type=int, help="of the index; by default all that there are")
    command.add_argument(
        "--model", help="where the model is that made the collection; by default as it tells"
    )
    command.add_argument(
        "--column", help="which holds the vectors (default mu, z, or the only one)"
    )
    command.add_argument(
        "--id-column", help="which names the rows (default id, or the row numbers)"
    )
    command.add_argument(
        "--pictures",
        type=path,
        default=Path(),
        metavar="FOLDER",
        help="where the picture files are that the ids name, for a sheet (default: here)",
    )
    command.add_argument(
        "-o",
        "--out",
        type=path,
        help=".csv or .parquet: the table; .png: a sheet, each query in a row with its nearest; "
        "without it, the table is printed",
    )


def nearest(options: argparse.Namespace) -> None:
    """Pictures, or rows of the collection -> its nearest rows."""
    from vae_onnx.bulk import neighbours  # which needs pyarrow

    if options.images and options.id:
        raise InputError(
            "name pictures to look for, or rows of the collection with --id, not both at once"
        )
    collection = neighbours.Collection(options.collection, options.column, options.id_column)
    for start, stop in collection.missing:
        _tell(f"no file tells of rows {start} to {stop - 1}: they were not embedded, or were moved")
    queries = _rows(collection, options) if options.id else _pictures(collection, options)
    most = len(collection) - (queries.rows is not None)
    if options.k > most:
        _tell(f"-k {options.k} is more than the collection has: it gives all {most}")
    found = _searched(collection, queries, options)
    if _wants_sheet(options):
        from vae_onnx.command import sheet

        sheet.write(options.out, queries.names, queries.pictures, found, options.pictures)
        return
    columns = _columns(queries.names, found)
    if options.out and options.ending == ".parquet":
        _write_parquet(options.out, columns)
    else:
        forms = {"distance": ".6g"}
        told = {
            name: [format(value, forms.get(name, "")) for value in values]
            for name, values in columns.items()
        }
        outputs.write_table(options.out, told)


def _pictures(collection: Collection, options: argparse.Namespace) -> Queries:
    """Encode pictures as those of the collection were encoded."""
    from vae_onnx.bulk.neighbours import origin

    if collection.about and collection.column not in ("mu", "z"):
        raise InputError(
            f"pictures are looked for by their codes, mu or z, got --column {collection.column}; "
            "--id looks for rows by any column"
        )
    model = origin.model_of(collection, options.model)
    encoder = model.encoder.graph.path.name
    if origin.checksum(collection, encoder) is None:
        _tell(f"{collection.path} lists no sha256 of {encoder}: whether it is its model is unknown")
    _prepare_alike(collection, options)
    x = inputs.read_images(options, model)
    codes = np.concatenate([model.encode(block) for block in rows.blocks(x)]).reshape(len(x), -1)
    if codes.shape[1] != collection.length:
        raise InputError(
            f"the codes of these pictures have {codes.shape[1]} numbers, those of "
            f"{collection.path} {collection.length}; name its model with --model, or bring the "
            "pictures to the size that its own had"
        )
    paths: list[Path] = options.images
    if paths[0].suffix.lower() != ".npy":
        return Queries([str(path) for path in paths], codes, list(paths))
    shown = list(to_uint8(from_x(np.asarray(x)))) if _wants_sheet(options) else []
    return Queries([str(row) for row in range(len(x))], codes, shown)


def _prepare_alike(collection: Collection, options: argparse.Namespace) -> None:
    """Take --fit and --[no-]invert from the collection where they were not typed."""
    if options.drawing or options.images[0].suffix.lower() == ".npy":
        return
    told = collection.about.get("embed")
    taken = told if isinstance(told, dict) else {}
    if options.fit is None and taken.get("fit") in FITS:
        options.fit = taken["fit"]
    if options.invert is None and isinstance(taken.get("invert"), bool):
        options.invert = taken["invert"]


def _rows(collection: Collection, options: argparse.Namespace) -> Queries:
    positions = np.array([collection.position(name) for name in options.id])
    pictures = [options.pictures / str(name) for name in collection.ids_at(positions)]
    return Queries(options.id, collection.vectors_at(positions), pictures, positions.tolist())


def _wants_sheet(options: argparse.Namespace) -> bool:
    return options.out is not None and options.ending == ".png"


def _searched(collection: Collection, queries: Queries, options: argparse.Namespace) -> Neighbours:
    """Search; rows of the collection, which find themselves, leave themselves out."""
    from vae_onnx.bulk import neighbours

    k = checks.integer(options.k, "-k", at_least=1)
    wanted = k + (queries.rows is not None)
    if options.index:
        index = neighbours.Index(collection, options.metric, threads=options.threads, progress=True)
        found = index.nearest(queries.codes, wanted)
    else:
        found = neighbours.nearest(collection, queries.codes, wanted, options.metric)
    return found if queries.rows is None else found.without(np.array(queries.rows))


def _columns(names: list[str], found: Neighbours) -> dict[str, Any]:
    count, k = found.ids.shape
    return {
        "query": np.repeat(names, k).tolist(),
        "rank": np.tile(np.arange(1, k + 1), count).tolist(),
        "id": found.ids.ravel().tolist(),
        "distance": found.distances.ravel().tolist(),
    }


def _write_parquet(path: Path, columns: dict[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from vae_onnx.command import streams

    content = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), content)
    with streams.writing(path) as file:
        file.write(content.getvalue())


def _tell(note: str) -> None:
    if sys.stderr is not None:  # as it is of programs without a console
        print(f"vae-onnx: note: {note}", file=sys.stderr)
