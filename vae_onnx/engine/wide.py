"""A session of onnxruntime whose own threads share the work within one row, and when it is used.

So large is a row of a picture of 512x512 that a block of several would only need more memory, and
that the threads are better kept busy inside it: `Graph` opens no other session then. Of rows that
are smaller it is tried at the first call with a single one; several are shared out as ever. The
bits are the same, for no sum is divided.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import onnxruntime as ort

SLOW: Final = 5e-4  # seconds that a row takes, from which a thread is worth waking for its part
LONG: Final = 2e-2  # from which that is beyond doubt
BETTER: Final = 0.9  # of the time, at most, for which a second session is kept
TRIED: Final = 5  # times in turns

_open: weakref.WeakSet[WideSession] = weakref.WeakSet()


class WideSession:
    """Stands where a session does, and opens itself again in a forked process.

    Args:
        reopen: Makes the session.
    """

    def __init__(self, reopen: Callable[[], ort.InferenceSession]) -> None:
        self._reopen = reopen
        self._session: Any = reopen()
        _open.add(self)

    def __getattr__(self, name: str) -> Any:
        if self._session is None:
            self._session = self._reopen()
        return getattr(self._session, name)

    def _lose(self) -> None:
        """Let go of the session without ending it, which would wait for threads that are none."""
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._session))
        self._session = None


class Trial:
    """Stands where a session does until the first single row, whose time decides what is best.

    Args:
        session: Of one thread.
        open_wide: Makes one of several.
        settle: Is told which to use for single rows, and whether these are slow.
    """

    def __init__(
        self,
        session: Any,
        open_wide: Callable[[], WideSession],
        settle: Callable[[Any, bool], None],
    ) -> None:
        self._session, self._open_wide, self._settle = session, open_wide, settle

    def run(self, names: Sequence[str], feeds: Mapping[str, Any]) -> list[Any]:
        """Run the session, and try the other one where this is for a single row."""
        outputs: list[Any] = self._session.run(names, feeds)
        if all(len(value) == 1 for value in feeds.values()):
            self._decide(names, feeds, outputs)
        return outputs

    def _decide(self, names: Sequence[str], feeds: Mapping[str, Any], outputs: list[Any]) -> None:
        def seconds(session: Any) -> float:
            start = time.perf_counter()
            session.run(names, feeds)
            return time.perf_counter() - start

        alone = seconds(self._session)
        if alone < SLOW:
            self._settle(self._session, False)
            return
        wide = self._open_wide()
        better = all(map(np.array_equal, wide.run(names, feeds), outputs))
        if better and alone < LONG:
            times = [(seconds(self._session), seconds(wide)) for _ in range(TRIED)]
            one, many = map(min, zip(*times, strict=True))
            better = many <= BETTER * one
        self._settle(wide if better else self._session, True)


def _after_fork() -> None:
    for session in list(_open):
        session._lose()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)  # a child has none of the threads
