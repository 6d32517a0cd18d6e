"""The nearest through faiss: how many are found, and when an index is built again."""

import json
import re
import sys

import numpy as np
import pytest

import vae_onnx
from vae_onnx.bulk.neighbours import Collection, Index, building, index, nearest

METRICS = ("euclidean", "cosine")


@pytest.fixture
def many():
    """float32 (20,000, 8)."""
    return np.random.default_rng(0).standard_normal((20_000, 8), dtype=np.float32)


def part_found(found, exact):
    pairs = zip(found.positions.tolist(), exact.positions.tolist(), strict=True)
    return np.mean([len({*ours} & {*theirs}) / len(theirs) for ours, theirs in pairs])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("part", [building.BYTES, 100_000])
def test_it_finds_nearly_all(write, many, tmp_path, monkeypatch, metric, part):
    """In one part, and in several as of collections that are larger than memory."""
    monkeypatch.setattr(building, "BYTES", part)
    collection = Collection(write(tmp_path / "codes", many, rows=3000))
    indexed = Index(collection, metric)
    assert len(list(index.place(collection, metric).glob("*.faiss"))) == (1 if part > 1e6 else 4)
    queries = np.random.default_rng(1).standard_normal((300, 8), dtype=np.float32)
    found, exact = indexed.nearest(queries), nearest(collection, queries, metric=metric)
    assert indexed.recall >= building.TARGET
    assert part_found(found, exact) >= 0.97
    assert indexed.probes < indexed.lists / 2
    same = found.positions == exact.positions
    bound = {"rtol": 0, "atol": 1e-6} if metric == "cosine" else {"rtol": 1e-15}
    np.testing.assert_allclose(found.distances[same], exact.distances[same], **bound)
    assert (np.diff(found.distances, axis=1) >= 0).all()


def test_a_vector_finds_itself(write, many, tmp_path):
    collection = Collection(write(tmp_path / "codes", many))
    found = Index(collection).nearest(many[:200], 1)
    np.testing.assert_array_equal(found.positions[:, 0], np.arange(200))
    np.testing.assert_array_equal(found.distances, 0)


@pytest.mark.parametrize("count", [1, 2, 11, 12, 100])
def test_a_small_collection_is_searched_whole(write, vectors, tmp_path, count):
    collection = Collection(write(tmp_path / "codes", vectors[:count]))
    indexed = Index(collection)
    assert (indexed.recall is None) == (count <= 11)
    found = indexed.nearest(vectors[400:], 200)
    assert found.ids.shape == (100, count)
    np.testing.assert_array_equal(
        found.positions, nearest(collection, vectors[400:], 200).positions
    )


def test_a_large_k_looks_into_more_lists(write, many, tmp_path):
    collection = Collection(write(tmp_path / "codes", many))
    indexed = Index(collection)
    assert indexed.probes * len(collection) / indexed.lists < 15_000
    found = indexed.nearest(many[:2], 15_000)
    assert all(len({*row}) == 15_000 for row in found.positions.tolist())


def test_equal_vectors_do_not_spoil_its_recall(write, tmp_path):
    """Of a thousand at the same place any ten are the nearest."""
    collection = Collection(write(tmp_path / "codes", np.ones((1000, 3), np.float32)))
    assert Index(collection).recall == 1


def test_it_says_where_it_does_not_help(write, tmp_path, capsys):
    """Of 64 numbers that have nothing to do with each other, no part is apart from the others."""
    rng = np.random.default_rng(0)
    folder = write(tmp_path / "codes", rng.standard_normal((3000, 64), dtype=np.float32))
    Index(Collection(folder), progress=True)
    assert "searching without the index is as quick" in capsys.readouterr().err
    near = rng.standard_normal((3000, 2), dtype=np.float32)
    Index(Collection(write(tmp_path / "near", near)), progress=True)
    assert "searching without" not in capsys.readouterr().err


def test_it_is_built_once(write, vectors, tmp_path, capsys):
    folder = write(tmp_path / "codes", vectors)
    Index(Collection(folder), progress=True)
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(
        r"index: building .*_index/mu\.euclidean\n"
        r"index: dividing 500 vectors into 22 lists\n"
        r"index: a query looks into \d+ of 22 lists, where \d+\.\d% of the 10 nearest are found\n"
        r"(index: which is so much .*\n)?",
        said.err,
    )
    before = {path: path.stat().st_mtime_ns for path in (folder / "_index").rglob("*")}
    Index(Collection(folder), progress=True)
    assert capsys.readouterr().err == ""
    assert before == {path: path.stat().st_mtime_ns for path in (folder / "_index").rglob("*")}
    assert len(Collection(folder)) == 500


