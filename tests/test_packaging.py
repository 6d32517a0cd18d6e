"""What `pip install` brings, and that whoever builds it anew gets the same bytes."""

import hashlib
import io
import json
import os
import runpy
import subprocess
import sys
import tarfile
import types
import zipfile
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import hatch_build
import vae_onnx
from vae_onnx import packing

REPOSITORY = Path(__file__).parents[1]
BUILD = [sys.executable, "-m", "build", "--no-isolation", "--outdir"]


def built(source: Path, out: Path, **environment: str) -> dict[str, Path]:
    """Build the source archive and, of that, the wheel; by suffix."""
    told = {**os.environ, "SOURCE_DATE_EPOCH": "1800000000", **environment}
    subprocess.run([*BUILD, str(out), str(source)], env=told, check=True, capture_output=True)
    return {path.suffix: path for path in out.iterdir()}


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    return built(REPOSITORY, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def wheel(archives):
    return archives[".whl"]


@pytest.fixture(scope="module")
def unpacked(archives, tmp_path_factory):
    """What lies in the source archive, unpacked at another time by somebody with other habits."""
    folder = tmp_path_factory.mktemp("elsewhere") / "a longer path"
    with tarfile.open(archives[".gz"]) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    for path in source.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o700 if path.is_dir() else 0o600)
    return source


def test_two_builds_are_the_same_bytes(archives, unpacked, tmp_path):
    again = built(unpacked, tmp_path, TZ="Asia/Kathmandu", LC_ALL="C", PYTHONHASHSEED="7")
    for suffix, path in archives.items():
        assert again[suffix].name == path.name
        ours, theirs = path.read_bytes(), again[suffix].read_bytes()
        assert hashlib.sha256(ours).digest() == hashlib.sha256(theirs).digest(), suffix


def test_the_wheel_holds_the_runtime_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {Path(name).parts[0].partition("-")[0] for name in names} == {"vae_onnx"}
    assert "vae_onnx/py.typed" in names
    assert "vae_onnx/models/drawing.onnx" in names
    assert not [name for name in names if Path(name).name.startswith(".")]


def test_every_bundled_model_is_in_the_wheel(wheel):
    models = {path.relative_to(REPOSITORY) for path in REPOSITORY.glob("vae_onnx/models/*/*")}
    assert models <= {Path(name) for name in zipfile.ZipFile(wheel).namelist()}


def test_the_source_archive_has_the_tests_of_the_runtime(unpacked):
    """`make test-newest` runs them there; here, that every one and every golden vector is there."""
    committed = subprocess.run(
        ["git", "ls-files", "tests/runtime", "tests/golden"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert [name for name in committed if not (unpacked / name).is_file()] == []
    for script in ("from tests import conftest", "from tests import fake_hub"):
        subprocess.run([sys.executable, "-c", script], cwd=unpacked, check=True)


def test_the_version_is_written_once(wheel):
    metadata = _from_metadata(wheel, "METADATA").decode()
    assert f"\nVersion: {vae_onnx.__version__}\n" in metadata
    changes = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{vae_onnx.__version__}] - " in changes


def test_the_page_of_the_index_links_to_nothing_that_is_not_there(wheel):
    page = _from_metadata(wheel, "METADATA").decode().partition("\n\n")[2]
    assert "## The runtime" in page
    assert "](docs/" not in page
    readme = (
        "Read [this](docs/a.md) and\n\n![that](docs/b.png)\n\nor [those](https://example.org).\n"
    )
    assert (
        hatch_build.index_page(readme, None)
        == "Read this and\n\nor [those](https://example.org).\n"
    )
    linked = hatch_build.index_page(readme, "https://example.org/r")
    assert "[this](https://example.org/r/blob/HEAD/docs/a.md)" in linked
    assert "![that](https://example.org/r/raw/HEAD/docs/b.png)" in linked


def test_the_bill_of_materials_names_every_bundled_file_by_its_sha256(wheel):
    text = _from_metadata(wheel, f"sboms/{hatch_build.SBOM}").decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    parts = [part for top in bill["components"] for part in (top, *top.get("components", []))]
    told = {part["name"]: part["hashes"][0]["content"] for part in parts if "hashes" in part}
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith(hatch_build.MODELS)]
        assert told == {name: hashlib.sha256(archive.read(name)).hexdigest() for name in names}


def test_the_bill_of_materials_tells_the_licences_that_the_graphs_state(wheel):
    bill = json.loads(_from_metadata(wheel, f"sboms/{hatch_build.SBOM}"))
    licences = {
        part["name"]: part["licenses"][0]["license"]["id"]
        for part in bill["components"]
        if part["type"] == "machine-learning-model"
    }
    stated = {name: vae_onnx.load(name).metadata["licence"] for name in vae_onnx.models()}
    assert licences == stated
    expression = _from_metadata(wheel, "METADATA").decode()
    assert f"License-Expression: {' AND '.join(sorted({*stated.values()}, reverse=True))}\n" in (
        expression
    )
    for name in ("LICENSE", "NOTICE", "LICENSES/Apache-2.0.txt"):
        assert _from_metadata(wheel, f"licenses/{name}") == (REPOSITORY / name).read_bytes()


def test_pyinstaller_finds_what_goes_along(wheel, monkeypatch):
    with zipfile.ZipFile(wheel) as archive:
        assert "vae_onnx/packing/hook-vae_onnx.py" in archive.namelist()
    told = _from_metadata(wheel, "entry_points.txt").decode()
    assert "[pyinstaller40]\nhook-dirs = vae_onnx.packing:hook_folders" in told
    asked = types.ModuleType("PyInstaller.utils.hooks")
    asked.collect_data_files = asked.collect_submodules = lambda package: [package]
    monkeypatch.setitem(sys.modules, "PyInstaller.utils.hooks", asked)
    (folder,) = packing.hook_folders()
    hook = runpy.run_path(str(Path(folder) / "hook-vae_onnx.py"))
    assert hook["datas"] == hook["hiddenimports"] == ["vae_onnx"]


def test_the_wheel_is_small(wheel):
    assert wheel.stat().st_size <= 22e6


def _from_metadata(wheel: Path, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(wheel.read_bytes())) as archive:
        return archive.read(f"vae_onnx-{vae_onnx.__version__}.dist-info/{name}")
