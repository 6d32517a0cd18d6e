"""What Windows and macOS do differently, as far as this machine can tell."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import vae_onnx
import vae_onnx.bulk.neighbours
from vae_onnx import bulk, errors
from vae_onnx.bulk import places
from vae_onnx.errors import InputError
from vae_onnx.serving import service
from vae_onnx.serving.options import Options

ROOT = Path(__file__).parents[1]
SOURCES = [path for top in ("vae_onnx", "export", "demo") for path in (ROOT / top).rglob("*.py")]
OURS = {"writing", "distribution", "direct"}  # whose read_text and write_text are no Path's


def test_no_text_is_read_or_written_in_the_encoding_of_the_machine():
    """Which is not UTF-8 on Windows before Python 3.15."""
    bare = [found for path in SOURCES for found in _without_encoding(path)]
    assert bare == []


def test_the_check_of_encodings_finds_them(tmp_path):
    lines = ["open('x')", "path.open('w')", "p.read_text()", "p.write_text(t)", "run(c, text=True)"]
    (tmp_path / "bad.py").write_text("\n".join(lines), encoding="utf-8")
    assert len(list(_without_encoding(tmp_path / "bad.py"))) == len(lines)


def _without_encoding(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and _is_of_text(node):
            yield f"{path.name}:{node.lineno}: {ast.unparse(node)}"


def _is_of_text(call: ast.Call) -> bool:
    """Whether a call reads or writes text and names no encoding."""
    if "encoding" in {word.arg for word in call.keywords}:
        return False
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    owner = getattr(getattr(call.func, "value", None), "id", "")
    values = [value.value for value in call.args if isinstance(value, ast.Constant)]
    if name in ("read_text", "write_text") and owner not in OURS:
        return len(call.args) <= (name == "write_text")
    if name in ("open", "fdopen"):
        modes = [value for value in values if re.fullmatch(r"[rwax]t?\+?", str(value))]
        return bool(modes) or (isinstance(call.func, ast.Name) and len(call.args) == 1)
    return any(word.arg == "text" and ast.unparse(word.value) == "True" for word in call.keywords)


def test_the_commands_read_and_write_none_either(tmp_path):
    """By the warning that Python itself has for that, in whatever they call."""
    np.save(tmp_path / "x.npy", np.zeros((3, 28, 28), np.uint8))
    code = """
from vae_onnx.__main__ import main
for command in (
    "info mnist-vae",
    "encode mnist-vae x.npy -o z.npy",
    "decode mnist-vae z.npy -o p.png",
    "embed x.npy codes --model mnist-vae",
    "nearest codes p.png --model mnist-vae --index -k 2",
    "save mnist-vae copy",
    "doctor --json",
):
    main(command.split())
"""
    strict = ["-X", "warn_default_encoding", "-W", "error::EncodingWarning"]
    command = [sys.executable, *strict, "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "EncodingWarning" not in done.stderr


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("vae_onnx/models/mnist-vae/encoder.onnx", "binary: set"),
        ("tests/golden/mnist-vae/x.f32", "binary: set"),
        ("vae_onnx/models/mnist-vae/card.json", "eol: lf"),
        ("vae_onnx/__init__.py", "eol: lf"),
    ],
)
def test_a_checkout_has_the_same_bytes_everywhere(name, attributes):
    command = ["git", "check-attr", attributes.partition(":")[0], "--", name]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told == f"{name}: {attributes}\n"


def test_no_two_files_differ_in_case_alone():
    """They would be one file on macOS and Windows; nor has any a name that Windows reserves."""
    command = ["git", "ls-files"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = told.splitlines()
    assert len({name.lower() for name in names}) == len(names)
    assert [name for name in names if set(name) & set('<>:"|?*\\')] == []
    stems = {part.partition(".")[0].lower() for name in names for part in name.split("/")}
    assert stems.isdisjoint({"con", "prn", "aux", "nul", "com1", "lpt1"})


@pytest.mark.parametrize(
    ("address", "windows", "expected"),
    [
        ("file:///C:/data/x.npy", True, "C:/data/x.npy"),
        ("file:///data/x.npy", False, "/data/x.npy"),
        ("file:///C:/data", False, "/C:/data"),
        ("C:/data", True, "C:/data"),
    ],
)
def test_addresses_of_files(address, windows, expected):
    assert places._local(address, windows=windows) == expected


@pytest.mark.parametrize("system", ["posix", "nt"])
def test_a_port_that_is_taken_is_told(monkeypatch, system):
    """On Windows SO_REUSEADDR would take it from the process that has it."""
    asked = []

    class Taken:
        def __init__(self, *_):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def setsockopt(self, level, option, value):
            asked.append(option)

        def bind(self, address):
            raise OSError(10048, "only one usage of each socket address is permitted")

    monkeypatch.setattr(service.socket, "socket", Taken)
    monkeypatch.setattr(os, "name", system)
    with pytest.raises(InputError, match=r"127\.0\.0\.1:\d+ cannot be had"):
        service._check_ports(Options("mnist-vae"))
    assert (service.socket.SO_REUSEADDR in asked) == (system == "posix")


def test_several_workers_where_a_port_is_of_one_process(monkeypatch):
    monkeypatch.delattr(service.socket, "SO_REUSEPORT")
    with pytest.raises(InputError, match="gives a port to one process alone"):
        service._check_ports(Options("mnist-vae", workers=2))


def test_what_the_system_refuses_to_tell_is_not_missing(tmp_path, monkeypatch):
    """As with Python 3.14, whose Path.is_dir and Path.is_file say no to whatever goes wrong."""
    for name, look in (("is_dir", "isdir"), ("is_file", "isfile"), ("exists", "exists")):
        monkeypatch.setattr(Path, name, getattr(os.path, look))
    long = "m" * 5000
    for call in (vae_onnx.load, vae_onnx.Decoder, bulk.neighbours.Collection):
        with pytest.raises(vae_onnx.FileAccessError, match="cannot be read"):
            call(long)
    with pytest.raises(vae_onnx.FileAccessError, match="cannot be read"):
        bulk.embed(long, tmp_path / "out", "mnist-vae")
    assert not errors.exists(Path("with \0"))
    assert not errors.exists(tmp_path / "none")
    assert errors.is_folder(tmp_path)
    assert not errors.is_file(tmp_path)
