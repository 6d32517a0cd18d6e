"""What holds for all tests."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

    from .fake_hub import FakeHub
    from .runtime.pictures.picture_files import Case

ROOT = Path(__file__).parents[1]
BUSY = 30_000  # ms that a page may take where much else is done, as for Playwright's clicks
NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """In CI a skipped test is a failed one, unless this machine cannot have what it needs."""
    report = yield
    if report.skipped and os.environ.get("CI") and not _may_be_skipped(item):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped; in CI every test runs"
    return report


def _may_be_skipped(item: pytest.Item) -> bool:
    """Whether it needs a GPU, Linux elsewhere, or other people's weights where CI has none."""
    has_none = os.environ.get("VAE_ONNX_FOREIGN") == ""
    needs_them = "foreign" in getattr(item, "fixturenames", ())
    needs_gpu = item.get_closest_marker("gpu") is not None
    return needs_gpu or sys.platform != "linux" or (has_none and needs_them)


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


@pytest.fixture(scope="session")
def driver() -> Iterator["Playwright"]:
    """Playwright, of which a process has but one."""
    from playwright.sync_api import expect

    from demo.screenshot import start_playwright

    expect.set_options(timeout=BUSY)
    with start_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(driver: "Playwright") -> Iterator["Browser"]:
    """One real Chromium, which can reach nothing but this machine."""
    from demo.screenshot import launch_browser

    with launch_browser(driver, NO_NETWORK) as chromium:
        yield chromium


@pytest.fixture(scope="session")
def npm() -> str:
    from demo import tools

    tools.need("node")  # which the tests then call by its name
    return tools.need("npm")


@pytest.fixture(scope="session")
def install(npm: str) -> Callable[[Path], Path]:
    """Install what the package.json in a folder pins, unless that is there; gives the folder."""
    from filelock import FileLock

    def install_one(folder: Path) -> Path:
        done = folder / "node_modules" / ".package-lock.json"
        pinned = folder / "package-lock.json"
        with FileLock(folder / ".npm.lock"):  # of the other half of the tests
            if not done.is_file() or done.stat().st_mtime < pinned.stat().st_mtime:
                command = [npm, "ci", "--no-audit", "--no-fund"]
                environment = {**os.environ, "ONNXRUNTIME_NODE_INSTALL": "skip"}
                subprocess.run(
                    command, cwd=folder, env=environment, check=True, capture_output=True
                )
        return folder

    return install_one


@pytest.fixture(scope="session")
def barriers(install: Callable[[Path], Path]) -> Callable[["Page"], list[str]]:
    """What keeps people from using a page, as axe finds it: serious and critical, and where."""
    folder = install(ROOT / "tests" / "docs") / "node_modules" / "axe-core"
    axe = folder.joinpath("axe.min.js").read_text(encoding="utf-8")

    def found(page: "Page") -> list[str]:
        page.evaluate(axe)
        return [
            f"{one['impact']} {one['id']}: {one['help']}: {node['html'][:200]}"
            for one in page.evaluate("async () => (await axe.run()).violations")
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"][:3]
        ]

    return found


@pytest.fixture(scope="session")
def example(install: Callable[[Path], Path]) -> Path:
    """The example of Node, ready to run."""
    from demo.web import join

    folder = install(ROOT / "demo" / "embed" / "node")
    join.write(folder)
    return folder
