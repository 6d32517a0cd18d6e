"""The lines of the docs that install the wheel, by a package index on this machine that holds it.

The index has the wheel of dist/ alone; what that depends on comes from where pip looks for it.
`make test-index` makes the wheel.
"""

import functools
import http.server
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINE = re.compile(r"pip install ['\"]?(vae-onnx(?:\[([\w,-]+)\])?)(?![\w-])")
FOLDERS = ("docs", "export", "vae_onnx", "demo")


def told() -> dict[str, str]:
    """What is to be installed, and the first file that says so."""
    texts = [ROOT / "README.md"]
    for folder in FOLDERS:
        texts += [*(ROOT / folder).rglob("*.md"), *(ROOT / folder).rglob("*.py")]
    found: dict[str, str] = {}
    for path in texts:
        for requirement, _ in LINE.findall(path.read_text(encoding="utf-8")):
            found.setdefault(requirement, str(path.relative_to(ROOT)))
    return found


@pytest.fixture(scope="module")
def wheel() -> Path:
    (path,) = (ROOT / "dist").glob("*.whl")
    return path


@pytest.fixture(scope="module")
def index(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A package index (PEP 503) with one package."""
    root = tmp_path_factory.mktemp("index")
    folder = root / "vae-onnx"
    folder.mkdir()
    (folder / wheel.name).symlink_to(wheel)
    (folder / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    handler = functools.partial(Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_every_extra_is_told_somewhere() -> None:
    """And no line asks for one that there is not."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {extra for line in told() for extra in re.findall(r"[\w-]+", line.partition("[")[2])}
    assert named == set(project["optional-dependencies"])


@pytest.mark.parametrize("requirement", told())
def test_what_the_docs_say_can_be_installed(requirement: str, index: str, tmp_path: Path) -> None:
    """Resolved with all that it depends on; nothing is fetched but what says so."""
    (tmp_path / "wanted.txt").write_text(requirement)
    command = [sys.executable, "-m", "uv", "pip", "compile", "wanted.txt", "--index", index]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{told()[requirement]}: {done.stderr}"
    assert re.search(r"^vae-onnx", done.stdout, re.MULTILINE)
    assert "does not have an extra" not in done.stderr


def test_a_line_of_the_readme_for_real(index: str, wheel: Path, tmp_path: Path) -> None:
    """Into an empty environment by pip, where a picture file is then read."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--extra-index-url", index]
    subprocess.run([*install, "vae-onnx[images]"], check=True)
    picture = ROOT / "docs" / "demo.png"
    code = "import sys, vae_onnx as v; print(v.__version__, v.read_picture(sys.argv[1]).rgb.ndim)"
    command = [python, "-I", "-c", code, str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [wheel.name.split("-")[1], "3"]
