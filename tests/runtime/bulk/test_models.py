"""Every kind of model: VAE, AE, colour, a map of codes, any size; ELBO; and back to pictures."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import vae_onnx
from vae_onnx import bulk

from . import results


def pictures(found: pa.Table) -> list[np.ndarray]:
    """The column of pictures of a decoded collection."""
    return [
        np.asarray(Image.open(io.BytesIO(each["bytes"]))) for each in found["image"].to_pylist()
    ]


@pytest.fixture
def tiny(graphs, tmp_path):
    """Write images for a tiny model; gives the model and the images."""

    def write(name, count=23):
        model = vae_onnx.load(graphs / name)
        channels, height, width = model.image_shape
        shape = (count, height, width) if channels == 1 else (count, height, width, channels)
        images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        np.save(tmp_path / "x.npy", images)
        return model, images

    return write


@pytest.mark.parametrize("name", ["vae", "ae", "colour", "map"])
def test_every_kind_of_model(name, tiny, tmp_path, embedded):
    model, images = tiny(name)
    results.check(embedded(tmp_path / "x.npy", model.folder, rows=10), model, images)
    told = results.told(tmp_path / "results" / "0")
    assert told["kind"] == model.kind
    assert told["latent_shape"] == list(model.latent_shape)
    assert told["vae_onnx"] == vae_onnx.__version__
    assert set(told["sha256"]) == {"encoder.onnx", "decoder.onnx"}
    assert told["rows_per_shard"] == 10


def test_every_bundled_model(bundled, images, tmp_path, embedded):
    some = images[bundled.metadata["dataset"]][:16]
    np.save(tmp_path / "x.npy", some)
    name = bundled.folder.name
    results.check(embedded(tmp_path / "x.npy", name), bundled, some)
    assert results.told(tmp_path / "results" / "0")["model"] == name


def test_images_of_any_size(graphs, tmp_path, embedded):
    model = vae_onnx.load(graphs / "open")
    rng = np.random.default_rng(0)
    folder = tmp_path / "x"
    folder.mkdir()
    sizes = [(4, 6), (4, 6), (2, 8), (4, 6), *[(6, 4)] * 20]
    images = [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    for at, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{at:02}.png")
    found = embedded(folder, model.folder)
    assert found.schema.field("z").type == pa.list_(pa.list_(pa.list_(pa.float32())))
    for image, z in zip(images, found["z"].to_pylist(), strict=True):
        np.testing.assert_array_equal(np.array(z, np.float32), model.encode(image)[0])
    Image.fromarray(images[0][:3]).save(folder / "odd.png")
    with pytest.raises(vae_onnx.InputError, match="takes multiples of 2"):
        bulk.embed(folder, tmp_path / "out", model.folder, max_errors=0)
    bulk.decode(tmp_path / "results" / "0", tmp_path / "back", model.folder)
    for back, image in zip(pictures(results.table(tmp_path / "back")), images, strict=True):
        expected = vae_onnx.to_uint8(model.reconstruct(image))[0]
        np.testing.assert_array_equal(back, expected)
    bulk.decode(tmp_path / "results" / "0", tmp_path / "arrays", model.folder, form="arrays")
    for back, image in zip(
        results.table(tmp_path / "arrays")["image"].to_pylist(), images, strict=True
    ):
        np.testing.assert_array_equal(back, vae_onnx.to_uint8(model.reconstruct(image))[0])


@pytest.mark.parametrize("name", ["mnist-vae", "mnist-vae-16d", "emoji-vae"])
def test_the_elbo_is_that_of_score(name, images, tmp_path, embedded):
    model = vae_onnx.load(name)
    some = images[model.metadata["dataset"]]
    np.save(tmp_path / "x.npy", some)
    found = embedded(tmp_path / "x.npy", name, elbo=True, draws=3, seed=5, rows=60)
    assert found.schema.field("elbo").type == pa.float32()
    expected = [
        model.score(some[start : start + 60], np.random.default_rng([5, start]), draws=3).nats
        for start in range(0, len(some), 60)
    ]
    np.testing.assert_array_equal(found["elbo"], -np.concatenate(expected).astype(np.float32))
    other = embedded(tmp_path / "x.npy", name, elbo=True, draws=3, seed=6, rows=60)
    assert found["mu"].equals(other["mu"])
    assert not found["elbo"].equals(other["elbo"])


def test_an_elbo_where_there_is_none(tmp_path, graphs, digits):
    np.save(tmp_path / "x.npy", digits)
    for model in ("mnist-ae", graphs / "open"):
        with pytest.raises(vae_onnx.GraphError, match="leave --elbo out"):
            bulk.embed(tmp_path / "x.npy", tmp_path / "out", model, elbo=True)
    assert not (tmp_path / "out").exists()


def test_options_that_cannot_be(tmp_path, digits):
    np.save(tmp_path / "x.npy", digits)
    for options, told in (
        ({"draws": 0}, "draws must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"rows": 0}, "rows must be at least 1"),
        ({"max_errors": -1}, "max_errors must be a number of at least 0"),
        ({"max_errors": float("nan")}, "max_errors must be a number of at least 0"),
    ):
        with pytest.raises(vae_onnx.InputError, match=told):
            bulk.embed(tmp_path / "x.npy", tmp_path / "out", "mnist-vae", **options)
    with pytest.raises(vae_onnx.InputTypeError, match="model must be a name or a path, got int"):
        bulk.embed(tmp_path / "x.npy", tmp_path / "out", 7)
    with pytest.raises(vae_onnx.InputTypeError, match="form must be 'pictures' or 'arrays'"):
        bulk.decode(tmp_path / "x.npy", tmp_path / "out", "mnist-vae", form="png")
    with pytest.raises(vae_onnx.FileMissingError):
        bulk.embed(tmp_path / "x.npy", tmp_path / "out", "mnist")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["vae", "ae", "colour"])
def test_back_to_pictures(name, tiny, tmp_path, embedded):
    model, _ = tiny(name)
    found = embedded(tmp_path / "x.npy", model.folder, rows=10)
    z = results.codes(found, found.schema.names[1])
    expected = vae_onnx.to_uint8(model.decode(z.reshape(-1, *model.latent_shape)))
    codes = tmp_path / "results" / "0"
    report = bulk.decode(codes, tmp_path / "back", model.folder, rows=7)
    assert (report.images, report.shards, report.errors) == (23, 4, 0)
    back = results.table(tmp_path / "back")
    assert back["id"].to_pylist() == list(range(23))
    np.testing.assert_array_equal(pictures(back), expected)
    bulk.decode(codes, tmp_path / "arrays", model.folder, form="arrays")
    arrays = results.table(tmp_path / "arrays")
    kind = arrays.schema.field("image").type
    for size in expected.shape[1:]:
        assert kind.list_size == size
        kind = kind.value_type
    assert kind == pa.uint8()
    np.testing.assert_array_equal(arrays["image"].to_pylist(), expected)


def test_a_map_of_codes_becomes_arrays(tiny, tmp_path, embedded):
    model, images = tiny("map")
    embedded(tmp_path / "x.npy", model.folder, rows=10)
    codes = tmp_path / "results" / "0"
    with pytest.raises(vae_onnx.InputError, match=r"1 or 3 channels, .* makes 4; .*--format npy"):
        bulk.decode(codes, tmp_path / "back", model.folder)
    bulk.decode(codes, tmp_path / "back", model.folder, form="arrays")
    expected = vae_onnx.to_uint8(model.reconstruct(images))
    np.testing.assert_array_equal(results.table(tmp_path / "back")["image"].to_pylist(), expected)


@pytest.mark.parametrize("form", ["pictures", "arrays"])
def test_what_was_decoded_can_be_embedded(form, tmp_path, digits, embedded):
    ids = [f"digit {at}" for at in range(100)]
    images = pa.array([each.tobytes() for each in digits])
    pq.write_table(pa.table({"image": images, "id": ids}), tmp_path / "x.parquet")
    embedded(tmp_path / "x.parquet", rows=30)
    bulk.decode(tmp_path / "results" / "0", tmp_path / "back", "mnist-vae", form=form, rows=40)
    model = vae_onnx.load("mnist-vae")
    found = embedded(tmp_path / "back", invert=False)
    codes = results.codes(results.table(tmp_path / "results" / "0"), "mu")
    results.check(found, model, vae_onnx.to_uint8(model.decode(codes)), ids)


def test_codes_are_decoded_by_their_own_model(tmp_path, digits, embedded):
    np.save(tmp_path / "x.npy", digits)
    embedded(tmp_path / "x.npy", "mnist-vae")
    embedded(tmp_path / "x.npy", "mnist-ae")
    vae, ae = tmp_path / "results" / "0", tmp_path / "results" / "1"
    with pytest.raises(vae_onnx.InputError, match=r"codes are of mnist-ae, .*Decode with the mo"):
        bulk.decode(ae, tmp_path / "out", "mnist-vae")
    (tmp_path / "both").mkdir()
    for name, folder in (("a.parquet", vae), ("b.parquet", ae)):
        results.parts(folder)[0].rename(tmp_path / "both" / name)
    with pytest.raises(vae_onnx.FileError, match=r"b\.parquet has codes of another model than"):
        bulk.decode(tmp_path / "both", tmp_path / "out", "mnist-vae")
    assert not (tmp_path / "out").exists()


def test_codes_of_others(tmp_path, graphs):
    model = vae_onnx.load("mnist-vae")
    z = np.random.default_rng(0).standard_normal((40, 2)).astype(np.float32)
    table = pa.table({"pca": list(z), "label": range(40)})
    pq.write_table(table, tmp_path / "z.parquet")
    report = bulk.decode(tmp_path / "z.parquet", tmp_path / "out", "mnist-vae", form="arrays")
    assert report.images == 40
    found = results.table(tmp_path / "out")["image"].to_pylist()
    np.testing.assert_array_equal(found, vae_onnx.to_uint8(model.decode(z)))
    both = table.append_column("z", pa.array(list(z[::-1]))).append_column(
        "other", pa.array(list(z))
    )
    pq.write_table(both, tmp_path / "z.parquet")
    bulk.decode(tmp_path / "z.parquet", tmp_path / "z", "mnist-vae", form="arrays")
    assert results.table(tmp_path / "z")["image"].to_pylist() == found[::-1]
    pq.write_table(both.drop(["z"]), tmp_path / "z.parquet")
    with pytest.raises(vae_onnx.InputError, match=r"can hold codes .*several: pca, other; name"):
        bulk.decode(tmp_path / "z.parquet", tmp_path / "none", "mnist-vae")
    pq.write_table(table.drop(["pca"]), tmp_path / "z.parquet")
    with pytest.raises(vae_onnx.InputError, match=r"can hold codes .*it has none"):
        bulk.decode(tmp_path / "z.parquet", tmp_path / "none", "mnist-vae")


@pytest.mark.parametrize("form", ["pictures", "arrays"])
def test_codes_that_cannot_be_taken_cost_no_other(form, tmp_path):
    model = vae_onnx.load("mnist-vae")
    z = np.random.default_rng(0).standard_normal((40, 2)).tolist()
    wrong = {3: None, 9: [1.0], 10: [1.0, 2.0, 3.0, 4.0], 11: [np.nan, 0], 12: [1e300, 0], 13: []}
    rows = [wrong.get(at, row) for at, row in enumerate(z)]
    column = pa.array(rows, pa.list_(pa.float64()))
    pq.write_table(pa.table({"z": column}), tmp_path / "z.parquet")
    out = tmp_path / "out"
    report = bulk.decode(tmp_path / "z.parquet", out, "mnist-vae", form=form, max_errors=6)
    assert report.errors == len(wrong)
    assert list(results.errors(out)) == [str(at) for at in wrong]
    found = results.table(out)
    kept = [at for at in range(40) if at not in wrong]
    assert found["id"].to_pylist() == kept
    expected = vae_onnx.to_uint8(model.decode(np.array([z[at] for at in kept])))
    back = found["image"].to_pylist() if form == "arrays" else pictures(found)
    np.testing.assert_array_equal(back, expected)
    width = np.zeros((40, 4), np.float32)
    pq.write_table(pa.table({"z": list(width)}), tmp_path / "z.parquet")
    with pytest.raises(vae_onnx.InputError, match="40 images could not be taken"):
        bulk.decode(tmp_path / "z.parquet", tmp_path / "wide", "mnist-vae", form=form)


def test_codes_in_another_precision_are_of_a_model_yet(tmp_path, digits):
    np.save(tmp_path / "x.npy", digits)
    bulk.embed(tmp_path / "x.npy", tmp_path / "codes", "mnist-vae", precision="int8")
    with pytest.raises(vae_onnx.InputError, match=r"of mnist-vae, not of fashion-mnist-vae"):
        bulk.decode(tmp_path / "codes", tmp_path / "out", "fashion-mnist-vae")
    report = bulk.decode(tmp_path / "codes", tmp_path / "out", "mnist-vae")
    assert (report.images, report.errors) == (100, 0)
