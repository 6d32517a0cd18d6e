"""Has all peers measured in turns: a burst of one, a rest, a burst of the next."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing import Pipe
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from .given import OUTPUTS, WIDTHS, Given

ROOT = Path(__file__).parents[3]
OWN = ROOT / "build" / "peers" / "bin" / "python"  # where `make` installs what .venv does not have
REST = 0.2  # seconds: threads of whoever was measured before may yet spin
SECONDS = 0.1  # of a burst
TRIES = 2  # bursts of each way of a peer, of which the fastest is found
PATIENCE = 900.0  # seconds for an answer: some compile
LARGE = 2**26  # bytes of rows and results that nobody keeps while others compute
COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class Entry(NamedTuple):
    """A peer before it is started: where its function is, and whether .venv lacks its package."""

    module: str
    function: str
    label: str  # what it is called where its version is not known
    own: bool = False


class Cell(NamedTuple):
    """What was measured of one peer, for one operation on a number of rows."""

    seconds: float  # the median of all rounds
    way: str


class Results(NamedTuple):
    """Everything that was measured, by the functions of the peers."""

    names: dict[str, str]  # of those that were there
    cells: dict[tuple[str, int], dict[str, Cell]]  # by operation and rows
    absent: dict[str, str]  # the reason, by label
    failed: dict[str, str]  # what some could not do, by name, operation and rows


class GoneError(Exception):
    """A peer has ended, or does not answer."""


class Process:
    """The process of a peer.

    Raises:
        GoneError: The peer cannot be had.
    """

    def __init__(self, entry: Entry, given: Given, command: Sequence[str] | None = None) -> None:
        self.entry = entry
        self._pipe, child = Pipe()
        self._log = given.folder / f"{entry.function}.log"
        python = OWN if entry.own else sys.executable
        start = command or [str(python), "-m", "peers.worker"]
        arguments = [str(child.fileno()), entry.module, entry.function]
        try:
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    [*start, *arguments, str(given.folder), str(given.threads)],
                    pass_fds=[child.fileno()],
                    cwd=ROOT,
                    env=environment(given.threads),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
        except OSError as error:
            self._pipe.close()
            remedy = "; `make build/peers/.done` installs it" if entry.own else ""
            raise GoneError(f"{error.strerror}: {start[0]}{remedy}") from error
        finally:
            child.close()
        try:
            self.name = str(self._answer()["name"])
        except GoneError:
            self.end()
            raise

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Send a request and wait for the answer.

        Raises:
            GoneError: There is none, and will be none.
        """
        try:
            self._pipe.send_bytes(json.dumps({"do": do, **request}).encode())
        except OSError as error:
            raise GoneError(self._last_words()) from error
        return self._answer()

    def end(self) -> None:
        """End the process."""
        self._pipe.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _answer(self) -> dict[str, Any]:
        try:
            if not self._pipe.poll(PATIENCE):
                raise GoneError(f"no answer in {PATIENCE:.0f} seconds")
            answer: dict[str, Any] = json.loads(self._pipe.recv_bytes())
        except (EOFError, OSError) as error:
            raise GoneError(self._last_words()) from error
        except GoneError:
            self._process.kill()
            raise
        if "absent" in answer:
            raise GoneError(answer["absent"])
        return answer

    def _last_words(self) -> str:
        code = self._process.wait()
        lines = self._log.read_text(errors="replace").split("\n")
        words = [line.strip() for line in lines if line.strip()]
        return f"ended with code {code}{': ' + words[-1][:200] if words else ''}"


def environment(threads: int) -> dict[str, str]:
    """Variables for a peer, whatever this process itself was told."""
    kept = {name: value for name, value in os.environ.items() if name not in COUNTS}
    # BLAS under numpy and numba is told apart; all else takes as many threads as vae_onnx.
    counts = {name: str(threads) for name in COUNTS} | {"OPENBLAS_NUM_THREADS": "1"}
    path = str(Path(__file__).parents[1])
    return kept | counts | {"PYTHONPATH": path, "JAX_PLATFORMS": "cpu"}


def measure(entries: Iterable[Entry], given: Given, sizes: Sequence[int], rounds: int) -> Results:
    """Measure every peer on both operations and numbers of rows."""
    results = Results({}, {}, {}, {})
    processes: dict[str, Process] = {}
    try:
        for entry in tqdm(list(entries), desc="peers", disable=None):
            try:
                processes[entry.function] = process = Process(entry, given)
                results.names[entry.function] = process.name
            except GoneError as error:
                results.absent[entry.label] = str(error)
        for operation in OUTPUTS:
            for rows in sizes:
                results.cells[operation, rows] = _turns(processes, operation, rows, rounds, results)
    finally:
        for process in processes.values():
            process.end()
    return results


def _turns(
    processes: dict[str, Process], operation: str, rows: int, rounds: int, results: Results
) -> dict[str, Cell]:
    what = {"operation": operation, "rows": rows, "seconds": SECONDS}
    told, ways = f"{operation} of {rows:,}", {}
    for function in tqdm(list(processes), desc=f"{told}, ways", disable=None):
        with _gone(processes, function, results):
            way = _best(processes[function], told, results, tries=min(TRIES, rounds), **what)
            if way is not None:
                ways[function] = way
    times: dict[str, list[float]] = {function: [] for function in ways}
    for _ in tqdm(range(rounds), desc=told, disable=None):
        for function in [function for function in ways if function in processes]:
            with _gone(processes, function, results):
                time.sleep(REST)
                answer = processes[function].ask("burst", way=ways[function], **what)
                if "error" in answer:
                    results.failed[f"{processes[function].name}, {told}"] = answer["error"]
                    del ways[function]
                    continue
                times[function].append(answer["seconds"])
                if rows * 4 * sum(WIDTHS.values()) > LARGE:
                    processes[function].ask("close")
    for function in list(processes):
        with _gone(processes, function, results):
            processes[function].ask("close")
    return {
        function: Cell(statistics.median(times[function]), way)
        for function, way in ways.items()
        if times[function]
    }


def _best(process: Process, told: str, results: Results, **what: Any) -> str | None:
    """The fastest way of a peer, if any; what did not work is noted."""
    time.sleep(REST)
    answer = process.ask("best", **what)
    if "error" in answer:
        results.failed[f"{process.name}, {told}"] = answer["error"]
        return None
    for way, reason in answer["failed"].items():
        results.failed[f"{process.name}, {told} by {way}"] = reason
    found: str | None = answer["way"]
    return found


@contextlib.contextmanager
def _gone(processes: dict[str, Process], function: str, results: Results) -> Iterator[None]:
    """Go on without a peer that is no longer there."""
    try:
        yield
    except GoneError as error:
        process = processes.pop(function)
        results.failed[process.name] = str(error)
        process.end()
