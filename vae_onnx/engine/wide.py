"""Sessions of onnxruntime whose own threads share the work of one call, and when they are used.

Waking a thread within onnxruntime takes less than waking one of Python's. So a call of 32 small
rows, up to 512 for each thread, goes to such a session as a whole; what is more is cut into blocks
that stay in the caches, which threads of Python share out (`threads`). A row of a picture of
512x512 is so large that the threads are better kept busy inside it: `Graph` opens no other session
then. Of rows that are smaller it is tried at the first call with a single one. The bits are the
same, for no sum is divided; that is seen once before a session is used beside another.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import onnxruntime as ort

SLOW: Final = 1e-4  # seconds that a row takes, from which a thread is worth waking for its part
LONG: Final = 2e-2  # from which that is beyond doubt
BETTER: Final = 0.9  # of the time, at most, for which single rows go to a second session
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

    @property
    def is_lost(self) -> bool:
        """Whether it was left behind by a fork, and not opened again."""
        return self._session is None

    def _lose(self) -> None:
        """Let go of the session without ending it, which would wait for threads that are none."""
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._session))
        self._session = None


class Second:
    """A wide session beside one of one thread, opened when it is first of use.

    Args:
        session: Of one thread.
        open_wide: Makes one of several.
    """

    def __init__(self, session: Any, open_wide: Callable[[], WideSession]) -> None:
        self._session, self._open_wide = session, open_wide
        self._lock = threading.Lock()
        self._wide: WideSession | None = None
        self.is_refused: bool = False  # it was tried, and is not used

    def on(self, names: Sequence[str], feeds: Mapping[str, Any]) -> WideSession | None:
        """Return the wide session, None where it cannot be had or its bits are others.

        The first call tells, and after a fork the first one again.
        """
        with self._lock:
            if not self.is_refused and (self._wide is None or self._wide.is_lost):
                self._wide = self._tried(names, feeds)
                self.is_refused = self._wide is None
            return self._wide

    def _tried(self, names: Sequence[str], feeds: Mapping[str, Any]) -> WideSession | None:
        try:
            wide = self._open_wide()
            ours, theirs = (each.run(names, feeds) for each in (self._session, wide))
        except Exception:  # it would be quicker, no more; what is wrong shows without it
            return None
        same = all(map(partial(np.array_equal, equal_nan=True), ours, theirs))
        return wide if same else None


class Trial:
    """Stands where a session does until the first single row, whose time decides what is best.

    Args:
        session: Of one thread.
        second: The one beside it.
        settle: Is told which to use for single rows, and whether these are slow.
    """

    def __init__(self, session: Any, second: Second, settle: Callable[[Any, bool], None]) -> None:
        self._session, self._second, self._settle = session, second, settle

    def run(self, names: Sequence[str], feeds: Mapping[str, Any]) -> list[Any]:
        """Run the session, and try the other one where this is for a single row."""
        outputs: list[Any] = self._session.run(names, feeds)
        if all(len(value) == 1 for value in feeds.values()):
            self._decide(names, feeds)
        return outputs

    def _decide(self, names: Sequence[str], feeds: Mapping[str, Any]) -> None:
        def seconds(session: Any) -> float:
            start = time.perf_counter()
            session.run(names, feeds)
            return time.perf_counter() - start

        alone = seconds(self._session)
        if alone < SLOW:
            self._settle(self._session, False)
            return
        wide = self._second.on(names, feeds)
        if wide and alone < LONG:
            times = [(seconds(self._session), seconds(wide)) for _ in range(TRIED)]
            one, many = map(min, zip(*times, strict=True))
            wide = wide if many <= BETTER * one else None
        self._settle(wide or self._session, True)


def _after_fork() -> None:
    for session in list(_open):
        session._lose()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)  # a child has none of the threads
