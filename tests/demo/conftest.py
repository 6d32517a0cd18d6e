"""One running demo for all tests of this folder, and its windows in Chromium."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from demo.screenshot import open_demo, serve

# Counts the drawings that are being answered, so that a test can wait for the last answer.
COUNT_CALLS = """
window.inFlight = 0;
window.answered = 0;
const plain = window.fetch;
window.fetch = async (...call) => {
  if (!String(call[0].url ?? call[0]).includes("/run/")) return plain(...call);
  window.inFlight += 1;
  try { return await plain(...call); } finally { window.inFlight -= 1; window.answered += 1; }
};
"""


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the demo printed, both streams."""
    return tmp_path_factory.mktemp("demo") / "log.txt"


@pytest.fixture(scope="session")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the demo wrote elsewhere than it may, and to whom it spoke; see guarded.py."""
    return tmp_path_factory.mktemp("demo") / "notes.txt"


@pytest.fixture(scope="session")
def url(log: Path, notes: Path) -> Iterator[str]:
    guarded = str(Path(__file__).with_name("guarded.py"))
    with log.open("w") as file, serve(file, sys.executable, guarded, str(notes)) as address:
        yield address
    assert notes.read_text() == ""
    assert "Traceback" not in log.read_text()


@dataclass
class Watch:
    """What a page did beside what the test asked for."""

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def attach(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._on_console)
        page.on("request", lambda request: self.requests.append(request.url))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)


@pytest.fixture
def open_window(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open an empty page in a new window; none may log an error or go abroad."""
    watch, homes, contexts = Watch(), [], []

    def open_one(home: str, *, script: str = "", **options: Any) -> Page:
        homes.append(home)
        contexts.append(browser.new_context(**options))
        contexts[-1].add_init_script(script)
        page = contexts[-1].new_page()
        watch.attach(page)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert watch.errors == []
    assert [r for r in watch.requests if not r.startswith((*homes, "data:", "blob:"))] == []


@pytest.fixture
def open_page(open_window: Callable[..., Page], url: str) -> Callable[..., Page]:
    """Open the demo in a new window."""

    def open_one(**options: Any) -> Page:
        page = open_window(url, script=COUNT_CALLS, **options)
        open_demo(page, url)
        return page

    return open_one


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    return open_page(viewport={"width": 1440, "height": 900})
