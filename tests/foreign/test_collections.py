"""Collections that other packages write: `datasets`, WebDataset and pandas."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import vae_onnx
from vae_onnx import bulk

datasets = pytest.importorskip("datasets")
MODEL = vae_onnx.load("mnist-vae")


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def pictures(digits) -> "datasets.Dataset":
    """A data set of pictures, with labels."""
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    rows = {"image": [Image.fromarray(one) for one in digits], "label": list(range(len(digits)))}
    return datasets.Dataset.from_dict(rows, features=features)


def parts(folder) -> list[Path]:
    return sorted(folder.glob("part-*.parquet"))


def embedded(source, out, **options) -> pa.Table:
    report = bulk.embed(source, out, "mnist-vae", **options)
    assert report.errors == 0
    return pa.concat_tables(pq.read_table(path) for path in parts(out))


def mu(found: pa.Table) -> np.ndarray:
    return np.array(found["mu"].to_pylist(), np.float32)


def check(found: pa.Table, images: np.ndarray, ids: list | None = None) -> None:
    """See that a result is what the model makes of images, bit by bit."""
    assert found["id"].to_pylist() == (list(range(len(images))) if ids is None else ids)
    np.testing.assert_array_equal(mu(found), MODEL.encode(images))


def test_a_saved_data_set_of_pictures(digits, tmp_path):
    pictures(digits).save_to_disk(tmp_path / "x")
    check(embedded(tmp_path / "x", tmp_path / "out"), digits)


def test_several_shards_and_rows_across_them(digits, tmp_path):
    pictures(digits).save_to_disk(tmp_path / "x", num_shards=7)
    assert len(list((tmp_path / "x").glob("*.arrow"))) == 7
    found = embedded(tmp_path / "x", tmp_path / "out", rows=33)
    assert found["id"].to_pylist() == list(range(100))
    np.testing.assert_allclose(mu(found), MODEL.encode(digits), atol=1e-5)


def test_a_dictionary_of_data_sets(digits, tmp_path):
    both = datasets.DatasetDict(train=pictures(digits[:70]), test=pictures(digits[70:]))
    both.save_to_disk(tmp_path / "x")
    found = embedded(tmp_path / "x", tmp_path / "out")
    check(found, np.concatenate([digits[70:], digits[:70]]))
    found = embedded(tmp_path / "x" / "train", tmp_path / "train")
    check(found, digits[:70])


@pytest.mark.parametrize("shape", [(28, 28), (None, 28)])
def test_arrays_of_two_dimensions(shape, digits, tmp_path):
    features = datasets.Features({"image": datasets.Array2D(shape=shape, dtype="uint8")})
    made = datasets.Dataset.from_dict({"image": list(digits)}, features=features)
    made.save_to_disk(tmp_path / "x")
    check(embedded(tmp_path / "x", tmp_path / "out"), digits)
    made.to_parquet(tmp_path / "x.parquet")
    check(embedded(tmp_path / "x.parquet", tmp_path / "parquet"), digits)


def test_lists_without_a_type(digits, tmp_path):
    made = datasets.Dataset.from_dict({"image": digits.tolist(), "id": [*map(str, range(100))]})
    made.save_to_disk(tmp_path / "x")
    found = embedded(tmp_path / "x", tmp_path / "out")
    check(found, digits, [*map(str, range(100))])


def test_parquet_of_a_data_set(digits, tmp_path):
    pictures(digits).to_parquet(tmp_path / "x.parquet")
    check(embedded(tmp_path / "x.parquet", tmp_path / "out"), digits)


def test_files_of_pictures_that_were_not_read_yet(digits, tmp_path):
    paths = [str(tmp_path / f"{at}.png") for at in range(5)]
    for path, one in zip(paths, digits, strict=False):
        Image.fromarray(one).save(path)
    made = datasets.Dataset.from_dict({"image": paths}).cast_column("image", datasets.Image())
    made.save_to_disk(tmp_path / "x")
    check(embedded(tmp_path / "x", tmp_path / "out"), digits[:5])


def test_rows_that_were_chosen_and_not_copied(digits, tmp_path):
    some = pictures(digits).select([5, 3, 50, 7])
    some.save_to_disk(tmp_path / "x")
    try:
        found = embedded(tmp_path / "x", tmp_path / "out")
    except vae_onnx.InputError as error:
        assert "flatten_indices" in str(error)
    else:
        check(found, digits[[5, 3, 50, 7]])
    some.flatten_indices().save_to_disk(tmp_path / "flat")
    found = embedded(tmp_path / "flat", tmp_path / "of flat")
    check(found, digits[[5, 3, 50, 7]])


def test_a_file_of_a_data_set_that_is_gone(digits, tmp_path):
    pictures(digits).save_to_disk(tmp_path / "x", num_shards=3)
    next((tmp_path / "x").glob("*00001*")).unlink()
    with pytest.raises(vae_onnx.FileMissingError, match=r"state\.json lists"):
        bulk.embed(tmp_path / "x", tmp_path / "out", "mnist-vae")


def test_data_sets_read_what_comes_of_it(digits, tmp_path):
    pictures(digits).save_to_disk(tmp_path / "x")
    found = embedded(tmp_path / "x", tmp_path / "out", rows=40)
    files = [str(path) for path in parts(tmp_path / "out")]
    read = datasets.Dataset.from_parquet(files, cache_dir=tmp_path / "cache")
    np.testing.assert_array_equal(np.float32(read["mu"]), mu(found))
    bulk.decode(tmp_path / "out", tmp_path / "back", "mnist-vae")
    files = [str(path) for path in parts(tmp_path / "back")]
    back = datasets.Dataset.from_parquet(files, cache_dir=tmp_path / "cache")
    back = back.cast_column("image", datasets.Image())
    expected = vae_onnx.to_uint8(MODEL.reconstruct(digits[:1]))[0]
    np.testing.assert_allclose(np.asarray(back[0]["image"], int), expected, atol=1)


def test_the_class_maps_a_data_set(digits):
    made = pictures(digits).map(bulk.Embed("mnist-vae"), batched=True, batch_size=100)
    np.testing.assert_array_equal(np.float32(made["mu"]), MODEL.encode(digits))
    assert made["label"] == list(range(100))


def test_webdataset(digits, tmp_path):
    webdataset = pytest.importorskip("webdataset")
    pattern = str(tmp_path / "x-%06d.tar")
    with webdataset.ShardWriter(pattern, maxcount=40, verbose=0) as writer:
        for at, one in enumerate(digits):
            file = io.BytesIO()
            Image.fromarray(one).save(file, "PNG")
            writer.write({"__key__": f"{at:06}", "png": file.getvalue(), "cls": str(at % 10)})
    assert len(list(tmp_path.glob("*.tar"))) == 3
    with tarfile.open(tmp_path / "x-000000.tar") as archive:
        assert "000000.png" in archive.getnames()
    found = embedded(tmp_path / "*.tar", tmp_path / "out")
    check(found, digits, [f"{at:06}" for at in range(100)])


def test_pandas(digits, tmp_path):
    pandas = pytest.importorskip("pandas")
    flat = digits.reshape(-1, 784)
    frames = {
        "arrays": pandas.DataFrame({"pixels": list(flat), "name": list("ab" * 50)}),
        "lists": pandas.DataFrame({"pixels": flat.tolist()}, index=range(5, 105)),
        "floats": pandas.DataFrame({"pixels": list(flat / 255), "label": range(100)}),
    }
    for name, frame in frames.items():
        frame.to_parquet(tmp_path / f"{name}.parquet")
        found = embedded(tmp_path / f"{name}.parquet", tmp_path / name)
        check(found, digits / 255 if name == "floats" else digits)
    read = pandas.read_parquet(tmp_path / "arrays" / "part-00000.parquet")
    np.testing.assert_array_equal(np.stack(read["mu"]), MODEL.encode(digits))
