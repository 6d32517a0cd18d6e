import math
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vae_onnx
from vae_onnx.engine import threads


@pytest.fixture
def cgroup(tmp_path, monkeypatch):
    """A machine of eight cores whose cgroup files a test writes."""
    monkeypatch.setattr(threads, "CGROUP", tmp_path)
    monkeypatch.setattr(threads, "MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("50000 100000", 1),
        ("3200000 100000", 8),
        ("nonsense", 8),
        ("1 0", 8),
    ],
)
def test_the_quota_of_a_cgroup_counts(cgroup, limit, expected):
    (cgroup / "cpu.max").write_text(limit + "\n")
    assert threads.available() == expected


@pytest.mark.parametrize(("quota", "expected"), [("-1", 8), ("300000", 3)])
def test_so_does_that_of_version_1(cgroup, quota, expected):
    (cgroup / "cpu").mkdir()
    (cgroup / "cpu" / "cpu.cfs_quota_us").write_text(quota + "\n")
    (cgroup / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert threads.available() == expected


@pytest.mark.parametrize(
    ("membership", "limited", "expected"),
    [
        ("0::/system.slice/app.service", "system.slice/app.service", 3),
        ("0::/system.slice/app.service", "system.slice", 3),
        ("0::/system.slice/app.service", "system.slice/other.service", 8),
        ("0::/", "system.slice", 8),
        ("0::/../../outside", "system.slice", 8),
        ("no cgroup", "system.slice", 8),
    ],
)
def test_a_quota_counts_that_is_set_further_down(cgroup, membership, limited, expected):
    """As systemd's CPUQuota=, batch systems, and containers in the cgroups of their host do."""
    (cgroup / "membership").write_text(f"12:memory:/elsewhere\n{membership}\n")
    (cgroup / limited).mkdir(parents=True)
    (cgroup / limited / "cpu.max").write_text("300000 100000\n")
    assert threads.available() == expected


def test_so_does_one_further_down_in_version_1(cgroup):
    (cgroup / "membership").write_text("4:cpu,cpuacct:/slurm/job_7\n0::/\n")
    (cgroup / "cpu" / "slurm" / "job_7").mkdir(parents=True)
    for folder, quota in ((cgroup / "cpu", "-1"), (cgroup / "cpu" / "slurm" / "job_7", "200000")):
        (folder / "cpu.cfs_quota_us").write_text(f"{quota}\n")
        (folder / "cpu.cfs_period_us").write_text("100000\n")
    assert threads.available() == 2


def test_without_a_cgroup_the_affinity_counts(cgroup, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7})
    assert threads.available() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert threads.available() == 1


@given(st.integers(1, 10_000), st.integers(1, 64))
def test_blocks_cover_all_rows_and_are_alike(rows, count):
    parts = threads.blocks(rows, count)
    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(rows))
    sizes = {part.stop - part.start for part in parts}
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= threads.BLOCK
    assert len(parts) >= min(count, math.ceil(rows / threads.BLOCK))


def test_every_part_is_worked_on_once_by_several_threads():
    parts, met, here = threads.blocks(2560, 4), [], set()
    together = threading.Barrier(4, timeout=10)

    def work(part):
        if len(here) < 4:
            here.add(threading.get_ident())
            together.wait()
        met.append(part)

    threads.each(work, parts, 4)
    assert len(here) == 4
    assert sorted(met, key=lambda part: part.start) == parts


def test_an_error_in_any_thread_is_raised():
    def work(part):
        if part.start == 512:
            raise ValueError("the third block")

    with pytest.raises(ValueError, match="the third block"):
        threads.each(work, threads.blocks(2560, 4), 4)


def test_after_an_error_nobody_works_on():
    """`out` belongs to the caller again: no thread may write to it any more, or begin a part."""
    working, met, together = threading.Event(), [], threading.Barrier(3, timeout=10)

    def work(part):
        met.append(part)
        together.wait()
        if threading.current_thread() is threading.main_thread():
            raise ValueError("the first")
        working.set()
        time.sleep(0.1)
        working.clear()

    with pytest.raises(ValueError, match="the first"):
        threads.each(work, threads.blocks(25_600, 3), 3)
    assert not working.is_set()
    assert len(met) == 3


def test_errors_of_two_threads_are_waited_for():
    slow, together = threading.Event(), threading.Barrier(3, timeout=10)

    def work(part):
        if together.wait() == 0:
            raise ValueError("one")
        time.sleep(0.1)
        slow.set()
        raise ValueError("another")

    with pytest.raises(ValueError, match=r"one|another"):
        threads.each(work, threads.blocks(25_600, 3), 3)
    assert slow.is_set()


