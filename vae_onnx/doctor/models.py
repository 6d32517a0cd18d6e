"""Models: whether their files are those of their cards, and open."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any, Final

from vae_onnx.doctor import pip
from vae_onnx.doctor.report import Check, Finding

GROUP: Final = "models"
BUNDLED: Final = Path(__file__).parents[1] / "models"


def bundled() -> dict[str, Path]:
    """Return the folders of the bundled models by name."""
    return {path.name: path for path in sorted(BUNDLED.iterdir()) if path.is_dir()}


def size(folder: Path) -> int:
    """Return how many bytes the two graphs have."""
    return sum(path.stat().st_size for path in folder.glob("*coder.onnx"))


def expected(card: Mapping[str, Any]) -> dict[str, str]:
    """Return the sha256 of each file that a card lists, those of variants too: name -> sha256."""
    variants = _mapping(card.get("variants")).values()
    lists = [_mapping(each).get("sha256") for each in (card, *variants)]
    return {str(name): str(sha256) for each in lists for name, sha256 in _mapping(each).items()}


def faults(folder: Path, sums: Mapping[str, str]) -> dict[str, str]:
    """Return which files of a folder are not those expected: name -> "missing" or "changed"."""
    found = {}
    for name, sha256 in sums.items():
        try:
            with (folder / Path(name).name).open("rb") as file:  # never one outside
                digest = hashlib.file_digest(file, "sha256")
        except OSError:
            found[name] = "missing"
        else:
            if digest.hexdigest() != sha256:
                found[name] = "changed"
    return found


def read_card(folder: Path) -> dict[str, Any] | None:
    """Return `card.json`, None where there is none that can be read."""
    try:
        card = json.loads((folder / "card.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return card if isinstance(card, dict) else None


def check(
    name: str,
    folder: Path | None,
    answer: Mapping[str, str],
    package: Distribution | None,
    *,
    explained: bool = False,
) -> Check:
    """A model.

    Args:
        name: As the user calls it.
        folder: Where it is; None if that is not known.
        answer: What came of `trial.opens`: "folder" or "error"; empty if it was not tried.
        package: That of vae_onnx, with which the bundled models come.
        explained: Whether another check has found why none opens.
    """
    card = read_card(folder) if folder else None
    sums = expected(card or {})
    wrong = faults(folder, sums) if folder else {}
    if folder and folder.parent == BUNDLED and not sums:
        wrong["card.json"] = "missing" if card is None else "without checksums"
    findings = []
    if wrong:
        told = ", ".join(f"{file} is {fault}" for file, fault in wrong.items())
        message = f"The model {name} is not as its card.json says: {told}."
        command = _remedy(name, folder, card, package)
        findings.append(Finding("model-changed", "error", message, command))
    elif "error" in answer and not explained:
        message = f"The model {name} does not open: {answer['error']}"
        command = _remedy(name, folder, card, package)
        findings.append(Finding("model-fails", "error", message, command))
    if "error" in answer:
        value = "does not open"
    elif folder is None:
        value = "not tried without onnxruntime"
    elif not sums:
        value = "no checksums in card.json"
    else:
        value = f"{len(sums) - len(wrong)} of {len(sums)} files as in card.json"
    facts = {"folder": folder and str(folder), "files": sorted(sums), "wrong": wrong, **answer}
    return Check(f"model.{name}", GROUP, name, value, facts, findings, "error" in answer)


def _remedy(
    name: str, folder: Path | None, card: Mapping[str, Any] | None, package: Distribution | None
) -> str:
    if folder is None:
        return "vae-onnx info"
    if folder.parent == BUNDLED:
        clone = BUNDLED.parents[1]
        if (clone / ".git").exists():
            path = f"vae_onnx/models/{name}"
            return shlex.join(["git", "-C", str(clone), "checkout", "--", path])
        return pip.again(package) if package else pip.install("--force-reinstall", "vae-onnx")
    words = str((card or {}).get("command", "")).split()
    run = words[words.index("--out") + 1] if "--out" in words[:-1] else "RUN"
    return shlex.join(["python", "-m", "export", "onnx", run, "--out", str(folder)])


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
