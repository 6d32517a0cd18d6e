"""The nearest among millions of vectors in Parquet files, exactly or through an index of faiss.

Reading order: `shards` (the files), `columns` and `collection` (their vectors, block by block),
`metrics` and `search` (the nearest, exactly), `index` and `building` (nearly all of them, through
faiss). All of it needs pyarrow, and the last two faiss: `pip install 'vae-onnx[nearest]'`.
"""
