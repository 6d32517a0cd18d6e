"""The pages of the API: every public name of the public modules, from its docstring."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import vae_onnx

MODULES: Final = (
    "vae_onnx",
    "vae_onnx.likelihood",
    "vae_onnx.bulk",
    "vae_onnx.bulk.neighbours",
    "vae_onnx.torch",
    "vae_onnx.errors",
)
SECTION: Final = """
::: {name}
    options:
      heading_level: {level}
      {more}
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each module, which mkdocstrings fills."""
    for module in MODULES:
        files.append(File.generated(config, f"reference/{module}.md", content=page(module)))
    return files


def page(name: str) -> str:
    """The page of a module: what it says of itself, then its names, functions first."""
    head = SECTION.format(name=name, level=1, more="members: false")
    names = sorted(public(importlib.import_module(name)), key=lambda one: one[0].isupper())
    return head + "".join(
        SECTION.format(name=_as_imported(name, one), level=2, more="show_root_full_path: false")
        for one in names
    )


def public(module: ModuleType) -> list[str]:
    """What a module offers: what it lists, or else the functions and classes that it defines."""
    listed = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and not name.startswith("_")
    ]
    return [name for name in listed if not _has_a_page(module, getattr(module, name))]


def _has_a_page(module: ModuleType, value: object) -> bool:
    """Modules have one of their own, and errors share one."""
    is_error = inspect.isclass(value) and issubclass(value, Exception)
    return inspect.ismodule(value) or (is_error and module.__name__ != "vae_onnx.errors")


def _as_imported(module: str, name: str) -> str:
    """The name by which people import it."""
    return f"vae_onnx.{name}" if name in vae_onnx.__all__ else f"{module}.{name}"
