"""Collections for the tests, as `vae-onnx embed` writes them."""

import hashlib
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import vae_onnx


def lists(vectors):
    """Rows (N, length) as lists of one size."""
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])


@pytest.fixture(scope="session")
def write():
    """Write vectors (N, length) into a folder of a few files, some rows each."""

    def run(folder, vectors, ids=None, *, rows=None, column="mu", about=None):
        vectors = np.asarray(vectors)
        vectors = vectors if vectors.dtype.kind == "f" else vectors.astype(np.float32)
        ids = pa.array(range(len(vectors)), pa.int64()) if ids is None else ids
        rows = rows or max(1, len(vectors))
        folder.mkdir(parents=True, exist_ok=True)
        for part, start in enumerate(range(0, max(1, len(vectors)), rows)):
            stop = min(start + rows, len(vectors))
            table = pa.table({"id": ids[start:stop], column: lists(vectors[start:stop])})
            if about is not None:
                told = json.dumps({**about, "rows": [start, stop]})
                table = table.replace_schema_metadata({b"vae_onnx": told})
            pq.write_table(table, folder / f"part-{part:05d}.parquet", row_group_size=rows)
        return folder

    return run


@pytest.fixture
def vectors():
    """float32 (500, 8)."""
    return np.random.default_rng(0).standard_normal((500, 8), dtype=np.float32)


@pytest.fixture(scope="session")
def about():
    """What `vae-onnx embed` tells of a model."""

    def run(name, **other):
        model = vae_onnx.load(name)
        encoder = model.encoder.graph.path
        sums = {encoder.name: hashlib.sha256(encoder.read_bytes()).hexdigest()}
        told = {"model": name, "precision": "float32", "sha256": sums, "errors": []}
        return {**told, "latent_shape": list(model.latent_shape), **other}

    return run
