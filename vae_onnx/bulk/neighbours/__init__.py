"""The nearest among millions of vectors in Parquet files, exactly or through an index of faiss.

>>> from vae_onnx.bulk.neighbours import Collection, nearest
>>> nearest(Collection("codes"), model.encode(picture), k=10).ids  # (1, 10)

Reading order: `shards` (the files), `columns` and `collection` (their vectors, block by block),
`metrics` and `search` (the nearest, exactly), `index` and `building` (nearly all of them, through
faiss), `origin` (the model that made them). All of it needs pyarrow when it is used, and an index
faiss: `pip install 'vae-onnx[nearest]'`.
"""

from vae_onnx.bulk.neighbours.collection import Collection
from vae_onnx.bulk.neighbours.index import Index
from vae_onnx.bulk.neighbours.origin import model_of
from vae_onnx.bulk.neighbours.search import Neighbours, nearest

__all__ = ["Collection", "Index", "Neighbours", "model_of", "nearest"]
