"""The notebooks are run from the top, say what they promise, and are pages of the site."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from playwright.sync_api import Browser, Page

import vae_onnx
from demo.web.screenshot import serve_folder

from .blocks import ROOT
from .conftest import build
from .test_reading import opened

NOTEBOOKS = sorted(path.stem for path in ROOT.glob("docs/notebooks/[!_]*.py"))


# Enough for each notebook to come to its end, and to what it shows.
SHORT = {"EPOCHS": 1, "TRAINED_ON": 6_000, "COMPARED_ON": 500, "STEPS": 400, "IMAGES": 1_000}


def run(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run notebooks as `make notebooks` does, on one thread: other tests run beside them."""
    command = [sys.executable, str(ROOT / "docs" / "notebooks"), "--out", str(out), *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all that the notebooks show; beside it their texts, which are older."""
    repository = tmp_path_factory.mktemp("shown")
    shutil.copytree(ROOT / "docs" / "notebooks", repository / "docs" / "notebooks")
    out = repository / "build" / "notebooks"
    done = run(out, *(f"--set={name}={value}" for name, value in SHORT.items()))
    assert done.returncode == 0, done.stderr
    return out


def cells(shown: Path, name: str) -> list[dict[str, Any]]:
    """The cells of code of a notebook that was run."""
    notebook = json.loads((shown / f"{name}.ipynb").read_text("utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def page(shown: Path, name: str) -> str:
    return (shown / f"{name}.md").read_text("utf-8")


def rows(text: str) -> list[list[str]]:
    """The cells of the tables in some Markdown, without their heads."""
    lines = re.findall(r"^\|(.*)\|$", text, re.MULTILINE)
    table = [[cell.strip() for cell in line.split("|")] for line in lines]
    return [row for row in table if not set("".join(row)) <= set("-: ")][1:]


def test_notebooks_are_kept_as_text() -> None:
    assert len(NOTEBOOKS) == 4
    assert list(ROOT.glob("docs/**/*.ipynb")) == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_to_its_end_and_complains_of_nothing(shown: Path, name: str) -> None:
    ran = cells(shown, name)
    assert [cell["execution_count"] for cell in ran] == list(range(1, len(ran) + 1))
    outputs = [output for cell in ran for output in cell["outputs"]]
    complaints = [output["text"] for output in outputs if output.get("name") == "stderr"]
    assert all(
        line.startswith("export: ") for text in complaints for line in "".join(text).splitlines()
    )
    assert str(ROOT) not in json.dumps(outputs)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_picture_of_a_page_is_there_and_told(shown: Path, name: str) -> None:
    found = re.findall(r"^!\[(.*)\]\((.*)\)$", page(shown, name), re.MULTILINE)
    assert len(found) >= 2
    for alt, file in found:
        assert len(alt) > 10
        assert (shown / file).read_bytes().startswith(b"\x89PNG")


def test_the_report_is_retold(shown: Path) -> None:
    table = {name: float(nats) for name, nats, _ in rows(page(shown, "report"))}
    assert len(table) == 4
    for kind in ("VAE", "AE"):
        own = table[f"{kind}, 1 epochs, here"]
        assert table[f"`fashion-mnist-{kind.lower()}`, bundled"] + 5 < own < 400


def test_anomalies_are_told_apart(shown: Path) -> None:
    text = page(shown, "anomalies")
    areas = {kind: (float(nats), float(mse)) for kind, _, nats, _, mse in rows(text)}
    assert areas["digits"] == (0.5, 0.5)
    for kind in ("clothes", "noise", "shuffled digits"):
        assert min(areas[kind]) > 0.99
    assert 0.7 < areas["digits upside down"][0] < 0.95
    assert "AUROC by nats: 0.0" in text
    assert float(re.findall(r"an empty sheet +AUROC ([\d.]+)", text)[0]) > 0.95


def test_sums_of_emoji_are_emoji(shown: Path) -> None:
    sums = re.findall(r"^(\S+) \+ (\S+) - (\S+) = (\S+) ", page(shown, "emoji"), re.MULTILINE)
    assert len(sums) == 6
    assert {("❤️", "🔵", "🔴", "💙"), ("🟥", "💚", "❤️", "🟩"), ("😢", "😈", "😀", "👿")} <= set(sums)


def test_a_wrong_range_of_your_model_is_found(shown: Path) -> None:
    assert re.search(r"PixelRangeError: .* with pixel_range=\(-1, 1\)", page(shown, "your_model"))


PIXELS = """() => {
  const { data } = document.querySelector("canvas").getContext("2d").getImageData(0, 0, 24, 24);
  return [...data].filter((_, i) => i % 4 < 3);
}"""


@pytest.fixture
def sliders(browser: Browser, shown: Path) -> Iterator[Page]:
    """The page that a notebook has made, in a narrow window."""
    folder = shown / "your_model" / "page"
    with serve_folder(folder) as url, opened(browser, url, width=390) as own:
        own.goto(url)
        own.wait_for_function(f"({PIXELS})().some((value) => value)")
        yield own


def test_the_page_of_your_model_draws_as_python_does(sliders: Page, shown: Path) -> None:
    model = vae_onnx.load(shown / "your_model" / "page" / "discs")
    z = np.zeros(model.latent_dim, np.float32)
    for number, value in ((None, 0.0), (2, 1.5)):
        if number is not None:
            z[number] = value
            sliders.locator("input").nth(number).fill(str(value))
            sliders.wait_for_timeout(200)
        got = np.array(sliders.evaluate(PIXELS), int)
        expected = vae_onnx.to_uint8(model.decode(z)[0]).ravel().astype(int)
        assert np.abs(got - expected).max() <= 1
    assert sliders.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.fixture
def site(shown: Path) -> Path:
    """A site of the notebooks alone; what they link to is not there."""
    repository = shown.parents[1]
    told = {
        "INHERIT": str(ROOT / "mkdocs.yml"),
        "theme": {"custom_dir": str(ROOT / "docs" / "theme")},
        "hooks": [str(ROOT / "docs" / "hooks" / f"{name}.py") for name in ("pages", "notebooks")],
        "plugins": [],
        "nav": [{"Notebooks": "notebooks/"}, "changelog.md"],
        "strict": False,
    }
    config = repository / "mkdocs.yml"
    config.write_text(yaml.safe_dump(told))
    done = build(config, repository / "site")
    assert done.returncode == 0, done.stderr
    return repository / "site"


def test_the_notebooks_are_pages_of_the_site(
    site: Path, browser: Browser, barriers: Callable[[Page], list[str]]
) -> None:
    with serve_folder(site) as url, opened(browser, url, width=390) as own:
        for name in NOTEBOOKS:
            own.goto(f"{url}notebooks/{name}/")
            assert own.get_by_role("heading", level=1).count() == 1
            assert own.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert own.evaluate("[...document.images].every((one) => one.complete && one.alt)")
            assert barriers(own) == [], name
            with own.expect_download() as download:
                own.get_by_text(f"{name}.ipynb").click()
            assert download.value.suggested_filename == f"{name}.ipynb"
        own.frame_locator("iframe").locator("input").nth(5).wait_for()  # of the last one


def test_a_notebook_that_fails_says_where(tmp_path: Path) -> None:
    done = run(tmp_path, "emoji", "--set=EMOJI='nowhere'")
    assert done.returncode == 1
    assert "emoji: " in done.stderr
    assert "read(path)" in done.stderr
    assert list(tmp_path.glob("emoji*")) == []
