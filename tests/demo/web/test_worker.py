"""The service worker: the page works without a server, and leaves the origin to who has it next."""

import io
import os
import shutil
import threading
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

import pytest
from playwright.sync_api import BrowserContext, expect

from demo.screenshot import DIGITS, draw
from demo.web.build import lazy, write_worker
from demo.web.screenshot import Files, open_site, serve_folder

from .visiting import KEPT, NEW, UPDATE, WORKERS, port_of, served, visit

CLOTHES = """async () => {
  const [name] = (await caches.keys()).filter((one) => one.startsWith("vae-onnx"));
  const keys = await (await caches.open(name)).keys();
  return keys.filter(({ url }) => url.includes("fashion-mnist")).length;
}"""


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another project's site, older, with a file that is called as one of ours."""
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "index.html").write_text(
        '<!doctype html><link rel="icon" href="data:,"><link rel="stylesheet" href="style.css">'
        "<h1>Another project</h1>"
    )
    (folder / "style.css").write_text("body { --new: theirs }")
    (folder / "about.html").write_text((folder / "index.html").read_text())
    for path in folder.iterdir():
        os.utime(path, (1e9, 1e9))
    return folder


def test_the_second_visit_needs_no_server(visitor: BrowserContext, site: Path) -> None:
    with served(site) as address:
        visit(visitor, address).close()
    page = visitor.new_page()
    open_site(page, address)
    draw(page, DIGITS["0"])
    expect(page.locator("#reading b")).to_have_text("0")
    expect(page.get_by_text("Works offline")).to_be_visible()
    with served(site, address):  # it comes back
        open_site(page, address)
        assert page.evaluate(WORKERS) == 1


def test_a_server_in_trouble_counts_as_none(visitor: BrowserContext, site: Path) -> None:
    class Broken(Files):
        def send_head(self) -> None:
            self.send_error(HTTPStatus.BAD_GATEWAY)

    with served(site) as address:
        page = visit(visitor, address)
    with serve_folder(site, port_of(address), Broken):
        open_site(page, address)
        assert page.evaluate(WORKERS) == 1


def test_a_server_that_does_not_answer_counts_as_none(visitor: BrowserContext, site: Path) -> None:
    answers = threading.Event()

    class Waiting(Files):
        def send_head(self) -> io.BytesIO | BinaryIO | None:
            answers.wait()
            return super().send_head()

    with served(site) as address:
        page = visit(visitor, address)
    with serve_folder(site, port_of(address), Waiting):
        try:
            open_site(page, address)
        finally:
            answers.set()
        assert page.evaluate(WORKERS) == 1


def test_another_site_on_the_same_port_is_shown_at_once(
    visitor: BrowserContext, site: Path, other: Path
) -> None:
    with served(site) as address:
        page = visit(visitor, address)
        assert len(page.evaluate(KEPT)) == page.evaluate(WORKERS) == 1
    with served(other, address):
        page.goto(address)
        expect(page.get_by_role("heading")).to_have_text("Another project")
        assert page.evaluate(NEW) == "theirs"  # its own style.css
        assert page.evaluate(KEPT) == []
        assert page.evaluate(WORKERS) == 0


def test_another_site_that_is_entered_elsewhere_has_its_own_files(
    visitor: BrowserContext, site: Path, other: Path
) -> None:
    with served(site) as address:
        page = visit(visitor, address)
    with served(other, address):
        page.goto(f"{address}about.html")
        assert page.evaluate(NEW) == "theirs"
        page.wait_for_function(f"async () => (await ({WORKERS})()) === 0")
        assert page.evaluate(KEPT) == []


