"""A folder of Parquet files as one collection of vectors, and what is no such folder."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import vae_onnx
from vae_onnx.bulk.neighbours import Collection


def test_a_folder_is_read_in_the_order_of_its_names(write, vectors, tmp_path):
    names = [f"{row}.png" for row in range(500)]
    collection = Collection(write(tmp_path / "codes", vectors, names, rows=64))
    assert (len(collection), collection.length, collection.column) == (500, 8, "mu")
    ids, found = zip(*collection.blocks(rows=50), strict=True)
    assert max(map(len, found)) == 50
    np.testing.assert_array_equal(np.concatenate(found), vectors)
    assert np.concatenate(ids).tolist() == names
    np.testing.assert_array_equal(np.concatenate(list(collection.vectors())), vectors)


def test_float32_stays_where_it_lies(write, vectors, tmp_path):
    block = next(Collection(write(tmp_path / "codes", vectors)).vectors())
    assert not block.flags.owndata
    assert not block.flags.writeable


def test_blocks_are_small_however_large_the_row_groups_are(write, tmp_path):
    collection = Collection(write(tmp_path / "codes", np.zeros((70_000, 32), np.float32)))
    assert collection.shards[0].groups == (70_000,)
    assert max(block.nbytes for block in collection.vectors()) <= 2**22


def test_what_begins_with_an_underscore_or_a_dot_is_no_data(write, vectors, tmp_path):
    folder = write(tmp_path / "codes", vectors)
    for name in ("_job.parquet", ".part.parquet"):
        (folder / name).write_bytes(b"no Parquet")
    (folder / "_job").mkdir()
    assert len(Collection(folder)) == 500


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_of_any_precision_are_taken(write, vectors, tmp_path, dtype):
    collection = Collection(write(tmp_path / "codes", vectors.astype(dtype)))
    expected = vectors.astype(dtype).astype(np.float32)
    np.testing.assert_array_equal(next(collection.vectors()), expected)


def test_rows_are_found_by_position_and_by_id(write, vectors, tmp_path):
    names = [f"{row}.png" for row in range(500)]
    collection = Collection(write(tmp_path / "codes", vectors, names, rows=64))
    positions = np.array([[499, 3], [64, 3]])
    assert collection.ids_at(positions).tolist() == [["499.png", "3.png"], ["64.png", "3.png"]]
    np.testing.assert_array_equal(collection.vectors_at(positions[0]), vectors[[499, 3]])
    assert collection.position("130.png") == 130
    with pytest.raises(vae_onnx.InputError, match=r"no row with the id '500.png'; .*'0.png'"):
        collection.position("500.png")
    with pytest.raises(vae_onnx.InputError, match="from 0 to 499, got 500"):
        collection.ids_at(np.array([500]))


def test_ids_of_integers_may_be_given_as_text(write, vectors, tmp_path):
    ids = [10 * row for row in range(500)]
    collection = Collection(write(tmp_path / "codes", vectors, ids, rows=64))
    assert collection.position("4990") == collection.position(4990) == 499
    with pytest.raises(vae_onnx.InputError, match=r"is an integer, got 'a\.png'"):
        collection.position("a.png")


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint64(), pa.string(), pa.large_string()])
def test_ids_of_any_size(tmp_path, kind):
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    most = 2**64 - 1 if kind == pa.uint64() else 127
    ids = ["a", "b"] if text else [1, most]
    pq.write_table(
        pa.table({"id": pa.array(ids, kind), "mu": [[1.0], [2.0]]}), tmp_path / "a.parquet"
    )
    collection = Collection(tmp_path)
    assert collection.ids_at(np.array([1, 0])).tolist() == ids[::-1]
    assert collection.position(str(ids[1])) == 1
    for other in ("-1", str(2**70)):
        with pytest.raises(vae_onnx.InputError, match="has no row with the id"):
            collection.position(other)


def test_somebody_elses_from_pandas(vectors, tmp_path):
    """Lists of any length by their type, another name, categories for ids, columns beside."""
    path = tmp_path / "theirs.parquet"
    names = pd.Categorical([f"dog {row % 250}" for row in range(500)])
    frame = pd.DataFrame({"embedding": list(vectors), "name": names, "year": range(500)})
    frame.to_parquet(path)
    collection = Collection(path, ids="name")
    assert (collection.column, collection.length, collection.about) == ("embedding", 8, {})
    np.testing.assert_array_equal(next(collection.vectors()), vectors)
    assert collection.position("dog 7") == 7
    assert collection.ids_at(np.array([257])).tolist() == ["dog 7"]
    without = Collection(path)
    assert without.id_column is None
    assert without.ids_at(np.array([257])).tolist() == [257]
    assert without.position("257") == 257
    assert next(without.blocks(3))[0].tolist() == [0, 1, 2]


def test_of_several_columns_one_is_named(vectors, tmp_path):
    path = tmp_path / "theirs.parquet"
    pd.DataFrame({"a": list(vectors), "b": list(vectors[:, :3]), "c": 1}).to_parquet(path)
    with pytest.raises(vae_onnx.InputError, match="has a, b; name one with --column"):
        Collection(path)
    assert Collection(path, column="b").length == 3
    with pytest.raises(vae_onnx.InputError, match=r"lists of floats, got 'c'; .* has a, b"):
        Collection(path, column="c")
    with pytest.raises(vae_onnx.InputError, match="no column 'name'; it has a, b, c"):
        Collection(path, column="b", ids="name")


def test_ids_are_integers_or_strings(vectors, tmp_path):
    path = tmp_path / "theirs.parquet"
    pd.DataFrame({"mu": list(vectors), "id": 0.5, "name": "x"}).to_parquet(path)
    with pytest.raises(vae_onnx.InputError, match=r"got double in column 'id' .* --id-column"):
        Collection(path)
    assert Collection(path, ids="name").ids_at(np.array([3])).tolist() == ["x"]


def test_an_empty_folder(tmp_path):
    with pytest.raises(vae_onnx.InputError, match=r"no \.parquet file; `vae-onnx embed"):
        Collection(tmp_path)


def test_nothing_there(tmp_path):
    with pytest.raises(vae_onnx.FileMissingError, match="codes is missing; name a folder"):
        Collection(tmp_path / "codes")


def test_no_row(write, tmp_path):
    with pytest.raises(vae_onnx.InputError, match="at least one row, got none"):
        Collection(write(tmp_path / "codes", np.zeros((0, 2), np.float32)))


@pytest.mark.parametrize("left", [0, 3, 100, -1])
def test_a_truncated_file(write, vectors, tmp_path, left):
    file = write(tmp_path / "codes", vectors) / "part-00000.parquet"
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(vae_onnx.FileError, match=r"part-00000\.parquet is not a complete Parquet"):
        Collection(file.parent)


def test_a_file_damaged_inside(write, vectors, tmp_path):
    """Its end is whole, so that this shows when the vectors are read."""
    file = write(tmp_path / "codes", vectors) / "part-00000.parquet"
    content = bytearray(file.read_bytes())
    content[4:-4000] = bytes(len(content) - 4004)
    file.write_bytes(content)
    collection = Collection(file)
    with pytest.raises(vae_onnx.FileError, match="is not a complete Parquet file"):
        list(collection.vectors())


def test_one_wrong_bit_where_pages_have_checksums(vectors, tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"mu": list(vectors)}), path, write_page_checksum=True)
    content = bytearray(path.read_bytes())
    content[3000] ^= 1
    path.write_bytes(content)
    with pytest.raises(vae_onnx.FileError, match="is not a complete Parquet file"):
        list(Collection(path).vectors())


def test_another_kind_of_file(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"<!DOCTYPE html><html>log in</html>")
    with pytest.raises(vae_onnx.FileError, match="a page of the web"):
        Collection(tmp_path)


def test_files_of_two_models(write, vectors, about, tmp_path):
    folder = write(tmp_path / "codes", vectors, about=about("mnist-vae"))
    other = write(tmp_path / "other", vectors, about=about("mnist-vae-16d"))
    (other / "part-00000.parquet").rename(folder / "part-00001.parquet")
    with pytest.raises(vae_onnx.FileError, match="expected model mnist-vae, got mnist-vae-16d"):
        Collection(folder)
    assert len(Collection(folder / "part-00001.parquet")) == 500  # as the remedy says


def test_files_of_two_kinds(write, vectors, tmp_path):
    folder = write(tmp_path / "codes", vectors)
    other = write(tmp_path / "other", vectors[:, :3])
    (other / "part-00000.parquet").rename(folder / "part-00001.parquet")
    with pytest.raises(vae_onnx.FileError, match=r"expected a column 'mu' .*\[8\], got .*\[3\]"):
        Collection(folder)
    other = write(tmp_path / "other", vectors, column="z")
    (other / "part-00000.parquet").rename(folder / "part-00001.parquet")
    with pytest.raises(vae_onnx.FileError, match=r"'mu' of .*, got none; move it"):
        Collection(folder)


def test_what_the_files_tell_must_be_an_object(write, vectors, tmp_path):
    for told, message in ((b"{", "in no JSON"), (b"[]", r"got \[\]")):
        table = pa.table({"mu": list(vectors)}).replace_schema_metadata({b"vae_onnx": told})
        pq.write_table(table, tmp_path / "a.parquet")
        with pytest.raises(vae_onnx.FileError, match=message):
            Collection(tmp_path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_a_vector_that_is_not_finite(write, vectors, tmp_path, bad):
    wide = vectors.astype(np.float64)
    wide[321, 5] = bad
    collection = Collection(write(tmp_path / "codes", wide, rows=64))
    with pytest.raises(vae_onnx.InputError, match="row 321 must have a finite vector"):
        list(collection.vectors())


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1.0, 2.0], None], "row 1 has null for a vector"),
        ([[1.0, 2.0], [3.0, None]], "row 1 has a null in its vector"),
    ],
)
@pytest.mark.parametrize("size", [-1, 2])
def test_a_vector_that_is_null(tmp_path, rows, message, size):
    kind = pa.list_(pa.float32(), size)
    pq.write_table(pa.table({"mu": pa.array(rows, kind)}), tmp_path / "a.parquet")
    collection = Collection(tmp_path)
    old = "|Expected all lists to be of size=2"  # what pyarrow itself says of those, up to 21
    with pytest.raises(vae_onnx.VaeOnnxError, match=message + (old if size == 2 else "")):
        list(collection.vectors())


def test_a_vector_of_another_length(tmp_path):
    pq.write_table(pa.table({"mu": [[1.0, 2.0], [3.0]]}), tmp_path / "a.parquet")
    collection = Collection(tmp_path)
    with pytest.raises(vae_onnx.InputError, match=r"row 1 must have a vector of 2 .* got 1"):
        list(collection.vectors())


def test_vectors_without_numbers(tmp_path):
    kind = pa.list_(pa.float32())
    pq.write_table(pa.table({"mu": pa.array([[], []], kind)}), tmp_path / "a.parquet")
    with pytest.raises(vae_onnx.InputError, match="at least one number, got none"):
        Collection(tmp_path)


def test_an_id_that_is_none(tmp_path):
    pq.write_table(pa.table({"id": ["a", None], "mu": [[1.0], [2.0]]}), tmp_path / "a.parquet")
    collection = Collection(tmp_path)
    with pytest.raises(vae_onnx.InputError, match="row 1 has null for an id"):
        list(collection.blocks())
    with pytest.raises(vae_onnx.InputError, match="row 1 has null for an id"):
        collection.ids_at(np.array([1]))


def test_a_file_that_changed_meanwhile(write, vectors, tmp_path):
    folder = write(tmp_path / "codes", vectors)
    collection = Collection(folder)
    write(folder, vectors[:400])
    with pytest.raises(vae_onnx.FileError, match="has changed since it was opened"):
        list(collection.vectors())


def test_missing_rows_are_known(write, vectors, about, tmp_path):
    folder = write(tmp_path / "codes", vectors, rows=100, about=about("mnist-vae"))
    assert Collection(folder).missing == []
    (folder / "part-00001.parquet").unlink()
    (folder / "part-00003.parquet").unlink()
    assert Collection(folder).missing == [(100, 200), (300, 400)]


def test_what_is_told_is_kept(write, vectors, about, tmp_path):
    told = about("mnist-vae")
    collection = Collection(write(tmp_path / "codes", vectors, about=told))
    assert collection.about == json.loads(json.dumps({**told, "rows": [0, 500]}))
