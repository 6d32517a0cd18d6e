"""Pages stay as GitHub shows them: here their links and folded parts become the site's."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page
from pages import BESIDE, ROOT

LOG: Final = get_plugin_logger("links")
GENERATED: Final = ("reference/", "commands/")  # whose links are the site's own
FENCED: Final = re.compile(r"^( *)(`{3,}).*?^\1\2 *$", re.DOTALL | re.MULTILINE)
LINK: Final = re.compile(r"\[([^\]]*)\]\((?![a-z]+:|#)([^)\s#]+)(#[^)\s]+)?\)")
PAGE: Final = re.compile(r"\bdocs/([a-z-]+)\.md\b")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn what points out of docs/ into links to the site or the repository."""
    if page.file.src_uri.startswith(GENERATED):
        return markdown

    def linked(text: str) -> str:
        text = LINK.sub(lambda found: _link(found, page, config), text)
        return text.replace("<details>", '<details markdown="1">')

    return _unfenced(markdown, linked)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let docstrings and helps, which name a page by its path, lead there."""
    if not page.file.src_uri.startswith(GENERATED):
        return html

    def linked(found: re.Match[str]) -> str:
        named = files.get_file_from_path(f"{found[1]}.md")
        if named is None:
            LOG.warning("%s names %s, which is no page", page.file.src_uri, found[0])
            return found[0]
        return f'<a href="{named.url_relative_to(page.file)}">{found[0]}</a>'

    return PAGE.sub(linked, html)


def _link(found: re.Match[str], page: Page, config: MkDocsConfig) -> str:
    text, target, anchor = found[1], found[2], found[3] or ""
    uri = page.file.src_uri
    written = BESIDE.get(uri, Path(config.docs_dir, uri))  # of a notebook, where its text is
    path = (written.parent / target).resolve()
    own = {file: name for name, file in BESIDE.items()}
    if path in own or path.is_relative_to(config.docs_dir):
        name = own.get(path) or path.relative_to(config.docs_dir).as_posix()
        text = _title(path) if text.endswith(".md") and path.is_file() else text
        return f"[{text}]({posixpath.relpath(name, posixpath.dirname(uri))}{anchor})"
    if not path.exists() or not path.is_relative_to(ROOT):
        LOG.warning("%s links to %s, which is not there", uri, target)
        return text
    if (repository := config.extra["repository"]) is None:
        return text  # which names the file, of a clone or the source archive
    return f"[{text}]({repository}/blob/main/{path.relative_to(ROOT).as_posix()}{anchor})"


def _title(page: Path) -> str:
    """What a page is called, for links that name its file."""
    return page.read_text("utf-8").partition("\n")[0].removeprefix("# ")


def _unfenced(markdown: str, change: Callable[[str], str]) -> str:
    """The text with everything changed but its blocks of code."""
    parts, end = [], 0
    for block in FENCED.finditer(markdown):
        parts += [change(markdown[end : block.start()]), block.group()]
        end = block.end()
    return "".join([*parts, change(markdown[end:])])
