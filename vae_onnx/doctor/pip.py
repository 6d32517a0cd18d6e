"""The commands that put packages right, for the interpreter that runs."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import sys
from importlib.metadata import Distribution
from pathlib import Path
from typing import Final

from vae_onnx.doctor.trial import packed

# What to install where a package alone would not do.
WITH_EXTRAS: Final = {"onnxruntime-gpu": "onnxruntime-gpu[cuda,cudnn]"}


def install(*requirements: str) -> str:
    """Install, or upgrade where a requirement is not met."""
    return f"{_pip()} install {_quoted(requirements)}"


def replace(names: list[str], by: str) -> str:
    """Uninstall packages, then install one that may be among them."""
    wanted = WITH_EXTRAS.get(by, by)
    return f"{_pip()} uninstall -y {_quoted(names)} && {install(wanted)}"


def uninstall(name: str) -> str:
    """Uninstall one package."""
    return f"{_pip()} uninstall -y {_quoted([name])}"


def again(distribution: Distribution) -> str:
    """Install the same version once more, from where it came."""
    source = f"{distribution.name}=={distribution.version}"
    direct = distribution.read_text("direct_url.json")  # PEP 610: a folder, a file, a repository
    if direct:
        source = json.loads(direct)["url"]
    return f"{_pip()} install --force-reinstall --no-deps {_quoted([source])}"


def _pip() -> str:
    """Return how pip is called for this interpreter: "pip" alone may be another one's."""
    if packed():
        return "pip"  # of wherever it was packed
    found = shutil.which("pip")
    if found and Path(found).parent == Path(sys.executable).parent:
        return "pip"
    if importlib.util.find_spec("pip") is None and shutil.which("uv"):
        return "uv pip"
    return f"{_quoted([sys.executable])} -m pip"


def _quoted(words: list[str] | tuple[str, ...]) -> str:
    if os.name == "nt":
        return " ".join(f'"{word}"' if set(word) & set(" <>=[]") else word for word in words)
    return shlex.join(words)
