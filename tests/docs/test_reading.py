"""The pages in a real browser: wide and narrow, light and dark, found by words, for everybody."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from demo.web.screenshot import serve_folder

TEN = (
    "",
    "training/",
    "your-model/",
    "embedding/",
    "serving/",
    "reference/vae_onnx/",
    "commands/vae-onnx/",
    "commands/export/",
    "benchmarks/",
    "report/",
)
FIVE = ("", "your-model/", "embedding/", "reference/vae_onnx.likelihood/", "commands/vae-onnx/")
WIDTHS = (1440, 390)


@pytest.fixture(scope="session")
def url(site: Path) -> Iterator[str]:
    with serve_folder(site) as address:
        yield address


@contextmanager
def opened(browser: Browser, url: str, width: int = 1440, scheme: str = "light") -> Iterator[Page]:
    """A page that asks nobody but `url`, and complains of nothing."""
    wrong: list[str] = []
    size = {"width": width, "height": 900}
    with browser.new_context(
        viewport=size, color_scheme=scheme, reduced_motion="reduce"
    ) as context:
        page = context.new_page()
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda sent: wrong.append(sent.url) if abroad(sent.url, url) else None)
        yield page
    assert wrong == []


def abroad(address: str, home: str) -> bool:
    return not address.startswith((home, "data:", "blob:"))


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_are_no_wider_than_the_window(browser: Browser, url: str, width: int) -> None:
    with opened(browser, url, width) as page:
        for name in TEN:
            page.goto(url + name)
            expect(page.locator("article h1")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name


@pytest.mark.parametrize("width", WIDTHS)
def test_a_word_is_found(browser: Browser, url: str, width: int) -> None:
    with opened(browser, url, width) as page:
        page.goto(url)
        if width < 960:
            page.locator("label[for=__search].md-icon").first.click()
        page.get_by_role("textbox", name="Search").press_sequentially("interpolate")
        page.locator(".md-search-result__link", has_text="vae_onnx").first.click()
        expect(page.locator("article")).to_contain_text("interpolate")


def test_the_scheme_is_the_systems_until_another_is_chosen(browser: Browser, url: str) -> None:
    for scheme, named in (("light", "default"), ("dark", "slate")):
        with opened(browser, url, scheme=scheme) as page:
            page.goto(url)
            expect(page.locator("body")).to_have_attribute("data-md-color-scheme", named)
            for other in ("default", "slate"):
                page.locator(".md-header__option label:visible").click()
                expect(page.locator("body")).to_have_attribute("data-md-color-scheme", other)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light")])
def test_everybody_can_read_the_site(
    browser: Browser, url: str, barriers: Callable[[Page], list[str]], width: int, scheme: str
) -> None:
    with opened(browser, url, width, scheme) as page:
        for name in FIVE:
            page.goto(url + name)
            expect(page.locator("article h1")).to_be_visible()
            assert barriers(page) == [], name
