"""Where a command prints: any console, a pipe, or nowhere, as in a program without a window."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
import unicodedata
from collections.abc import Iterator
from typing import Final, TextIO

PLAIN: Final = "vae_onnx.plain"  # how `errors` of a stream names what is registered below
WORDS: Final = {
    "\u00b1": "+-",
    "\u00d7": "x",
    "\u2013": "-",
    "\u2014": "-",
    "\u2192": "->",
    "\u2212": "-",
    "\u2713": "+",
    "\u2717": "x",
}


@contextlib.contextmanager
def plain() -> Iterator[None]:
    """Let whatever is printed within be printed, with plain characters where others are lacking.

    Streams that are not there, as under pythonw or after `>&-`, swallow what they are given.
    """
    with contextlib.ExitStack() as stack:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is None:
                nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123
                setattr(sys, name, nowhere)
                stack.callback(setattr, sys, name, None)
            elif isinstance(stream, io.TextIOWrapper):
                errors = stream.errors
                stream.reconfigure(errors=PLAIN)
                stack.callback(_restore, stream, errors)
        yield


def silence(stream: TextIO | None) -> None:
    """Let what is yet to be written to a stream that nobody reads go nowhere."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # type: ignore[union-attr]
        os.close(nowhere)


def _restore(stream: io.TextIOWrapper, errors: str | None) -> None:
    with contextlib.suppress(ValueError, OSError):  # it may be closed by now, or nobody reads it
        stream.reconfigure(errors=errors)


def _plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    """Stand for characters that an encoding lacks: an error handler of `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    if all("\udc80" <= character <= "\udcff" for character in lacking):  # of a file name
        return bytes(ord(character) - 0xDC00 for character in lacking), error.end
    return "".join(map(_stand_in, lacking)), error.end


def _stand_in(character: str) -> str:
    if character in WORDS:
        return WORDS[character]
    letters = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return letters or "?"


codecs.register_error(PLAIN, _plainly)
