"""The site has all names and commands, shows what GitHub does, and refuses what is wrong."""

import importlib
import zlib
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
import yaml
from markdown_it import MarkdownIt

from export.__main__ import COMMANDS

from .blocks import ROOT
from .conftest import build

HOME = "http://site/"
COMPARED = ("h1", "h2", "h3", "h4", "table", "tr", "li", "img", "details", "blockquote", "hr")


@dataclass
class Page(HTMLParser):
    """What a page of HTML has: where it leads, the places in it, and its elements."""

    links: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)
    elements: Counter[str] = field(default_factory=Counter)
    content: Counter[str] = field(default_factory=Counter)
    depth: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    @classmethod
    def of(cls, html: str) -> "Page":
        page = cls()
        page.feed(html)
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.depth += tag == "article"
        self.places |= {told[name] for name in ("id", "name") if name in told}
        self.links += [told[name] for name in ("href", "src") if name in told]
        self.elements[tag] += 1
        self.content[tag] += self.depth > 0

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == "article"


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[str, Page]:
    """All pages by their addresses."""
    return {
        urljoin(HOME, path.relative_to(site).as_posix()): Page.of(path.read_text("utf-8"))
        for path in site.rglob("*.html")
        if path.name != "404.html"  # whose links are those of the address that is asked for
    }


def test_no_link_of_the_site_is_dead(site: Path, pages: dict[str, Page]) -> None:
    dead, followed = [], 0
    for address, page in pages.items():
        for link in page.links:
            target, place = urldefrag(urljoin(address, link))
            if not target.startswith(HOME):
                continue
            followed += 1
            path = site / unquote(urlsplit(target).path).lstrip("/")
            path = path / "index.html" if path.is_dir() else path
            found = pages.get(urljoin(HOME, path.relative_to(site).as_posix()))
            if not path.is_file() or (place and found and unquote(place) not in found.places):
                dead.append(f"{address}: {link}")
    assert dead == []
    assert followed > 2000


def test_what_the_public_modules_list_is_told(site: Path) -> None:
    packed = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    told = {line.split()[0] for line in zlib.decompress(packed).decode().splitlines()}
    modules = ("vae_onnx", "vae_onnx.bulk", "vae_onnx.bulk.neighbours", "vae_onnx.torch")
    for module in modules:
        names = importlib.import_module(module).__all__
        assert {f"{module}.{name}" for name in names} <= told


def test_every_command_is_told(pages: dict[str, Page]) -> None:
    from vae_onnx.command import parser

    runtime = pages[f"{HOME}commands/vae-onnx/index.html"].places
    (commands,) = parser.make_parser()._subparsers._group_actions
    assert set(commands.choices) <= runtime
    assert set(COMMANDS) <= pages[f"{HOME}commands/export/index.html"].places


@pytest.mark.parametrize("path", sorted(ROOT.glob("docs/*.md")), ids=lambda path: path.name)
def test_a_page_has_what_github_shows(path: Path, pages: dict[str, Page]) -> None:
    """Both read Markdown, each in its own way: no list, table or heading may become plain text."""
    html = MarkdownIt("commonmark").enable("table").render(path.read_text("utf-8"))
    github = Page.of(html).elements
    name = "index.html" if path.stem == "index" else f"{path.stem}/index.html"
    ours = pages[urljoin(HOME, name)].content
    assert {tag: ours[tag] for tag in COMPARED} == {tag: github[tag] for tag in COMPARED}


def write_config(folder: Path, home: str) -> Path:
    """The site's own configuration, for one page."""
    (folder / "docs" / "notebooks").mkdir(parents=True)
    (folder / "docs" / "index.md").write_text(home)
    told = {
        "INHERIT": str(ROOT / "mkdocs.yml"),
        "theme": {"custom_dir": str(ROOT / "docs" / "theme")},
        "hooks": [
            str(ROOT / "docs" / "hooks" / f"{name}.py") for name in ("pages", "notebooks", "links")
        ],
        "plugins": ["mkdocstrings"],
        "nav": ["index.md", {"Notebooks": "notebooks/"}, "changelog.md"],
    }
    path = folder / "mkdocs.yml"
    path.write_text(yaml.safe_dump(told))
    return path


def test_notebooks_are_built_as_they_were_run_or_else_as_they_are_written(tmp_path: Path) -> None:
    config = write_config(tmp_path, "# Home\n\n[here](#home)\n")
    notebook = "# %% [markdown]\n# # {0}\n#\n# By [steps](../index.md).\n\n# %%\nprint({0})\n"
    for name in ("one", "two"):
        (tmp_path / "docs" / "notebooks" / f"{name}.py").write_text(notebook.format(name))
    run = tmp_path / "build" / "notebooks"
    run.mkdir(parents=True)
    (run / "two.md").write_text("# Two\n\n![shown](two_1.png)\n")
    (run / "two_1.png").write_bytes(b"a picture")
    done = build(config, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    one, two = (tmp_path / "site" / "notebooks" / name / "index.html" for name in ("one", "two"))
    assert "../.." in Page.of(one.read_text("utf-8")).links
    assert "print" in one.read_text("utf-8")
    assert "../two_1.png" in Page.of(two.read_text("utf-8")).links
    assert (tmp_path / "site" / "notebooks" / "two_1.png").is_file()


def test_what_is_wrong_is_not_built(tmp_path: Path) -> None:
    wrong = "# Home\n\n[none](none.md) [nowhere](#nowhere) [gone](../gone.py)\n"
    config = write_config(tmp_path, wrong)
    (tmp_path / "docs" / "lonely.md").write_text("# Nobody leads here\n")
    done = build(config, tmp_path / "site")
    assert done.returncode == 1
    for told in ("'none.md'", "'#nowhere'", "lonely.md", "../gone.py, which is not there"):
        assert told in done.stderr, done.stderr


def test_a_name_that_is_not_there_is_not_built(tmp_path: Path) -> None:
    done = build(write_config(tmp_path, "# Home\n\n::: vae_onnx.nothing\n"), tmp_path / "site")
    assert done.returncode == 1
    assert "vae_onnx.nothing could not be found" in done.stderr
