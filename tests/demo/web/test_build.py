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
from demo.library.latent_map import read_latents
from demo.tools import programs
from demo.web.build import BUDGET, MORE, build, first, lazy, main
from demo.web.plane import Plane

LISTED = re.compile(r"const FILES = (\{.*?\});", re.DOTALL)


def test_the_site_is_complete_and_small(site: Path) -> None:
    visit, later = first(site), lazy(site)
    assert sum(path.stat().st_size for path in visit) <= BUDGET == 1_000_000
    assert sum(path.stat().st_size for path in later) <= MORE == 24_000_000
    assert {path for path in site.rglob("*") if path.is_file()} == {*visit, *later}
    assert {
        path.relative_to(site / "models").as_posix() for path in visit if "models" in path.parts
    } == {
        "drawing.onnx",
        *(
            f"mnist-vae/{name}"
            for name in ("encoder.int8.onnx", "decoder.int8.onnx", "map.json", "latents.bin")
        ),
    }
    assert {site / "runtime.js", site / "models" / "emoji-vae" / "decoder.onnx"} <= {*later}
    assert {path.name for path in (site / "models").iterdir()} == {
        "drawing.onnx",
        "emoji-vae",
        *(f"{dataset}-{kind}" for dataset in ("mnist", "fashion-mnist") for kind in ("vae", "ae")),
    }
    assert "MIT License" in (site / "ort" / "LICENSE").read_text(encoding="utf-8")
    assert "protobuf" in (site / "ort" / "ThirdPartyNotices.txt").read_text(encoding="utf-8")
    notice = (site / "NOTICE.txt").read_text(encoding="utf-8")
    assert "CC BY-SA 3.0" in notice
    (named,) = set(re.findall(r"LICENSES/\S+\.txt", notice))
    assert (site / named).read_text(encoding="utf-8").lstrip().startswith("Apache License")


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


def test_the_map_of_emoji_is_their_principal_plane(site: Path) -> None:
    model = vae_onnx.load("emoji-vae")
    z, labels = read_latents(model.folder / "latents.npz")
    told = json.loads((site / "models" / "emoji-vae" / "map.json").read_text())
    content = (site / "models" / "emoji-vae" / "latents.bin").read_bytes()
    places = np.frombuffer(content, "<f4", 2 * 424).reshape(424, 2)
    mean, axes = np.array(told["plane"]["mean"]), np.array(told["plane"]["axes"])
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-6)
    np.testing.assert_allclose(places, (z - mean) @ axes.T, atol=1e-5)
    np.testing.assert_allclose(told["plane"]["deviations"], places.std(axis=0), rtol=1e-5)
    covariance = np.cov(z.T)
    np.testing.assert_allclose(  # directions of the covariance, the two largest ones
        covariance @ axes.T, axes.T * np.linalg.eigvalsh(covariance)[:-3:-1], atol=1e-4
    )
    assert [one["name"] for one in told["classes"]][3] == "Food & drink"
    assert len({one["colour"] for one in told["classes"]}) == 9
    for label, mean in enumerate(told["class_means"]):
        np.testing.assert_allclose(mean, z[labels == label].mean(axis=0), atol=1e-4)
    assert 0.1 < told["plane"]["share"] < 0.5


def test_a_plane_lifts_what_it_projects() -> None:
    z = np.random.default_rng(0).standard_normal((50, 7), np.float32) * np.arange(1, 8)
    plane = Plane.of(z.astype(np.float32))
    places = np.array([[1, -2], [0, 0.5]], np.float32)
    np.testing.assert_allclose(plane.project(plane.lift(places)), places, atol=1e-5)
    np.testing.assert_allclose(
        plane.lift(np.zeros((1, 2), np.float32))[0], z.mean(axis=0), atol=1e-5
    )
    largest = np.abs(plane.axes).argmax(axis=1)
    assert (plane.axes[[0, 1], largest] > 0).all()


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


def test_a_first_visit_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: Path
) -> None:
    size = sum(path.stat().st_size for path in first(site))
    monkeypatch.setattr(site_build, "BUDGET", size - 1)
    with pytest.raises(ValueError, match=f"the first visit must be at most {size - 1:,} bytes"):
        build(tmp_path / "site")
    assert list(tmp_path.iterdir()) == []


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
