"""The processes of a service: under load, killed, ended, and told what cannot be."""

import os
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import vae_onnx

from . import load

Z = np.zeros((1, 2), np.float32)


def is_alive(pid):
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
        return stat.rpartition(")")[2].split()[0] != "Z"  # which nobody has waited for yet
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_for(what, seconds=180):
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


def decode(service, protocol="grpc"):
    with load.connect(service, protocol) as client:
        return load.ask(client, protocol, "mnist-vae-decoder", "z", Z, ["x_recon"])["x_recon"]


def test_no_answer_is_wrong_or_lost_though_a_worker_is_killed():
    with load.serving("mnist-vae", "--workers", 2) as service:
        result = load.load(service, clients=64, requests=1500, workers=2)
        assert (result.right, result.wrong, result.lost) == (1500, 0, 0), result
        assert result.killed == 1
        assert result.batch_rows > 1
        wait_for(lambda: "another one takes its place" in "".join(service.log))
        assert not is_alive(service.pids[0])
        assert is_alive(service.pids[1])
        assert decode(service).shape == (1, 1, 28, 28)
    print(f"p50 {result.p50_ms:.1f} ms, p99 {result.p99_ms:.1f} ms, {result.retried} tries broke")


def test_the_only_worker_is_replaced():
    with load.serving("mnist-vae", "--workers", 1) as service:
        expected = decode(service)
        os.kill(service.pids[0], signal.SIGKILL)

        def answers():
            try:
                return np.array_equal(decode(service), expected)
            except Exception as error:
                assert load.is_broken(error)
                return False

        wait_for(answers)


def test_a_service_that_is_killed_leaves_no_worker_behind():
    with load.serving("mnist-vae", "--workers", 2) as service:
        service.process.kill()
        wait_for(lambda: not any(map(is_alive, service.pids)))


def test_the_folder_that_it_is_started_in_is_not_looked_for_modules(tmp_path, monkeypatch):
    for name in ("kserve", "vae_onnx", "uuid"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(7)", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with load.serving("mnist-vae") as service:
        assert decode(service).shape == (1, 1, 28, 28)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_to(number):
    with load.serving("mnist-vae", "--workers", 2) as service:
        assert all(map(is_alive, service.pids))
        service.process.send_signal(number)
        assert service.process.wait(120) == 0
        assert not any(map(is_alive, service.pids))
        assert service.log == []


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_what_is_in_hand_at_the_end_is_finished(protocol):
    """On a busy machine the answer may be there before the end is; then once more."""
    assert any(was_in_hand_at_the_end(protocol) for _ in range(5))


def was_in_hand_at_the_end(protocol):
    rows = np.random.default_rng(0).standard_normal((2000, 64)).astype(np.float32)  # a second
    expected = vae_onnx.load("emoji-vae").decoder.to_x_recon(rows)
    with load.serving("emoji-vae", "--threads", 1) as service, ThreadPoolExecutor(1) as pool:
        with load.connect(service, protocol) as client:
            asked = (client, protocol, "emoji-vae-decoder", "z", rows, ["x_recon"])
            answer = pool.submit(load.ask, *asked)
            wait_for(lambda: float_metric(service, "vae_onnx_batch_rows_sum") >= len(rows))
            service.process.terminate()
            in_hand = not answer.done()
            assert load.close_to(answer.result(180)["x_recon"], expected)
        assert service.process.wait(120) == 0
        assert service.log == []
        return in_hand


def float_metric(service, name):
    lines = load.metrics(service).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"{name}{{"))


def run(*arguments):
    command = [load.COMMAND, "serve", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for option in ("--http-port", "--grpc-port"):
            ended = run("mnist-vae", option, port)
            assert ended.returncode == 1
            assert f"127.0.0.1:{port} cannot be had: Address already in use" in ended.stderr
            assert f"choose another one with {option}" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nothing"], "no bundled model and no folder is called 'nothing'"),
        (["mnist-vae", "--workers", 0], "workers must be at least 1, got 0"),
        (["mnist-vae", "--host", "256.1.1.1"], "cannot be had"),
        (["mnist-vae", "--name", "a/b"], "the name of a model that is served must be"),
        (["emoji-vae", "--precision", "int8"], "has no variant of precision int8"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(arguments, told):
    ended = run(*arguments)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("vae-onnx: error: ")
    assert told in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_int8_graphs():
    with load.serving("mnist-vae", "--precision", "int8") as service:
        expected = vae_onnx.load("mnist-vae", precision="int8").decoder.to_x_recon(Z)
        assert load.close_to(decode(service, "http"), expected)
