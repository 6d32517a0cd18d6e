"""The notebooks: as `python docs/notebooks` has run them last, or else as they are written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

FOLDER: Final = "notebooks/"
CELL: Final = "# %%"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Write out the folder in the navigation; it is left out while there is nothing in it."""
    pages = [f"{FOLDER}{source.stem}.md" for source in _sources(config)]
    config.nav = [
        {title: pages} if place == FOLDER else item
        for item in config.nav or []
        for title, place in (item.items() if isinstance(item, dict) else [("", item)])
        if place != FOLDER or pages
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each, with what it has written where it was run since it was changed."""
    results = Path(config.docs_dir).parent / "build" / "notebooks"
    for source in _sources(config):
        page = results / f"{source.stem}.md"
        if page.is_file() and page.stat().st_mtime > source.stat().st_mtime:
            for pattern in ("{}.*", "{}_*.png", "{}/page/**/*.*"):
                for path in results.glob(pattern.format(source.stem)):
                    name = path.relative_to(results).as_posix()
                    files.append(_file(config, name, abs_src_path=str(path)))
        else:
            text = "\n\n".join(_cells(source.read_text("utf-8")))
            files.append(_file(config, page.name, content=text))
    return files


def _sources(config: MkDocsConfig) -> list[Path]:
    return sorted(Path(config.docs_dir, FOLDER).glob("[!_]*.py"))


def _file(config: MkDocsConfig, name: str, **what: Any) -> File:
    return File.generated(config, f"{FOLDER}{name}", **what)


def _cells(text: str) -> Iterator[str]:
    """The cells of a notebook in the percent format, in Markdown."""
    for cell in text.split(CELL)[1:]:
        told, _, lines = cell.partition("\n")
        if "[markdown]" in told:
            yield "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines.splitlines())
        elif lines.strip():
            yield f"```python\n{lines.strip()}\n```"
