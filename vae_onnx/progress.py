"""How far long work has come, on one line of the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence


def track(steps: Sequence[int], name: str) -> Iterator[int]:
    """Yield the steps, and say on stderr how many are done; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield from steps
        return
    try:
        for done, step in enumerate(steps):
            print(f"\r{name}: {100 * done // len(steps)} %", end="", file=sys.stderr, flush=True)
            yield step
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
