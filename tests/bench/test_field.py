"""Who takes turns in tests/bench/field.py, with no package but vae_onnx's own."""

import sys
from pathlib import Path

import numpy as np
import pytest

from .peers import driver, given, text, worker
from .peers.driver import Cell, Entry, GoneError, Process, Results
from .peers.given import Callers, Given, Peer

OURS = Entry("ours", "float32", "vae_onnx")
TWICE = np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """What peers are given, of few rows."""
    images = np.random.default_rng(0).integers(0, 256, (64, 784), np.uint8)
    return given.write(tmp_path_factory.mktemp("given"), 2, "mnist-vae", images)


def fake(factor: float = 2, mean_bound: float | None = None) -> Peer:
    """A peer for rows z, which ought to be doubled; its second way always fails."""

    def make(rows):
        return lambda: [rows * factor]

    def wrong(rows):
        raise MemoryError("too many")

    return Peer("fake 1.0", lambda *_: {"one": make, "other": wrong}, mean_bound)


@pytest.fixture
def doubled(tmp_path: Path) -> Given:
    np.save(tmp_path / "decode.npy", TWICE)
    np.save(tmp_path / "x_recon.npy", TWICE * 2)
    return Given(tmp_path, 1)


def test_the_best_way_is_one_that_works(doubled: Given) -> None:
    best = worker.Worker(fake(), doubled).best("decode", 5, 0, 2)
    assert best == {"way": "one", "failed": {"other": "MemoryError: too many"}}


def test_wrong_results_are_not_timed(doubled: Given) -> None:
    best = worker.Worker(fake(2.001), doubled).best("decode", 5, 0, 2)
    assert best["way"] is None
    assert best["failed"]["one"].startswith("ValueError: a result differs from vae_onnx's by 0.005")


def test_results_may_differ_on_average_where_that_is_said(doubled: Given) -> None:
    assert worker.Worker(fake(2.001, 0.01), doubled).best("decode", 5, 0, 2)["way"] == "one"
    assert worker.Worker(fake(2.1, 0.01), doubled).best("decode", 5, 0, 2)["way"] is None


def test_results_that_are_no_numbers_are_wrong() -> None:
    with pytest.raises(ValueError, match="differs from vae_onnx's by nan"):
        worker.check(np.full((2, 2), np.nan, np.float32), TWICE, None)


def test_rows_that_are_missing_are_wrong(doubled: Given) -> None:
    with pytest.raises(ValueError, match="5 rows are right, it gives 3"):
        worker.check(TWICE, TWICE, None, 5)


@pytest.mark.parametrize(
    ("rows", "threads", "count"),
    [(1, 2, 1), (16, 2, 1), (256, 2, 2), (4096, 2, 16), (100_000, 2, 400)],
)
def test_blocks_are_of_one_size(rows: int, threads: int, count: int) -> None:
    parts = given.blocks(rows, threads)
    assert len(parts) == count
    assert {part.stop - part.start for part in parts} == {rows // count}
    assert [part.start for part in parts] == list(range(0, rows, rows // count))


def test_callers_do_each_block_once() -> None:
    done = np.zeros(100, int)
    numbers = set()

    def work(part: slice, number: int) -> None:
        done[part] += 1
        numbers.add(number)

    Callers(3).each(work, [slice(i, i + 1) for i in range(100)])
    assert (done == 1).all()
    assert numbers <= {0, 1, 2}


def test_a_failing_block_is_told() -> None:
    def work(part: slice, number: int) -> None:
        raise ArithmeticError(part.start)

    with pytest.raises(ArithmeticError):
        Callers(2).each(work, [slice(0, 1)])


def test_a_process_answers(place: Given) -> None:
    process = Process(OURS, place)
    try:
        assert process.name.startswith("vae_onnx ")
        best = process.ask("best", operation="encode", rows=3, seconds=0, tries=1)
        assert best == {"way": "encode(x)", "failed": {}}
        burst = process.ask("burst", operation="encode", rows=3, way="encode(x)", seconds=0)
        assert 0 < burst["seconds"] < 1
        error = process.ask("burst", operation="encode", rows=3, way="another", seconds=0)
        assert error == {"error": "KeyError: 'another'"}
        assert process.ask("close") == {}
    finally:
        process.end()


def test_a_peer_without_its_package_says_so(place: Given) -> None:
    with pytest.raises(GoneError, match=r"ModuleNotFoundError: No module named 'peers\.nobody'"):
        Process(Entry("nobody", "nothing", "nobody"), place)


def test_a_peer_without_its_environment_names_the_remedy(
    place: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "OWN", place.folder / "no-python")
    with pytest.raises(GoneError, match=r"no-python; `make build/peers/\.done` installs it"):
        Process(Entry("ours", "float32", "vae_onnx", own=True), place)


def test_a_process_that_ends_leaves_its_last_words(place: Given) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no more')"]
    with pytest.raises(GoneError, match="ended with code 1: no more"):
        Process(OURS, place, command)


def test_all_take_turns_and_nobody_is_dropped_in_silence(
    place: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "REST", 0)
    monkeypatch.setattr(driver, "SECONDS", 0)
    entries = [OURS, Entry("ours", "uint8", "uint8"), Entry("nobody", "nothing", "nobody")]
    results = driver.measure(entries, place, [2], rounds=3)
    assert list(results.names) == ["float32", "uint8"]
    assert list(results.cells) == [("decode", 2), ("encode", 2)]
    assert list(results.cells["decode", 2]) == ["float32"]  # images are of another operation
    assert list(results.cells["encode", 2]) == ["float32", "uint8"]
    assert list(results.absent) == ["nobody"]
    assert results.failed == {}


def test_the_tables() -> None:
    cells = {
        ("decode", 1): {"float32": Cell(20e-6, "decode(z)"), "other": Cell(5e-6, "1 thread")},
        ("decode", 100_000): {"float32": Cell(0.4, "decode(z, out)"), "floor": Cell(0.1, "")},
    }
    names = {"float32": "vae_onnx 1", "other": "other 2", "floor": "floor"}
    failed = {"other 2, decode of 100,000": "MemoryError"}
    told = text.tables(Results(names, cells, {"third": "no wheel"}, failed), 2048)
    assert (
        told
        == """\
| `decode`, z to pictures |        1, µs |  100,000, ms |
| ----------------------- | -----------: | -----------: |
| vae_onnx 1              | 20.00 (1.00) | 400.0 (1.00) |
| other 2                 |  5.00 (0.25) |              |

| how, `decode` |         1 |        100,000 |
| ------------- | --------: | -------------: |
| vae_onnx 1    | decode(z) | decode(z, out) |
| other 2       |  1 thread |                |

The matrix products alone would take, at the speed of a float32 one of 2048x2048 by torch in the \
same run, 366.0 ms for decode of 100,000 rows, of whose speed vae_onnx has 92%.

Could not be had here:

- third: no wheel

Did not work:

- other 2, decode of 100,000: MemoryError"""
    )
