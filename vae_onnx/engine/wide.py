"""A session of onnxruntime whose own threads share the work within one row.

So large is a row of a picture of 512x512 that a block of several would only need more memory, and
that the threads are better kept busy inside it. Its threads sleep between calls.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Any

import onnxruntime as ort

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


def _after_fork() -> None:
    for session in list(_open):
        session._lose()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)  # a child has none of the threads
