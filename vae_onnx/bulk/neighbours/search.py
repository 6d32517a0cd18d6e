"""The k nearest vectors of a collection, exactly: one pass over it in blocks.

A product of matrices in float32 says which rows can be among the nearest at all, with a bound on
its rounding that none of them escapes. Of those the distances are computed in float64, and they
alone decide.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vae_onnx import checks
from vae_onnx.bulk.neighbours import metrics
from vae_onnx.bulk.neighbours.collection import Collection
from vae_onnx.bulk.neighbours.columns import Ids, Positions
from vae_onnx.bulk.neighbours.metrics import Doubles, Metric
from vae_onnx.engine.graph import Array

SCORES: Final = 2**21  # of some queries and a block of rows, 8 MB
ROUNDING: Final = 2.0**-24  # of float32, relative
VANISHING: Final = 2.0**-126  # below it float32 rounds by more than that
OVERFLOWING: Final = 1e37  # above it sums of squares may be infinite in float32
FEW: Final = 64  # candidates that are not worth choosing among in float32


@dataclass(frozen=True)
class Neighbours:
    """The nearest rows of each query, the nearest first; of equal distances the first row."""

    ids: Ids  # (Q, k) int64, or object that holds strings
    distances: Doubles  # (Q, k) float64, ascending
    positions: Positions  # (Q, k) int64, where the rows are in the collection

    def without(self, own: Positions) -> Neighbours:
        """Leave a row of the collection (Q,) out of those of each query, or else the last.

        What a row finds beside itself: (Q, k - 1).
        """
        others = self.positions != own[:, np.newaxis]
        others[others.all(axis=1), -1] = False  # as many as k others are at distance 0, too
        shape = (len(own), self.positions.shape[1] - 1)
        arrays = (self.ids, self.distances, self.positions)
        return Neighbours(*(array[others].reshape(shape) for array in arrays))


def nearest(
    collection: Collection | str | os.PathLike[str],
    queries: npt.ArrayLike,
    k: int = 10,
    metric: Metric = "euclidean",
) -> Neighbours:
    """Find the k nearest vectors of a collection to each query, exactly.

    A vector of the collection finds itself at distance 0. In memory are a block of the collection
    and, for each query, k distances.

    Args:
        collection: Or its path.
        queries: Numbers (Q, length), or (length,) for one.
        k: How many; of a smaller collection, all that there are.
        metric: "euclidean", or "cosine": 1 minus the cosine of the angle, 0 to 2.

    Returns:
        Arrays (Q, min(k, len(collection))).

    Raises:
        InputTypeError: The queries are no numbers, or `k` is no integer.
        InputError: The queries are of another length or not finite; `k` is below 1; there is no
            such metric; a vector is null, not finite or, for "cosine", zero.
        FileError: A file of the collection is damaged; see `Collection` for what opening raises.
    """
    if not isinstance(collection, Collection):
        collection = Collection(collection)
    best = search(collection, queries, k, metrics.check(metric))
    return best.neighbours(collection)


def search(collection: Collection, queries: npt.ArrayLike, k: int, metric: Metric) -> Best:
    """Find the positions alone; see `nearest`."""
    q = metrics.as_queries(queries, collection.length)
    q = metrics.prepared(q, metric, "queries: row")
    count = min(checks.integer(k, "k", at_least=1), len(collection))
    best, start = Best(len(q), count, metric), 0
    for vectors in collection.vectors():
        block = Block.of(vectors, start, metric, str(collection.path))
        group = max(1, SCORES // len(vectors)) if len(vectors) else 1
        for first in range(0, len(q), group):
            _improve(best, block, q, slice(first, min(first + group, len(q))))
        start += len(vectors)
    return best


class Best:
    """The nearest rows so far.

    Args:
        queries: How many there are.
        k: Rows for each.
        metric: Of the distances.

    Attributes:
        squared: (Q, k) float64, ascending; infinity where no row has come yet.
        positions: (Q, k) int64.
    """

    def __init__(self, queries: int, k: int, metric: Metric) -> None:
        self.squared: Doubles = np.full((queries, k), np.inf)
        self.positions: Positions = np.full((queries, k), np.iinfo(np.int64).max)
        self.metric = metric

    def add(self, query: int, squared: Doubles, positions: Positions) -> None:
        """Take rows (N,) into account: squared distances, and where they are."""
        squared = np.concatenate([self.squared[query], squared])
        positions = np.concatenate([self.positions[query], positions])
        order = np.lexsort((positions, squared))[: self.squared.shape[1]]
        self.squared[query], self.positions[query] = squared[order], positions[order]

    def neighbours(self, collection: Collection) -> Neighbours:
        """Return them with their ids."""
        ids = collection.ids_at(self.positions)
        return Neighbours(ids, metrics.distances(self.squared, self.metric), self.positions)


@dataclass(frozen=True)
class Block:
    """Rows of the collection, and what float32 makes of them."""

    vectors: Array  # (N, length) as they are stored
    start: int  # the position of the first
    near: Array  # (N, length) the same, or of length 1 for "cosine"
    halves: Array  # (N,) half the squared length of each
    name: str  # of the collection, for errors

    @classmethod
    def of(cls, vectors: Array, start: int, metric: Metric, name: str) -> Block:
        """Prepare vectors (N, length)."""
        near = vectors
        if metric == "cosine":
            near = metrics.prepared(vectors, metric, f"{name}: row", start).astype(np.float32)
        with np.errstate(over="ignore"):  # which `margins` sees
            halves = np.einsum("ij,ij->i", near, near) / np.float32(2)
        return cls(vectors, start, near, halves, name)

    def margins(self, q: Doubles) -> Doubles:
        """Return how far a score of each query (Q,) may be from the true one, infinity at worst."""
        half = float(self.halves.max(initial=0))
        if half > OVERFLOWING:
            return np.full(len(q), np.inf)
        largest = 1.01 * math.sqrt(2 * half)
        lengths = np.sqrt((q * q).sum(axis=1))
        sizes = largest * largest / 2 + lengths * largest
        terms = q.shape[1] + 8  # of a sum, each of which rounds once, and what is done beside it
        margins = 1.01 * terms * (ROUNDING * sizes + VANISHING)
        return np.where(sizes < OVERFLOWING, margins, np.inf)


def _improve(best: Best, block: Block, q: Doubles, part: slice) -> None:
    """Take a block into account, for a part of the queries."""
    some, squared = q[part], best.squared[part, -1]
    margins = block.margins(some)
    # Half the squared distance, but for half the squared length of the query.
    with np.errstate(over="ignore", invalid="ignore"):
        scores = some.astype(np.float32) @ block.near.T
        np.subtract(block.halves, scores, out=scores)
    scores[np.isinf(margins)] = 0  # where they mean nothing, every row is a candidate
    own = (some * some).sum(axis=1)
    limits = (squared - own) / 2 + margins + 1e-13 * (squared + own)
    with np.errstate(over="ignore"):
        mask = scores <= np.nextafter(limits.astype(np.float32), np.float32(np.inf))[:, np.newaxis]
    of, rows = np.nonzero(mask)
    edges = np.searchsorted(of, np.arange(len(some) + 1))
    for i in np.flatnonzero(np.diff(edges)):
        found = rows[edges[i] : edges[i + 1]]
        found = _thinned(found, scores[i], best.squared.shape[1], margins[i])
        exact = metrics.prepared(block.vectors[found], best.metric, block.name)
        best.add(part.start + int(i), metrics.squares(some[i], exact), found + block.start)


def _thinned(rows: Positions, scores: Array, k: int, margin: float) -> Positions:
    """Leave out rows that k others of the block are surely nearer than."""
    if len(rows) <= max(FEW, k):
        return rows
    some = scores[rows]
    limit = float(np.partition(some, k - 1)[k - 1]) + 2 * margin
    return rows[some.astype(np.float64) <= limit]
