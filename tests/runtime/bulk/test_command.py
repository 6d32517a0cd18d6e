"""`vae-onnx embed`, and `vae-onnx decode` of what it has written."""

import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import vae_onnx
from vae_onnx.__main__ import main
from vae_onnx.engine import progress

from . import results


@pytest.fixture
def x(tmp_path, digits):
    np.save(tmp_path / "x.npy", digits)
    return tmp_path / "x.npy"


@pytest.fixture
def run(capsys):
    """Run a command line: its status, and what it says on stdout and stderr."""

    def command(*arguments):
        status = main([str(argument) for argument in arguments])
        told = capsys.readouterr()
        return status, told.out, told.err

    return command


def test_help(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["embed", "--help"])
    assert stop.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "usage: vae-onnx embed" in told
    for option in ("--model", "--elbo", "--resume", "--max-errors", "--engine", "--fit", "--rows"):
        assert option in told
    assert "(default 1%)" in told


def test_from_images_to_codes_and_back(x, digits, tmp_path, run):
    out, back = tmp_path / "out", tmp_path / "back"
    status, told, noted = run("embed", x, out, "--model", "mnist-vae", "--rows", 30)
    assert (status, noted) == (0, "")
    first, second = told.splitlines()
    assert first == f"100 of 100 in 4 files of {out}"
    assert second.endswith(" / s")
    model = vae_onnx.load("mnist-vae")
    found = results.table(out)
    np.testing.assert_allclose(results.codes(found, "mu"), model.encode(digits), atol=1e-5)

    status, told, noted = run("decode", "mnist-vae", out, "-o", back)
    assert (status, told.splitlines()[0]) == (0, f"100 of 100 in 1 files of {back}")
    assert noted == "vae-onnx: note: Codes are the column 'mu' (numbers), ids the column 'id'.\n"
    assert len(results.table(back)) == 100
    arrays = tmp_path / "arrays"
    assert run("decode", "mnist-vae", out, "-o", arrays, "--format", "npy")[0] == 0
    expected = vae_onnx.to_uint8(model.decode(results.codes(found, "mu")))
    np.testing.assert_array_equal(results.table(arrays)["image"].to_pylist(), expected)

    status, told, _ = run("embed", x, out, "--model", "mnist-vae", "--rows", 30, "--resume")
    assert status == 0
    assert "4 of the files were there and sound" in told
    results.parts(out)[1].write_bytes(b"")
    status, told, noted = run("embed", x, out, "--model", "mnist-vae", "--rows", 30, "--resume")
    assert "3 of the files were there and sound" in told
    assert noted == (
        "vae-onnx: note: part-00001.parquet is damaged: its bytes are not those that were "
        "written; it is made again\n"
    )


def test_what_was_decided_is_told(digits, tmp_path, run):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(255 - digits[0]).save(folder / "dark.png")
    Image.fromarray(digits[1]).save(folder / "light.png")
    (folder / "readme.txt").write_text("")
    (folder / "broken.png").write_bytes(b"")
    out = tmp_path / "out"
    line = ["embed", folder, out, "--model", "mnist-ae", "--max-errors", "50%"]
    status, told, noted = run(*line)
    assert status == 0
    assert told.splitlines()[:2] == [
        f"2 of 3 in 1 files of {out}",
        f"1 could not be taken: {out}/_job/errors.parquet says why",
    ]
    assert "note: Left out: 1 .txt." in noted
    assert "note: 1 of the pictures: It shows dark on light, and was inverted; --no-inv" in noted
    table = pq.read_table(out / "part-00000.parquet").append_column("id2", [["a", "a"]])
    pq.write_table(table, tmp_path / "z.parquet")
    line = ["decode", "mnist-ae", tmp_path / "z.parquet", "-o", tmp_path / "back", "--id", "id2"]
    status, _, noted = run(*line)
    assert status == 0
    assert "note: Codes are the column 'z' (numbers), ids the column 'id2'.\n" in noted
    assert "note: 1 rows have an id that came before" in noted


