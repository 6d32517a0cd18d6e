"""Programs beside Python: found, or fetched. `make test-bare` does so with the real ones."""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from demo.tools import FetchError, lend_node, need, programs, sources
from demo.tools.__main__ import main
from demo.tools.programs import TOOLS, Tool

NOBODY = "http://127.0.0.1:9"  # a port on which nothing listens


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH, empty."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this environment's programs, empty."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setattr(programs, "BIN", folder)
    return folder


def write(folder: Path, name: str, code: int) -> str:
    """Write a program that ends with an exit code; returns its path."""
    program = folder / name
    program.write_text(f"#!/bin/sh\nexit {code}\n")
    program.chmod(0o755)
    return str(program)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give CMake sources, each a function, in the place of those it has."""

    def give(**sources: Callable[[], object]) -> None:
        monkeypatch.setitem(TOOLS, "cmake", replace(TOOLS["cmake"], sources=sources))

    return give


def refuse() -> None:
    raise FetchError("nobody answers")


@pytest.mark.usefixtures("own")
def test_what_the_machine_has_is_used(path: Path, only: Callable[..., None]) -> None:
    only(never=lambda: pytest.fail("it is there"))
    program = write(path, "cmake", 0)
    assert need("cmake") == program
    assert os.environ["PATH"] == str(path)


def test_what_does_not_work_is_passed_over_for_what_does(path: Path, own: Path) -> None:
    """Such as a Node that is too old, or Ubuntu's chromium-browser, which only names a snap."""
    write(path, "node", 1)
    program = write(own, "node", 0)
    assert need("node") == program
    # What other programs start by its name is the one that works, too.
    assert os.environ["PATH"] == f"{own}{os.pathsep}{path}"
    assert need("node") == program
    assert os.environ["PATH"] == f"{own}{os.pathsep}{path}"


@pytest.mark.usefixtures("path")
def test_the_first_source_that_answers_is_taken_and_each_is_a_line(
    own: Path, only: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    only(
        silent=refuse,
        broken=lambda: write(own, "cmake", 127),
        sound=lambda: write(own, "cmake", 0),
        never=lambda: pytest.fail("it is there"),
    )
    assert need("cmake") == str(own / "cmake")
    assert capsys.readouterr().err.splitlines() == [
        "cmake: passed over silent: nobody answers",
        "cmake: passed over broken: what it has does not start here",
        "cmake: fetched from sound",
    ]


@pytest.mark.usefixtures("path", "own")
def test_where_nothing_helps_one_line_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch, only: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    only(silent=refuse)
    monkeypatch.setattr(sys, "argv", ["tools", "cmake"])
    assert main() == 1
    assert capsys.readouterr().err.splitlines() == [
        "cmake: passed over silent: nobody answers",
        "error: cmake is missing; install it: apt install cmake",
    ]


@pytest.mark.usefixtures("path", "own")
def test_nothing_comes_into_the_python_of_the_system(
    monkeypatch: pytest.MonkeyPatch, only: Callable[..., None]
) -> None:
    only(never=lambda: pytest.fail("this Python is not ours"))
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    with pytest.raises(FileNotFoundError, match="cmake is missing; install it: apt install cmake"):
        need("cmake")


@pytest.mark.parametrize("name", TOOLS)
def test_each_check_tells_what_works_from_what_does_not(name: str, tmp_path: Path) -> None:
    tool: Tool = TOOLS[name]
    assert programs._works([need(name), *tool.check], tool.stdin)
    for code in (1, 127):
        program = write(tmp_path, "program", code)
        assert not programs._works([program, *tool.check], tool.stdin)
    assert not programs._works([str(tmp_path / "none"), *tool.check], tool.stdin)


def test_a_compiler_without_headers_is_none(tmp_path: Path) -> None:
    """As `apt install --no-install-recommends gcc` makes one."""
    program = tmp_path / "bare"
    program.write_text(f'#!/bin/sh\nexec {need("cc")} -nostdinc "$@"\n')
    program.chmod(0o755)
    assert not programs._works([str(program), *TOOLS["cc"].check], TOOLS["cc"].stdin)


@pytest.mark.parametrize(
    ("fetch", "reason"),
    [
        (lambda: sources.from_pypi("node"), "No matching distribution found for nobody-s-node"),
        (
            lambda: sources.npm_pack(need("npm"), "left-pad", "1.3.0", Path("nowhere")),
            "npm cannot fetch left-pad 1.3.0: .* reason: connect ECONNREFUSED 127.0.0.1:9",
        ),
        (sources.chromium_from_playwright, "Error: connect ECONNREFUSED 127.0.0.1:9"),
    ],
    ids=["PyPI", "npm", "Playwright"],
)
def test_a_source_that_does_not_answer_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fetch: Callable[[], object], reason: str
) -> None:
    """The real clients, which print dozens."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    settings = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": NOBODY,
        "PIP_RETRIES": "0",
        "npm_config_registry": NOBODY,
        "npm_config_cache": str(tmp_path / "npm"),
        "npm_config_fetch_retry_mintimeout": "1",
        "PLAYWRIGHT_DOWNLOAD_HOST": NOBODY,
        "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path / "browsers"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    groups = tmp_path / "pyproject.toml"  # of what is nowhere installed
    groups.write_text('[dependency-groups]\nnode = ["nobody-s-node"]\n')
    monkeypatch.setattr(sources, "PYPROJECT", groups)
    with pytest.raises(FetchError, match=reason) as caught:
        fetch()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_playwright_runs_on_another_node_where_its_own_does_not_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLAYWRIGHT_NODEJS_PATH", write(tmp_path, "node", 127))
    lend_node()
    assert os.environ["PLAYWRIGHT_NODEJS_PATH"] == need("node")
    assert programs._works([sys.executable, "-m", "playwright", "--version"])
