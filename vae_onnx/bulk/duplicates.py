"""How many ids of a result came before, in bounded memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from vae_onnx.bulk.job import Job
from vae_onnx.bulk.places import opened

AT_ONCE: Final = 2**24  # hashes in memory, 128 MB: of more rows a share is looked at, and the next


def count(job: Job, at_once: int = AT_ONCE) -> int:
    """Return how many rows of a finished job have an id that an earlier row has.

    Ids are compared by hashes of 64 bits, of which two may agree by chance: once in 10^19 / N^2
    jobs of N rows.
    """
    shares = -(-len(job.source) // at_once)
    repeated = 0
    for share in range(shares):
        parts = [each[each % np.uint64(shares) == share] for each in _hashes(job)]
        hashes = np.concatenate(parts)
        repeated += len(hashes) - len(np.unique(hashes))
    return repeated


def _hashes(job: Job) -> Iterator[npt.NDArray[np.uint64]]:
    for shard in job.shards:
        with opened(job.output.path(shard.name)) as file:
            ids = pq.ParquetFile(file).read(["id"])["id"]
        if job.source.has_names:
            digests = b"".join(map(_hash, ids.to_pylist()))
            yield np.frombuffer(digests, np.uint64)
        else:
            numbers: Any = ids.to_numpy()
            yield numbers.view(np.uint64)


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
