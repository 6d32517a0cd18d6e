"""Every reader on some hundred mutated inputs, always the same; `make fuzz` has a million."""

import sys

import pytest

from . import targets
from .replay import main as replay
from .some import hand_over

INPUTS = 120  # of each target


@pytest.mark.filterwarnings("ignore")  # of what is odd in a file and read all the same
@pytest.mark.parametrize("name", targets.names())
def test_mutated_inputs_are_taken_or_refused(name: str) -> None:
    hand_over(name, {"adopted": 12, "endpoint": 60}.get(name, INPUTS))


@pytest.mark.parametrize(
    "name", [name for name in targets.names() if name not in ("card", "adopted")]
)
def test_what_is_mutated_is_taken_as_it_was(name: str) -> None:
    target = targets.load(name)

    def is_taken(content: bytes) -> bool:
        try:
            target.take(content)
        except target.refuses:
            return False
        return True

    assert any(map(is_taken, target.seeds()))


def test_an_input_is_handed_over_again(
    tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (good := tmp_path / "good").write_bytes(next(iter(targets.load("idx").seeds())))
    (bad := tmp_path / "bad").write_bytes(b"\0\0\x09\x03")
    monkeypatch.setattr(sys, "argv", ["replay", "idx", str(good), str(bad)])
    replay()
    told = capsys.readouterr().out.splitlines()
    assert told[0].endswith("good: taken")
    assert "bad: refused, FileError" in told[1]
