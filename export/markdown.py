"""Markdown tables, aligned so that they read well in a terminal too."""

import re
from collections.abc import Sequence
from pathlib import Path

from export import writing
from export.errors import ConfigError


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table: the first column to the left, all others to the right."""
    columns = list(zip(header, *rows, strict=True))
    widths = [max(3, *map(len, column)) for column in columns]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [header, rule, *rows]
    return "\n".join(f"| {' | '.join(_pad(line, widths))} |" for line in lines)


def fill(page: Path, section: str, content: str | None = None) -> None:
    """Put content between `<!-- section -->` and `<!-- /section -->` in a page.

    Without content, only make sure that this could be done: before hours of work for it.

    Raises:
        FileNotFoundError: there is no such page.
        ConfigError: the page has no such marks.
    """
    before, after = f"<!-- {section} -->", f"<!-- /{section} -->"
    pattern = re.compile(f"{re.escape(before)}.*?{re.escape(after)}", re.DOTALL)
    text = page.read_text(encoding="utf-8")
    if not pattern.search(text):
        raise ConfigError(f"{page} must have a place between {before} and {after} to write to")
    if content is not None:
        filled = pattern.sub(lambda _: f"{before}\n\n{content}\n\n{after}", text)
        writing.write_text(page, filled.rstrip("\n"))


def _pad(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = zip(cells, widths, strict=True)
    return [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]


def signed(change: float) -> str:
    """Write a change in nats with its sign: +0.055, and no -0.000."""
    return f"{round(change, 3) + 0.0:+.3f}"
