"""An index of faiss, built from a collection that may be larger than memory."""

from __future__ import annotations

import json
import math
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from vae_onnx.bulk.neighbours import metrics
from vae_onnx.bulk.neighbours.collection import Collection
from vae_onnx.bulk.neighbours.columns import Positions
from vae_onnx.bulk.neighbours.metrics import Doubles, Metric
from vae_onnx.bulk.neighbours.search import search
from vae_onnx.engine.graph import Array
from vae_onnx.engine.progress import Said
from vae_onnx.errors import PackageMissingError

ABOUT: Final = "index.json"
PART: Final = "part-{:05d}.faiss"
BYTES: Final = 2**28  # of the vectors of a part: as much is in memory at once, and as much to grow
SAMPLE: Final = 64  # vectors for each list, from which k-means learns its centre
TURNS: Final = 10  # of k-means
TARGET: Final = 0.99  # of the nearest, that are to be found
MUCH: Final = 4  # 1 / the part of the lists from which on an index is no gain
MEASURED: Final = 200  # vectors, whose NEAREST are looked for to see that
NEAREST: Final = 10


def faiss() -> Any:
    """Return the module `faiss`.

    Raises:
        PackageMissingError: It is not installed.
    """
    try:
        with warnings.catch_warnings():
            # Its import warns, and before version 1.14 crashes where warnings are errors.
            warnings.simplefilter("ignore", DeprecationWarning)
            import faiss as module
    except ModuleNotFoundError as error:
        raise PackageMissingError(
            f"an index needs faiss: pip install 'vae-onnx[nearest]', or search without ({error})"
        ) from error
    return module


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder, which takes the place of another once it is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".building-") as name:
        new = Path(name) / "new"
        new.mkdir()
        yield new
        if folder.exists():
            folder.rename(Path(name) / "old")
        new.rename(folder)


def build(
    folder: Path, collection: Collection, metric: Metric, origin: dict[str, Any], said: Said
) -> None:
    """Write an index into an empty folder; three passes over the collection.

    Args:
        folder: Where to.
        collection: Of what.
        metric: For which.
        origin: What it is built of, to be told beside it.
        said: Told what is done, and what recall came of it.

    Raises:
        FileError: A file of the collection is damaged.
        InputError: A vector is null, not finite or, for "cosine", zero.
        OSError: The disk is full.
    """
    index = _trained(collection, metric)
    said(f"dividing {len(collection):,} vectors into {index.nlist:,} lists")
    _fill(folder, index, collection, metric)
    probes, recall = _measured(read(folder), index.nlist, collection, metric)
    found = "" if recall is None else f", where {recall:.1%} of the {NEAREST} nearest are found"
    said(f"a query looks into {probes:,} of {index.nlist:,} lists{found}")
    if recall is not None and MUCH * probes > index.nlist:
        said("which is so much of the collection that searching without the index is as quick")
    about = {"lists": index.nlist, "probes": probes, "recall": recall, "faiss": faiss().__version__}
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    text = json.dumps({**about, "sizes": sizes, "origin": origin}, indent=2)
    (folder / ABOUT).write_text(text + "\n", "utf-8", newline="\n")


def read(folder: Path) -> list[Any]:
    """Open an index as maps of its files: nothing but what is looked at gets into memory."""
    library = faiss()
    files = sorted(folder.glob("*.faiss"))
    return [library.read_index(str(file), library.IO_FLAG_MMAP_IFC) for file in files]


def candidates(parts: list[Any], q: Doubles, wanted: int, probes: int) -> tuple[Positions, Array]:
    """Look for the nearest of queries (Q, length).

    Returns:
        Positions (Q, parts * wanted), -1 where no more were found, and their vectors float32
        (Q, parts * wanted, length) as the index holds them.
    """
    found = []
    for part in parts:
        part.nprobe = probes
        found.append(part.search_and_reconstruct(q.astype(np.float32), wanted)[1:])
    positions, vectors = (np.concatenate(each, axis=1) for each in zip(*found, strict=True))
    return positions, vectors


def _trained(collection: Collection, metric: Metric) -> Any:
    """Return an empty index, whose centres are known."""
    library, count = faiss(), len(collection)
    lists = math.isqrt(count)
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.choice(count, min(count, SAMPLE * lists), replace=False))
    sample = np.concatenate(
        [
            near[chosen[slice(*np.searchsorted(chosen, (start, start + len(near))))] - start]
            for start, near in _blocks(collection, metric)
        ]
    )
    index = library.IndexIVFFlat(library.IndexFlatL2(collection.length), collection.length, lists)
    index.cp.niter = TURNS
    index.cp.min_points_per_centroid = 1  # of fewer than it likes, faiss complains on stderr
    index.cp.max_points_per_centroid = SAMPLE
    index.train(sample)
    return index


def _fill(folder: Path, index: Any, collection: Collection, metric: Metric) -> None:
    """Write all vectors into parts that share their centres.

    faiss can merge such parts into one file, but says so on stdout, where the table goes.
    """
    written = 0

    def write() -> None:
        faiss().write_index(index, str(folder / PART.format(written)))
        index.reset()

    for start, near in _blocks(collection, metric):
        index.add_with_ids(near, np.arange(start, start + len(near)))
        if index.ntotal * collection.length * 4 >= BYTES:
            write()
            written += 1
    if index.ntotal:
        write()


def _measured(
    parts: list[Any], lists: int, collection: Collection, metric: Metric
) -> tuple[int, float | None]:
    """Return into how many lists to look, and which part of the nearest is found there.

    The queries are vectors of the collection itself, which of course find themselves: that one is
    not counted.
    """
    k = NEAREST + 1
    if len(collection) <= k:
        return lists, None
    rng = np.random.default_rng(1)
    chosen = rng.choice(len(collection), min(len(collection), MEASURED), replace=False)
    q = metrics.prepared(collection.vectors_at(chosen), metric, "row")
    farthest = search(collection, q, k, metric).squared[:, -1:]
    probes = 1
    while True:
        positions, rows = candidates(parts, q, k, probes)
        apart = rows - q[:, np.newaxis]
        near = (positions >= 0) & ((apart * apart).sum(axis=2) <= farthest * (1 + 1e-6) + 1e-12)
        recall = float((near.sum(axis=1) - 1).mean() / NEAREST)
        if recall >= TARGET or probes >= lists:
            return probes, recall
        probes = min(2 * probes, lists)


def _blocks(collection: Collection, metric: Metric) -> Iterator[tuple[int, Array]]:
    """Yield the position of the first row and the vectors as the index holds them."""
    start = 0
    for vectors in collection.vectors():
        name = f"{collection.path}: row"
        near = metrics.prepared(vectors, metric, name, start) if metric == "cosine" else vectors
        yield start, np.ascontiguousarray(near, np.float32)
        start += len(vectors)
