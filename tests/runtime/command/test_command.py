"""The `vae-onnx` command, on files."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import vae_onnx
from vae_onnx.__main__ import main
from vae_onnx.command import outputs
from vae_onnx.pictures import fitting


def read_png(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_it_is_installed():
    command = [sys.executable, "-m", "vae_onnx", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == vae_onnx.__version__


@pytest.mark.parametrize(
    "command", ["info", "encode", "decode", "reconstruct", "sample", "score", "grid", "save", ""]
)
def test_help(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*command.split(), "--help"])
    assert stop.value.code == 0
    assert "usage: vae-onnx" in capsys.readouterr().out


def test_info_lists_the_models(capsys):
    assert main(["info"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(vae_onnx.models())


def test_info_describes_a_model(capsys):
    assert main(["info", "mnist-ae"]) == 0
    told = capsys.readouterr().out
    assert "decoder.onnx: (z: float ['batch', 2]) -> (x_recon: float ['batch', 1, 28, 28])" in told
    assert "pixel_range    0.0 to 1.0" in told


def test_info_describes_a_model_without_metadata(capsys, graphs):
    assert main(["info", str(graphs / "colour")]) == 0
    assert "(x: float ['N', 3, 2, 1])" in capsys.readouterr().out


def test_encode_prints_z(digits, images, capsys):
    assert main(["encode", "mnist-vae", str(digits / "0.png"), str(digits / "1.png")]) == 0
    printed = np.array([line.split() for line in capsys.readouterr().out.splitlines()], float)
    expected = vae_onnx.load("mnist-vae").encode(images["mnist"][:2])
    np.testing.assert_allclose(printed, expected, atol=1e-5)


def test_encode_and_decode_through_files(digits, images):
    z, out = digits / "z.npy", digits / "out.npy"
    assert main(["encode", "mnist-ae", str(digits / "digits.npy"), "-o", str(z)]) == 0
    assert main(["decode", "mnist-ae", str(z), "-o", str(out)]) == 0
    model = vae_onnx.load("mnist-ae")
    np.testing.assert_array_equal(np.load(z), model.encode(images["mnist"]))
    np.testing.assert_array_equal(np.load(out), model.reconstruct(images["mnist"]))


def test_reconstruct_to_a_sheet(digits, images):
    out = digits / "out.png"
    files = [str(digits / f"{i}.png") for i in range(3)]
    assert main(["reconstruct", "mnist-vae", *files, "-o", str(out)]) == 0
    pictures = vae_onnx.load("mnist-vae").reconstruct(images["mnist"][:3])
    expected = vae_onnx.to_uint8(vae_onnx.tile(pictures))
    np.testing.assert_array_equal(read_png(out), expected)


def test_reconstruct_draws_from_the_posterior_with_a_seed(digits, images):
    out = digits / "out.npy"
    files = [str(digits / "digits.npy"), "-o", str(out)]
    assert main(["reconstruct", "mnist-vae", *files, "--seed", "3"]) == 0
    expected = vae_onnx.load("mnist-vae").reconstruct(images["mnist"], np.random.default_rng(3))
    np.testing.assert_array_equal(np.load(out), expected)


def test_colour_pictures(graphs, tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (1, 2, 1, 3), np.uint8)
    Image.fromarray(pictures[0]).save(tmp_path / "in.png")
    arguments = [str(graphs / "colour"), str(tmp_path / "in.png"), "-o", str(tmp_path / "out.png")]
    assert main(["reconstruct", *arguments]) == 0
    np.testing.assert_array_equal(read_png(tmp_path / "out.png"), pictures[0])


def test_pictures_of_another_size(graphs, tmp_path, failing):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    rest = [str(tmp_path / "in.png"), "-o", str(tmp_path / "out.png")]
    told = failing("reconstruct", graphs / "colour", *rest)
    assert "is 12x8 pixels, the model takes 1x2; bring it there with --fit crop" in told
    for fit in fitting.FITS:
        assert main(["reconstruct", str(graphs / "colour"), *rest, "--fit", fit]) == 0
        expected = fitting.fitted(pixels, 1, 2, fit)
        np.testing.assert_array_equal(read_png(tmp_path / "out.png"), expected)
    assert "without --drawing" in failing("encode", "mnist-ae", "x.npy", "--fit", "pad")
    assert "leave --fit out" in failing("encode", "mnist-ae", *rest[:1], "--drawing", "--fit=pad")


def test_pictures_and_arrays_of_any_size(graphs, tmp_path, failing, capsys):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 9, 12, 3), np.uint8)
    paths = [str(tmp_path / f"{i}.png") for i in range(2)]
    for path, one in zip(paths, pixels, strict=True):
        Image.fromarray(one).save(path)
    model = vae_onnx.load(graphs / "open")
    assert "the model takes multiples of 2" in failing("encode", graphs / "open", *paths)
    out = tmp_path / "z.npy"
    assert main(["encode", str(graphs / "open"), *paths, "-o", str(out), "--fit", "crop"]) == 0
    np.testing.assert_array_equal(np.load(out), model.encode(pixels[:, :8]))
    np.save(tmp_path / "x.npy", pixels[:, :8])
    assert main(["encode", str(graphs / "open"), str(tmp_path / "x.npy"), "-o", str(out)]) == 0
    np.testing.assert_array_equal(np.load(out), model.encode(pixels[:, :8]))
    assert main(["evaluate", str(graphs / "open"), str(tmp_path / "x.npy")]) == 0
    of_array = capsys.readouterr().out.splitlines()[1:]
    (tmp_path / "photos").mkdir()
    for path in paths:
        shutil.move(path, tmp_path / "photos")
    assert main(["evaluate", str(graphs / "open"), str(tmp_path / "photos"), "--fit=crop"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == of_array
    Image.new("RGB", (4, 4)).save(tmp_path / "photos" / "small.png")
    told = failing("evaluate", graphs / "open", tmp_path / "photos", "--fit", "crop")
    assert "small.png is 4x4 pixels" in told


def test_score_tells_of_each_picture(digits, images, capsys):
    names = [str(digits / f"{i}.png") for i in range(3)]
    assert main(["score", "mnist-vae", *names, "--draws", "2", "--seed", "3"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["image", "mse", "psnr", "nats"]
    assert [line[0] for line in lines[1:]] == names
    model = vae_onnx.load("mnist-vae")
    scores = model.score(images["mnist"][:3], np.random.default_rng(3), draws=2)
    expected = np.transpose([scores.mse, scores.psnr, scores.nats])
    np.testing.assert_allclose(np.float64([line[1:] for line in lines[1:]]), expected, atol=0.006)

    out = digits / "scores.csv"
    assert main(["score", "mnist-ae", str(digits / "digits.npy"), "-o", str(out)]) == 0
    table = [line.split(",") for line in out.read_text().splitlines()]
    assert [line[0] for line in table] == ["image", *map(str, range(len(images["mnist"])))]


def test_score_without_a_likelihood_has_no_nats(graphs, tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((2, 4, 6, 3), np.float32))
    assert main(["score", str(graphs / "open"), str(tmp_path / "x.npy")]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "image\tmse\tpsnr"


def test_sample_and_grid(tmp_path):
    out = tmp_path / "out.npy"
    assert main(["sample", "mnist-vae", "-n", "5", "--seed", "1", "-o", str(out)]) == 0
    model = vae_onnx.load("mnist-vae")
    np.testing.assert_array_equal(np.load(out), model.sample(5, np.random.default_rng(1)))
    assert main(["grid", "mnist-vae", "--side", "4", "-o", str(tmp_path / "grid.png")]) == 0
    assert read_png(tmp_path / "grid.png").shape == (4 * 28, 4 * 28)


def test_errors_are_one_line(digits, failing, tmp_path):
    out = tmp_path / "out.png"
    assert "bundled: emoji-vae, fashion-mnist-ae" in failing("info", "mnist")
    assert "none.npy is missing" in failing("encode", "mnist-ae", digits / "none.npy")
    assert "none.png is missing" in failing("encode", "mnist-ae", digits / "none.png")
    assert "is not a picture that can be taken" in failing("encode", "mnist-ae", __file__)
    assert "must end in .npy" in failing("encode", "mnist-ae", digits / "0.png", "-o", out)
    assert "at least 1, got 0" in failing("sample", "mnist-ae", "-n", "0", "-o", out)
    for command in (["sample", "mnist-vae"], ["reconstruct", "mnist-vae", digits / "0.png"]):
        assert "--seed must be at least 0, got -1" in failing(*command, "--seed", -1, "-o", out)
    assert "no posterior" in failing(
        "reconstruct", "mnist-ae", digits / "0.png", "--seed", "0", "-o", out
    )
    assert "no folder" in failing("grid", "mnist-vae", "-o", tmp_path / "none" / "out.png")
    assert "must end in .npy or .png, got" in failing("grid", "mnist-vae", "-o", "grid.jpg")
    assert "a .npy file stands alone" in failing(
        "encode", "mnist-ae", digits / "digits.npy", "--invert"
    )
    assert not out.exists()


def test_a_picture_of_another_size_is_told_of_drawing(failing, tmp_path):
    Image.new("L", (280, 200)).save(tmp_path / "big.png")
    told = failing("encode", "mnist-vae", tmp_path / "big.png")
    assert "280x200 pixels, the model takes 28x28" in told
    assert "--drawing" in told


@pytest.mark.parametrize("size", [0, 10, 100, 200])
def test_truncated_files_are_named(digits, failing, size):
    for name, told in (("digits.npy", "a complete .npy"), ("0.png", "a picture that can be taken")):
        path = digits / name
        path.write_bytes(path.read_bytes()[:size])
        assert f"{path} is not {told}" in failing("encode", "mnist-vae", path)


def test_pickles_and_archives_are_refused(failing, tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{}, []], object), allow_pickle=True)
    (tmp_path / "text.npy").write_text("0.5, 0.25")
    other = {"objects.npy": "it holds something else", "text.npy": 'it is text, and begins "0.5,'}
    for name, what in other.items():
        told = failing("encode", "mnist-vae", tmp_path / name)
        assert f"is not a complete .npy file of numbers: {what}" in told
        assert "allow_pickle" not in told
    with (tmp_path / "archive.npy").open("wb") as file:
        np.savez(file, a=np.zeros(1))
    assert "archive of several" in failing(
        "decode", "mnist-vae", tmp_path / "archive.npy", "-o", "x.npy"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 cut off",
        b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f4'(  ",
        b"\x93NUMPY\x01\x00v\x00"
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (10000000000000,)}",
    ],
)
def test_foreign_arrays_are_named(failing, tmp_path, content):
    path = tmp_path / "z.npy"
    path.write_bytes(content)
    told = failing("decode", "mnist-vae", path, "-o", tmp_path / "out.npy")
    assert f"{path} is not a complete .npy file" in told


def test_more_than_memory_holds_is_an_error(failing, tmp_path):
    assert "allocate" in failing("sample", "mnist-vae", "-n", 10**15, "-o", tmp_path / "out.npy")


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch, failing):
    out = tmp_path / "out.npy"
    out.write_text("before")

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outputs, "_write_header", full_disk)
    assert "No space left" in failing("sample", "mnist-vae", "-o", out)
    assert out.read_text() == "before"
    assert list(tmp_path.iterdir()) == [out]


def test_a_reader_that_goes_away(tmp_path):
    """As `vae-onnx encode ... | head` does: there is nobody to tell of it."""
    np.save(tmp_path / "x.npy", np.zeros((20_000, 28, 28), np.uint8))
    for arguments in (["encode", "mnist-vae", tmp_path / "x.npy"], ["info", "mnist-vae"]):
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, "w") as stdout:  # noqa: PTH123
            done = subprocess.run(
                [sys.executable, "-m", "vae_onnx", *arguments],
                stdout=stdout,
                stderr=subprocess.PIPE,
                text=True,
            )
        assert (done.returncode, done.stderr) == (1, "")


def test_an_interrupted_command(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(vae_onnx, "load", interrupted)
    assert main(["info"]) == 130
    assert capsys.readouterr().err == "vae-onnx: interrupted\n"


def test_without_pillow_the_remedy_is_named(monkeypatch, failing, tmp_path):
    monkeypatch.setitem(sys.modules, "PIL", None)
    told = failing("sample", "mnist-vae", "-o", tmp_path / "out.png")
    assert "pip install pillow" in told
