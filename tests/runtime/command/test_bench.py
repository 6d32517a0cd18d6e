"""The measurements of `vae-onnx bench`: here on a clock that a test turns."""

import types

import numpy as np
import pytest

import vae_onnx
from vae_onnx.__main__ import main
from vae_onnx.command import bench


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless something sleeps."""
    fake = types.SimpleNamespace(now=0.0)

    def sleep(seconds):
        fake.now += seconds

    fake.sleep = sleep
    fake.perf_counter = lambda: fake.now
    monkeypatch.setattr(bench, "time", fake)
    return fake


def test_calls_take_turns_with_a_rest_between(clock):
    order = []

    def call(name, seconds):
        order.append((name, clock.now))
        clock.sleep(seconds)

    calls = {"fast": lambda: call("fast", 0.01), "slow": lambda: call("slow", 0.03)}
    timings = bench.alternate(calls, rounds=2, seconds=0.03)
    assert timings["fast"].p50 == pytest.approx(0.01)
    assert timings["slow"] == pytest.approx((0.03, 0.03))
    names = [name for name, _ in order]
    assert names == ["fast"] * 2 + ["slow"] * 2 + (["fast"] * 3 + ["slow"]) * 2
    starts = [start for _, start in order[4:]]
    assert starts[3] - starts[2] == pytest.approx(0.01 + bench.REST)


def test_the_slowest_call_in_a_hundred(clock):
    durations = iter([0.01, 0.01] + [0.01] * 95 + [1.0] * 5)
    timing = bench.alternate({"call": lambda: clock.sleep(next(durations))}, 1, 1.0)["call"]
    assert timing.p50 == pytest.approx(0.01)
    assert timing.p99 == pytest.approx(1.0)


def test_rows(tiny_vae, monkeypatch):
    met = []
    monkeypatch.setattr(bench, "alternate", lambda calls, rounds: met.append(
        {name: np.asarray(call()).shape for name, call in calls.items()}
    ) or {"ours": bench.Timing(0.002, 0.003), "bare": bench.Timing(0.001, 0.001)})  # fmt: skip
    rows = bench.bench(tiny_vae, (1, 3), rounds=1)
    assert [(row.operation, row.batch_size) for row in rows] == [
        ("decode", 1), ("decode", 3), ("encode", 1), ("encode", 3),
    ]  # fmt: skip
    assert met[1] == {"ours": (3, 2, 2), "bare": (1, 3, 1, 2, 2)}
    assert met[3] == {"ours": (3, 2), "bare": (2, 3, 2)}  # mu and log_var
    assert rows[1].throughput == pytest.approx(1500)
    assert rows[1].ratio == pytest.approx(2)
    text = bench.table(tiny_vae, rows)
    assert "decode        3   2.000 ms   3.000 ms       1,500     1.000 ms    2.00" in text
    assert f"onnxruntime {bench.ort.__version__}" in text


def test_the_command(capsys, graphs):
    arguments = ["bench", str(graphs / "vae"), "--batch-sizes", "1", "--rounds", "1"]
    assert main([*arguments, "--threads", "1"]) == 0
    said = capsys.readouterr().out
    assert "device cpu, 1 thread\n" in said
    assert said.count("\nencode") == said.count("\ndecode") == 1
    assert main(["bench", str(graphs / "vae"), "--batch-sizes", "0"]) == 1
    assert "a batch size must be at least 1, got 0" in capsys.readouterr().err
    assert main(["bench", "--device", "mlx"]) == 1
    assert "pip install 'vae-onnx[mlx]'" in capsys.readouterr().err


def test_bare_sessions_have_the_model_s_threads(tiny_vae):
    z = np.ones((2, 2), np.float32)
    (x_recon,) = bench.bare(tiny_vae.decoder.graph)(z)
    np.testing.assert_array_equal(x_recon[:, 0], tiny_vae.decode(z))
    explicit = vae_onnx.load(tiny_vae.folder, providers=["CPUExecutionProvider"], threads=1)
    (x_recon,) = bench.bare(explicit.decoder.graph)(z)
    np.testing.assert_array_equal(x_recon[:, 0], tiny_vae.decode(z))


def test_large_pictures_and_open_sizes(capsys, graphs, monkeypatch):
    arguments = ["bench", str(graphs / "open"), "--rounds", "1"]
    monkeypatch.setattr(bench, "LARGEST", 16 * 4 * 3 * 64 * 64)
    monkeypatch.setattr(bench, "SECONDS", 0)
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert ", pictures of 64x64\n" in said
    assert said.count("\nencode") == 2  # of 1 and 16
