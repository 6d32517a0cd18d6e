"""What a build adds: a readme for package indexes, and the wheel's bill of materials.

Hatchling calls both hooks (pyproject.toml). Neither looks at the clock, the machine or the network,
so that two builds of the same files are the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import uuid
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

MODELS = "vae_onnx/models"
SBOM = "vae-onnx.cdx.json"

# What the bundled models were trained on, by the name in their cards: name and SPDX licence.
DATA = {
    "mnist": ("MNIST", "CC-BY-SA-3.0"),
    "fashion-mnist": ("Fashion-MNIST", "MIT"),
    "folder:emoji": ("Noto Emoji", "Apache-2.0"),
}
# Of the weights; the same as the graphs state. The others are under the licence of the package.
WEIGHTS = {"folder:emoji": "Apache-2.0"}
LICENCE = "MIT"

_PICTURE = re.compile(r"^!\[[^]]*\]\((?!https?:|#|mailto:)[^)]+\)\n+", re.MULTILINE)
_PICTURE_SOURCE = re.compile(r"(!\[[^]]*\]\()(?!https?:|#|mailto:)([^)]+\))")
_LINK = re.compile(r"(?<!!)\[([^]]+)\]\((?!https?:|#|mailto:)([^)]+)\)")


class IndexReadme(MetadataHookInterface):
    """Makes README.md the page of a package index, where no file lies beside it."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in `readme`."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        page = index_page(text, metadata.get("urls", {}).get("Repository"))
        metadata["readme"] = {"content-type": "text/markdown", "text": page}


class BillOfMaterials(BuildHookInterface):  # type: ignore[type-arg]
    """Puts a CycloneDX file into the wheel's .dist-info/sboms (PEP 770)."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write it, unless an editable install is built, which holds no file."""
        self._folder = tempfile.TemporaryDirectory()
        if version == "editable":
            return
        bill = bill_of_materials(Path(self.root), self.metadata.version)
        path = Path(self._folder.name, SBOM)
        path.write_text(json.dumps(bill, indent=2) + "\n", encoding="utf-8", newline="\n")
        build_data["sbom_files"].append(str(path))

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Leave nothing behind."""
        self._folder.cleanup()


def index_page(readme: str, repository: str | None) -> str:
    """The readme with links into the repository, or, where that has no address, without them."""
    if repository is None:
        return _LINK.sub(r"\1", _PICTURE.sub("", readme))
    linked = _PICTURE_SOURCE.sub(rf"\1{repository}/raw/HEAD/\2", readme)
    return _LINK.sub(rf"[\1]({repository}/blob/HEAD/\2)", linked)


def bill_of_materials(root: Path, version: str) -> dict[str, Any]:
    """A CycloneDX 1.6 document: the package, each bundled model with its files, their data."""
    package = f"pkg:pypi/vae-onnx@{version}"
    folders = sorted(path for path in (root / MODELS).iterdir() if path.is_dir())
    models = [_model(folder) for folder in folders]
    used = {model["modelCard"]["modelParameters"]["datasets"][0]["ref"] for model in models}
    data = [
        {"type": "data", "bom-ref": ref, "name": name, "licenses": _licences(licence)}
        for ref, (name, licence) in ((_data_ref(key), told) for key, told in DATA.items())
        if ref in used
    ]
    drawing = {**_file(root / MODELS / "drawing.onnx"), "licenses": _licences(LICENCE)}
    bill: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": package,
                "name": "vae-onnx",
                "version": version,
                "purl": package,
                "licenses": _licences(LICENCE),
            }
        },
        "components": [*models, drawing, *data],
        "dependencies": [
            {"ref": package, "dependsOn": [part["bom-ref"] for part in [*models, drawing]]},
            *({"ref": model["bom-ref"], "dependsOn": _trained_on(model)} for model in models),
        ],
    }
    content = json.dumps(bill, sort_keys=True)
    return {**bill, "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, content).urn}


def _model(folder: Path) -> dict[str, Any]:
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    dataset = card["config"]["dataset"]
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model:{folder.name}",
        "name": folder.name,
        "version": card["versions"]["vae_onnx"],
        "licenses": _licences(WEIGHTS.get(dataset, LICENCE)),
        "modelCard": {"modelParameters": {"datasets": [{"ref": _data_ref(dataset)}]}},
        "components": [_file(path) for path in sorted(folder.iterdir()) if path.is_file()],
    }


def _file(path: Path) -> dict[str, Any]:
    name = path.as_posix().rpartition(f"{MODELS}/")[2]
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    return {
        "type": "file",
        "bom-ref": f"file:{name}",
        "name": f"{MODELS}/{name}",
        "hashes": [{"alg": "SHA-256", "content": content}],
    }


def _data_ref(dataset: str) -> str:
    return f"data:{DATA[dataset][0]}"


def _trained_on(model: dict[str, Any]) -> list[str]:
    return [data["ref"] for data in model["modelCard"]["modelParameters"]["datasets"]]


def _licences(spdx: str) -> list[dict[str, Any]]:
    return [{"license": {"id": spdx}}]
