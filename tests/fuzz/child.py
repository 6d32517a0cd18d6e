"""One target under atheris: `python -m tests.fuzz.child NAME INPUTS SEED FOLDER`.

An error that is none of the target's is written down, and the next input is taken. What ends the
process, a crash or an input that takes too long, libFuzzer writes into the folder by itself.
"""

from __future__ import annotations

import hashlib
import mmap
import random
import resource
import sys
import traceback
from pathlib import Path

import atheris

from . import targets
from .target import COUNTED, COUNTS, Target

SECONDS = 10  # that one input may take
ROOM = 8 << 30  # bytes that the process may map: what wants more is refused, as on a small machine
MOST = 2**13  # bytes of an input
LOOK = 256  # inputs between two looks at the memory
WATCHED = ["vae_onnx", "demo.page", "demo.tabs", "demo.server", "demo.library", "export.training",
           "PIL", "numpy.lib._format_impl", "tarfile", "zipfile", "gzip"]  # fmt: skip


class Counted:
    """How far a child has come, in a file: it is there when the process is not."""

    def __init__(self, folder: Path, inputs: int) -> None:
        path = folder / COUNTED
        path.write_bytes(bytes(COUNTS.size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), COUNTS.size)
        self._early = max(1, inputs // 10)
        self.ran = self.taken = self._first = self._now = 0

    def note(self) -> None:
        """Write down where things stand."""
        if self.ran % LOOK == 0 or self.ran == self._early:
            self._now = _resident()
            if self.ran <= self._early:
                self._first = self._now
        COUNTS.pack_into(self._map, 0, self.ran, self.taken, self._first, self._now)


def _resident() -> int:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


def _write_down(folder: Path, content: bytes, error: BaseException) -> None:
    """Keep one input for each place that an error comes from."""
    frames = [
        f for f in traceback.extract_tb(error.__traceback__) if "/tests/fuzz/" not in f.filename
    ]
    own = [
        f for f in frames if "/site-packages/" not in f.filename and "/lib/python" not in f.filename
    ]
    at = "".join(f"{f.filename}:{f.lineno}" for f in (own or frames)[-1:])
    key = hashlib.sha256(f"{type(error).__name__} {at}".encode()).hexdigest()[:8]
    path = folder / f"error-{type(error).__name__}-{key}"
    if not path.exists():
        path.write_bytes(content)
        path.with_suffix(".txt").write_text("".join(traceback.format_exception(error)))


def _fuzz(target: Target, inputs: int, seed: int, folder: Path) -> None:
    counted = Counted(folder, inputs)
    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    for number, content in enumerate(target.seeds()):
        (corpus / f"seed-{number:03}").write_bytes(content)

    def one(content: bytes) -> None:
        counted.ran += 1
        try:
            target.take(content)
            counted.taken += 1
        except target.refuses:
            pass
        except Exception as error:
            _write_down(folder, content, error)
        counted.note()

    options = {"runs": inputs, "seed": seed, "timeout": SECONDS, "max_len": MOST,
               "artifact_prefix": f"{folder}/", "rss_limit_mb": 4096, "reload": 0,
               "verbosity": 0}  # fmt: skip
    if target.words:
        options["dict"] = folder / "words"
        options["dict"].write_text("".join(f'"{_spelled(word)}"\n' for word in target.words))
    others = {} if target.within is None else {"custom_mutator": _mutator(target)}
    arguments = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup([sys.argv[0], *arguments, str(corpus)], one, **others)
    atheris.Fuzz()


def _mutator(target: Target) -> object:
    """Change every other input within its wrapping, the others as bytes."""

    def mutate(content: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.3:
            return atheris.Mutate(content, most)
        try:
            return target.within(content, lambda inner: atheris.Mutate(inner, most), rng)[:most]
        except Exception:  # it is damaged: no wrapping to be found
            return atheris.Mutate(content, most)

    return mutate


def _spelled(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def main() -> None:
    """Fuzz as the command line says; libFuzzer ends the process."""
    name, inputs, seed, folder = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
    with atheris.instrument_imports(include=WATCHED):
        target = targets.load(name)
    _fuzz(target, int(inputs), int(seed), Path(folder))


if __name__ == "__main__":
    main()