def test_it_is_built_again_where_the_collection_changed(write, vectors, tmp_path, capsys):
    folder = write(tmp_path / "codes", vectors)
    Index(Collection(folder))
    vectors[0] = 100
    write(folder, vectors)
    found = Index(Collection(folder), progress=True).nearest(vectors[0], 1)
    assert "again, since the collection has changed (files)" in capsys.readouterr().err
    assert (found.ids.tolist(), found.distances.tolist()) == ([[0]], [[0]])
    write(folder, vectors[:300])
    Index(Collection(folder), progress=True)
    assert "has changed (rows, files)" in capsys.readouterr().err
    assert sorted(path.name for path in (folder / "_index").iterdir()) == ["mu.euclidean"]


def test_it_is_built_again_for_another_model(write, vectors, about, tmp_path, capsys):
    folder = write(tmp_path / "codes", vectors, about=about("mnist-vae"))
    Index(Collection(folder))
    write(folder, vectors, about=about("mnist-vae-16d"))
    Index(Collection(folder), progress=True)
    assert "has changed (model, sha256, files)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "damage",
    [
        lambda place: (place / "index.json").write_text("{"),
        lambda place: (place / "index.json").write_text("[]"),
        lambda place: (place / "index.json").unlink(),
        lambda place: next(place.glob("*.faiss")).write_bytes(b"short"),
        lambda place: next(place.glob("*.faiss")).unlink(),
    ],
)
def test_it_is_built_again_where_it_is_damaged(write, vectors, tmp_path, capsys, damage):
    folder = write(tmp_path / "codes", vectors)
    Index(Collection(folder))
    damage(folder / "_index" / "mu.euclidean")
    found = Index(Collection(folder), progress=True).nearest(vectors[:1], 1)
    assert "again, since it is damaged" in capsys.readouterr().err
    assert found.ids.tolist() == [[0]]


def test_each_column_metric_and_file_has_its_own(write, vectors, tmp_path, capsys):
    folder = write(tmp_path / "codes", vectors, rows=300)
    for path in (folder, folder / "part-00000.parquet"):
        for metric in METRICS:
            Index(Collection(path), metric)
    names = {path.name for path in (folder / "_index").iterdir()}
    own = {f"part-00000.mu.{metric}" for metric in METRICS}
    assert names == {"mu.euclidean", "mu.cosine"} | own
    Index(Collection(folder), "cosine", progress=True)
    assert capsys.readouterr().err == ""


def test_what_goes_wrong_leaves_nothing(write, vectors, tmp_path):
    vectors[321] = 0
    collection = Collection(write(tmp_path / "codes", vectors))
    with pytest.raises(vae_onnx.InputError, match="row 321 is all zeros"):
        Index(collection, "cosine")
    assert list((tmp_path / "codes" / "_index").iterdir()) == []


def test_a_folder_that_cannot_be_written(write, vectors, tmp_path):
    folder = write(tmp_path / "codes", vectors)
    (folder / "_index").write_text("in the way")
    with pytest.raises(vae_onnx.FileAccessError, match="cannot be read or written"):
        Index(Collection(folder))


def test_it_tells_what_it_was_built_of(write, vectors, about, tmp_path):
    folder = write(tmp_path / "codes", vectors, about=about("mnist-vae"))
    indexed = Index(Collection(folder))
    told = json.loads((folder / "_index" / "mu.euclidean" / "index.json").read_text())
    assert (told["lists"], told["probes"]) == (indexed.lists, indexed.probes)
    assert told["recall"] == indexed.recall
    origin = told["origin"]
    assert (origin["model"], origin["rows"], origin["metric"]) == ("mnist-vae", 500, "euclidean")
    assert [name for name, *_ in origin["files"]] == ["part-00000.parquet"]
    assert "recall@10" in repr(indexed)


def test_threads_are_those_that_are_asked_for(write, vectors, tmp_path):
    faiss = building.faiss()

    collection = Collection(write(tmp_path / "codes", vectors))
    indexed = Index(collection, threads=1)
    other = Index(collection, threads=2)
    assert faiss.omp_get_max_threads() == 2
    indexed.nearest(vectors[:1])
    assert faiss.omp_get_max_threads() == 1
    other.nearest(vectors[:1])
    assert faiss.omp_get_max_threads() == 2
    with pytest.raises(vae_onnx.InputError, match="threads must be at least 1, got 0"):
        Index(collection, threads=0)


def test_without_faiss(monkeypatch, write, vectors, tmp_path):
    collection = Collection(write(tmp_path / "codes", vectors))
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(vae_onnx.PackageMissingError, match=re.escape("'vae-onnx[nearest]'")):
        Index(collection)
    assert nearest(collection, vectors[:1], 1).ids.tolist() == [[0]]  # as the remedy says
