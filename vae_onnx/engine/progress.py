"""How far long work has come, on one line of the terminal."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

SECONDS: Final = 0.1  # between two counts: items may be small and many
MINUTE: Final = 60.0  # between two lines of a log


class Said:
    """Says on stderr, a line each, which step of long work begins; nothing without a name."""

    def __init__(self, name: str | None) -> None:
        self._name = name

    def __call__(self, line: str) -> None:
        """Say it, where there is an stderr."""
        if self._name is not None and sys.stderr is not None:
            print(f"{self._name}: {line}", file=sys.stderr, flush=True)


class Meter:
    """Says on stderr how much of long work is done, how fast, and how long the rest will take.

    On a terminal on one line, again and again; elsewhere, as in the log of a job, a line a minute.

    Args:
        name: What has been done to the things that are counted: "embedded".
        total: How many things there are.
        shown: Whether it says anything.
    """

    def __init__(self, name: str, total: int, *, shown: bool) -> None:
        self._name, self._total = name, total
        self._is_line = shown and _is_terminal()
        self._every = SECONDS if self._is_line else MINUTE if shown else math.inf
        self._done = 0
        self._began = self._told = time.monotonic()

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_line:
            _print("\r\x1b[K")

    def add(self, count: int) -> None:
        """Tell that so many more are done."""
        self._done += count
        now = time.monotonic()
        if now - self._told < self._every:
            return
        self._told = now
        rate = self._done / (now - self._began)
        left = duration((self._total - self._done) / rate) if rate else "?"
        text = (
            f"{self._name} {self._done:,} of {self._total:,} "
            f"({100 * self._done // self._total} %), {rate:,.0f} / s, {left} left"
        )
        _print(f"\r{text}\x1b[K" if self._is_line else f"{text}\n")


def duration(seconds: float) -> str:
    """Say a time as people do: "42 s", "7 min", "3 h 20 min"."""
    if seconds < 100:
        return f"{math.ceil(seconds)} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def track(steps: Sequence[int], name: str) -> Iterator[int]:
    """Yield the steps, and say on stderr how many are done; nothing where that is no terminal."""
    return _shown(steps, name, lambda done: f"{100 * done // len(steps)} %", every=0)


def count(items: Iterable[T], name: str) -> Iterator[T]:
    """Yield the items, of which nobody knows the number, and say likewise how many they were."""
    return _shown(items, name, lambda done: f"{done:,}", every=SECONDS)


def _shown(items: Iterable[T], name: str, say: Callable[[int], str], every: float) -> Iterator[T]:
    if not _is_terminal():
        yield from items
        return
    told = -math.inf
    try:
        for done, item in enumerate(items):
            if time.monotonic() - told >= every:
                _print(f"\r{name}: {say(done)}")
                told = time.monotonic()
            yield item
    finally:
        _print("\r\x1b[K")


def _is_terminal() -> bool:
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is none, as without a window, or it is closed
        return False


def _print(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # a terminal that has gone is no fault of work
        print(text, end="", file=sys.stderr, flush=True)
