"""Inputs that have been changed, for hypothesis: always the same, and made small if they fail."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

from .target import Target

LENGTHS = (0, 1, 2, 4, 8, 64)


@st.composite
def mutated(draw: st.DrawFn, target: Target, seeds: Sequence[bytes]) -> bytes:
    """Draw an input of a target: a seed, of which some places were put, cut or overwritten."""

    def change(content: bytes) -> bytes:
        words = st.sampled_from(target.words) if target.words else st.nothing()
        for _ in range(draw(st.integers(1, 3))):
            at = draw(st.integers(0, len(content)))
            until = at + draw(st.sampled_from(LENGTHS))
            content = content[:at] + draw(st.binary(max_size=8) | words) + content[until:]
        return content

    content = draw(st.sampled_from(seeds))
    if target.within is None or draw(st.booleans()):
        return change(content)
    try:
        return target.within(content, change, random.Random(draw(st.integers(0, 2**32))))
    except HypothesisException:
        raise
    except Exception:  # nothing is there that could be changed in this way
        return change(content)
