"""What strangers meet beside the code: forms, citation, security, container, each as it must be."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import vae_onnx

ROOT = Path(__file__).parents[1]
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
FORMS = ROOT / ".github" / "ISSUE_TEMPLATE"
SCHEMAS = {
    "CITATION.cff": "citation-file-format",
    ".github/dependabot.yml": "dependabot",
    ".github/ISSUE_TEMPLATE/config.yml": "github-issue-config",
    ".github/ISSUE_TEMPLATE/bug.yml": "github-issue-forms",
    ".github/ISSUE_TEMPLATE/model.yml": "github-issue-forms",
    ".github/ISSUE_TEMPLATE/feature.yml": "github-issue-forms",
}


def checked(schema: str, path: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [program, "--builtin-schema", f"vendor.{schema}", path]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("name", "schema"), SCHEMAS.items())
def test_it_is_of_its_schema(name: str, schema: str) -> None:
    result = checked(schema, ROOT / name)
    assert result.returncode == 0, result.stdout


def test_a_form_that_is_none_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("name: a\ndescription: b\nbody: [{type: textbox}]\n")
    assert checked("github-issue-forms", tmp_path / "a.yml").returncode == 1


def test_every_form_is_checked() -> None:
    assert {path.name for path in FORMS.iterdir()} <= {Path(name).name for name in SCHEMAS}


@pytest.mark.parametrize("name", ["bug", "model"])
def test_who_reports_a_fault_is_asked_for_the_doctor(name: str) -> None:
    (asked,) = (
        field for field in yaml.safe_load((FORMS / f"{name}.yml").read_text())["body"]
        if field.get("id") == "doctor"
    )  # fmt: skip
    assert "vae-onnx doctor --json" in asked["attributes"]["label"]
    assert asked["validations"]["required"]


def test_who_wrote_it_is_whom_the_licence_names() -> None:
    told = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    licence = (ROOT / "LICENSE").read_text()
    (author,) = told["authors"]
    assert author["name"] in licence
    assert told["license"] in licence


def test_every_package_of_npm_is_watched() -> None:
    told = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())
    (npm,) = (each for each in told["updates"] if each["package-ecosystem"] == "npm")
    locks = subprocess.run(
        ["git", "ls-files", "*package-lock.json"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert {f"/{Path(lock).parent}" for lock in locks} == set(npm["directories"])


def claimed() -> list[str]:
    return sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", SECURITY)))


def test_there_are_claims() -> None:
    assert len(claimed()) >= 30
    told = SECURITY[SECURITY.index("## What is trusted") : SECURITY.index("## Fuzzing")]
    for row in re.findall(r"^\| (?!claim|---).*", told, re.MULTILINE):
        assert "`tests/" in row, row


@pytest.mark.parametrize("claim", claimed())
def test_a_claim_has_its_test(claim: str) -> None:
    path, name = claim.split("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_version_that_is_mended_is_this_one() -> None:
    major = vae_onnx.__version__.split(".")[0]
    assert f"the newest {max(int(major), 1)}.x" in SECURITY


def test_pages_lead_to_files_that_are_there() -> None:
    for name in ("SECURITY.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md"):
        for link in re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", (ROOT / name).read_text()):
            assert link.startswith("https://") or (ROOT / link).exists(), f"{name}: {link}"


def test_folders_and_targets_that_contributing_names() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:`|^)make (\w+)", page, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for place in re.findall(r"`((?:tests|demo|vae_onnx|export|docs)/[\w./]*)`", page):
        assert (ROOT / place).exists(), place


def test_the_container_runs_as_no_root_on_a_pinned_base() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    bases = {line.split()[1] for line in lines if line.startswith("FROM ")}
    assert all(re.fullmatch(r"debian:bookworm-\d{8}-slim", base) for base in bases)
    (user,) = (line.split()[1] for line in lines if line.startswith("USER "))
    assert int(user) > 0
    assert lines[-1].startswith("ENTRYPOINT")
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    result = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), ROOT / "Dockerfile"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout
