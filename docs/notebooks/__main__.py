"""`python docs/notebooks --out build/notebooks`: run the notebooks, and keep what they show.

They are kept as text, in Jupytext's percent format: what changed can be read, ruff and mypy read
them too, and outputs cannot be old. Each is run from the top in a kernel of its own; NAME.ipynb is
for Jupyter, NAME.md with its pictures for the documentation site.
"""

from __future__ import annotations

import argparse
import ast
import base64
import copy
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import jupytext  # type: ignore[import-untyped]
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

HERE: Final = Path(__file__).parent
PARAMETERS: Final = "parameters"  # the tag of the cell whose values may be set from outside
SECONDS: Final = 900  # that one cell may take


def names() -> list[str]:
    """The notebooks there are."""
    return sorted(path.stem for path in HERE.glob("[!_]*.py"))


def execute(name: str, values: Mapping[str, Any]) -> NotebookNode:
    """Run a notebook from the top, in a kernel of its own.

    Args:
        name: One of `names`.
        values: Take the place of what its cell of parameters says; names that it does not have are
            left out.

    Raises:
        CellExecutionError: A cell raised an error.
    """
    notebook: NotebookNode = jupytext.read(HERE / f"{name}.py")
    for cell in notebook.cells:
        if PARAMETERS in cell.metadata.get("tags", []):
            cell.source = _replaced(cell.source, values)
    resources = {"metadata": {"path": str(HERE)}}  # where Jupyter runs it, too
    NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=SECONDS,
        resources=resources,
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
    ).execute()
    return notebook


def _replaced(source: str, values: Mapping[str, Any]) -> str:
    """The lines of a cell of assignments, with other values."""
    lines = source.splitlines()
    for one in ast.parse(source).body:
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name):
            name = one.targets[0].id
            if name in values:
                lines[one.lineno - 1] = f"{name} = {values[name]!r}"
    return "\n".join(lines)


def write(name: str, notebook: NotebookNode, out: Path) -> None:
    """Write NAME.ipynb, NAME.md and the pictures of the latter to a folder."""
    jupytext.write(notebook, out / f"{name}.ipynb")
    pictures: dict[str, bytes] = {}
    parts: list[str] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(_fenced(cell.source, "python"))
        for output in _joined(cell.outputs):
            text, content = _shown(output, f"{name}_{len(pictures) + 1}.png", cell.metadata)
            parts.append(text.replace(f"{_place(out, name)}/", ""))  # where the page is, too
            pictures |= content
    # In HTML: from the address of the page, which is a folder, and not from where its text lies.
    link = f'<a href="../{name}.ipynb" download>{name}.ipynb</a>'
    parts.append(f"This page as a notebook: {link}")
    (out / f"{name}.md").write_text("\n\n".join(filter(None, parts)) + "\n", encoding="utf-8")
    for file, data in pictures.items():
        (out / file).write_bytes(data)


def _joined(outputs: Sequence[Any]) -> list[Any]:
    """The outputs of a cell, what it printed in parts as one."""
    joined: list[Any] = []
    for output in outputs:
        if output.output_type == "stream" and joined and joined[-1].output_type == "stream":
            joined[-1].text += output.text
        else:
            joined.append(copy.copy(output))
    return joined


def _shown(output: Any, file: str, told: Mapping[str, str]) -> tuple[str, dict[str, bytes]]:
    """What one output of a cell is in Markdown, and the picture that this names."""
    if output.output_type == "stream":
        return _fenced(output.text, "text"), {}
    data = output.data
    if "image/png" in data:
        return f"![{told['alt']}]({file})", {file: base64.b64decode(data["image/png"])}
    if "text/markdown" in data:
        return data["text/markdown"], {}
    if "text/html" in data:
        return data["text/html"], {}
    return _fenced(data["text/plain"], "text"), {}


def _fenced(text: str, language: str) -> str:
    shown = text.strip("\n")
    return f"```{language}\n{shown}\n```" if shown else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run notebooks; 1 if one of them fails, with what it raised on stderr."""
    parser = argparse.ArgumentParser(prog="python docs/notebooks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names()))
    parser.add_argument("--out", type=Path, default=Path("build/notebooks"), help="folder to write")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="values")
    given = parser.parse_args(arguments)
    out = given.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    values = dict(_pairs(given.values))
    with tempfile.TemporaryDirectory() as own:
        os.environ["IPYTHONDIR"] = own  # no history of these, and nobody's own settings
        for name in given.names or names():
            try:
                write(name, execute(name, {"OUT": _place(out, name), **values}), out)
            except CellExecutionError as error:
                print(f"{name}: {error}", file=sys.stderr)
                return 1
            print(f"{out / name}.ipynb")
    return 0


def _place(out: Path, name: str) -> str:
    """The folder that a notebook may write, as it names it."""
    return Path(os.path.relpath(out / name, HERE)).as_posix()


def _pairs(texts: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for text in texts:
        name, _, value = text.partition("=")
        yield name, ast.literal_eval(value)


if __name__ == "__main__":
    sys.exit(main())
