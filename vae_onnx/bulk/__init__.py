"""Many images: their codes in Parquet files, and the nearest among millions of them.

`neighbours` finds the nearest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vae_onnx.bulk.neighbours.collection import Collection
    from vae_onnx.bulk.neighbours.index import Index
    from vae_onnx.bulk.neighbours.search import Neighbours, nearest

__all__ = ["Collection", "Index", "Neighbours", "nearest"]

# Where each name is that needs pyarrow, which is imported when one of them is first asked for.
_HOME = {
    "Collection": "neighbours.collection",
    "Index": "neighbours.index",
    "Neighbours": "neighbours.search",
    "nearest": "neighbours.search",
}

if not TYPE_CHECKING:  # which would take every name for one that is here

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
