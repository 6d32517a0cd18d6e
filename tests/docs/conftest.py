"""What the tests of the pages share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from .blocks import ROOT

# Enough for each notebook to come to its end, and to what it shows.
SHORT = {"EPOCHS": 1, "TRAINED_ON": 6_000, "COMPARED_ON": 500, "STEPS": 400, "IMAGES": 1_000}


def build(
    config: Path, out: Path, notebooks: Path | str = "nowhere"
) -> subprocess.CompletedProcess[str]:
    """Build a site as `make docs` does, with the notebooks in a folder."""
    command = [sys.executable, "-m", "mkdocs", "build", "-f", str(config), "-d", str(out)]
    quiet = {"NO_MKDOCS_2_WARNING": "1", "NO_COLOR": "1", "NOTEBOOKS": str(notebooks)}
    environment = {**os.environ, **quiet}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def run_notebooks(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run notebooks as `make notebooks` does, on one thread: other tests run beside them."""
    command = [sys.executable, str(ROOT / "docs" / "notebooks"), "--out", str(out), *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder with all that the notebooks show, which the halves of the tests share."""
    own = tmp_path_factory.getbasetemp()
    out = (own if worker_id == "master" else own.parent) / "notebooks"
    with FileLock(out.with_suffix(".lock")):
        if not out.exists():
            partial = out.with_suffix(".partial")
            done = run_notebooks(partial, *(f"--set={name}={SHORT[name]}" for name in SHORT))
            assert done.returncode == 0, done.stderr
            partial.rename(out)
    return out


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, shown: Path) -> Path:
    """The site; its build is strict."""
    out = tmp_path_factory.mktemp("docs") / "site"
    done = build(ROOT / "mkdocs.yml", out, shown)
    assert done.returncode == 0, done.stderr
    return out
