"""What the tests of collections share."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from vae_onnx import bulk

from . import results


@pytest.fixture(scope="session")
def digits(images) -> np.ndarray:
    """Digits of MNIST, uint8 (100, 28, 28)."""
    return images["mnist"]


@pytest.fixture
def embedded(tmp_path) -> Callable[..., pa.Table]:
    """Embed a collection into a new folder; gives all rows."""
    made = []

    def run(source, model="mnist-vae", **options) -> pa.Table:
        out = tmp_path / "results" / str(len(made))
        made.append(out)
        report = bulk.embed(source, out, str(model), **options)
        found = results.table(out)
        job = results.told(out)
        assert report.images == job["input"]["count"] == len(found) + report.errors
        assert report.shards == report.done == len(results.parts(out))
        return found

    return run
