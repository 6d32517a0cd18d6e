"""What a command is given: pictures on any paper, arrays and IDX files."""

import gzip
import re
import struct

import numpy as np
import pytest
from PIL import Image, ImageDraw

import vae_onnx
from vae_onnx.__main__ import main
from vae_onnx.store import array_files as files


def seven(pen=24):
    """A drawing, ink 255 on paper 0."""
    picture = Image.new("L", (300, 300))
    ImageDraw.Draw(picture).line([(60, 70), (220, 60), (140, 260)], fill=255, width=pen)
    return np.asarray(picture)


def reconstruct(tmp_path, *arguments):
    out = tmp_path / "out.npy"
    command = ["reconstruct", "mnist-vae", *map(str, arguments), "-o", str(out)]
    assert main(command) == 0
    return np.load(out)


def test_a_drawing_on_any_paper(tmp_path, capsys):
    ink = seven()
    light, dark, clear, photo = (
        tmp_path / name for name in ("light.PNG", "dark.png", "transparent.png", "photo.jpg")
    )
    Image.fromarray(ink).save(light)
    Image.fromarray(255 - ink).save(dark)
    Image.merge("LA", (Image.new("L", ink.shape), Image.fromarray(ink))).save(clear)
    noise = np.random.default_rng(0).normal(0, 4, ink.shape) + np.linspace(-30, 30, 300)
    Image.fromarray((200 - ink * 0.6 + noise).clip(0, 255).astype(np.uint8)).save(photo)
    expected = vae_onnx.load("mnist-vae").reconstruct(vae_onnx.drawing_to_x(ink))
    for path, flags in [
        (light, []),
        (light, ["--no-invert"]),
        (dark, []),
        (dark, ["--invert"]),
        (clear, []),
        (clear, ["--invert"]),
    ]:
        drawn = reconstruct(tmp_path, path, "--drawing", *flags)
        np.testing.assert_array_equal(drawn, expected)
        told = capsys.readouterr().err
        assert told.count("\n") == (path == clear)
    for flags in ([], ["--invert"]):
        drawn = reconstruct(tmp_path, photo, "--drawing", *flags)
        assert np.abs(drawn - expected).mean() < 0.01
        assert capsys.readouterr().err == ""


def test_what_contradicts_the_picture_is_told(tmp_path, capsys):
    Image.fromarray(255 - seven()).save(tmp_path / "dark.png")
    reconstruct(tmp_path, tmp_path / "dark.png", "--drawing", "--no-invert")
    told = capsys.readouterr().err
    assert "said to be light ink on dark paper; the picture looks the other way round" in told
    assert "Most of the picture counts as ink" in told


def test_notes_are_told_once_with_the_files_they_are_about(tmp_path, capsys):
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path in paths:
        Image.fromarray(255 - seven(pen=1)).save(path)
    reconstruct(tmp_path, *paths, "--drawing")
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"note: {paths[0]} and 2 more: The pen is thin" in told


def test_a_drawing_that_shows_nothing_is_refused(failing, tmp_path):
    Image.new("L", (300, 300), 255).save(tmp_path / "empty.png")
    told = failing("encode", "mnist-vae", tmp_path / "empty.png", "--drawing")
    assert "empty.png: the picture is one even surface" in told


def test_dark_digits_of_the_size_of_the_model_are_inverted(digits, images, capsys):
    """It is found, said, and can be overruled; all that a model of other pictures gets is as is."""
    light, dark = digits / "0.png", digits / "dark.png"
    Image.fromarray(255 - images["mnist"][0]).save(dark)
    model = vae_onnx.load("mnist-vae")
    expected = model.reconstruct(images["mnist"][:1])
    inverted = model.reconstruct(255 - images["mnist"][:1])
    looks = "was given; the picture looks as if it should not have been"
    for path, flags, wanted, note in [
        (light, [], expected, ""),
        (light, ["--no-invert"], expected, ""),
        (light, ["--invert"], inverted, f"--invert {looks}"),
        (dark, [], expected, "It shows dark on light, and was inverted; --no-invert takes it as"),
        (dark, ["--invert"], expected, ""),
        (dark, ["--no-invert"], inverted, f"--no-invert {looks}"),
    ]:
        np.testing.assert_array_equal(reconstruct(digits, path, *flags), wanted)
        told = capsys.readouterr().err
        assert note in told
        assert bool(note) == bool(told)


