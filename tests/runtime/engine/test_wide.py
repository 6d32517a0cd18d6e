"""Rows so large that onnxruntime's own threads share the work within one."""

import copy
import multiprocessing
import os
import subprocess
import sys

import numpy as np
import pytest

import vae_onnx
from vae_onnx.engine import graph
from vae_onnx.engine import wide as trial
from vae_onnx.engine.wide import WideSession

FORK = """
import os, sys, numpy as np, vae_onnx
from vae_onnx.engine import graph
graph.WIDE = 1
model = vae_onnx.load("mnist-vae", threads=2)
z = np.zeros((3, 2), np.float32)
before = model.decode(z)
child = os.fork()
if child == 0:
    if sys.argv[1] == "use":
        assert (model.decode(z) == before).all()
    if sys.argv[1] == "close":
        model.close()
    sys.exit(7)  # not os._exit: everything is torn down
_, status = os.waitpid(child, 0)
assert (model.decode(z) == before).all()
print(os.waitstatus_to_exitcode(status))
"""


@pytest.fixture
def wide(monkeypatch):
    """A bundled model run as if its rows were large."""
    monkeypatch.setattr(graph, "WIDE", 1)
    with vae_onnx.load("fashion-mnist-vae-16d", threads=2) as model:
        assert isinstance(model.decoder.graph._session, WideSession)
        yield model


def test_each_row_is_a_call_and_the_bits_are_those_of_a_row_alone(wide, images):
    some = images["fashion-mnist"][:5]
    z = wide.encode(some)
    alone = vae_onnx.load("fashion-mnist-vae-16d", threads=1)
    np.testing.assert_array_equal(z, np.concatenate([alone.encode(each) for each in some]))
    rows = np.concatenate([alone.decode(row) for row in z])
    np.testing.assert_array_equal(wide.decode(z), rows)
    np.testing.assert_array_equal(np.concatenate([wide.decode(row) for row in z]), rows)


def test_small_rows_and_one_thread_need_no_such_session():
    for name, threads in (("mnist-vae", 2), ("mnist-vae", 1)):
        model = vae_onnx.load(name, threads=threads)
        assert not isinstance(model.decoder.graph._session, WideSession)


@pytest.fixture
def tried(monkeypatch):
    """What a bundled model does after its first single row, if that counts as slow."""
    monkeypatch.setattr(trial, "SLOW", 0)

    def load(better):
        monkeypatch.setattr(trial, "BETTER", better)
        model = vae_onnx.load("fashion-mnist-vae-16d", threads=2)
        assert isinstance(model.decoder.graph._single, trial.Trial)
        model.decode(np.zeros((3, 16)))  # is for several: nothing is known by it
        assert isinstance(model.decoder.graph._single, trial.Trial)
        return model, model.decode(np.zeros((1, 16)))

    return load


def test_a_second_session_serves_single_rows_where_it_is_faster(tried, images):
    model, first = tried(np.inf)
    graph = model.decoder.graph
    assert isinstance(graph._single, WideSession)
    assert not isinstance(graph._session, WideSession)
    np.testing.assert_array_equal(model.decode(np.zeros((1, 16))), first)
    z = model.encode(images["fashion-mnist"])
    alone = vae_onnx.load("fashion-mnist-vae-16d", threads=1)
    rows = np.concatenate([alone.decode(row) for row in z[:9]])
    np.testing.assert_array_equal(np.concatenate([model.decode(row) for row in z[:9]]), rows)
    # Another thread is woken for two of them already.
    assert graph._few == 1
    np.testing.assert_allclose(model.decode(z), alone.decode(z), atol=1e-6)


def test_it_is_let_go_where_it_is_not(tried):
    model, _ = tried(0)
    graph = model.decoder.graph
    assert graph._single is graph._session
    assert not isinstance(graph._session, WideSession)
    model.close()
    with pytest.raises(vae_onnx.ClosedError):
        model.decode(np.zeros((1, 16)))


@pytest.mark.parametrize("spin", [False, True])
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_the_bits_are_those_of_one_thread_at_every_size(spin, precision):
    alone = vae_onnx.load("mnist-vae", threads=1, precision=precision)
    model = vae_onnx.load("mnist-vae", threads=2, precision=precision, spin=spin)
    x = np.random.default_rng(0).random((2100, 28, 28), np.float32)
    z, pictures = alone.encode(x), alone.decode(alone.encode(x))
    for n in (1, 2, 31, 32, 33, 63, 64, 255, 256, 257, 511, 512, 1024, 1025, 2100):
        np.testing.assert_array_equal(model.encode(x[:n]), alone.encode(x[:n]))
        np.testing.assert_array_equal(model.decode(z[:n]), alone.decode(z[:n]))
    np.testing.assert_allclose(model.decode(z), pictures, atol=1e-6)
    sessions = {type(model.decoder.graph._session), type(model.encoder.graph._session)}
    assert (WideSession in sessions) == spin


