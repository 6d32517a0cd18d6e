"""Collections in Parquet: every way in which images stand in a column, and ids beside them."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import vae_onnx
from vae_onnx import bulk

from . import results


def png(pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def fixed(array) -> pa.Array:
    """Images as fixed-size lists in fixed-size lists."""
    flat = pa.array(array.reshape(-1))
    for width in array.shape[:0:-1]:
        flat = pa.FixedSizeListArray.from_arrays(flat, width)
    return flat


def tensors(array) -> pa.Array:
    return pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(array))


IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
FLAT = pa.list_(pa.uint8())
KINDS = {
    "struct": lambda x: pa.array([{"bytes": png(one), "path": None} for one in x], IMAGE),
    "encoded": lambda x: pa.array([png(one) for one in x], pa.binary()),
    "large encoded": lambda x: pa.array([png(one) for one in x], pa.large_binary()),
    "raw": lambda x: pa.array([one.tobytes() for one in x], pa.binary()),
    "large raw": lambda x: pa.array([one.tobytes() for one in x], pa.large_binary()),
    "fixed raw": lambda x: pa.array([one.tobytes() for one in x], pa.binary(784)),
    "fixed lists": fixed,
    "flat fixed list": lambda x: fixed(x.reshape(-1, 784)),
    "flat lists": lambda x: pa.array(list(x.reshape(-1, 784)), FLAT),
    "large lists": lambda x: pa.array(list(x.reshape(-1, 784)), pa.large_list(pa.uint8())),
    "nested lists": lambda x: pa.array(x.tolist(), pa.list_(FLAT)),
    "nested int64": lambda x: pa.array(x.tolist()),
    "flat int64": lambda x: pa.array(x.reshape(-1, 784).tolist()),
    "int16": lambda x: fixed(x.astype(np.int16)),
    "mixed lists": lambda x: pa.array(x.tolist(), pa.list_(pa.list_(pa.uint8(), 28))),
    "with channels": lambda x: fixed(x[..., np.newaxis]),
    "tensors": tensors,
    "tensors with channels": lambda x: tensors(x[:, np.newaxis]),
}


def write(path, images: pa.Array, rows: int = 1000, **columns) -> None:
    pq.write_table(pa.table({"image": images, **columns}), path, row_group_size=rows)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_column(kind, tmp_path, digits, embedded):
    for images in (KINDS[kind](digits), KINDS[kind](np.concatenate([digits, digits]))[50:150]):
        write(tmp_path / "x.parquet", images, rows=30)
        model = vae_onnx.load("mnist-vae")
        expected = digits if images.offset == 0 else np.concatenate([digits[50:], digits[:50]])
        results.check(embedded(tmp_path / "x.parquet"), model, expected)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("raw", "large raw")])
def test_a_null_and_a_wrong_row_cost_no_other(kind, tmp_path, digits):
    values = KINDS[kind](digits)
    null = pa.nulls(1, values.type)
    parts = [values[:3], null, values[4:70], null, values[71:]]
    if isinstance(values, pa.ExtensionArray):
        stored = pa.concat_arrays([part.storage for part in parts])
        images = pa.ExtensionArray.from_storage(values.type, stored)
    else:
        images = pa.concat_arrays(parts)
    write(tmp_path / "x.parquet", images)
    report = bulk.embed(tmp_path / "x.parquet", tmp_path / "out", "mnist-vae", max_errors=2)
    assert report.errors == 2
    assert results.errors(tmp_path / "out") == {"3": "it is null", "70": "it is null"}
    kept = np.delete(np.arange(100), [3, 70])
    found = results.table(tmp_path / "out")
    results.check(found, vae_onnx.load("mnist-vae"), digits[kept], kept.tolist())


@pytest.mark.parametrize(
    ("kind", "wrong", "told"),
    [
        ("raw", b"\0" * 783, "images must be"),
        ("raw", b"", "images must be"),
        ("encoded", b"no picture", "is not a picture"),
        ("flat lists", [0] * 783, "images must be"),
        ("flat int64", [256] * 784, "got int64"),
        ("flat int64", [0] * 700 + [None] * 84, "some of its numbers are null"),
        ("nested int64", [[-1] * 28] * 28, "got int64"),
        ("nested int64", [[0] * 28] * 27 + [[0]], "of different lengths"),
        ("nested lists", [[0] * 28] * 29, "images must be"),
        ("mixed lists", [], "images must be"),
    ],
)
def test_a_row_of_another_kind_costs_no_other(kind, wrong, told, tmp_path, digits):
    values = KINDS[kind](digits)
    images = pa.concat_arrays([values[:41], pa.array([wrong], values.type), values[42:]])
    write(tmp_path / "x.parquet", images)
    report = bulk.embed(tmp_path / "x.parquet", tmp_path / "out", "mnist-ae")
    assert report.errors == 1
    ((called, reason),) = results.errors(tmp_path / "out").items()
    assert called == "41"
    assert told in reason
    kept = np.delete(np.arange(100), 41)
    found = results.table(tmp_path / "out")
    results.check(found, vae_onnx.load("mnist-ae"), digits[kept], kept.tolist())


def test_images_in_colour_keep_their_layout_beside_a_null(tmp_path, images, embedded):
    emoji = images["folder:emoji"]
    model = vae_onnx.load("emoji-vae")
    for name, array in (("hwc", emoji), ("chw", emoji.transpose(0, 3, 1, 2))):
        for make in (tensors, fixed):
            write(tmp_path / f"{name}.parquet", make(np.ascontiguousarray(array)))
            results.check(embedded(tmp_path / f"{name}.parquet", "emoji-vae"), model, emoji)
    stored = tensors(emoji)
    gap = pa.concat_arrays([stored.storage[:5], pa.nulls(1, stored.storage.type)])
    write(tmp_path / "gap.parquet", pa.ExtensionArray.from_storage(stored.type, gap))
    found = embedded(tmp_path / "gap.parquet", "emoji-vae", max_errors=1)
    results.check(found, model, emoji[:5])


def test_floats(tmp_path, digits, embedded):
    model = vae_onnx.load("mnist-vae")
    for dtype in (np.float16, np.float32, np.float64):
        x = (digits / 255).astype(dtype)
        write(tmp_path / "x.parquet", fixed(x))
        results.check(embedded(tmp_path / "x.parquet"), model, x)
    x[7, 3, 3] = np.nan
    write(tmp_path / "x.parquet", fixed(x))
    report = bulk.embed(tmp_path / "x.parquet", tmp_path / "out", "mnist-vae")
    assert report.errors == 1
    assert "must be finite" in results.errors(tmp_path / "out")["7"]


def test_several_files_and_groups_of_rows(tmp_path, digits, embedded):
    many = np.concatenate([digits] * 60)
    folder = tmp_path / "x"
    (folder / "year=2024").mkdir(parents=True)
    (folder / "_metadata").write_bytes(b"of Spark")
    write(folder / "a.parquet", fixed(many[:5000]), rows=4500)  # longer than a block
    write(folder / "b.parquet", fixed(many[:0]))
    write(folder / "year=2024" / "c.pq", fixed(many[5000:]), rows=7)
    found = embedded(folder, rows=1300)
    assert found["id"].to_pylist() == list(range(6000))
    expected = vae_onnx.load("mnist-vae").encode(many)
    np.testing.assert_allclose(results.codes(found, "mu"), expected, atol=1e-5)
    for rows in (1, 6000):
        part = embedded(folder / "year=2024", rows=500 if rows == 1 else rows)
        np.testing.assert_allclose(results.codes(part, "mu"), expected[5000:], atol=1e-5)


@pytest.mark.parametrize(
    "kind", [pa.int32(), pa.int64(), pa.uint8(), pa.string(), pa.large_string()]
)
def test_ids(kind, tmp_path, digits, embedded):
    values = [3 * at for at in range(80)]
    ids = pa.array([str(at) for at in values]) if "string" in str(kind) else pa.array(values)
    write(tmp_path / "x.parquet", fixed(digits[:80]), id=ids.cast(kind), other=ids)
    found = embedded(tmp_path / "x.parquet")
    assert found.schema.field("id").type == (pa.string() if "string" in str(kind) else pa.int64())
    results.check(found, vae_onnx.load("mnist-vae"), digits[:80], ids.to_pylist())
    assert embedded(tmp_path / "x.parquet", id_column="other")["id"].to_pylist() == ids.to_pylist()


def test_ids_of_other_kinds(tmp_path, digits, embedded):
    write(tmp_path / "x.parquet", fixed(digits), id=pa.array(np.arange(100) / 2))
    assert embedded(tmp_path / "x.parquet")["id"].to_pylist() == list(range(100))
    with pytest.raises(vae_onnx.InputError, match=r"ids must be integers or strings.*is double"):
        bulk.embed(tmp_path / "x.parquet", tmp_path / "out", "mnist-ae", id_column="id")
    with pytest.raises(vae_onnx.InputError, match="has no column 'key' for the ids"):
        bulk.embed(tmp_path / "x.parquet", tmp_path / "out", "mnist-ae", id_column="key")


def test_hashes_of_64_bits_are_ids(tmp_path, digits, embedded):
    hashes = [2**63 + at for at in range(99)] + [2**63]
    write(tmp_path / "x.parquet", fixed(digits), id=pa.array(hashes, pa.uint64()))
    assert embedded(tmp_path / "x.parquet")["id"].to_pylist() == hashes
    assert bulk.embed(tmp_path / "x.parquet", tmp_path / "again", "mnist-ae").duplicates == 1


def test_ids_that_are_null_or_come_twice(tmp_path, digits, embedded):
    for ids, kept in (
        (pa.array([1, 2, None, 1, 2, 1, *range(10, 104)]), [0, 1, *range(3, 100)]),
        (pa.array([*"abcabc", None, *map(str, range(93))]), [*range(6), *range(7, 100)]),
    ):
        write(tmp_path / "x.parquet", fixed(digits), id=ids)
        out = tmp_path / str(ids.type)
        report = bulk.embed(tmp_path / "x.parquet", out, "mnist-vae", rows=30)
        assert (report.errors, report.duplicates) == (1, 3)
        assert list(results.errors(out).values()) == ["its id is null"]
        named = [ids.to_pylist()[at] for at in kept]
        assert results.table(out)["id"].to_pylist() == named
        np.testing.assert_allclose(
            results.codes(results.table(out), "mu"),
            vae_onnx.load("mnist-vae").encode(digits[kept]),
            atol=1e-5,
        )


def test_repeated_ids_are_counted_in_any_memory(tmp_path, digits, monkeypatch):
    from vae_onnx.bulk import duplicates

    monkeypatch.setattr(duplicates.count, "__defaults__", (7,))
    ids = np.arange(100) // 3
    for name, column in (("int", pa.array(ids)), ("text", pa.array(map(str, ids)))):
        write(tmp_path / "x.parquet", fixed(digits), id=column)
        report = bulk.embed(tmp_path / "x.parquet", tmp_path / name, "mnist-ae", rows=9)
        assert report.duplicates == 66


def test_which_column_is_meant(tmp_path, digits, embedded):
    first, second = fixed(digits[:50]), KINDS["struct"](digits[50:])
    uuids = pa.array([bytes([at] * 16) for at in range(50)], pa.uuid())
    label = pa.array(range(50))
    write(tmp_path / "x.parquet", first, label=label, uuid=uuids)
    model = vae_onnx.load("mnist-ae")
    results.check(embedded(tmp_path / "x.parquet", "mnist-ae"), model, digits[:50])
    write(tmp_path / "x.parquet", first, second=second, label=label)
    with pytest.raises(vae_onnx.InputError, match="several: image, second; name one with --column"):
        bulk.embed(tmp_path / "x.parquet", tmp_path / "out", "mnist-ae")
    with pytest.raises(vae_onnx.InputError, match="no column 'third'; it has image, second, label"):
        bulk.embed(tmp_path / "x.parquet", tmp_path / "out", "mnist-ae", column="third")
    with pytest.raises(vae_onnx.InputError, match=r"column 'label' of .* is int64; images are bin"):
        bulk.embed(tmp_path / "x.parquet", tmp_path / "out", "mnist-ae", column="label")
    for column, images in (("image", digits[:50]), ("second", digits[50:])):
        found = embedded(tmp_path / "x.parquet", "mnist-ae", column=column)
        results.check(found, model, images)
    pq.write_table(pa.table({"label": label}), tmp_path / "x.parquet")
    with pytest.raises(vae_onnx.InputError, match="it has none; its columns are label"):
        bulk.embed(tmp_path / "x.parquet", tmp_path / "out", "mnist-ae")


def test_files_that_do_not_go_together(tmp_path, digits):
    folder = tmp_path / "x"
    folder.mkdir()
    write(folder / "a.parquet", fixed(digits), id=pa.array(range(100)))
    write(folder / "b.parquet", fixed(digits), id=pa.array(map(str, range(100))))
    with pytest.raises(vae_onnx.FileError, match=r"b\.parquet has .*\(string\).*a\.parquet in"):
        bulk.embed(folder, tmp_path / "out", "mnist-ae")
    table = pa.table({"picture": fixed(digits), "id": pa.array(range(100))})
    pq.write_table(table, folder / "b.parquet")
    with pytest.raises(vae_onnx.FileError, match=r"its images in 'picture'.*embed them apart"):
        bulk.embed(folder, tmp_path / "out", "mnist-ae")


def test_a_file_that_is_cut_off_or_none(tmp_path, digits):
    path = tmp_path / "x.parquet"
    write(path, fixed(digits))
    whole = path.read_bytes()
    for content in (b"", b"PAR1", whole[:-1], whole[: len(whole) // 2], b"no Parquet at all"):
        path.write_bytes(content)
        with pytest.raises(vae_onnx.FileError, match=r"x\.parquet is not a complete Parquet file"):
            bulk.embed(path, tmp_path / "out", "mnist-ae")
    assert not (tmp_path / "out").exists()


def test_a_damaged_page_is_a_fault_of_the_file(tmp_path, digits):
    path = tmp_path / "x.parquet"
    table = pa.table({"image": fixed(np.concatenate([digits] * 3))})
    pq.write_table(table, path, row_group_size=100, write_page_checksum=True, compression="none")
    content = bytearray(path.read_bytes())
    content[2 * len(content) // 3] ^= 1
    path.write_bytes(content)
    with pytest.raises(vae_onnx.FileError, match=r"x\.parquet is not a complete Parquet file.*CRC"):
        bulk.embed(path, tmp_path / "out", "mnist-ae", rows=100)


def test_arrow_files(tmp_path, digits, embedded):
    table = pa.table({"image": fixed(digits), "id": pa.array(map(str, range(100)))})
    with pa.ipc.new_stream(tmp_path / "x.arrow", table.schema) as file:
        file.write_table(table, max_chunksize=33)
    found = embedded(tmp_path / "x.arrow", rows=45)
    assert found["id"].to_pylist() == [str(at) for at in range(100)]
    expected = vae_onnx.load("mnist-vae").encode(digits)
    np.testing.assert_allclose(results.codes(found, "mu"), expected, atol=1e-5)
    whole = (tmp_path / "x.arrow").read_bytes()
    (tmp_path / "x.arrow").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(vae_onnx.FileError, match=r"x\.arrow is not a complete Arrow file"):
        bulk.embed(tmp_path / "x.arrow", tmp_path / "out", "mnist-ae")
