"""Collections in arrays: `.npy`, `.npz` and IDX, packed or not, one file or several."""

import gzip
import struct

import numpy as np
import pytest

import vae_onnx
from vae_onnx import bulk

from . import results


def idx(images: np.ndarray) -> bytes:
    return b"\0\0\x08\x03" + struct.pack(">3I", *images.shape) + images.tobytes()


def write(path, images) -> None:
    """Write images as the name of the file says."""
    match path.name.partition(".")[2]:
        case "npy":
            np.save(path, images)
        case "columns.npy":
            np.save(path, np.asfortranarray(images))
        case "npz":
            np.savez(path, images)
        case "packed.npz":
            np.savez_compressed(path, images=images, labels=np.arange(len(images)))
        case "idx3-ubyte":
            path.write_bytes(idx(images))
        case "idx3-ubyte.gz" | "gz":
            path.write_bytes(gzip.compress(idx(images)))


NAMES = ("x.npy", "x.columns.npy", "x.npz", "x.packed.npz", "x.idx3-ubyte", "x.idx3-ubyte.gz", "gz")


@pytest.mark.parametrize("name", [*NAMES, "x.gz"])
def test_a_file(name, tmp_path, digits, embedded):
    write(tmp_path / name, digits)
    if not (tmp_path / name).exists():
        (tmp_path / name).write_bytes(idx(digits))  # a name that says nothing
    results.check(embedded(tmp_path / name), vae_onnx.load("mnist-vae"), digits)


@pytest.mark.parametrize("rows", [1, 7, 64, 100, 1000])
def test_any_number_of_rows_a_file_gives_the_same_rows(rows, tmp_path, digits, embedded):
    np.savez_compressed(tmp_path / "x.npz", digits)
    found = embedded(tmp_path / "x.npz", "mnist-ae", rows=rows)
    assert found["id"].to_pylist() == list(range(100))
    np.testing.assert_allclose(
        results.codes(found, "z"), vae_onnx.load("mnist-ae").encode(digits), rtol=1e-5, atol=1e-4
    )


def test_several_files_follow_one_another_by_name(tmp_path, digits, embedded):
    folder = tmp_path / "x"
    (folder / "sub").mkdir(parents=True)
    np.save(folder / "1.npy", digits[:30])
    np.savez_compressed(folder / "2.npz", digits[30:31])
    np.save(folder / "sub" / "0.npy", digits[31:].astype(np.float32) / 255)
    (folder / "readme.txt").write_text("digits")
    found = embedded(folder, rows=40)
    model = vae_onnx.load("mnist-vae")
    assert found["id"].to_pylist() == list(range(100))
    np.testing.assert_allclose(results.codes(found, "mu"), model.encode(digits), atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((28, 28, 1), np.uint8),
        ((1, 28, 28), np.uint8),
        ((784,), np.uint8),
        ((28, 28), np.float64),
        ((28, 28), np.int64),
        ((28, 28), ">i4"),
    ],
)
def test_every_layout_and_number_that_encode_takes(shape, dtype, tmp_path, digits, embedded):
    values = digits / 255 if np.dtype(dtype).kind == "f" else digits
    np.save(tmp_path / "x.npy", values.reshape(-1, *shape).astype(dtype))
    taken = values if np.dtype(dtype).kind == "f" else digits
    results.check(embedded(tmp_path / "x.npy"), vae_onnx.load("mnist-vae"), taken)


@pytest.mark.parametrize("shape", [(28, 28, 1), (1, 28, 28), (784,), (28, 28)])
def test_a_row_that_cannot_be_taken_costs_no_other(shape, tmp_path, digits):
    for dtype, wrong in ((np.int64, 256), (np.float32, np.nan), (np.float64, -0.1)):
        values = (digits if dtype == np.int64 else digits / 255).astype(dtype)
        values[[3, 70], 5, 5] = wrong
        np.save(tmp_path / "x.npy", values.reshape(-1, *shape))
        out = tmp_path / f"{np.dtype(dtype)}"
        report = bulk.embed(tmp_path / "x.npy", out, "mnist-vae", max_errors=2)
        assert report.errors == 2
        assert list(results.errors(out)) == ["3", "70"]
        kept = np.delete(np.arange(100), [3, 70])
        images = digits if dtype == np.int64 else values
        results.check(results.table(out), vae_onnx.load("mnist-vae"), images[kept], kept.tolist())


def test_one_image_is_no_collection_of_its_lines(tmp_path, digits):
    np.save(tmp_path / "x.npy", digits[0])
    with pytest.raises(vae_onnx.InputError, match="28 images could not be taken"):
        bulk.embed(tmp_path / "x.npy", tmp_path / "out", "mnist-vae")


def test_which_array_of_a_npz_is_meant(tmp_path, digits, embedded):
    np.savez(tmp_path / "x.npz", train=digits[:60], test=digits[60:], labels=np.arange(100))
    with pytest.raises(vae_onnx.InputError, match="it has train, test, labels; name one with --co"):
        bulk.embed(tmp_path / "x.npz", tmp_path / "out", "mnist-ae")
    with pytest.raises(vae_onnx.InputError, match="has no array 'x'; it has train, test, labels"):
        bulk.embed(tmp_path / "x.npz", tmp_path / "out", "mnist-ae", column="x")
    found = embedded(tmp_path / "x.npz", "mnist-ae", column="test")
    results.check(found, vae_onnx.load("mnist-ae"), digits[60:])


def test_what_is_no_array_of_images(tmp_path):
    wrong = [
        ("x.npy", 1, vae_onnx.InputError, "one number, not images"),
        ("x.npy", np.zeros((0, 28, 28), np.uint8), vae_onnx.InputError, "holds no images"),
        ("x.npz", np.array([{}], object), vae_onnx.FileError, "pickled objects"),
        ("x.npz", np.zeros((3, 28, 28), order="F"), vae_onnx.FileError, "save np.ascontiguousa"),
    ]
    for name, array, kind, told in wrong:
        write(tmp_path / name, array)
        with pytest.raises(kind, match=told):
            bulk.embed(tmp_path / name, tmp_path / "out", "mnist-ae")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.99])
def test_a_file_that_is_cut_off_is_named(name, share, tmp_path, digits):
    path = tmp_path / ("x.idx3-ubyte.gz" if name == "gz" else name)
    write(path, digits)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(vae_onnx.VaeOnnxError, match=path.name):
        bulk.embed(path, tmp_path / "out", "mnist-ae", max_errors=0)
    assert results.parts(tmp_path / "out") == []
