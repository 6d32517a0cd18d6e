"""Standard input and output, named pipes and process substitutions, in the place of files."""

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vae_onnx
from vae_onnx.__main__ import main
from vae_onnx.command import streams

COMMAND = [sys.executable, "-m", "vae_onnx"]
Z = np.array([[0.0, 0.5], [1.0, -1.0]], np.float32)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes of Linux and macOS")


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, format="PNG")
    return file.getvalue()


def run(*arguments, given=b"", **options):
    done = subprocess.run([*COMMAND, *map(str, arguments)], input=given, capture_output=True,
                          **options)  # fmt: skip
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.fixture(scope="module")
def model():
    return vae_onnx.load("mnist-vae")


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/0"])
def test_arrays_and_pictures_come_by_stdin(images, model, name):
    digits = images["mnist"][:2]
    for given, expected in ((npy(digits), digits), (png(digits[0]), digits[:1])):
        status, out, said = run("encode", "mnist-vae", name, given=given)
        assert (status, said) == (0, "")
        z = np.loadtxt(io.BytesIO(out), ndmin=2)
        np.testing.assert_allclose(z, model.encode(expected), atol=1e-5)


def test_results_go_to_stdout(images, model, tmp_path):
    digits = images["mnist"][:3]
    status, out, said = run("encode", "mnist-vae", "-", "-o", "-", given=npy(digits))
    assert (status, said) == (0, "")
    np.testing.assert_array_equal(np.load(io.BytesIO(out)), model.encode(digits))
    status, out, said = run("decode", "mnist-vae", "-", "-o", "-", given=out)
    assert (status, said) == (0, "")
    np.testing.assert_array_equal(np.load(io.BytesIO(out)), model.reconstruct(digits))
    status, out, _ = run("decode", "mnist-vae", "-", "-o-", "--format", "png", given=npy(Z))
    with Image.open(io.BytesIO(out)) as picture:
        sheet = vae_onnx.to_uint8(vae_onnx.tile(model.decode(Z)))
        np.testing.assert_array_equal(np.asarray(picture), sheet)
    np.save(tmp_path / "x.npy", digits)
    few = ("--draws", "1", "--k", "1")
    status, out, said = run("evaluate", "mnist-vae", tmp_path / "x.npy", *few, "-o", "-")
    assert json.loads(out)["images"] == 3
    assert "total = -ELBO" in said


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1"])
def test_stdout_by_its_name_stays_what_it_is(tmp_path, model, name):
    """A pipe, or a file to which it was redirected: neither is replaced by another file."""
    assert run("decode", "mnist-vae", "-", "-o", name, given=npy(Z))[1] == npy(model.decode(Z))
    out = tmp_path / "out"
    with out.open("wb") as file:
        subprocess.run([*COMMAND, "decode", "mnist-vae", "-", "-o", name], input=npy(Z),
                       stdout=file, check=True)  # fmt: skip
    assert out.read_bytes() == npy(model.decode(Z))
    assert Path("/dev/stdout").is_symlink()


def test_named_pipes_stay_pipes(tmp_path, model):
    given, taken = tmp_path / "given", tmp_path / "taken.npy"
    os.mkfifo(given)
    os.mkfifo(taken)
    received = []
    writer = threading.Thread(target=lambda: given.write_bytes(npy(Z)))
    reader = threading.Thread(target=lambda: received.append(taken.read_bytes()))
    for thread in (writer, reader):
        thread.start()
    assert main(["decode", "mnist-vae", str(given), "-o", str(taken)]) == 0
    for thread in (writer, reader):
        thread.join()
    assert received == [npy(model.decode(Z))]
    assert given.is_fifo()
    assert taken.is_fifo()
    assert sorted(tmp_path.iterdir()) == [given, taken]


def test_process_substitution(tmp_path, images, model):
    np.save(tmp_path / "x.npy", images["mnist"][:2])
    command = f"{' '.join(COMMAND)} encode mnist-vae <(cat x.npy) -o >(cat > z.npy; echo done)"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("done\n", "")
    np.testing.assert_array_equal(np.load(tmp_path / "z.npy"), model.encode(images["mnist"][:2]))


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link.npy").symlink_to(tmp_path / "file.npy")
    for _ in range(2):
        assert main(["sample", "mnist-vae", "-n", "2", "-o", str(tmp_path / "link.npy")]) == 0
    assert (tmp_path / "link.npy").is_symlink()
    assert np.load(tmp_path / "file.npy").shape == (2, 28, 28)


def test_what_cannot_be(tmp_path):
    for arguments, given, words in (
        (["encode", "mnist-vae", "-", "-"], npy(Z), "- can be read once, and is named twice"),
        (["decode", "mnist-vae", "-", "-o", "-"], b"", "stdin is not a complete .npy file"),
        (["decode", "mnist-vae", "-", "-o", "-"], b"<html>", "it is a page of the web"),
        (["decode", "mnist-vae", "-", "-o", "none/-"], npy(Z), "must end in .npy or .png"),
        (["encode", "mnist-vae", "-"], b"text", "stdin is not a picture that can be taken"),
    ):
        status, out, said = run(*arguments, given=given, cwd=tmp_path)
        assert (status, out, said.count("\n")) == (1, b"", 1)
        assert words in said
        assert "/vae-onnx-" not in said


class Terminal(io.BytesIO):
    buffer = property(lambda self: self)

    def isatty(self):
        return True


def test_terminals_are_told_apart(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdout", Terminal())
    told = "redirect it, or name a file with --out"
    with pytest.raises(vae_onnx.InputError, match=told), streams.writing(streams.STANDARD):
        pass
    for stream in (Terminal(), None):
        monkeypatch.setattr(sys, "stdin", stream)
        told = "send a file to it"
        with pytest.raises(vae_onnx.InputError, match=told), streams.spooling() as spool:
            spool._file(streams.STANDARD)


# onnxruntime 1.32 would leave a file of its telemetry there.
QUIET = {"ORT_DISABLE_TELEMETRY": "1"}


def test_nothing_is_left_behind(tmp_path):
    status, _, _ = run("decode", "mnist-vae", "-", "-o", "-", given=npy(Z),
                       env=os.environ | {"TMPDIR": str(tmp_path), **QUIET})  # fmt: skip
    assert status == 0
    assert list(tmp_path.iterdir()) == []


# The home


def test_a_tilde_is_the_home(tmp_path, monkeypatch, images):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    model = vae_onnx.load("mnist-vae")
    assert model.save("~/mine") == tmp_path / "mine"
    assert vae_onnx.load("~/mine").kind == "vae"
    assert vae_onnx.load(Path("~/mine")).kind == "vae"
    assert vae_onnx.Decoder("~/mine/decoder.onnx").latent_dim == 2
    np.save(tmp_path / "x.npy", images["mnist"][:2])
    assert main(["encode", "~/mine", "~/x.npy", "-o", "~/z.npy"]) == 0
    assert main(["decode", "~/mine", "~/z.npy", "--out=~/x.png"]) == 0
    assert main(["save", "mnist-ae", "~/other"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "mine", "x.npy", "z.npy", "x.png", "other"
    }  # fmt: skip
    (tmp_path / "~").mkdir()
    model.save("./~/mine")  # as it is in a shell
    assert (tmp_path / "~" / "mine" / "encoder.onnx").is_file()


def test_a_tilde_of_nobody_is_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    vae_onnx.load("mnist-ae").save("~nobody-has-this-name")
    assert (tmp_path / "~nobody-has-this-name" / "encoder.onnx").is_file()
