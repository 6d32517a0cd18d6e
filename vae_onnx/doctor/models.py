"""Models: whether their files are those of their cards, and open."""

from __future__ import annotations

import hashlib
import importlib.util
import shlex
from collections.abc import Mapping
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any, Final

from vae_onnx.doctor import pip
from vae_onnx.doctor.report import Check, Finding
from vae_onnx.doctor.trial import packed
from vae_onnx.errors import VaeOnnxError
from vae_onnx.store import bundled as store
from vae_onnx.store import hub, mistaken, model_files

GROUP: Final = "models"


def bundled() -> dict[str, Path]:
    """Return the folders of the bundled models by name, none where they are not there."""
    if not store.FOLDER.is_dir():
        return {name: store.file(name) for name in store.names()}
    return {path.name: path for path in sorted(store.FOLDER.iterdir()) if path.is_dir()}


def size(folder: Path) -> int:
    """Return how many bytes the two graphs have."""
    return sum(path.stat().st_size for path in folder.glob("*coder.onnx"))


def faults(folder: Path, sums: Mapping[str, str]) -> dict[str, str]:
    """Return which files of a folder are not those expected: name -> "missing" or "changed"."""
    found = {}
    for name, sha256 in sums.items():
        try:
            with (folder / Path(name).name).open("rb") as file:  # never one outside
                digest = hashlib.file_digest(file, "sha256")
        except (OSError, ValueError):  # a name may be none that a file can have
            found[name] = "missing"
        else:
            if digest.hexdigest() != sha256:
                found[name] = "changed"
    return found


def check_absence(package: Distribution | None) -> Check:
    """The bundled models, where there is none."""
    message = f"There are no bundled models: {store.absence()}."
    command = _again("vae_onnx/models", package)
    if packed():
        command = "pyinstaller --collect-data vae_onnx PROGRAM.py"
    finding = Finding("models-missing", "error", message, command)
    return Check("models", GROUP, "bundled", "missing", {"folder": str(store.FOLDER)}, [finding])


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
    card, sums = _read_card(folder) if folder else (None, {})
    wrong = faults(folder, sums) if folder else {}
    if folder and store.within(folder) and not sums:
        wrong["card.json"] = "missing" if card is None else "without checksums"
    findings = []
    if wrong:
        told = ", ".join(f"{file} is {fault}" for file, fault in wrong.items())
        first = mistaken.in_place_of(folder / next(iter(wrong))) if folder else None
        also = f" ({first})" if first else ""
        message = f"The model {name} is not as its card.json says: {told}{also}."
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


def _read_card(folder: Path) -> tuple[Mapping[str, Any] | None, Mapping[str, str]]:
    """Return the card, None where there is none that can be read, and its checksums."""
    try:
        return model_files.read_card(folder), model_files.checksums(folder)
    except VaeOnnxError:
        return None, {}


def _remedy(
    name: str, folder: Path | None, card: Mapping[str, Any] | None, package: Distribution | None
) -> str:
    if name.startswith("hf://"):
        return _download(name)
    if folder is None:
        return "vae-onnx info"
    if store.within(folder):
        return _again(f"vae_onnx/models/{name}", package)
    if any("Git LFS" in str(mistaken.in_place_of(folder / file)) for file in model_files.NAMES):
        return shlex.join(["git", "-C", str(folder), "lfs", "pull"])
    if not (store.PACKAGE.parent / "export" / "__main__.py").is_file():  # that of a clone
        return shlex.join(["vae-onnx", "save", "MODEL", str(folder), "--overwrite"])
    words = str((card or {}).get("command", "")).split()
    run = words[words.index("--out") + 1] if "--out" in words[:-1] else "RUN"
    return shlex.join(["python", "-m", "export", "onnx", run, "--out", str(folder)])


def _again(path: str, package: Distribution | None) -> str:
    """How a part of the package comes back."""
    clone = store.FOLDER.parents[1]
    if (clone / ".git").exists():
        return shlex.join(["git", "-C", str(clone), "checkout", "--", path])
    return pip.again(package) if package else pip.install("--force-reinstall", "vae-onnx")


def _download(reference: str) -> str:
    if importlib.util.find_spec("huggingface_hub") is None:
        return pip.install("huggingface_hub")
    try:
        place = hub.parse(reference)
    except VaeOnnxError:
        return "vae-onnx --help"
    revision = ["--revision", place.revision] if place.revision else []
    return shlex.join(["hf", "download", place.repository, *revision, "--force-download"])
