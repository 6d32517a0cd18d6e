"""What the tests of collections ask of a result."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vae_onnx import Autoencoder
from vae_onnx.bulk import parquet


def table(folder) -> pa.Table:
    """All rows of a result, in the order of its files."""
    return pa.concat_tables(pq.read_table(path) for path in parts(folder))


def parts(folder) -> list[Path]:
    return sorted(Path(folder).glob("part-*.parquet"))


def told(folder) -> dict:
    """What the files of a result say of the job, the same in each."""
    about = [parquet.about(pq.read_schema(path), path) for path in parts(folder)]
    job = json.loads((Path(folder) / "_job" / "job.json").read_bytes())
    for each in about:
        assert {key: each[key] for key in job} == job
    assert [each["rows"][0] for each in about] == [
        stop for _, stop in [(0, 0), *(each["rows"] for each in about)][:-1]
    ]
    return job


def errors(folder) -> dict[str, str]:
    """Why images could not be taken, by id."""
    found = pq.read_table(Path(folder) / "_job" / "errors.parquet")
    return dict(zip(found["id"].to_pylist(), found["reason"].to_pylist(), strict=True))


def codes(found: pa.Table, name: str) -> np.ndarray:
    """A column of codes (N, latent_dim)."""
    return np.array(found[name].to_pylist(), np.float32)


def content(folder) -> dict[str, bytes]:
    """Every file of a folder."""
    root = Path(folder)
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def check(found: pa.Table, model: Autoencoder, images: np.ndarray, ids: list | None = None) -> None:
    """See that a result is what the model makes of images, bit by bit."""
    names = {"vae": ["id", "mu", "log_var"], "ae": ["id", "z"]}[model.kind]
    assert found.schema.names[: len(names)] == names
    assert found["id"].to_pylist() == (list(range(len(images))) if ids is None else ids)
    flat = pa.list_(pa.float32(), model.latent_dim)
    if model.kind == "vae":
        q = model.posterior(images)
        expected = {"mu": q.mu, "log_var": q.log_var}
    else:
        expected = {"z": model.encode(images)}
    for name, values in expected.items():
        assert found.schema.field(name).type == flat
        np.testing.assert_array_equal(codes(found, name), values.reshape(len(images), -1))
