"""The nearest, exactly: against brute force in float64."""

import re
import tempfile
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import vae_onnx
from vae_onnx.bulk.neighbours import Collection, nearest, search

METRICS = ("euclidean", "cosine")


def brute_force(vectors, queries, k, metric):
    """Positions and distances (Q, k): all of them, sorted; of equal ones the first."""
    x, q = vectors.astype(np.float64), queries.astype(np.float64)
    if metric == "cosine":
        x, q = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (x, q))
    apart = np.linalg.norm(q[:, np.newaxis] - x, axis=2)
    distances = apart**2 / 2 if metric == "cosine" else apart
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(distances, order, axis=1)


@pytest.mark.parametrize("metric", METRICS)
def test_as_brute_force(write, vectors, tmp_path, metric):
    collection = Collection(write(tmp_path / "codes", vectors, rows=64))
    queries = np.random.default_rng(1).standard_normal((40, 8), dtype=np.float32)
    found = nearest(collection, queries, 7, metric)
    positions, distances = brute_force(vectors, queries, 7, metric)
    np.testing.assert_array_equal(found.positions, positions)
    np.testing.assert_array_equal(found.ids, positions)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-12)
    assert found.distances.dtype == np.float64


def some_rows(length, elements, least=1, most=40):
    return st.integers(least, most).flatmap(
        lambda count: hnp.arrays(np.float32, (count, length), elements=elements)
    )


# Few values, so that there are ties; far from the origin and close together, so that float32 alone
# would choose wrongly; and whatever float32 can be.
ELEMENTS = (
    st.sampled_from([0.0, 1.0, -1.0, 2.0]),
    st.integers(0, 50).map(lambda steps: np.float32(1000) + steps * np.float32(2**-14)),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), k=st.integers(1, 50), metric=st.sampled_from(METRICS))
def test_as_brute_force_whatever_the_vectors_are(write, data, k, metric):
    length = data.draw(st.integers(1, 6))
    elements = data.draw(st.sampled_from(ELEMENTS))
    vectors = data.draw(some_rows(length, elements))
    queries = np.concatenate([data.draw(some_rows(length, elements, most=3)), vectors[-1:]])
    if metric == "cosine":
        vectors[np.abs(vectors).max(axis=1) < 1e-30] = 1  # zeros, and what brute force takes for it
        queries[np.abs(queries).max(axis=1) < 1e-30] = 1
    with tempfile.TemporaryDirectory() as folder:
        rows = data.draw(st.integers(1, 40))
        collection = Collection(write(Path(folder), vectors, rows=rows))
        found = nearest(collection, queries, k, metric)
    k = min(k, len(vectors))
    _, distances = brute_force(vectors, queries, k, metric)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-9, atol=1e-15)
    assert all(len(set(row)) == k for row in found.positions.tolist())
    ties = np.diff(found.distances, axis=1) == 0
    if metric == "euclidean":
        positions, _ = brute_force(vectors, queries, k, metric)
        np.testing.assert_array_equal(found.positions, positions)
    assert (np.diff(found.positions, axis=1)[ties & (found.distances[:, 1:] == 0)] > 0).all()


@pytest.mark.parametrize("metric", METRICS)
def test_a_vector_finds_itself(write, vectors, tmp_path, metric):
    found = nearest(write(tmp_path / "codes", vectors, rows=99), vectors, 1, metric)
    np.testing.assert_array_equal(found.ids[:, 0], np.arange(500))
    np.testing.assert_array_equal(found.distances, 0)


def test_of_equal_ones_the_first(write, tmp_path):
    """Far more of them than fit into k, in several blocks."""
    folder = write(tmp_path / "codes", np.ones((1000, 3), np.float32), rows=100)
    found = nearest(folder, [[1, 1, 1], [0, 0, 0]], 5)
    assert found.positions.tolist() == [[0, 1, 2, 3, 4]] * 2
    np.testing.assert_array_equal(found.distances[1], np.sqrt(3))


@pytest.mark.parametrize("order", [1, -1])
def test_nearer_and_nearer_rows(write, tmp_path, order):
    """Each block is nearer than all before it, or farther."""
    vectors = np.arange(1000, dtype=np.float32)[::order, np.newaxis]
    found = nearest(write(tmp_path / "codes", vectors, rows=50), [-1.0], 3)
    assert found.distances.tolist() == [[1, 2, 3]]