def test_pictures_for_models_of_other_things_are_taken_as_they_are(graphs, tmp_path, capsys):
    """A graph that does not say that it wants ink on paper may have learned from anything."""
    light = np.array([[255, 255], [255, 0]], np.uint8)
    Image.fromarray(light).save(tmp_path / "light.png")
    out = str(tmp_path / "out.npy")
    for flags, pixels in ([], light), (["--invert"], 255 - light):
        arguments = [str(graphs / "ae"), str(tmp_path / "light.png"), "-o", out, *flags]
        assert main(["encode", *arguments]) == 0
        np.testing.assert_array_equal(np.load(out), vae_onnx.load(graphs / "ae").encode(pixels))
    assert capsys.readouterr().err == ""


def test_drawing_is_for_models_of_digits(graphs, failing, tmp_path):
    Image.fromarray(seven()).save(tmp_path / "7.png")
    told = failing("encode", graphs / "ae", tmp_path / "7.png", "--drawing")
    assert "--drawing makes pictures of 28x28" in told
    assert "the model takes 2x2" in told


def test_the_remedy_for_an_array_in_a_file_is_taken(failing, tmp_path, images):
    path = tmp_path / "it's.npy"
    for array, same in [
        (images["mnist"].astype(np.int64), images["mnist"]),
        (images["mnist"].astype(np.uint16) * 257, images["mnist"]),
        (images["mnist"] / 127.5 - 1, images["mnist"]),
    ]:
        np.save(path, array)
        told = failing("encode", "mnist-vae", path)
        remedy, images_are = re.search(r"pass `(.+)` \(images = (.+); np.save", told).groups()
        np.save(path, eval(remedy, {"np": np, "images": eval(images_are, {"np": np})}))
        out = tmp_path / "z.npy"
        assert main(["encode", "mnist-vae", str(path), "-o", str(out)]) == 0
        expected = vae_onnx.load("mnist-vae").encode(same)
        np.testing.assert_allclose(np.load(out), expected, atol=1e-4)


def test_a_mask_in_a_file_is_told(tmp_path, capsys):
    np.save(tmp_path / "mask.npy", np.eye(28, dtype=np.uint8))
    assert main(["encode", "mnist-vae", str(tmp_path / "mask.npy")]) == 0
    assert "largest value is 1 of 255" in capsys.readouterr().err


def idx(array):
    code = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}[array.dtype.str[1:]]
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_files_of_any_numbers(tmp_path, dtype, pack):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    path = tmp_path / "some-idx3"
    path.write_bytes(pack(idx(array)))
    read = files.read_data(path)
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype
    for cut in (1, 5, 30):
        path.write_bytes(pack(idx(array)[:-cut]))
        with pytest.raises(vae_onnx.FileError, match="not a complete IDX"):
            files.read_data(path)
        path.write_bytes(pack(idx(array))[:-cut])
        with pytest.raises(vae_onnx.FileError, match="not a complete"):
            files.read_data(path)
    path.write_bytes(pack(idx(array) + b"\0"))
    with pytest.raises(vae_onnx.FileError, match="more bytes follow"):
        files.read_data(path)


NAMES = [
    ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    ("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"),
    ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
    ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte.gz"),
    ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte"),
    ("t10k-images.idx3-ubyte.gz", "t10k-labels.idx1-ubyte.gz"),
    ("t10k-images-idx3-ubyte", "t10k-labels.idx1-ubyte"),
    ("emnist-digits-test-images-idx3-ubyte", "emnist-digits-test-labels-idx1-ubyte"),
    (
        "t10k-images-idx3-ubyte/t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte/t10k-labels-idx1-ubyte",
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), NAMES, ids=range(len(NAMES)))
def test_labels_are_found_by_all_usual_names(tmp_path, graphs, ours, theirs, capsys):
    images, labels = tmp_path / ours, tmp_path / theirs
    rng = np.random.default_rng(0)
    arrays = (rng.integers(0, 256, (20, 2, 2), np.uint8), np.arange(20, dtype=np.uint8) // 10)
    for path, array in zip((images, labels), arrays, strict=True):
        path.parent.mkdir(exist_ok=True)
        pack = gzip.compress if path.suffix == ".gz" else bytes
        path.write_bytes(pack(idx(array)))
    command = ["evaluate", str(graphs / "ae"), str(images)]
    assert main(command) == 0
    found = capsys.readouterr()
    assert "kNN accuracy" in found.out
    assert found.err == ""
    labels.unlink()
    assert main(command) == 0
    alone = capsys.readouterr()
    assert "kNN" not in alone.out
    assert "No file of labels lies beside it, so there is no kNN accuracy; --labels" in alone.err
    elsewhere = tmp_path / "classes.npy"
    np.save(elsewhere, arrays[1])
    assert main([*command, "--labels", str(elsewhere)]) == 0
    assert "kNN accuracy" in capsys.readouterr().out
