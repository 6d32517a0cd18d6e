"""Docstrings as the site shows them; an extension of griffe, which reads them for mkdocstrings."""

from __future__ import annotations

import re
from typing import Any, Final

from griffe import Attribute, Docstring, Extension, Module, Object

EXAMPLE: Final = re.compile(r"(?:^ *>>> .*\n?(?:^ *\S.*\n?)*)+", re.MULTILINE)
FOR_READERS_OF_THE_CODE: Final = re.compile(r"\n\nRead(?:ing order:| `).*?(?=\n\n|$)", re.DOTALL)
COMMENT: Final = re.compile(r"#\s+(.+)$")


class AsShown(Extension):
    """Examples become code, and a comment behind an attribute what is said of it: its shape."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Change what is said of anything in a package."""
        if obj.docstring is not None:
            obj.docstring.value = _as_shown(obj.docstring.value)

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        """Change what the package says of itself."""
        self.on_object(obj=pkg)

    def on_attribute(self, *, attr: Attribute, **_: Any) -> None:
        """Take the comment, where there is no docstring."""
        line = attr.lines[0] if attr.lines else ""
        if attr.docstring is None and (found := COMMENT.search(line)):
            attr.docstring = Docstring(found[1], parent=attr)


def _as_shown(text: str) -> str:
    """A docstring with what is typed at a prompt fenced, without where to begin in the code."""
    text = FOR_READERS_OF_THE_CODE.sub("", text)
    return EXAMPLE.sub(lambda found: f"```pycon\n{found[0].rstrip()}\n```\n", text)
