"""Requests that have been changed, as the doors for HTTP and gRPC read them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["rest", "grpc"])
def test_mutated_requests_are_answered_or_refused(name):
    """In a process of its own: KServe's messages have the names of those of Triton's client."""
    command = [sys.executable, "-m", "tests.fuzz.some", name, "300"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
