"""The pages in a real browser: wide and narrow, light and dark, found by words, for everybody."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from demo.screenshot import open_demo, serve
from demo.web import build as static
from demo.web.screenshot import open_site, serve_folder

HERE = Path(__file__).parent
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
    "notebooks/anomalies/",
    "notebooks/your_model/",
)
WIDTHS = (1440, 390)
SCHEMES = ("light", "dark")


@pytest.fixture(scope="session")
def url(site: Path) -> Iterator[str]:
    with serve_folder(site) as address:
        yield address


@pytest.fixture(scope="session")
def axe(install: Callable[[Path], Path]) -> str:
    """The program that looks for what keeps people from reading a page."""
    path = install(HERE) / "node_modules" / "axe-core" / "axe.min.js"
    return path.read_text(encoding="utf-8")


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


def findings(page: Page, axe: str) -> list[str]:
    """What axe finds serious or critical, and where."""
    page.evaluate(axe)
    found = page.evaluate("async () => (await axe.run()).violations")
    return [
        f"{one['impact']} {one['id']}: {one['help']}: {node['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"][:3]
    ]


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


@pytest.mark.parametrize("scheme", SCHEMES)
def test_everybody_can_read_the_site(browser: Browser, url: str, axe: str, scheme: str) -> None:
    with opened(browser, url, scheme=scheme) as page:
        for name in TEN[:8]:
            page.goto(url + name)
            assert findings(page, axe) == [], name


@pytest.mark.parametrize("scheme", SCHEMES)
def test_everybody_can_use_the_static_page(
    browser: Browser, npm: str, axe: str, scheme: str, tmp_path: Path
) -> None:
    static.build(tmp_path / "site")
    with serve_folder(tmp_path / "site") as url, opened(browser, url, scheme=scheme) as page:
        open_site(page, url)
        assert findings(page, axe) == []
        page.get_by_role("radio", name="Emoji").check()
        page.locator("#dreams button canvas").last.wait_for()
        assert findings(page, axe) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_everybody_can_use_the_demo(browser: Browser, axe: str, scheme: str) -> None:
    with serve() as url, opened(browser, url, scheme=scheme) as page:
        open_demo(page, url)
        for tab in ("Draw", "Explore", "Generate", "Training", "Use it"):
            page.get_by_role("tab", name=tab, exact=True).click()
            page.wait_for_timeout(500)  # until what it shows is there
            assert findings(page, axe) == [], tab
