"""Many images: their codes in Parquet files, and the nearest among millions of them.

Reading order: `shards` (the files), `columns` and `collection` (their vectors, block by block),
`metrics` and `search` (the nearest, exactly), `index` (the same through faiss). All of it needs
pyarrow: `pip install vae-onnx[bulk]`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vae_onnx.bulk.collection import Collection
    from vae_onnx.bulk.index import Index
    from vae_onnx.bulk.search import Neighbours, nearest

__all__ = ["Collection", "Index", "Neighbours", "nearest"]

_HOME = {
    "Collection": "collection",
    "Index": "index",
    "Neighbours": "search",
    "nearest": "search",
}

if not TYPE_CHECKING:  # which would take every name for one that is here

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
