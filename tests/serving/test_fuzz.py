"""Requests that have been changed, as the doors for HTTP and gRPC read them."""

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

sys.path.append(str(Path(__file__).parents[2]))

from tests.fuzz import targets
from tests.fuzz.mutation import mutated


@pytest.mark.parametrize("name", targets.names("protocol"))
def test_mutated_requests_are_answered_or_refused(name):
    target = targets.load(name)
    seeds = list(target.seeds())
    for seed in seeds:
        target.take(seed)

    @settings(max_examples=300, derandomize=True, database=None, deadline=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(mutated(target, seeds))
    def take(content):
        try:
            target.take(content)
        except target.refuses as error:
            assert str(error)

    take()