@pytest.mark.parametrize("gone", ["index.html", "sw.js"])
def test_a_site_that_was_removed_leaves_nothing(
    visitor: BrowserContext, site: Path, tmp_path: Path, gone: str
) -> None:
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    with served(copy) as address:
        page = visit(visitor, address)
        (copy / gone).unlink()
        page.goto(address)
        assert page.evaluate(KEPT) == []
        if gone == "sw.js":  # the page itself stays, and does not register what is not there
            page.locator(".marker:not([hidden])").wait_for()
            page.wait_for_timeout(500)
        assert page.evaluate(WORKERS) == 0


def test_a_server_that_has_a_page_for_everything(
    visitor: BrowserContext, site: Path, other: Path
) -> None:
    class Fallback(Files):
        def send_head(self) -> io.BytesIO | BinaryIO | None:
            if not Path(self.translate_path(self.path)).is_file():
                self.path = "/index.html"
            return super().send_head()

    with served(site) as address:
        page = visit(visitor, address)
    with serve_folder(other, port_of(address), Fallback):
        page.goto(address)
        expect(page.get_by_role("heading")).to_have_text("Another project")
        assert page.evaluate(WORKERS) == 0


def test_siblings_are_left_alone(
    visitor: BrowserContext, site: Path, other: Path, tmp_path: Path
) -> None:
    """Two copies of the site and another site, in folders of one server; one copy is removed."""
    root = tmp_path / "root"
    root.mkdir()
    for name, folder in {"a": site, "ab": site, "b": other}.items():
        (root / name).symlink_to(folder)
    with served(root) as address:
        visit(visitor, f"{address}a/")
        page = visit(visitor, f"{address}ab/")
        page.goto(f"{address}b/")
        assert page.evaluate(NEW) == "theirs"
        assert page.evaluate("navigator.serviceWorker.controller") is None
        assert len(page.evaluate(KEPT)) == page.evaluate(WORKERS) == 2
        (root / "a").unlink()
        page.goto(f"{address}a/")
        page.goto(f"{address}b/")
        (kept,) = page.evaluate(KEPT)
        assert f"{address}ab/ " in kept
        assert page.evaluate(WORKERS) == 1
    open_site(page, f"{address}ab/")  # still works without the server


def test_a_new_version_takes_the_place_of_the_old_one(
    visitor: BrowserContext, site: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    with served(copy) as address:
        page = visit(visitor, address)
        (old,) = page.evaluate(KEPT)
        (copy / "style.css").write_text("body { --new: yes }")
        index = (copy / "index.html").read_text(encoding="utf-8")
        (copy / "index.html").write_text(index.replace("<body>", '<body class="new">'), "utf-8")
        write_worker(copy)
        open_site(page, address)  # at once, and all of it
        assert page.evaluate(NEW) == "yes"
        expect(page.locator("body.new")).to_be_attached()
        page.evaluate(UPDATE)  # as a browser does by itself, some time after each visit
        assert len(page.evaluate(KEPT)) == 2
        page.close()  # no tab uses the old worker any more
        page = visitor.new_page()
        open_site(page, address)
        page.wait_for_function(f"async () => (await ({KEPT})()).length === 1")
        (new,) = page.evaluate(KEPT)
        assert new != old
        count = "async (name) => (await (await caches.open(name)).keys()).length"
        files = [path for path in copy.rglob("*") if path.is_file()]
        assert page.evaluate(count, new) == len(files) - 1 - len(lazy(copy))
    open_site(page, address)  # and without the server it is the new one
    assert page.evaluate(NEW) == "yes"


def test_a_tab_that_shows_the_old_version_goes_on(
    visitor: BrowserContext, site: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    with served(copy) as address:
        page = visit(visitor, address)
        page.get_by_role("radio", name="Clothes").check()
        page.wait_for_function(f"async () => (await ({CLOTHES})()) === 5")
        page.close()
        page = visitor.new_page()
        open_site(page, address)  # from what is kept
        (copy / "examples" / "fashion-mnist.json").write_text('{"images": []}')
        write_worker(copy)
        page.get_by_role("radio", name="Clothes").check()
        expect(page.get_by_role("button", name="Test image: Sneaker").first).to_be_visible()
