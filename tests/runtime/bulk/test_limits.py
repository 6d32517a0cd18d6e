"""What a job does not survive: too many errors, a full disk; and what it does not take: memory."""

import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import vae_onnx
from vae_onnx import bulk
from vae_onnx.bulk import embedding, local, places

from . import results

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
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="measures and limits as Linux does")


def memory(*arguments) -> int:
    """Bytes of the most memory that `embed` has had at once."""
    command = [sys.executable, "-c", CODE, "embed", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return 1024 * int(done.stderr.splitlines()[-1])


@pytest.fixture(scope="module")
def big(tmp_path_factory, digits):
    """A quarter of a million digits, 196 MB each: .npy, .npz, and one group of rows of Parquet."""
    folder = tmp_path_factory.mktemp("big")
    np.save(folder / "few.npy", digits)
    count = 2**18
    zeros = np.lib.format.open_memmap(folder / "x.npy", "w+", np.uint8, (count, 28, 28))
    np.savez_compressed(folder / "x.npz", zeros)
    numbers = np.zeros(count * 784, np.uint8)
    numbers[:: 784 * 3] = np.arange(len(numbers[:: 784 * 3])) % 256  # or it would be a dictionary
    images = pa.FixedSizeListArray.from_arrays(pa.array(numbers), 784)
    table = pa.table({"image": images})
    pq.write_table(table, folder / "x.parquet", row_group_size=count, use_dictionary=False)
    raw = pa.FixedSizeBinaryArray.from_buffers(pa.binary(784), count, [None, pa.py_buffer(numbers)])
    raw = pa.table({"image": raw.cast(pa.binary())})
    pq.write_table(raw, folder / "raw.parquet", row_group_size=count, use_dictionary=False)
    assert pq.ParquetFile(folder / "x.parquet").num_row_groups == 1
    return folder


@on_linux
@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.parquet", "raw.parquet"])
def test_no_more_memory_than_some_blocks(name, big, tmp_path):
    rest = ("--model", "mnist-ae", "--threads", "1")
    least = memory(big / "few.npy", tmp_path / "few", *rest)
    most = memory(big / name, tmp_path / "out", *rest)
    assert most < least + 120 * MEGABYTE
    assert len(results.table(tmp_path / "out")) == 2**18


@on_linux
def test_a_full_disk(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (1000, 28, 28), np.uint8)
    np.save(tmp_path / "x.npy", noise)
    code = """
import resource, sys
from vae_onnx.__main__ import main
resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, 8_000))
sys.exit(main(sys.argv[1:]))
"""
    arguments = ["embed", tmp_path / "x.npy", tmp_path / "out", "--model", "mnist-vae"]
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    told = done.stderr.splitlines()[-1]
    assert told.startswith("vae-onnx: error: ")
    assert "part-00000.parquet cannot be read or written: File too large" in told
    assert "Traceback" not in done.stderr
    assert set(results.content(tmp_path / "out")) == {"_job/job.json"}
    report = bulk.embed(tmp_path / "x.npy", tmp_path / "out", "mnist-vae", resume=True)
    assert report.done == 1


def test_a_disk_that_is_full_in_the_middle(tmp_path, digits, monkeypatch):
    np.save(tmp_path / "x.npy", digits)
    write = places.Output.write

    def full(self, name, fill):
        def fail(file):
            fill(file)
            raise OSError(28, "No space left on device")

        write(self, name, fail if name == "part-00002.parquet" else fill)

    monkeypatch.setattr(places.Output, "write", full)
    with pytest.raises(vae_onnx.FileAccessError, match=r"part-00002.*No space left on device"):
        bulk.embed(tmp_path / "x.npy", tmp_path / "out", "mnist-vae", rows=20)
    assert set(results.content(tmp_path / "out")) == {
        "_job/job.json",
        "part-00000.parquet",
        "part-00001.parquet",
    }
    monkeypatch.undo()
    report = bulk.embed(tmp_path / "x.npy", tmp_path / "out", "mnist-vae", rows=20, resume=True)
    assert report.done == 3
    bulk.embed(tmp_path / "x.npy", tmp_path / "whole", "mnist-vae", rows=20)
    assert results.content(tmp_path / "out") == results.content(tmp_path / "whole")


@pytest.fixture
def spoiled(tmp_path, digits):
    """A hundred digits, of which each tenth is none."""
    x = (digits / 255).astype(np.float32)
    x[::10] = np.nan
    np.save(tmp_path / "x.npy", x)
    return tmp_path / "x.npy"


@pytest.mark.parametrize("limit", [10, 0.1, 0.095, 11, 1e9, float("inf"), 0.999])
def test_as_many_errors_as_are_allowed(limit, spoiled, tmp_path):
    report = bulk.embed(spoiled, tmp_path / "out", "mnist-ae", max_errors=limit)
    assert (report.images, report.errors) == (100, 10)
    assert list(results.errors(tmp_path / "out")) == [str(at) for at in range(0, 100, 10)]


@pytest.mark.parametrize("limit", [0, 0.0, 1, 9, 0.09, 1.0])
def test_more_errors_than_are_allowed(limit, spoiled, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(vae_onnx.InputError) as caught:
        bulk.embed(spoiled, out, "mnist-ae", max_errors=limit, rows=25)
    told = str(caught.value)
    most = 9 if limit == 0.09 else int(limit)
    assert f"images could not be taken, more than {most}: 0: images must be finite" in told
    assert "errors.parquet has all so far" in told
    assert len(results.errors(out)) > most

    # The remedies that it tells: the limit as it was is none of them, a larger one is.
    with pytest.raises(vae_onnx.InputError, match="images could not be taken, more than"):
        bulk.embed(spoiled, out, "mnist-ae", max_errors=limit, rows=25, resume=True)
    report = bulk.embed(spoiled, out, "mnist-ae", max_errors=10, rows=25, resume=True)
    assert (report.errors, report.shards) == (10, 4)
    bulk.embed(spoiled, tmp_path / "whole", "mnist-ae", max_errors=10, rows=25)
    assert results.content(out) == results.content(tmp_path / "whole")
    x = np.load(spoiled)
    np.save(spoiled, np.nan_to_num(x))
    assert bulk.embed(spoiled, tmp_path / "mended", "mnist-ae", max_errors=limit).errors == 0


def test_nothing_but_errors(tmp_path):
    np.save(tmp_path / "x.npy", np.full((50, 28, 28), 7.0))
    report = bulk.embed(tmp_path / "x.npy", tmp_path / "out", "mnist-vae", max_errors=50, rows=20)
    assert report.errors == 50
    found = results.table(tmp_path / "out")
    assert found.schema.names == ["id", "mu", "log_var"]
    assert len(found) == 0
    assert set(results.errors(tmp_path / "out")) == {str(at) for at in range(50)}
    with pytest.raises(vae_onnx.InputError, match="holds no images"):
        bulk.decode(tmp_path / "out", tmp_path / "back", "mnist-vae")


def test_blocks_are_as_small_as_their_pictures_are_large(tmp_path, digits, monkeypatch):
    """However many rows the model takes: packed pictures of some megabytes wait in memory."""
    content = b"not a picture" + bytes(2**20)
    table = pa.table({"image": pa.array([content] * 40, pa.binary())})
    pq.write_table(table, tmp_path / "x.parquet", compression="none", use_dictionary=False)
    met = []
    prepare = embedding.Embedding.__call__

    def counted(self, block, prepared):
        met.append(len(block.items))
        return prepare(self, block, prepared)

    monkeypatch.setattr(embedding.Embedding, "__call__", counted)
    bulk.embed(tmp_path / "x.parquet", tmp_path / "out", "mnist-vae", max_errors=40)
    assert sum(met) == 40
    assert max(met) * 2**20 <= local.READ_BYTES


def test_an_error_ends_the_work_at_once(tmp_path, monkeypatch):
    """What was read ahead is not decoded any more."""
    (tmp_path / "x").mkdir()
    for number in range(400):
        (tmp_path / "x" / f"{number:03}.png").write_bytes(b"no picture")
    seen = []
    prepare = embedding.Embedding.prepare

    def counted(self, item):
        seen.append(item)
        time.sleep(0.005)
        return prepare(self, item)

    monkeypatch.setattr(embedding.Embedding, "prepare", counted)
    with pytest.raises(vae_onnx.InputError, match="could not be taken"):
        bulk.embed(tmp_path / "x", tmp_path / "out", "mnist-vae", rows=20, max_errors=0)
    assert len(seen) < 200
