"""What `python -m demo.web.build` writes."""

import gzip
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

import demo.web.build as site_build
import vae_onnx
from demo.tools import programs
from demo.web.build import BUDGET, build, main

LISTED = re.compile(r"const FILES = (\{.*?\});", re.DOTALL)


def test_the_site_is_complete_and_small(site: Path) -> None:
    files = [path for path in site.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= BUDGET == 18_000_000
    assert {path.name for path in (site / "models").iterdir()} == {
        "drawing.onnx",
        *(f"{dataset}-{kind}" for dataset in ("mnist", "fashion-mnist") for kind in ("vae", "ae")),
    }
    assert "MIT License" in (site / "ort" / "LICENSE").read_text(encoding="utf-8")
    assert "protobuf" in (site / "ort" / "ThirdPartyNotices.txt").read_text(encoding="utf-8")


def test_the_worker_lists_every_file_by_its_content(site: Path) -> None:
    listed = json.loads(LISTED.search((site / "sw.js").read_text(encoding="utf-8"))[1])
    files = {
        path.relative_to(site).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in site.rglob("*")
        if path.is_file() and path.name != "sw.js"
    }
    assert listed == files


def test_the_page_names_no_other_machine(site: Path) -> None:
    for path in site.iterdir():
        if path.suffix in (".html", ".js", ".css"):
            assert not re.search(r"(src|href)=\"https?:|url\(|@import", path.read_text("utf-8"))


def test_the_runtime_unpacks_to_the_pinned_file(site: Path) -> None:
    sums = dict(reversed(line.split()) for line in site_build.ORT_SUMS.read_text().splitlines())
    (packed,) = (site / "ort").glob("*.wasm.gz")
    content = gzip.decompress(packed.read_bytes())
    assert hashlib.sha256(content).hexdigest() == sums[packed.stem]


def test_a_map_is_that_of_its_model(site: Path) -> None:
    model = vae_onnx.load("mnist-vae")
    told = json.loads((site / "models" / "mnist-vae" / "map.json").read_text())
    content = (site / "models" / "mnist-vae" / "latents.bin").read_bytes()
    z = np.frombuffer(content, "<f4", 2 * told["count"]).reshape(-1, 2)
    labels = np.frombuffer(content, np.uint8, offset=z.nbytes)
    with np.load(model.folder / "latents.npz") as latents:
        np.testing.assert_array_equal(z, latents["z"])
        np.testing.assert_array_equal(labels, latents["labels"])
    assert [one["name"] for one in told["classes"]] == json.loads(model.metadata["class_names"])


def test_a_second_build_takes_the_place_of_the_first(tmp_path: Path, site: Path) -> None:
    out = tmp_path / "site"
    out.mkdir()
    (out / "sw.js").touch()
    (out / "left-over").touch()
    build(out)
    names = {path.relative_to(out) for path in out.rglob("*")}
    assert names == {path.relative_to(site) for path in site.rglob("*")}
    assert (out / "sw.js").read_bytes() == (site / "sw.js").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def run_main(monkeypatch: pytest.MonkeyPatch, out: Path) -> int:
    monkeypatch.setattr("sys.argv", ["build", "--out", str(out)])
    return main()


def test_a_folder_that_is_no_site_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").touch()
    assert run_main(monkeypatch, tmp_path) == 1
    assert "no site" in capsys.readouterr().err
    assert (tmp_path / "mine").exists()


@pytest.mark.usefixtures("site")  # the package is there
def test_another_runtime_than_the_pinned_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sums = tmp_path / "sums"
    sums.write_text("0" * 64 + "  ort.webgpu.min.mjs\n")
    monkeypatch.setattr(site_build, "ORT_SUMS", sums)
    assert run_main(monkeypatch, tmp_path / "site") == 1
    assert "must have the sha256 0000" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["sums"]


def test_a_machine_without_npm_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> str:
        raise FileNotFoundError(f"{name} is missing; install it")

    monkeypatch.setattr(site_build, "PACKS", tmp_path)
    monkeypatch.setattr(programs, "need", missing)
    assert run_main(monkeypatch, tmp_path / "site") == 1
    assert capsys.readouterr().err == "error: npm is missing; install it\n"
