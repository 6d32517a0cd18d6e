"""`python -m tests.fuzz.replay NAME FILE ...`: hand kept inputs to a target again."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from . import targets

SECONDS = 10  # of a processor, that one input may take


def main() -> None:
    """Take the files that the command line names; an error or a crash ends it."""
    name, *paths = sys.argv[1:]
    target = targets.load(name)
    for path in paths:
        spent = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(spent) + SECONDS, hard))
        try:
            target.take(Path(path).read_bytes())
            print(f"{path}: taken")
        except target.refuses as error:
            print(f"{path}: refused, {type(error).__name__}: {error}")
        finally:
            resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))


if __name__ == "__main__":
    main()
