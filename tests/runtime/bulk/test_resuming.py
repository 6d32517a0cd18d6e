"""A job that was killed, whose results were damaged, or that is another one now."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import vae_onnx
from vae_onnx import bulk
from vae_onnx.bulk import places, shards

from . import results


@pytest.fixture
def source(tmp_path, digits):
    """Raw digits in Parquet, of which every 97th is null."""
    path = tmp_path / "x.parquet"
    many = [digits[at % 100].tobytes() if at % 97 else None for at in range(6000)]
    ids = [f"digit {at}" for at in range(6000)]
    pq.write_table(pa.table({"image": pa.array(many), "id": ids}), path, row_group_size=700)
    return path


def command(source, out, *others) -> list[str]:
    arguments = ["embed", source, out, "--model", "mnist-vae", "--rows", "100", "--elbo"]
    more = ["--draws", "40", "--max-errors", "2%", "--threads", "1", *others]
    return [sys.executable, "-m", "vae_onnx", *map(str, [*arguments, *more])]


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed otherwise there")
def test_killed_at_any_moment_it_comes_to_the_same_bytes(source, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "out"
    subprocess.run(command(source, whole), check=True, capture_output=True)
    expected = results.content(whole)
    assert len(expected) == 60 + 2
    rng = random.Random(0)
    alive = 0
    for wanted in range(10, 60, 10):
        process = subprocess.Popen(
            command(source, out, "--resume"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and len(results.parts(out)) < wanted:
            time.sleep(0.001)
        time.sleep(rng.random() * 0.02)
        alive += process.poll() is None
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert alive == 5
    left = len(results.parts(out))
    assert 50 <= left < 60
    done = subprocess.run(
        command(source, out, "--resume"), check=True, capture_output=True, text=True
    )
    assert done.stdout.startswith("5,938 of 6,000 in 60 files")
    assert f"{left} of the files were there and sound" in done.stdout
    assert results.content(out) == expected
    ids = results.table(out)["id"].to_pylist()
    assert ids == [f"digit {at}" for at in range(6000) if at % 97]
    assert list(results.errors(out)) == [f"digit {at}" for at in range(0, 6000, 97)]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_interrupted_it_can_be_resumed(source, tmp_path):
    out = tmp_path / "out"
    process = subprocess.Popen(
        command(source, out),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs, as these tests may be, are born deaf to it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while process.poll() is None and len(results.parts(out)) < 3:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.endswith("vae-onnx: interrupted\n")
    assert "Traceback" not in told
    assert 3 <= len(results.parts(out)) < 60
    report = bulk.embed(
        source, out, "mnist-vae", rows=100, elbo=True, draws=40, max_errors=0.02, resume=True
    )
    assert 0 < report.done < 60
    assert not list(out.glob(".*"))


@pytest.fixture
def job(tmp_path, digits):
    """Do a small job again and again; gives its folder, and how to go on with it."""
    np.save(tmp_path / "x.npy", digits)
    out = tmp_path / "out"
    options = {"rows": 20, "elbo": True}

    def run(**others):
        return bulk.embed(
            others.pop("source", tmp_path / "x.npy"),
            out,
            others.pop("model", "mnist-vae"),
            **{**options, "resume": True, **others},
        )

    assert run().done == 5
    return out, run


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)


def test_files_of_the_result_that_were_damaged_are_made_again(job, tmp_path):
    out, run = job
    whole = results.content(out)
    other = tmp_path / "other"
    bulk.embed(tmp_path / "x.npy", other, "mnist-vae", rows=20, elbo=True, seed=1)
    first, second, third, fourth, fifth = results.parts(out)

    first.write_bytes(first.read_bytes()[:-50])
    flip(second, len(second.read_bytes()) // 3)
    third.write_bytes(results.parts(other)[2].read_bytes())
    fourth.unlink()
    fifth.write_bytes(whole["part-00003.parquet"])
    (out / "_job" / "errors.parquet").unlink()
    report = run()
    assert (report.shards, report.done) == (5, 5)
    assert results.content(out) == whole
    for path in (first, second):
        assert report.again[path.name] == "damaged: its bytes are not those that were written"
    assert report.again[third.name] == "another job's"
    assert report.again[fifth.name] == "of other rows"
    assert fourth.name not in report.again
    assert run().done == 0
    assert results.content(out) == whole


def test_no_change_of_a_bit_goes_unseen(tmp_path, digits):
    np.save(tmp_path / "x.npy", digits[:3])
    bulk.embed(tmp_path / "x.npy", tmp_path / "out", "mnist-vae")
    (path,) = results.parts(tmp_path / "out")
    told = results.told(tmp_path / "out")
    output = places.Output(str(tmp_path / "out"))
    shard = shards.Shard(0, 0, 3)
    sound = shards.look(output, shard, told)
    assert isinstance(sound, dict)
    size = path.stat().st_size
    unseen = []
    for at in range(0, size, 11):
        flip(path, at)
        if isinstance(shards.look(output, shard, told), dict):
            unseen.append(at)
        flip(path, at)
    assert unseen == []
    assert shards.look(output, shard, told) == sound


def test_one_row_more_or_less_is_seen(job):
    out, run = job
    whole = results.content(out)
    for path, rows in zip(results.parts(out), (19, 0, 21), strict=False):
        table = pq.read_table(path)
        pq.write_table(pa.concat_tables([table, table]).slice(0, rows), path)
    report = run()
    assert list(report.again) == [f"part-0000{at}.parquet" for at in range(3)]
    assert results.content(out) == whole


def test_what_was_left_half_written_is_removed(job):
    out, run = job
    whole = results.content(out)
    for name in (".part-00001.parquet.0123.tmp", "_job/.errors.parquet.0123.tmp"):
        (out / name).write_bytes(b"half")
    assert run().done == 0
    assert results.content(out) == whole


def test_killed_before_the_job_was_told(job):
    out, run = job
    whole = results.content(out)
    for path in results.parts(out):
        path.unlink()
    (out / "_job" / "job.json").rename(out / "_job" / ".job.json.0123.tmp")
    assert run().done == 5
    assert results.content(out) == whole


def test_without_resume_nothing_is_touched(job):
    out, run = job
    whole = results.content(out)
    with pytest.raises(vae_onnx.InputError, match=r"is not empty: it holds _job; --resume goes"):
        run(resume=False)
    assert results.content(out) == whole


def test_a_folder_of_something_else(tmp_path, digits):
    np.save(tmp_path / "x.npy", digits)
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(vae_onnx.InputError, match=r"is not empty: it holds notes\.txt"):
        bulk.embed(tmp_path / "x.npy", out, "mnist-vae")
    with pytest.raises(vae_onnx.InputError, match=r"holds notes\.txt, and no job to resume"):
        bulk.embed(tmp_path / "x.npy", out, "mnist-vae", resume=True)
    (out / "part-00000.parquet").write_text("of somebody else")
    with pytest.raises(vae_onnx.FileError, match=r"job\.json is damaged or missing"):
        bulk.embed(tmp_path / "x.npy", out, "mnist-vae", resume=True)
    assert (out / "part-00000.parquet").read_text() == "of somebody else"
    with pytest.raises(vae_onnx.InputError, match="is a file; name a folder"):
        bulk.embed(tmp_path / "x.npy", tmp_path / "x.npy", "mnist-vae")


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ({"model": "mnist-ae", "elbo": False}, "its kind was vae, now it is ae"),
        ({"model": "mnist-vae-16d"}, "its latent_shape was [2], now it is [16]"),
        ({"elbo": False}, "its embed elbo was True, now it is False"),
        ({"seed": 3}, "its embed seed was 0, now it is 3"),
        ({"draws": 2}, "its embed draws was 16, now it is 2"),
        ({"invert": True}, "its embed invert was None, now it is True"),
        ({"rows": 30}, "its rows_per_shard was 20, now it is 30"),
        ({"column": "x"}, "its input column was None, now it is x"),
        ({"precision": "int8"}, "its precision was float32, now it is int8"),
    ],
)
def test_another_job_is_refused_and_told(job, others, told):
    out, run = job
    whole = results.content(out)
    with pytest.raises(vae_onnx.InputError) as caught:
        run(**others)
    assert told in str(caught.value)
    assert "Go on with what it was, or name another folder" in str(caught.value)
    assert results.content(out) == whole


def test_another_input_is_refused(job, tmp_path, digits):
    out, run = job
    whole = results.content(out)
    stat = (tmp_path / "x.npy").stat()
    np.save(tmp_path / "y.npy", digits)
    with pytest.raises(vae_onnx.InputError, match="its input sha256 of names, sizes and times was"):
        run(source=tmp_path / "y.npy")
    np.save(tmp_path / "x.npy", digits[::-1])
    os.utime(tmp_path / "x.npy", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    with pytest.raises(vae_onnx.InputError, match="its input sha256 of names, sizes and times was"):
        run()
    np.save(tmp_path / "x.npy", digits[:50])
    with pytest.raises(vae_onnx.InputError, match="its input count was 100, now it is 50"):
        run()
    assert results.content(out) == whole
    np.save(tmp_path / "x.npy", digits)
    os.utime(tmp_path / "x.npy", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert run().done == 0


def test_a_damaged_job_is_told(job):
    out, run = job
    for content in (b"", b"{", b"[]", b"\xff"):
        (out / "_job" / "job.json").write_bytes(content)
        with pytest.raises(vae_onnx.FileError, match=r"job\.json is damaged .*start anew"):
            run()


def test_an_input_that_shrinks_meanwhile(tmp_path, digits, monkeypatch):
    """Its files are looked at again when it is their turn."""
    from vae_onnx.bulk.sources import opening

    table = pa.table({"image": [each.tobytes() for each in digits]})
    pq.write_table(table, tmp_path / "x.parquet")
    open_source = opening.open_source

    def then_shrink(*arguments):
        found = open_source(*arguments)
        pq.write_table(table[:30], tmp_path / "x.parquet")
        return found

    monkeypatch.setattr("vae_onnx.bulk.bulk.open_source", then_shrink)
    with pytest.raises(vae_onnx.FileError, match="has changed while it was read"):
        bulk.embed(tmp_path / "x.parquet", tmp_path / "out", "mnist-ae", rows=20)
