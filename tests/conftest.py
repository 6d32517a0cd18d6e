"""What holds for all tests."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .fake_hub import FakeHub
    from .runtime.pictures.picture_files import Case


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """In CI a skipped test is a failed one, unless it says that it needs a GPU."""
    report = yield
    if report.skipped and os.environ.get("CI") and item.get_closest_marker("gpu") is None:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped; in CI every test runs"
    return report


@pytest.fixture
def only_this_machine(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Connections to another machine fail, and are listed here."""
    refused = []

    def check(host: str) -> None:
        if host not in ("127.0.0.1", "localhost"):
            refused.append(host)
            raise OSError(101, f"the test may not connect to {host}")

    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def checked_connect(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple):
            check(address[0])
        connect(self, address)

    def checked_look_up(host: str, *args: object, **options: object) -> object:
        check(host)
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket.socket, "connect", checked_connect)
    monkeypatch.setattr(socket, "getaddrinfo", checked_look_up)
    return refused


@pytest.fixture
def hub(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, only_this_machine: list[str]
) -> Iterator["FakeHub"]:
    """An empty Hugging Face Hub on this machine, with an empty cache and nobody logged in."""
    from .fake_hub import serve  # where huggingface_hub is, which not all tests need

    with serve(tmp_path / "hf", monkeypatch) as fake:
        yield fake
    assert only_this_machine == []


@pytest.fixture(scope="session")
def picture_files(tmp_path_factory: pytest.TempPathFactory) -> "list[Case]":
    """One picture in files of every kind."""
    from .runtime.pictures.picture_files import write  # where Pillow is, which not all tests need

    return write(tmp_path_factory.mktemp("pictures"))