def test_without_another_thread_the_caller_works_alone(monkeypatch):
    """As where the cgroup allows no more of them, or while the interpreter ends."""

    def no_thread(_):
        raise RuntimeError("can't start new thread")

    threads._pool.cache_clear()
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    parts, met = threads.blocks(25_600, 5), []
    threads.each(met.append, parts, 5)
    threads._pool.cache_clear()
    assert met == parts


@pytest.mark.parametrize("wrong", [0, -1])
def test_threads_must_be_one_at_least(wrong):
    with pytest.raises(ValueError, match="threads must be at least 1"):
        vae_onnx.load("mnist-vae", threads=wrong)
    with pytest.raises(TypeError, match="threads must be an integer"):
        vae_onnx.load("mnist-vae", threads=1.5)
    with pytest.raises(ValueError, match="threads must be at most 65536"):
        vae_onnx.load("mnist-vae", threads=10**24)


@pytest.mark.parametrize("n", [1, 15, 16, 40, 256, 257, 1000])
def test_any_number_of_threads_gives_the_same(bundled, n):
    z = np.random.default_rng(0).standard_normal((n, bundled.latent_dim), np.float32)
    one = vae_onnx.load(bundled.folder, threads=1)
    four = vae_onnx.load(bundled.folder, threads=4)
    pictures = one.decode(z)
    np.testing.assert_allclose(four.decode(z), pictures, atol=1e-6)
    (whole,) = one.decoder.graph(z)
    seen = np.moveaxis(whole, 1, -1).reshape(pictures.shape)
    np.testing.assert_allclose(pictures, seen, atol=1e-6)
    np.testing.assert_allclose(four.encode(pictures), one.encode(pictures), atol=1e-4)


def test_uint8_images_are_scaled_as_a_whole_or_block_by_block(bundled):
    images = np.random.default_rng(0).integers(0, 256, (600, *bundled.image_shape), np.uint8)
    blocks, whole = bundled.encode(images), bundled.encode(images.astype(np.float32) / 255)
    np.testing.assert_array_equal(blocks, whole)


def test_a_value_out_of_range_is_found_in_any_block(bundled):
    images = np.zeros((600, *bundled.image_shape), np.float32)
    images[599, 0, 3, 4] = 2
    with pytest.raises(ValueError, match=r"float images must be in \[0, 1\]"):
        bundled.encode(images)


def test_decode_writes_to_a_buffer(bundled):
    z = np.random.default_rng(0).standard_normal((700, bundled.latent_dim), np.float32)
    shape = bundled.decode(z[0]).shape[1:]
    out = np.full((700, *shape), np.nan, np.float32)
    assert bundled.decode(z, out=out) is out
    np.testing.assert_array_equal(out, bundled.decode(z))
    one = np.empty((1, *shape), np.float32)
    np.testing.assert_array_equal(bundled.decode(z[0], out=one), bundled.decode(z[0]))


def test_a_colour_model_writes_to_a_buffer(graphs):
    decoder = vae_onnx.Decoder(graphs / "colour" / "decoder.onnx")
    z = np.random.default_rng(0).standard_normal((5, decoder.latent_dim), np.float32)
    pictures = decoder.decode(z)
    out = np.empty_like(pictures, order="C")
    np.testing.assert_array_equal(decoder.decode(z, out), pictures)


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        ([[0.0]], TypeError, "out must be a float32 array, got list"),
        (np.zeros((2, 28, 28)), TypeError, "out must be a float32 array, got float64"),
        (np.zeros((3, 28, 28), np.float32), ValueError, r"shape \(2, 28, 28\).*got \(3, 28, 28\)"),
        (np.zeros((2, 28, 56), np.float32)[:, :, ::2], ValueError, "C-contiguous and writeable"),
        (np.broadcast_to(np.float32(0), (2, 28, 28)), ValueError, "C-contiguous and writeable"),
    ],
)
def test_a_buffer_that_cannot_be_written_to(out, error, message):
    with pytest.raises(error, match=message):
        vae_onnx.load("mnist-vae").decode(np.zeros((2, 2)), out=out)


def test_many_threads_get_what_one_gets():
    model = vae_onnx.load("mnist-vae", threads=3)
    rng = np.random.default_rng(0)
    work = [rng.standard_normal((n, 2), np.float32) for n in rng.integers(1, 600, 60)]
    alone = [model.decode(z) for z in work]
    with ThreadPoolExecutor(8) as users:
        for _ in range(3):
            for ours, theirs in zip(users.map(model.decode, work), alone, strict=True):
                np.testing.assert_array_equal(ours, theirs)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_goes_on():
    model = vae_onnx.load("mnist-vae", threads=2)
    z = np.random.default_rng(0).standard_normal((2000, 2), np.float32)
    expected = model.decode(z)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        same = np.array_equal(model.decode(z), expected)
        os.write(writer, b"same" if same else b"else")
        os._exit(0)
    os.close(writer)
    assert os.read(reader, 4) == b"same"
    os.waitpid(child, 0)
