"""The nearest of a collection through faiss: an index beside it, built once and kept up to date.

It is of inverted lists: k-means divides the vectors into lists, and a query looks into those whose
centres are near. Into how many is measured on the collection itself, see `building`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from vae_onnx import checks
from vae_onnx.bulk.neighbours import building, metrics
from vae_onnx.bulk.neighbours.collection import Collection
from vae_onnx.bulk.neighbours.metrics import Doubles, Metric
from vae_onnx.bulk.neighbours.search import Best, Neighbours
from vae_onnx.engine import threads as engine_threads
from vae_onnx.engine.progress import Said
from vae_onnx.errors import accessing

FOLDER: Final = "_index"  # beside the files, and no data to those who read them
FORMAT: Final = 1  # of what is written there
SPARE: Final = 16  # candidates above k, among which float64 may choose others than float32 did
AT_ONCE: Final = 256  # queries
BYTES: Final = 2**26  # of their candidates, or a single query's


class Index:
    """An index of a collection, which is built first where there is none, or none of today's files.

    It finds nearly all of the nearest: `recall` says how many. Distances and their order are those
    of float64; for "cosine", of vectors that were brought to length 1 in float32: right to 1e-7.

    Args:
        collection: What it is of. The index is in the folder `_index` beside its files, and memory-
            mapped: of what is searched alone is in memory.
        metric: "euclidean" or "cosine", each of which has an index of its own.
        threads: Of faiss; by default all that there are. They are those of the process.
        progress: Say on stderr what is built, and why.

    Attributes:
        collection: As given.
        metric: As given.
        lists: How many there are.
        probes: How many of them a query looks into.
        recall: Of the 10 nearest of 200 vectors of the collection, the part that it found when it
            was built; None of a collection that is too small to say.

    Raises:
        PackageMissingError: faiss is not installed.
        FileAccessError: The index cannot be written or read.
        InputError: There is no such metric; `threads` is below 1; a vector is null, not finite or,
            for "cosine", zero.
        FileError: A file of the collection is damaged, or has changed.
    """

    def __init__(
        self,
        collection: Collection,
        metric: Metric = "euclidean",
        *,
        threads: int | None = None,
        progress: bool = False,
    ) -> None:
        faiss = building.faiss()
        self.collection: Collection = collection
        self.metric: Metric = metrics.check(metric)
        self._threads = engine_threads.check(threads)
        faiss.omp_set_num_threads(self._threads)
        said = Said("index" if progress else None)
        folder, origin = place(collection, self.metric), _origin(collection, self.metric)
        about = _fresh(folder, origin, said)
        if about is None:
            with accessing(folder, "; search without the index"), building.replacing(folder) as new:
                building.build(new, collection, self.metric, origin, said)
            about = json.loads((folder / building.ABOUT).read_text())
        self.lists: int = int(about["lists"])
        self.probes: int = int(about["probes"])
        self.recall: float | None = about["recall"]
        self._parts = building.read(folder)

    def __repr__(self) -> str:
        found = "" if self.recall is None else f", recall@10 {self.recall:.3f}"
        return f"<{self.collection!r}: {self.probes} of {self.lists} lists{found}>"

    def nearest(self, queries: npt.ArrayLike, k: int = 10) -> Neighbours:
        """Find the k nearest vectors to each query; see `vae_onnx.bulk.neighbours.nearest`.

        Of fewer than k rows in the lists that are looked into, it looks into more.
        """
        q = metrics.as_queries(queries, self.collection.length)
        q = metrics.prepared(q, self.metric, "queries: row")
        count = min(checks.integer(k, "k", at_least=1), len(self.collection))
        building.faiss().omp_set_num_threads(self._threads)
        best = Best(len(q), count, self.metric)
        wanted = min(count + SPARE, len(self.collection))
        most = BYTES // (4 * self.collection.length * wanted * len(self._parts))
        step = min(AT_ONCE, max(1, most))
        for start in range(0, len(q), step):
            self._search(best, q, range(start, min(start + step, len(q))), wanted)
        return best.neighbours(self.collection)

    def _search(self, best: Best, q: Doubles, some_of: range, wanted: int) -> None:
        count, probes = best.squared.shape[1], self.probes
        some = q[some_of.start : some_of.stop]
        while True:
            positions, rows = building.candidates(self._parts, some, wanted, probes)
            if probes >= self.lists or (positions >= 0).sum(axis=1).min() >= count:
                break
            probes *= 2
        for i, found in enumerate(positions):
            there = found >= 0
            squared = metrics.squares(some[i], rows[i][there].astype(np.float64))
            best.add(some_of.start + i, squared, found[there])


def place(collection: Collection, metric: Metric) -> Path:
    """Return the folder of an index: a collection has one for each column and metric."""
    path = collection.path
    folder, stem = (path, "") if path.is_dir() else (path.parent, f"{path.stem}.")
    return folder / FOLDER / f"{stem}{quote(collection.column, safe='')}.{metric}"


def _origin(collection: Collection, metric: Metric) -> dict[str, Any]:
    """What an index is built of: it is out of date where any of that has changed."""
    files = []
    for shard in collection.shards:
        with accessing(shard.path):
            status = shard.path.stat()
        files.append([shard.path.name, status.st_size, status.st_mtime_ns])
    return {
        "format": FORMAT,
        "metric": metric,
        "column": collection.column,
        "length": collection.length,
        "rows": len(collection),
        "model": collection.about.get("model"),
        "sha256": collection.about.get("sha256"),
        "files": files,
    }


def _fresh(folder: Path, origin: dict[str, Any], said: Said) -> dict[str, Any] | None:
    """Return what an index tells of itself, None where it has to be built; say why."""
    if not folder.exists():
        said(f"building {folder}")
        return None
    try:
        about = json.loads((folder / building.ABOUT).read_text())
        sizes = {name: (folder / name).stat().st_size for name in about["sizes"]}
        changed = [key for key, value in origin.items() if about["origin"][key] != value]
        damaged = sizes != about["sizes"]
        if not changed and not damaged:
            return dict(about)
    except (OSError, ValueError, LookupError, TypeError):
        changed, damaged = [], True
    why = "it is damaged" if damaged else f"the collection has changed ({', '.join(changed)})"
    said(f"building {folder} again, since {why}")
    return None