def test_some_dozen_rows_are_shared_out_by_a_second_session(monkeypatch):
    def refuse(*_):
        raise AssertionError("a thread of Python was asked")

    monkeypatch.setattr(graph.workers, "blocks", refuse)
    model = vae_onnx.load("mnist-vae", threads=2)
    second = model.decoder.graph._second
    for n, opened in ((31, False), (32, True), (1024, True)):
        model.decode(np.zeros((n, 2)))
        assert (second._wide is not None) == opened
    with pytest.raises(AssertionError, match="Python"):
        model.decode(np.zeros((1025, 2)))


def test_a_session_whose_bits_are_others_is_not_used(monkeypatch):
    class Other(WideSession):
        def run(self, names, feeds):
            return [output + 1 for output in self._session.run(names, feeds)]

    monkeypatch.setattr(graph, "WideSession", Other)
    model = vae_onnx.load("mnist-vae", threads=2)
    z = np.random.default_rng(0).standard_normal((100, 2), np.float32)
    expected = vae_onnx.load("mnist-vae", threads=1).decode(z)
    for _ in range(2):
        np.testing.assert_array_equal(model.decode(z), expected)
    assert model.decoder.graph._second._wide is None


def test_a_file_that_is_gone_or_another_takes_no_call_away(tmp_path):
    z = np.random.default_rng(0).standard_normal((100, 2), np.float32)
    expected = vae_onnx.load("mnist-vae", threads=1).decode(z)
    for number, spoil in enumerate(
        (lambda file: file.unlink(), lambda file: file.write_bytes(b"x"))
    ):
        folder = vae_onnx.load("mnist-vae").save(tmp_path / str(number))
        model = vae_onnx.load(folder, threads=2)
        spoil(folder / "decoder.onnx")
        for _ in range(2):
            np.testing.assert_array_equal(model.decode(z), expected)
        assert model.decoder.graph._second.is_refused


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_after_a_fork_a_file_that_changed_is_not_mixed_with_the_one_that_was_loaded(tmp_path):
    folder = vae_onnx.load("mnist-vae").save(tmp_path / "model")
    code = f"""
import os, sys, numpy as np, vae_onnx
from pathlib import Path
model = vae_onnx.load({str(folder)!r}, threads=2)
z = np.random.default_rng(0).standard_normal((100, 2), np.float32)
before = model.decode(z)
other = vae_onnx.load("fashion-mnist-vae").decoder.graph.path.read_bytes()
Path({str(folder)!r}, "decoder.onnx").write_bytes(other)
child = os.fork()
if child == 0:
    same = (model.decode(z) == before).all() and (model.decode(z[:40]) == before[:40]).all()
    os._exit(7 if same else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    quiet = os.environ | {"ORT_DISABLE_TELEMETRY": "1"}
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, env=quiet)
    assert result.stdout.split() == ["7"], result.stderr


def test_closed_is_closed(wide):
    wide.close()
    with pytest.raises(vae_onnx.ClosedError):
        wide.decode(np.zeros((1, 16)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("what", ["use", "close", "nothing"])
def test_a_forked_process_works_and_ends(what):
    command = [sys.executable, "-W", "ignore", "-c", FORK, what]
    # The thread of onnxruntime 1.32's telemetry would itself keep a forked process from ending.
    quiet = os.environ | {"ORT_DISABLE_TELEMETRY": "1"}
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, env=quiet)
    assert result.stdout.split() == ["7"], result.stderr


def test_a_spawned_pool_beside_it(wide):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(abs, (-1,)) == 1
    assert wide.decode(np.zeros((1, 16))).shape == (1, 28, 28)


IDLE = """
import sys, time, numpy as np, vae_onnx
from vae_onnx.engine import graph
graph.WIDE = 1
model = vae_onnx.load("mnist-vae-16d", threads=2, spin=sys.argv[1] == "spin")
z = np.zeros((1, 16), np.float32)
used = 0
for _ in range(20):
    model.decode(z)
    start = time.process_time()
    time.sleep(0.03)
    used += time.process_time() - start
print(used / (20 * 0.03))
"""


@pytest.mark.parametrize(("how", "least", "most"), [("spin", 0.2, 1.1), ("sleep", 0.0, 0.1)])
def test_threads_stay_awake_between_calls_only_where_that_is_asked_for(how, least, most):
    command = [sys.executable, "-c", IDLE, how]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert least <= float(done.stdout) <= most


def test_spin_changes_no_bit_and_stays_with_copies():
    plain, model = (vae_onnx.load("mnist-vae", threads=2, spin=spin) for spin in (False, True))
    z = np.random.default_rng(0).standard_normal((100, 2), np.float32)
    np.testing.assert_array_equal(model.decode(z), plain.decode(z))
    assert copy.copy(model).decoder.graph._reopening.device.spin
    assert not copy.copy(plain).decoder.graph._reopening.device.spin


def test_spin_of_one_thread_is_refused():
    with pytest.raises(vae_onnx.InputError, match="spin keeps threads awake"):
        vae_onnx.load("mnist-vae", threads=1, spin=True)
