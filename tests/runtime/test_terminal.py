"""Whatever the console is, or if there is none: the work is done, and files come before words."""

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import vae_onnx
from vae_onnx import terminal
from vae_onnx.__main__ import main
from vae_onnx.engine import progress

# Environments in which Python's streams take few characters, and what stands for one of them.
CONSOLES = [
    ({"PYTHONIOENCODING": "ascii"}, "+-"),
    ({"PYTHONIOENCODING": "ascii:strict"}, "+-"),
    ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "+-"),
    ({"PYTHONIOENCODING": "cp1252"}, "\u00b1"),
    ({"PYTHONIOENCODING": "cp437"}, "\u00b1"),
    ({"PYTHONIOENCODING": "utf-8"}, "\u00b1"),
]


@pytest.fixture
def data(tmp_path, images):
    np.save(tmp_path / "x.npy", images["mnist"][:2])
    return tmp_path


def run(*arguments, environment=None, **options):
    program = "import sys; from vae_onnx.__main__ import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=os.environ | (environment or {}),
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options,
    )


@pytest.mark.parametrize(("environment", "expected"), CONSOLES)
def test_consoles_of_few_characters(data, environment, expected):
    arguments = ["evaluate", "mnist-vae", data / "x.npy", "--draws", "1", "--k", "1"]
    done = run(*arguments, "-o", data / "r.json", environment=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    encoding = environment.get("PYTHONIOENCODING", "ascii").partition(":")[0]
    assert "standard error\ntotal = -ELBO" in done.stdout.decode(encoding).replace("\r", "")
    assert f", {expected} standard error" in done.stdout.decode(encoding)
    assert json.loads((data / "r.json").read_text())["images"] == 2


@pytest.mark.parametrize(("environment", "_"), CONSOLES)
def test_names_of_files_that_a_console_lacks(tmp_path, environment, _):
    name = "Zürich-\u2192-\u4e2d.npy"
    done = run("encode", "mnist-vae", tmp_path / name, environment=environment)
    assert done.returncode == 1
    assert done.stderr.startswith(b"vae-onnx: error: ")
    assert done.stderr.rstrip().endswith(b".npy is missing")
    done = run("doctor", tmp_path / name, environment=environment)
    assert b"Traceback" not in done.stderr
    assert b"rich-" in done.stdout


@pytest.mark.skipif(os.fsencode("\udcff") != b"\xff", reason="names of files are bytes elsewhere")
def test_names_of_files_that_are_no_characters(tmp_path):
    done = run("encode", "mnist-vae", os.fsencode(tmp_path) + b"/\xff.npy", environment={})
    assert b"Traceback" not in done.stderr
    assert done.stderr.startswith(b"vae-onnx: error: ")


WITHOUT = """
import json, sys
from pathlib import Path
lacking, lines, codes = sys.argv[1:]
for name in json.loads(lacking):
    setattr(sys, name, None)
from vae_onnx.__main__ import main
def code(line):
    try:
        return main(line)
    except SystemExit as end:
        return end.code
Path(codes).write_text(json.dumps([code(line) for line in json.loads(lines)]))
"""


@pytest.mark.parametrize("lacking", [("stdout",), ("stderr",), ("stdout", "stderr")])
def test_a_program_without_a_console(data, lacking):
    """As under pythonw and in windowed programs of PyInstaller: the streams are None."""
    evaluate = ["evaluate", "mnist-vae", str(data / "x.npy"), "--draws", "1", "--k", "1"]
    bench = ["bench", "--batch-sizes", "1", "--rounds", "1"]
    lines = [[*evaluate, "-o", str(data / "r.json")], ["info"], ["doctor"], bench]
    lines += [["info", "none"], ["bogus"]]
    arguments = [json.dumps(lacking), json.dumps(lines), data / "codes.json"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments], capture_output=True, text=True, check=True
    )
    assert json.loads((data / "codes.json").read_text()) == [0, 0, 0, 0, 1, 2]
    assert (data / "r.json").exists()
    first = "vae-onnx: error: no bundled model and no folder is called 'none'"  # the fifth line's
    assert done.stderr.startswith(first) if "stderr" not in lacking else not done.stderr
    assert "Traceback" not in done.stderr


def test_streams_are_given_back(capsys):
    before = sys.stdout.errors
    assert main(["info", "mnist-ae"]) == 0
    assert sys.stdout.errors == before
    with terminal.plain():
        assert sys.stdout.errors == terminal.PLAIN
    capsys.readouterr()


def test_streams_that_were_none_are_none_again(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with terminal.plain():
        print("nowhere")
    assert sys.stdout is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\u00b1\u00d7\u2192\u2013", b"+-x->-"),
        ("na\u00efve \ufb01", b"naive fi"),
        ("\u4e2d\U0001f600", b"??"),
        ("a\udcffb", b"a\xffb"),
    ],
)
def test_what_stands_for_what_is_lacking(text, expected):
    assert text.encode("ascii", terminal.PLAIN) == expected


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")  # noqa: PTH110
def test_a_stdout_that_is_full():
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = run("info", stdout=full)
    assert done.returncode == 1
    assert done.stderr == (
        b"vae-onnx: error: stdout cannot be written: [Errno 28] No space left on device\n"
    )


class Gone(io.StringIO):
    """A terminal whose window was closed."""

    def isatty(self):
        return True

    def write(self, _):
        raise OSError(5, "Input/output error")


class Silent:
    """Takes words, and does not say whether it is a terminal."""

    def write(self, _):
        pytest.fail("nobody asked for it")


@pytest.mark.parametrize("stream", [None, Gone(), Silent()])
def test_progress_goes_nowhere(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(progress.track(range(3), "counted")) == [0, 1, 2]
    assert list(progress.count("abc", "counted")) == ["a", "b", "c"]
    model = vae_onnx.load("mnist-ae")
    assert len(list(model.decode_iter(np.zeros((5, 2)), rows=2, progress=True))) == 3


def test_progress_on_a_closed_stream(monkeypatch):
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    assert list(progress.track(range(3), "counted")) == [0, 1, 2]
