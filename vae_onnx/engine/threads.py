"""How many threads there are to use, and the ones that share the work on large batches."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vae_onnx import checks

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

CGROUP = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
BLOCK = 256  # rows that are computed at once, where they are small
BYTES = 2**20  # of such a block: what it needs stays in a core's cache
MOST = 2**16  # threads
LEAST = 32  # rows for which another thread is worth waking, where they are small


def available() -> int:
    """Return how many threads may run at once: the cores of this process, and its CPU quota.

    Containers often see every core of their host and may use a few of them, by affinity or by the
    quota of their cgroup (version 2 or 1), of which a part of a core counts as one.
    """
    return max(1, math.ceil(min(affinity(), quota())))


def affinity() -> int:
    """Return how many cores this process may run on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return cores or 1


def quota() -> float:
    """Return how many CPUs the cgroup may use on average, infinity where there is no limit."""
    return min(map(_granted, _cgroups()), default=math.inf)


def _cgroups() -> list[Path]:
    """Return the folders of this process's cgroup and of those that it is in: each may limit it.

    Within a container the limit is at the top; for a service of systemd, a batch job, or in the
    container that shares the cgroups of its host it is further down.
    """
    folders = [CGROUP, CGROUP / "cpu"]
    with contextlib.suppress(OSError, ValueError):
        for line in MEMBERSHIP.read_text("utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            inside = Path(path.lstrip("/"))
            if ".." in inside.parts or (controllers and "cpu" not in controllers.split(",")):
                continue
            top = CGROUP / "cpu" if controllers else CGROUP  # version 1, or 2
            folders += [top / inside, *(top / outer for outer in inside.parents)]
    return list(dict.fromkeys(folders))


def _granted(folder: Path) -> float:
    """Return how many CPUs a cgroup may use, by the files in its folder."""
    try:
        granted, period = (folder / "cpu.max").read_text("utf-8").split()
    except (OSError, ValueError):
        try:
            granted = (folder / "cpu.cfs_quota_us").read_text("utf-8")
            period = (folder / "cpu.cfs_period_us").read_text("utf-8")
        except OSError:
            return math.inf
    try:
        share = int(granted) / int(period)  # "max" is no number, and version 1 writes -1
    except (ValueError, ZeroDivisionError):
        return math.inf
    return share if share > 0 else math.inf


def check(threads: int | None) -> int:
    """Return `threads`, or what is available for None.

    Raises:
        InputTypeError: It is no integer.
        InputError: It is below 1 or above 65,536.
    """
    return available() if threads is None else checks.integer(threads, "threads", 1, MOST)


def at_once(row_bytes: float) -> int:
    """Return how many rows of that size are best computed in one call, at least 1."""
    return int(max(1, min(BLOCK, BYTES // row_bytes)))


def least(row_bytes: float) -> int:
    """Return for how many rows of that size another thread is worth waking, at least 1."""
    return int(max(1, min(LEAST, BYTES // (8 * row_bytes))))


def blocks(rows: int, threads: int, row_bytes: float = 1, fewest: int = LEAST) -> list[slice]:
    """Divide rows into blocks of nearly one size, enough for all threads.

    Args:
        rows: How many.
        threads: Likewise.
        row_bytes: Of one; none of the blocks is above `at_once`.
        fewest: Rows of a block for a thread of its own; see `least`.
    """
    most = at_once(row_bytes)
    count = max(math.ceil(rows / most), min(threads, rows // fewest), 1)
    edges = [rows * edge // count for edge in range(count + 1)]
    return [slice(start, stop) for start, stop in itertools.pairwise(edges)]


def each(work: Callable[[slice], None], parts: list[slice], threads: int) -> None:
    """Do the work for every part, in this thread and others; raises what a part raises.

    When it returns or raises, no thread works on any part any more.
    """
    todo = iter(parts)  # one for all threads: whoever is done takes the next
    helpers = min(threads, len(parts)) - 1
    helping = _enlist(helpers, threads, work, todo) if helpers else []
    try:
        _work_off(work, todo)
    finally:
        # Those that have not begun, because other calls keep the pool busy, have nothing to do.
        errors = [helper.exception() for helper in helping if not helper.cancel()]
    for error in filter(None, errors):
        raise error


def _enlist(
    helpers: int, threads: int, work: Callable[[slice], None], todo: Iterator[slice]
) -> list[Future[None]]:
    """Have as many threads of the pool help as there are to be had, none at worst."""
    from concurrent.futures import Future  # takes as long as all of ours to import

    helping: list[Future[None]] = []
    try:
        for _ in range(helpers):
            # One of our own: where no thread starts, the pool keeps the work and gives us nothing.
            helping.append(Future())
            _pool(threads).submit(_help, helping[-1], work, todo)
    except RuntimeError:  # the system has no more threads, or the interpreter is about to end
        pass
    return helping


def _help(helper: Future[None], work: Callable[[slice], None], todo: Iterator[slice]) -> None:
    if not helper.set_running_or_notify_cancel():
        return
    try:
        _work_off(work, todo)
    except BaseException as error:
        helper.set_exception(error)
    else:
        helper.set_result(None)


def _work_off(work: Callable[[slice], None], todo: Iterator[slice]) -> None:
    try:
        for part in todo:
            work(part)
    except BaseException:
        for _ in todo:  # nobody will have what is left
            pass
        raise


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(threads, thread_name_prefix="vae_onnx")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a child has none of the threads
