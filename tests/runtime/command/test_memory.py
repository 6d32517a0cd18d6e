"""Files larger than memory go through the command line block by block."""

import os
import subprocess
import sys

import numpy as np
import pytest

import vae_onnx
from vae_onnx.command.rows import Rows, blocks
from vae_onnx.engine import stream
from vae_onnx.store import array_files as files

MEGABYTE = 2**20
# getrusage would give the tests' own memory where that is more: a process starts with its parent's.
CODE = """
import sys
from pathlib import Path
from vae_onnx.__main__ import main
code = main(sys.argv[1:])
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0], file=sys.stderr)
sys.exit(code)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measures as Linux does")


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """Files of zeros, which take no room on the disk: images and codes, 128 MB each."""
    folder = tmp_path_factory.mktemp("big")
    np.lib.format.open_memmap(folder / "x.npy", "w+", np.float64, (2**22, 2, 2))
    np.lib.format.open_memmap(folder / "z.npy", "w+", np.float64, (2**23, 2))
    np.lib.format.open_memmap(folder / "digits.npy", "w+", np.uint8, (2**19, 28, 28))
    np.save(folder / "one.npy", np.zeros((1, 2, 2)))
    np.save(folder / "code.npy", np.zeros((1, 2)))
    return folder


def memory(*arguments):
    """Bytes of the most memory that a command has had at once."""
    command = [sys.executable, "-c", CODE, *map(str, arguments)]
    one = {"MALLOC_ARENA_MAX": "1"}  # or each thread may keep a heap, as the scheduler pleases
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **one})
    assert done.returncode == 0, done.stderr
    return 1024 * int(done.stderr.splitlines()[-1])


@pytest.mark.parametrize(
    ("command", "few", "many", "shape"),
    [
        ("encode", "one.npy", "x.npy", (2**22, 2)),
        ("reconstruct", "one.npy", "x.npy", (2**22, 2, 2)),
        ("decode", "code.npy", "z.npy", (2**23, 2, 2)),
    ],
)
def test_no_command_takes_the_whole_file(command, few, many, shape, big, graphs, tmp_path):
    vae, out = graphs / "vae", tmp_path / "out.npy"
    least = memory(command, vae, big / few, "-o", out)
    # On a busy machine a block may wait while the next is made: the less of two runs.
    most = min(memory(command, vae, big / many, "-o", out) for _ in range(2))
    assert most < least + 32 * MEGABYTE
    written = np.load(out, mmap_mode="r")
    assert (written.shape, written.dtype) == (shape, np.float32)


def test_a_limit_reads_no_more_than_it_says(big):
    """The file has 392 MB, as float32 it would be 1.6 GB."""
    few = ("--limit", "10", "--draws", "1", "--k", "1")
    assert memory("evaluate", "mnist-vae-16d", big / "digits.npy", *few) < 200 * MEGABYTE


def test_blocks_give_the_bits_of_the_whole(tmp_path, images, capsys):
    from vae_onnx.__main__ import main

    digits = np.resize(images["mnist"], (stream.ROWS + 100, 28, 28))
    np.save(tmp_path / "x.npy", digits)
    out = tmp_path / "out.npy"
    model = vae_onnx.load("mnist-vae")
    arguments = ["mnist-vae", str(tmp_path / "x.npy"), "-o", str(out)]
    assert main(["encode", *arguments]) == 0
    np.testing.assert_allclose(np.load(out), model.encode(digits), atol=1e-5)
    assert main(["reconstruct", *arguments, "--seed", "3"]) == 0
    expected = model.reconstruct(digits, np.random.default_rng(3))
    np.testing.assert_allclose(np.load(out), expected, atol=1e-5)
    few = ["--draws", "2", "--k", "2", "-o", str(tmp_path / "r.json")]
    assert main(["evaluate", "mnist-vae-16d", str(tmp_path / "x.npy"), *few]) == 0
    capsys.readouterr()


def test_an_error_in_a_late_block_leaves_no_file(tmp_path, graphs, capsys):
    from vae_onnx.__main__ import main

    x = np.zeros((stream.ROWS + 1, 2, 2))
    x[-1] = 7
    np.save(tmp_path / "x.npy", x)
    arguments = ["encode", str(graphs / "vae"), str(tmp_path / "x.npy")]
    assert main([*arguments, "-o", str(tmp_path / "z.npy")]) == 1
    assert "x.npy: float images must be in [0, 1]" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_rows_are_what_the_array_is(tmp_path, dtype):
    images = np.random.default_rng(0).integers(0, 2, (50, 1, 3, 3)).astype(dtype)
    np.save(tmp_path / "x.npy", images)
    rows = Rows(
        np.load(tmp_path / "x.npy", mmap_mode="r"), lambda some: np.float32(some), (1, 3, 3)
    )
    assert (len(rows), rows.shape, rows.size, rows.dtype) == (50, (50, 1, 3, 3), 450, np.float32)
    some = np.array([3, 1, 4])
    for index in (slice(2, 9), some, slice(None)):
        np.testing.assert_array_equal(rows[index], images[index])
        np.testing.assert_array_equal(rows.reshape(50, -1)[index], images.reshape(50, -1)[index])
    np.testing.assert_array_equal(rows, images)
    np.testing.assert_array_equal(np.concatenate(list(blocks(rows, 7))), images)
    np.testing.assert_array_equal(rows.first(3), images[:3])


def test_idx_files_are_mapped_too(tmp_path):
    path = tmp_path / "images-idx3-ubyte"
    path.write_bytes(
        b"\0\0\x08\x03" + bytes([0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1]) + bytes(range(6))
    )
    array = files.read_idx(path)
    assert isinstance(array, np.memmap)
    np.testing.assert_array_equal(array, np.arange(6).reshape(2, 3, 1))
