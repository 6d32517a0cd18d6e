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


class Said:
    """Says on stderr, a line each, which step of long work begins; nothing without a name."""

    def __init__(self, name: str | None) -> None:
        self._name = name

    def __call__(self, line: str) -> None:
        """Say it, where there is an stderr."""
        if self._name is not None and sys.stderr is not None:
            print(f"{self._name}: {line}", file=sys.stderr, flush=True)


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
