"""Ray: a job on a cluster of two nodes, whose actors and nodes die; `Embed` in Ray Data."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import vae_onnx
from vae_onnx import bulk

from . import ray_nodes
from .ray_nodes import Node

ROWS = 500
MANY = 20_000

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes as Linux has them")


@pytest.fixture(scope="module", autouse=True)
def _without_tokens() -> Iterator[None]:
    """A cluster of this machine alone asks for none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        yield


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[tuple[str, list[Node]]]:
    pytest.importorskip("ray.data")
    with ray_nodes.cluster(tmp_path_factory.mktemp("r")) as made:
        yield made


@pytest.fixture(scope="module")
def x(tmp_path_factory, digits) -> Path:
    """Many digits, of which some are none, and enough work for each."""
    path = tmp_path_factory.mktemp("x") / "x.npz"
    images = np.resize(digits, (MANY, 28, 28)).astype(np.float16) / 255
    images[::1000] = np.nan
    np.savez_compressed(path, images)
    return path


@pytest.fixture(scope="module")
def whole(x) -> dict[str, bytes]:
    """What the engine of one machine makes of them."""
    report = bulk.embed(x, x.parent / "out", "mnist-vae", rows=ROWS, elbo=True, draws=8)
    assert (report.images, report.errors) == (MANY, MANY // 1000)
    return content(x.parent / "out")


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def command(x: Path, out: Path, address: str, *others: str) -> list[str]:
    line = ["embed", str(x), str(out), "--model", "mnist-vae", "--rows", str(ROWS), "--elbo"]
    line += ["--draws", "8", "--engine", "ray", "--address", address, *others]
    return [sys.executable, "-m", "vae_onnx", *line]


def begun(x: Path, out: Path, address: str) -> subprocess.Popen[str]:
    """Begin a job; comes back once some of it is done, and not yet all."""
    process = subprocess.Popen(
        command(x, out, address), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and len(list(out.glob("part-*"))) < 5:
        time.sleep(0.01)
    assert len(list(out.glob("part-*"))) < MANY // ROWS
    return process


def actors(nodes: list[Node]) -> dict[int, Node]:
    """The processes that have the model open."""
    found = {}
    for node in nodes:
        for pid in node.processes():
            try:
                name = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if b"Shards" in name and name.startswith(b"ray::"):
                found[pid] = node
    return found


def finished(process: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out, err


def quiet(err: str) -> list[str]:
    """Lines on stderr but the one by which Ray says that it will say no more."""
    return [line for line in err.splitlines() if "RAY_BACKEND_LOG_LEVEL" not in line]


def test_a_cluster_makes_the_same_bytes(cluster, x, whole, tmp_path):
    address, _ = cluster
    out, err = finished(begun(x, tmp_path / "out", address))
    assert out.startswith(f"{MANY - MANY // 1000:,} of {MANY:,} in {MANY // ROWS} files")
    assert quiet(err) == []
    assert content(tmp_path / "out") == whole


def test_an_actor_that_is_killed(cluster, x, whole, tmp_path):
    address, nodes = cluster
    process = begun(x, tmp_path / "out", address)
    pid = next(iter(actors(nodes)))
    os.kill(pid, signal.SIGKILL)
    finished(process)
    assert content(tmp_path / "out") == whole


def test_what_cannot_be_taken_ends_it_in_one_line(cluster, x, tmp_path):
    address, _ = cluster
    line = command(x, tmp_path / "out", address, "--max-errors", "2")
    done = subprocess.run(line, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    (told,) = quiet(done.stderr)
    assert told.startswith("vae-onnx: error: ")
    assert "images could not be taken, more than 2: " in told


def test_what_the_cluster_does_not_have(cluster, x, tmp_path):
    address, _ = cluster
    done = subprocess.run(
        command(x, tmp_path / "out", address, "--cpus", "9"), capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "an actor of 9 cores and 0 GPUs has no room in the cluster, which has 2 and 0" in (
        done.stderr
    )
    nowhere = f"127.0.0.1:{ray_nodes.free()}"
    done = subprocess.run(command(x, tmp_path / "none", nowhere), capture_output=True, text=True)
    assert done.returncode == 1
    assert f"error: there is no Ray cluster at {nowhere}: " in done.stderr
    assert "`ray start --head` begins one" in done.stderr


def test_the_class_in_a_pipeline_of_ray_data(cluster, digits, tmp_path):
    """The lines of docs/bulk.md, with one actor: the cluster has two CPUs, and files want one."""
    page = Path(__file__).parents[2].joinpath("docs", "bulk.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```python\n(import ray\n.*?)```", page, re.DOTALL)
    (tmp_path / "photos").mkdir()
    for i, digit in enumerate(digits):
        Image.fromarray(digit).save(tmp_path / "photos" / f"{i:03}.png")
    begin = f"import ray\nray.init(address={cluster[0]!r}, log_to_driver=False)\n"
    code = begin + lines.replace("(size=2)", "(size=1)").replace("/data", str(tmp_path))
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made = np.stack(pq.read_table(tmp_path / "embedded")["mu"].to_numpy())
    expected = vae_onnx.load("mnist-vae").encode(digits)
    order = np.lexsort(made.T), np.lexsort(expected.T)
    np.testing.assert_allclose(made[order[0]], expected[order[1]], atol=1e-5)


def test_a_node_that_is_killed(cluster, x, whole, tmp_path):
    """The last test: the cluster has one node less from here on."""
    address, nodes = cluster
    for attempt in range(5):
        out = tmp_path / str(attempt)
        process = begun(x, out, address)
        while process.poll() is None and nodes[1] not in actors(nodes).values():
            time.sleep(0.01)
        if process.poll() is None:  # on a busy machine one node may be done before the other begins
            break
    assert nodes[1] in actors(nodes).values()
    nodes[1].kill()
    assert process.poll() is None
    finished(process)
    assert content(out) == whole