def test_float32_alone_would_choose_wrongly(write, tmp_path):
    """1,000 away from the origin float32 products know distances to 0.1 at best."""
    rng = np.random.default_rng(0)
    vectors = (1000 + 0.01 * rng.standard_normal((5000, 16))).astype(np.float32)
    queries = vectors[:20] + np.float32(0.001)
    plain = (vectors**2).sum(axis=1) / 2 - queries @ vectors.T
    positions, distances = brute_force(vectors, queries, 10, "euclidean")
    assert (np.argsort(plain, axis=1, kind="stable")[:, :10] != positions).any()
    found = nearest(write(tmp_path / "codes", vectors, rows=999), queries)
    np.testing.assert_array_equal(found.positions, positions)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-12)


def test_more_queries_than_are_taken_at_once(write, vectors, tmp_path, monkeypatch):
    monkeypatch.setattr(search, "SCORES", 1000)
    queries = np.random.default_rng(1).standard_normal((33, 8))
    found = nearest(write(tmp_path / "codes", vectors), queries, 4)
    np.testing.assert_array_equal(found.positions, brute_force(vectors, queries, 4, "euclidean")[0])


def test_k_above_the_size_gives_all(write, vectors, tmp_path):
    found = nearest(write(tmp_path / "codes", vectors[:3]), vectors[0], 10)
    assert found.ids.shape == found.distances.shape == found.positions.shape == (1, 3)


def test_ids_are_those_of_the_collection(write, vectors, tmp_path):
    names = [f"{row}.png" for row in range(500)]
    found = nearest(write(tmp_path / "codes", vectors, names, rows=64), vectors[[400, 3]], 2)
    assert found.ids[:, 0].tolist() == ["400.png", "3.png"]


def test_a_row_leaves_itself_out(write, vectors, tmp_path):
    vectors[7] = vectors[5] = vectors[3]
    found = nearest(write(tmp_path / "codes", vectors), vectors[[5, 9]], 4)
    others = found.without(np.array([5, 9]))
    assert others.positions[0, :2].tolist() == [3, 7]
    assert 9 not in others.positions[1]
    np.testing.assert_array_equal(others.positions[1], found.positions[1, 1:])
    hidden = nearest(tmp_path / "codes", vectors[[7]], 2).without(np.array([7]))
    assert hidden.positions.tolist() == [[3]]  # 5 and itself are as near, and came later


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        (np.zeros((2, 9)), r"queries must be \(Q, 8\), .* got \(2, 9\)"),
        (np.zeros((0, 8)), r"got \(0, 8\)"),
        (np.zeros((2, 2, 4)), r"got \(2, 2, 4\); a map of codes is one row"),
        (np.full((1, 8), np.nan), "finite numbers of float32, got nan"),
        (np.full((1, 8), 1e39), r"finite numbers of float32, got 1e\+39"),
    ],
)
def test_queries_that_are_none(write, vectors, tmp_path, queries, message):
    with pytest.raises(vae_onnx.InputError, match=message):
        nearest(write(tmp_path / "codes", vectors), queries)


def test_other_arguments_that_are_none(write, vectors, tmp_path):
    folder = write(tmp_path / "codes", vectors)
    with pytest.raises(vae_onnx.InputTypeError, match="must be numbers, got <U1"):
        nearest(folder, ["a"])
    with pytest.raises(vae_onnx.InputError, match="k must be at least 1, got 0"):
        nearest(folder, vectors[0], 0)
    with pytest.raises(vae_onnx.InputTypeError, match=r"k must be an integer, got 1\.5"):
        nearest(folder, vectors[0], 1.5)
    with pytest.raises(vae_onnx.InputError, match="euclidean or cosine, got 'manhattan'"):
        nearest(folder, vectors[0], metric="manhattan")


def test_zeros_have_no_direction(write, vectors, tmp_path):
    with pytest.raises(vae_onnx.InputError, match="queries: row 1 is all zeros"):
        nearest(write(tmp_path / "codes", vectors), [np.ones(8), np.zeros(8)], metric="cosine")
    vectors[321] = 0
    folder = write(tmp_path / "zero", vectors, rows=64)
    with pytest.raises(vae_onnx.InputError, match=re.escape(f"{folder}: row 321 is all zeros")):
        nearest(folder, np.ones(8), metric="cosine")
    assert nearest(folder, np.zeros(8), 1).ids.tolist() == [[321]]  # as the remedy says
