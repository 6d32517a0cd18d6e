"""`python -m tests.fuzz.some NAME HOW-MANY`: mutated inputs by hypothesis, always the same."""

from __future__ import annotations

import sys

from hypothesis import HealthCheck, given, settings

from . import targets
from .mutation import mutated


def hand_over(name: str, count: int) -> None:
    """Hand inputs to a target; an error that is none of its own is raised with the smallest."""
    target = targets.load(name)

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(mutated(target, list(target.seeds())))
    def take(content: bytes) -> None:
        try:
            target.take(content)
        except target.refuses as error:
            assert str(error)

    take()


if __name__ == "__main__":
    hand_over(sys.argv[1], int(sys.argv[2]))
