"""Pictures that do not fit into the memory are refused by the numbers."""

import math

import pytest

from export.data import memory
from export.errors import DataError

LIMITED = {
    "memory.max": "5000",
    "memory.current": "3000",
    "memory.stat": "anon 9\ninactive_file 400\n",
}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with a file that tells its memory, and a folder that tells what it may take."""
    monkeypatch.setattr(memory, "MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    return tmp_path


def test_the_message_says_how_much_there_is_and_what_to_do(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 8e9)
    memory.check(600_000, (3, 64, 64))
    message = (
        "1,000,000 pictures of 64x64x3 take 12.3 GB and there are 8.0: a smaller --image-size, "
        "fewer pictures"
    )
    with pytest.raises(DataError, match=message):
        memory.check(1_000_000, (3, 64, 64))
    with pytest.raises(DataError, match=r"take 7\.4 GB, which are held twice .* there are 8\.0"):
        memory.check(600_000, (3, 64, 64), copies=2)
    with pytest.raises(DataError, match="pictures of 28x28 take"):
        memory.check(10**8, (1, 28, 28))


def test_what_the_machine_tells(machine):
    (machine / "meminfo").write_text("MemTotal:  99 kB\nMemAvailable:    7 kB\n")
    assert memory.available() == 7 * 1024


def test_what_a_container_may_have(machine):
    (machine / "meminfo").write_text("MemAvailable: 900 kB\n")
    for name, text in LIMITED.items():
        (machine / name).write_text(text)
    assert memory.available() == 5000 - 3000 + 400
    (machine / "memory.max").write_text("max\n")
    assert memory.available() == 900 * 1024


def test_what_an_older_container_may_have(machine):
    (machine / "meminfo").write_text("MemAvailable: 900 kB\n")
    (machine / "memory").mkdir()
    (machine / "memory" / "memory.limit_in_bytes").write_text("6000")
    (machine / "memory" / "memory.usage_in_bytes").write_text("1000")
    assert memory.available() == 5000


def test_systems_that_tell_less(machine, monkeypatch):
    sizes = {"SC_PHYS_PAGES": 10, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(memory.os, "sysconf", sizes.__getitem__, raising=False)
    assert memory.available() == 40960
    monkeypatch.delattr(memory.os, "sysconf")
    assert memory.available() == math.inf
    memory.check(10**15, (3, 64, 64))


def test_here_something_is_told():
    assert 0 < memory.available() <= math.inf