def test_all_options(x, digits, tmp_path, run):
    out = tmp_path / "out"
    line = ["embed", x, out, "--model", "mnist-vae", "--elbo", "--draws", 2, "--seed", 3]
    line += ["--threads", 1, "--device", "cpu", "--max-errors", 0, "--precision", "int8"]
    assert run(*line)[0] == 0
    model = vae_onnx.load("mnist-vae", precision="int8")
    results.check(results.table(out), model, digits)
    scores = model.score(digits, np.random.default_rng([3, 0]), draws=2)
    np.testing.assert_array_equal(results.table(out)["elbo"], -scores.nats.astype(np.float32))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["none.npy", "out"], "there is no file or folder none.npy"),
        (["x.npy", "x.npy"], "x.npy is a file; name a folder for the results"),
        (["x.npy", "full"], "full is not empty: it holds a.txt; --resume goes on with a job"),
        (["full", "out"], "full holds no images: 1 .txt"),
        (["nan.npy", "out"], "100 images could not be taken, more than 1: 0: images must be fin"),
        (["x.npy", "out", "--model", "mnist"], "bundled: emoji-vae"),
        (["x.npy", "out", "--model", "mnist-ae", "--elbo"], "leave --elbo out"),
        (["x.npy", "out", "--rows", "0"], "rows must be at least 1, got 0"),
        (["x.npy", "out", "--actors", "2"], "are of --engine ray"),
        (["x.npy", "out", "--address", "here"], "are of --engine ray"),
        (["x.npy", "out", "--device", "toaster"], "toaster"),
        (["nonsense://x", "out"], "is no address that fsspec knows"),
    ],
)
def test_errors_are_one_line(arguments, told, x, tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("nan.npy", np.full((100, 28, 28), np.nan))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("")
    model = [] if "--model" in arguments else ["--model", "mnist-vae"]
    status, out, noted = run("embed", *arguments, *model)
    assert (status, out) == (1, "")
    last = noted.splitlines()[-1]
    assert last.startswith("vae-onnx: error: ")
    assert told in last


@pytest.mark.parametrize("limit", ["many", "", "-1", "-1%", "nan", "inf", "1%%"])
def test_a_limit_that_is_none(limit, x, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["embed", str(x), str(tmp_path / "out"), "--model", "mnist-ae", "--max-errors", limit])
    assert stop.value.code == 2
    assert "--max-errors" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("limit", "status"), [("10", 0), ("10%", 0), ("0.1", 0), ("100%", 0), ("9", 1), ("9%", 1)]
)
def test_limits_in_numbers_and_per_cent(limit, status, digits, tmp_path, run):
    x = digits / 255
    x[:10] = -1
    np.save(tmp_path / "x.npy", x)
    line = ["embed", tmp_path / "x.npy", tmp_path / "out", "--model", "mnist-ae"]
    assert run(*line, "--max-errors", limit)[0] == status


def test_progress_in_a_log_is_a_line_now_and_then(x, tmp_path, run, monkeypatch):
    monkeypatch.setattr(progress, "MINUTE", 0.0)
    out = tmp_path / "out"
    _, _, noted = run("embed", x, out, "--model", "mnist-vae", "--rows", 25)
    lines = noted.splitlines()
    assert len(lines) == 4
    for line, done in zip(lines, (25, 50, 75, 100), strict=True):
        assert line.startswith(f"embedded {done} of 100 ({done} %), ")
        assert line.endswith(" left")
    _, _, noted = run("decode", "mnist-vae", out, "-o", tmp_path / "back", "--rows", 50)
    assert [line for line in noted.splitlines() if line.startswith("decoded")][1].startswith(
        "decoded 100 of 100 (100 %), "
    )


def test_without_its_packages_the_remedy_is_named(x, tmp_path):
    for missing, told in (
        ("pyarrow", "needs pyarrow: pip install 'vae-onnx[bulk]'"),
        ("ray", "pip install 'vae-onnx[bulk,ray]'"),
    ):
        code = f"""
import sys
sys.modules[{missing!r}] = None
from vae_onnx.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
        arguments = ["embed", str(x), str(tmp_path / missing), "--model", "mnist-vae"]
        engine = ["--engine", "ray"] if missing == "ray" else []
        command = [sys.executable, "-c", code, *arguments, *engine]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (1, "")
        assert told in done.stderr
        assert done.stderr.count("\n") == 1


def test_one_file_of_codes_is_no_collection(tmp_path, capsys):
    np.save(tmp_path / "z.npy", np.zeros((2, 2), np.float32))
    for given in (["--resume"], ["--rows", "3"], ["--column", "z"], ["--engine", "ray"]):
        out = ["-o", str(tmp_path / "x.npy"), *given]
        assert main(["decode", "mnist-vae", str(tmp_path / "z.npy"), *out]) == 1
        assert f"{given[0]} is for what `vae-onnx embed` has written" in capsys.readouterr().err
    assert main(["decode", "mnist-vae", str(tmp_path / "z.npy"), "-o", "memory://x.png"]) == 1
    assert "an address as --out is for" in capsys.readouterr().err
    out = ["-o", str(tmp_path / "x.npy"), "--precision", "int8"]
    assert main(["decode", "mnist-vae", str(tmp_path / "z.npy"), *out]) == 0
    expected = vae_onnx.load("mnist-vae", precision="int8").decode(np.zeros((2, 2), np.float32))
    assert np.array_equal(np.load(tmp_path / "x.npy"), expected)
