"""Two machines of one process each, played by two folders: neither sees what is in the other's."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from export.training import checkpoint, job, record

from .processes import PEAK

ROOT = Path(__file__).parents[3]
OPTIONS = ["--image-size", "16", "--hidden-dim", "8", "--epochs", "6", "--batch-size", "2"]
SECONDS = 120  # after which a test has failed: many times what it takes

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="children and memory are read in Linux's /proc"
)


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@pytest.fixture
def node(tmp_path, draw_pictures):
    """Start `python -m export train` by torchrun on one of two machines; return the torchrun."""
    started = []

    def start(number, port, *options, backend="static", restarts=0, place="", script=None):
        folder = tmp_path / f"machine{number}{place}"
        if not folder.exists():
            draw_pictures(folder / "pictures", 150)
        command = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2"]
        command += ["--node-rank", str(number), "--nproc-per-node", "1", "--rdzv-id", str(port)]
        command += ["--rdzv-backend", backend, "--rdzv-endpoint", f"127.0.0.1:{port}"]
        command += ["--max-restarts", str(restarts), "--monitor-interval", "0.2"]
        command += script or ["-m", "export", "train", "--dataset", "folder:pictures", *OPTIONS]
        command += ["--device", "cpu", "--out", "run"] * (script is None)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": "0"}
        # Otherwise c10d hands the addresses of processes that have ended to those started anew.
        environment["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
        output = (folder / "output").open("w")
        process = subprocess.Popen(
            [*command, *map(str, options)],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        process.output, process.folder = folder / "output", folder
        started.append(process)
        output.close()
        return process

    yield start
    for process in started:
        if process.poll() is None:
            kill(process)
            process.wait()


def workers(torchrun):
    """The processes that a torchrun has started."""
    children = Path(f"/proc/{torchrun.pid}/task/{torchrun.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


def kill(torchrun):
    for pid in (torchrun.pid, *workers(torchrun)):
        os.kill(pid, signal.SIGKILL)


def wait_for_epoch(number, torchrun, run):
    """Wait until a run is in the middle of an epoch, after so many."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and torchrun.poll() is None:
        history = run / record.HISTORY
        if history.exists() and len(history.read_text().splitlines()) >= number:
            return
        time.sleep(0.01)
    pytest.fail(torchrun.output.read_text())


def outputs(*torchruns):
    """What each has printed, once it has ended well."""
    codes = [torchrun.wait(SECONDS) for torchrun in torchruns]
    texts = [torchrun.output.read_text() for torchrun in torchruns]
    assert codes == [0] * len(codes), "\n".join(texts)
    return texts


def assert_same(ours, theirs):
    """See that two runs came to the same weights, bit by bit, in as many epochs."""
    for name in (checkpoint.BEST, checkpoint.LAST):
        a, b = (checkpoint.load(run / name) for run in (ours, theirs))
        assert a["epoch"] == b["epoch"]
        for key, weights in a["model"].items():
            assert torch.equal(weights, b["model"][key])
    assert not (ours / job.JOB).exists()


def test_a_machine_is_killed_and_the_training_goes_on(node):
    port = free_port()
    whole = [node(number, port, place="-whole") for number in (0, 1)]
    first, second = outputs(*whole)
    assert "120 training and 15 validation images, cpu, 2 processes, which hold " in first
    assert first.count("epoch  2/6") == 1
    assert "epoch" not in second
    assert not (whole[1].folder / "run").exists()
    for killed in (0, 1):
        assert_same(killed_and_resumed(node, killed), whole[0].folder / "run")


def killed_and_resumed(node, killed):
    """The run of two machines, of which one was killed; the other says what has happened."""
    place, port = f"-{killed}-killed", free_port()
    cut = [node(number, port, place=place) for number in (0, 1)]
    run = cut[0].folder / "run"
    wait_for_epoch(2, cut[0], run)
    kill(cut[killed])
    ended = time.monotonic()
    assert cut[1 - killed].wait(SECONDS) != 0
    assert time.monotonic() - ended < 60
    message = "error: another process of this training has ended or cannot be reached"
    told = cut[1 - killed].output.read_text()
    assert told.count(message) == 1
    assert "again with --resume" in told
    assert 2 <= len(record.read_history(run)) < 6

    port = free_port()
    outputs(*[node(number, port, "--resume", place=place) for number in (0, 1)])
    return run


def test_processes_that_are_started_anew_go_on_and_overwrite_no_other_run(node):
    """With --max-restarts nobody types --resume; a run of before is refused all the same."""
    elastic = {"backend": "c10d", "restarts": 1}
    port = free_port()
    both = [node(number, port, "--out", "../run", **elastic) for number in (0, 1)]
    run = both[0].folder.parent / "run"
    wait_for_epoch(2, both[0], run)
    os.kill(workers(both[1])[0], signal.SIGKILL)
    texts = outputs(*both)
    assert sum(text.count("epoch  6/6") for text in texts) == 1
    assert sum(text.count("epoch  2/6") for text in texts) == 1
    before = {path.name: path.read_bytes() for path in run.iterdir()}

    port = free_port()
    both = [node(number, port, "--out", "../run", **elastic) for number in (0, 1)]
    assert all(torchrun.wait(SECONDS) != 0 for torchrun in both)
    told = "".join(torchrun.output.read_text() for torchrun in both)
    assert "run is not empty; go on with the run in it with --resume" in told
    assert before == {path.name: path.read_bytes() for path in run.iterdir()}


def test_machines_that_do_not_agree_say_so(node):
    port = free_port()
    both = [node(number, port, "--lr", 0.01 * (1 + number)) for number in (0, 1)]
    assert all(torchrun.wait(SECONDS) != 0 for torchrun in both)
    for torchrun in both:  # the first tells what goes wrong on other machines
        told = torchrun.output.read_text()
        assert told.count("--lr is 0.02, and 0.01 in the first process") == 1

    (both[1].folder / "pictures" / "7.png").write_bytes(b"no picture")
    port = free_port()
    both = [node(number, port) for number in (0, 1)]
    assert all(torchrun.wait(SECONDS) != 0 for torchrun in both)
    for torchrun in both:  # the file of the second machine, which the first calls by its own path
        told = torchrun.output.read_text()
        assert f"error: 1 of 150 pictures in {torchrun.folder}" in told
        assert told.count("7.png: ") == 1
    assert not (both[0].folder / "run").exists()


def test_no_process_holds_the_whole_in_its_memory(node, tmp_path, write_idx):
    """150,000 images of 784 bytes; one process alone holds them all."""
    images = torch.randint(0, 256, (1000, 28, 28), dtype=torch.uint8).repeat(150, 1, 1).numpy()
    path = tmp_path / "images"
    write_idx(path, images)
    script = tmp_path / "peak.py"
    script.write_text(PEAK)
    command = [sys.executable, script, path]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    alone = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    port = free_port()
    both = outputs(*[node(number, port, script=[str(script), str(path)]) for number in (0, 1)])
    (held, more), *of_each = (
        [int(number) for number in text.split()[-2:]] for text in (alone.stdout, *both)
    )
    assert held == images.nbytes < more
    assert sum(shard for shard, _ in of_each) == images.nbytes
    for shard, peak in of_each:
        assert 0.49 * images.nbytes < shard < 0.51 * images.nbytes
        assert peak < 0.7 * images.nbytes
